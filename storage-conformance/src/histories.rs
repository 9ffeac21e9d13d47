//! Tests of random histories on an engine: compared with the model, and looked at for broken isolation.

use std::path::Path;

use storage_core::Engine;

use crate::subject::{ErasedSubject, SubjectOf};
use crate::{list_append, model};

/// Makes the tests of random histories for an engine, on its own type and on `AnyEngine`.
///
/// The expression makes a fresh [`Subject`](crate::Subject) for every history. Behind it stands how many the model is
/// compared with, how many are made by threads that append to lists, and the seed of both.
///
/// ```
/// use storage_conformance::plain::PlainStore;
///
/// storage_conformance::history_tests!({
///     let store = PlainStore::default();
///     move || Ok(store.open())
/// }, model: 20, list_append: 5, seed: 1);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! history_tests {
    ($open:expr, model: $compared:expr, list_append: $appended:expr, seed: $seed:expr $(,)?) => {
        /// Where a history that fails is saved: where cargo lets integration tests write.
        fn failures() -> std::path::PathBuf {
            option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, std::path::PathBuf::from)
        }

        #[test]
        fn histories_go_as_the_model_says() {
            let make = || $crate::SubjectOf::new($open);
            $crate::histories::go_as_the_model_says(&make, $compared, $seed, &failures());
        }

        #[test]
        fn histories_go_as_the_model_says_erased() {
            let make = || $crate::SubjectOf::erased($open);
            $crate::histories::go_as_the_model_says_erased(&make, $compared, $seed, &failures());
        }

        #[test]
        fn histories_are_strictly_serializable() {
            let make = || $crate::SubjectOf::new($open);
            $crate::histories::are_strictly_serializable(&make, $appended, $seed, &failures());
        }

        #[test]
        fn histories_are_strictly_serializable_erased() {
            let make = || $crate::SubjectOf::erased($open);
            $crate::histories::are_strictly_serializable_erased(&make, $appended, $seed, &failures());
        }
    };
}

/// [`model::run_histories`] as a test.
///
/// # Panics
///
/// Where an answer is another than the model's.
pub fn go_as_the_model_says<E: Engine>(
    make: &dyn Fn() -> SubjectOf<E>,
    count: u64,
    seed: u64,
    failures: &Path,
) {
    if let Err(failure) = model::run_histories(make, count, seed, failures) {
        panic!("{failure}");
    }
}

/// [`go_as_the_model_says`] on [`AnyEngine`](storage_core::AnyEngine), compiled once for all that use it.
pub fn go_as_the_model_says_erased(make: &dyn Fn() -> ErasedSubject, count: u64, seed: u64, failures: &Path) {
    go_as_the_model_says(make, count, seed, failures);
}

/// [`list_append::run_histories`] as a test.
///
/// # Panics
///
/// Where a history is not strictly serializable.
pub fn are_strictly_serializable<E: Engine>(
    make: &dyn Fn() -> SubjectOf<E>,
    count: u64,
    seed: u64,
    failures: &Path,
) {
    if let Err(failure) = list_append::run_histories(make, count, seed, failures) {
        panic!("{failure}");
    }
}

/// [`are_strictly_serializable`] on [`AnyEngine`](storage_core::AnyEngine), compiled once for all that use it.
pub fn are_strictly_serializable_erased(
    make: &dyn Fn() -> ErasedSubject,
    count: u64,
    seed: u64,
    failures: &Path,
) {
    are_strictly_serializable(make, count, seed, failures);
}
