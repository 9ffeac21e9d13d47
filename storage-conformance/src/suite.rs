//! What is made of the one list of cases: a test a case, and the cases by name.

mod list;
mod tables_and_powers;

use storage_core::{Engine, Error, Kind, Result, Survives};
use storage_stores::messages::MessageError;
use storage_stores::sessions::SessionError;
use storage_stores::tasks::TaskError;

use crate::subject::{Power, Subject};

/// Makes one `#[test]` of every case for an engine, on its own type (`typed`) and on `AnyEngine` (`erased`).
///
/// The expression makes a fresh [`Subject`] and is evaluated for every case. With `erased:` before it, the tests are made
/// on `AnyEngine` alone: for a second way to open an engine whose own type has them. What the engine cannot have is named
/// behind it; cases that need it say so instead of running, and the test `coverage` lists them. Stating a power that is
/// there, or none for one that is missing, fails.
///
/// ```
/// use storage_conformance::Damageable;
/// use storage_conformance::plain::PlainStore;
///
/// storage_conformance::suite!({
///     let store = PlainStore::default();
///     Damageable(move || Ok(store.open()))
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! suite {
    ($($subject:tt)*) => {
        $crate::tests_of! { suite for_each_case $($subject)* }
    };
}

/// Makes one `#[test]` of every case of every store that comes with the engines, on an engine: tasks, messages,
/// sessions, text index.
///
/// It takes what [`suite!`](crate::suite!) takes, and makes a module of each store.
///
/// ```text
/// storage_conformance::store_suites!(|| Ok(MyEngine::new()), lacks: [Reopen, Damage, Checksums]);
/// ```
#[macro_export]
macro_rules! store_suites {
    ($($subject:tt)*) => {
        $crate::suite_in! { tasks task_suite $($subject)* }
        $crate::suite_in! { messages message_suite $($subject)* }
        $crate::suite_in! { sessions session_suite $($subject)* }
        $crate::suite_in! { search search_suite $($subject)* }
    };
}

/// A suite in a module of its own.
#[doc(hidden)]
#[macro_export]
macro_rules! suite_in {
    ($module:ident $suite:ident $($subject:tt)*) => {
        mod $module {
            #[allow(unused_imports, reason = "what makes the subject may be named in full")]
            use super::*;

            $crate::$suite!($($subject)*);
        }
    };
}

/// The tests of a suite: of the module with its functions, by the macro that has its list.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of {
    ($suite:ident $list:ident erased: $open:expr $(, lacks: [$($power:ident),* $(,)?])? $(,)?) => {
        fn subject() -> $crate::ErasedSubject {
            $crate::SubjectOf::erased($open)
        }

        const LACKS: &[$crate::Power] = &[$($($crate::Power::$power),*)?];

        $crate::$list! { [$crate::tests_by] $suite run_erased cover_erased }
    };
    ($suite:ident $list:ident $open:expr $(, lacks: [$($power:ident),* $(,)?])? $(,)?) => {
        fn subject() -> impl $crate::Subject {
            $crate::SubjectOf::new($open)
        }

        const LACKS: &[$crate::Power] = &[$($($crate::Power::$power),*)?];

        mod typed {
            use super::{LACKS, subject};
            $crate::$list! { [$crate::tests_by] $suite run cover }
        }

        mod erased {
            use super::LACKS;

            fn subject() -> $crate::ErasedSubject {
                $crate::SubjectOf::erased(super::subject())
            }
            $crate::$list! { [$crate::tests_by] $suite run_erased cover_erased }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tests_by {
    ($suite:ident $run:ident $cover:ident $($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(mod $theme {
            $(#[test]
            fn $case() {
                $crate::$suite::$run(&super::subject(), stringify!($case), super::LACKS);
            })*
        })*

        #[test]
        fn coverage() {
            $crate::$suite::$cover(&subject(), LACKS);
        }
    };
}

/// The functions of a suite: of the macro with its list, the module with its cases, and the case of which one half is
/// shown by killed children and power cuts.
macro_rules! functions_of {
    ($list:ident, $cases:ident, $crash_case:expr) => {
        /// Every case, in the order of the list.
        pub fn cases<S: $crate::Subject>() -> Vec<$crate::Case<S>> {
            let mut cases = Vec::new();
            $crate::$list! { [$crate::suite::add_cases] $cases cases S }
            cases
        }

        /// Runs the case of a name, or says which power it would need that the engine is stated to lack.
        ///
        /// # Panics
        ///
        /// Where the claim does not hold, and where the power is missing without being stated.
        pub fn run<S: $crate::Subject>(subject: &S, name: &str, lacks: &[$crate::Power]) {
            $crate::suite::run_one_of(&cases(), subject, name, lacks);
        }

        /// [`run`] on [`AnyEngine`](storage_core::AnyEngine), compiled once for all that use it.
        pub fn run_erased(subject: &$crate::ErasedSubject, name: &str, lacks: &[$crate::Power]) {
            run(subject, name, lacks);
        }

        /// Shows that an engine lacks exactly what it is stated to lack, and lists the cases that this leaves out.
        ///
        /// # Panics
        ///
        /// Where the statement is wrong.
        pub fn cover<S: $crate::Subject>(subject: &S, lacks: &[$crate::Power]) {
            $crate::suite::cover_all(&cases(), subject, lacks, $crash_case);
        }

        /// [`cover`] on [`AnyEngine`](storage_core::AnyEngine), compiled once for all that use it.
        pub fn cover_erased(subject: &$crate::ErasedSubject, lacks: &[$crate::Power]) {
            cover(subject, lacks);
        }
    };
}
pub(crate) use functions_of;

macro_rules! add_cases {
    ($module:ident $cases:ident $subject:ident $($theme:ident $(needs $power:ident)? { $($case:ident)* })*) => {
        $(
            let needs: &[$crate::Power] = &[$($crate::Power::$power)?];
            let theme: &[(&'static str, fn(&$subject) -> storage_core::Result<()>)] =
                &[$((stringify!($case), |subject| {
                    $crate::$module::$theme::$case(subject).map_err($crate::suite::CaseError::into_storage)
                })),*];
            $cases.extend($crate::suite::of_theme(stringify!($theme), needs.first().copied(), theme));
        )*
    };
}
pub(crate) use add_cases;

functions_of! { for_each_case, case, None }

/// One claim about an engine, and the function that shows it.
#[derive(Clone, Copy, Debug)]
pub struct Case<S> {
    pub(crate) theme: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: Option<Power>,
    pub(crate) body: fn(&S) -> Result<()>,
}

impl<S: Subject> Case<S> {
    /// What it is about.
    pub fn theme(&self) -> &'static str {
        self.theme
    }

    /// What it claims. No two cases claim the same.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What an engine must have for it to run.
    pub fn needs(&self) -> Option<Power> {
        self.needs
    }

    /// Runs it on a fresh subject.
    ///
    /// # Panics
    ///
    /// Where the claim does not hold.
    pub fn run(&self, subject: &S) {
        if let Err(error) = (self.body)(subject) {
            panic!("{}: an unexpected error: {error:?}", self.name);
        }
    }
}

/// What a case returns where a call fails that should not.
pub(crate) trait CaseError {
    fn into_storage(self) -> Error;
}

impl CaseError for Error {
    fn into_storage(self) -> Error {
        self
    }
}

/// The same for the error of a store, which has a variant for those of the layer below.
macro_rules! store_errors {
    ($($error:ty: $what:literal)*) => {
        $(impl CaseError for $error {
            fn into_storage(self) -> Error {
                match self {
                    Self::Storage(error) => error,
                    error => Error::new(Kind::Internal, $what).caused_by(error),
                }
            }
        })*
    };
}

store_errors! {
    TaskError: "a task store failed"
    MessageError: "the message store failed"
    SessionError: "the session store failed"
}

/// The cases of a theme, by name.
pub(crate) fn of_theme<S>(
    theme: &'static str,
    needs: Option<Power>,
    cases: &[(&'static str, fn(&S) -> Result<()>)],
) -> Vec<Case<S>> {
    cases.iter().map(|&(name, body)| Case { theme, name, needs, body }).collect()
}

pub(crate) fn run_one_of<S: Subject>(cases: &[Case<S>], subject: &S, name: &str, lacks: &[Power]) {
    let case = cases.iter().find(|case| case.name == name).expect("tests are made from the same list");
    match case.needs.filter(|power| !has(subject, *power)) {
        None => case.run(subject),
        Some(power) => {
            assert!(
                lacks.contains(&power) || !power.is_stated(),
                "{name} needs the power {power:?}, and it is not stated as lacking"
            );
            println!("not applicable: {power}");
        }
    }
}

/// `crash_case` is the case that killed children and power cuts show, beside what one process can show of it.
pub(crate) fn cover_all<S: Subject>(
    cases: &[Case<S>],
    subject: &S,
    lacks: &[Power],
    crash_case: Option<&str>,
) {
    let lacking: Vec<_> = Power::ALL.into_iter().filter(|power| !has(subject, *power)).collect();
    let to_state: Vec<_> = lacking.iter().copied().filter(|power| power.is_stated()).collect();
    let stated: Vec<_> = Power::ALL.into_iter().filter(|power| lacks.contains(power)).collect();
    assert_eq!(stated, to_state, "the powers stated as lacking, and those that are");
    let (left_out, run): (Vec<_>, Vec<_>) =
        cases.iter().partition(|case| case.needs.is_some_and(|power| lacking.contains(&power)));
    println!("{} cases run, {} are not applicable", run.len(), left_out.len());
    for power in lacking {
        let names: Vec<_> =
            left_out.iter().filter(|case| case.needs == Some(power)).map(|case| case.name).collect();
        println!("not applicable: {power}: {} cases: {}", names.len(), names.join(", "));
    }
    let capabilities = subject.open().expect("a fresh subject opens").capabilities();
    let crashes = [
        ("a crash of the process, at Deferred", capabilities.deferred_survives, Survives::ProcessCrash),
        ("a power cut, at Sync", capabilities.sync_survives, Survives::PowerLoss),
    ];
    for (case, (crash, survives, needed)) in
        crash_case.iter().flat_map(|case| crashes.map(|crash| (case, crash)))
    {
        match survives >= needed {
            true => println!("not in one process: 1 case: {case} after {crash}"),
            false => {
                println!("not applicable: survives no more than {survives:?}: 1 case: {case} after {crash}");
            }
        }
    }
}

fn has<S: Subject>(subject: &S, power: Power) -> bool {
    power.is_had_by(subject).expect("a fresh subject opens")
}
