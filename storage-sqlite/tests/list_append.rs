//! List-append histories on the SQLite engine.

use std::path::Path;

use storage_conformance::list_append::run_histories;
use storage_conformance::{Erased, Subject};
use storage_sqlite::SqliteEngine;

const HISTORIES: u64 = 30;
const SEED: u64 = 11;

fn file() -> impl Subject {
    let directory = tempfile::tempdir().expect("a directory can be made");
    move || SqliteEngine::open(directory.path().join("store.db"))
}

fn histories<S: Subject>(make: impl Fn() -> S) {
    if let Err(failure) = run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        panic!("{failure}");
    }
}

#[test]
fn histories_are_strictly_serializable() {
    histories(file);
}

#[test]
fn histories_are_strictly_serializable_erased() {
    histories(|| Erased(file()));
}
