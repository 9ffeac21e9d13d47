//! List-append histories on the redb engine.

use std::path::Path;

use storage_conformance::list_append::run_histories;
use storage_conformance::{Erased, Subject};
use storage_redb::RedbEngine;

const HISTORIES: u64 = 30;
const SEED: u64 = 11;

fn redb() -> impl Subject {
    let directory = tempfile::tempdir().expect("a directory can be made");
    move || RedbEngine::open(directory.path().join("store.redb"))
}

fn histories<S: Subject>(make: impl Fn() -> S) {
    if let Err(failure) = run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        panic!("{failure}");
    }
}

#[test]
fn histories_are_strictly_serializable() {
    histories(redb);
}

#[test]
fn histories_are_strictly_serializable_erased() {
    histories(|| Erased(redb()));
}
