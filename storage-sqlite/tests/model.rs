//! The model on the SQLite engine, which reopens its file, and erased.

use std::path::Path;

use storage_conformance::model::run_histories;
use storage_conformance::{Erased, Subject};
use storage_sqlite::SqliteEngine;

/// A fifth of what engines in memory run: every commit here waits for the disk.
const HISTORIES: u64 = 200;
const SEED: u64 = 2;

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
fn histories_go_as_the_model_says() {
    histories(file);
}

#[test]
fn histories_go_as_the_model_says_erased() {
    histories(|| Erased(file()));
}
