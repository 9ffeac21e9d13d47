//! The model on the memory engine, erased too, and on the plain one, which reopens.

use std::fs;
use std::path::Path;

use storage_conformance::model::{replay, run_histories};
use storage_conformance::plain::PlainStore;
use storage_conformance::{Erased, Subject};
use storage_mem::MemEngine;

const HISTORIES: u64 = 1_000;
const SEED: u64 = 1;

fn plain() -> impl Subject {
    let store = PlainStore::default();
    move || Ok(store.open())
}

fn mem() -> impl Subject {
    || Ok(MemEngine::new())
}

fn histories<S: Subject>(make: impl Fn() -> S) {
    if let Err(failure) = run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        panic!("{failure}");
    }
}

/// Replays every history that failed once.
fn regressions<S: Subject>(make: impl Fn() -> S) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model_regressions");
    let files = fs::read_dir(directory).expect("the directory is part of the crate");
    let mut count = 0;
    for file in files {
        let path = file.expect("the directory can be read").path();
        if let Err(divergence) = replay(&make(), &path).expect("the file holds a history") {
            panic!("{}: {divergence}", path.display());
        }
        count += 1;
    }
    assert!(count > 0, "there are histories to replay");
}

#[test]
fn histories_on_mem_go_as_the_model_says() {
    histories(mem);
}

#[test]
fn histories_on_erased_mem_go_as_the_model_says() {
    histories(|| Erased(mem()));
}

#[test]
fn histories_on_the_plain_engine_go_as_the_model_says() {
    histories(plain);
}

#[test]
fn histories_that_failed_once_go_as_the_model_says() {
    regressions(mem);
    regressions(|| Erased(mem()));
    regressions(plain);
}
