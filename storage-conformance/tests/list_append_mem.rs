//! List-append histories on the memory engine, on the plain one, and on liars.

use std::path::Path;

use storage_conformance::cycles::check;
use storage_conformance::history::History;
use storage_conformance::liars::{Finds, LIARS, Lie, Lying};
use storage_conformance::list_append::{Failure, Form, Load, recheck, run, run_histories};
use storage_conformance::plain::PlainStore;
use storage_conformance::{Erased, Subject};
use storage_core::Database;
use storage_mem::MemEngine;

const HISTORIES: u64 = 40;
const SEED: u64 = 7;

fn histories<S: Subject>(make: impl Fn() -> S) -> Result<(), Box<Failure>> {
    run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn plain() -> impl Subject {
    let store = PlainStore::default();
    move || Ok(store.open())
}

fn mem() -> impl Subject {
    || Ok(MemEngine::new())
}

fn lying(lie: Lie) -> impl Subject {
    let store = PlainStore::default();
    move || Lying::new(store.open(), lie)
}

/// One history on a fresh engine.
fn history<S: Subject>(subject: &S, load: Load) -> History {
    let run = |engine| run(&Database::new(engine)?, &load);
    subject.open().and_then(run).expect("no transaction ends with an error")
}

#[test]
fn histories_on_mem_are_strictly_serializable() {
    histories(mem).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn histories_on_erased_mem_are_strictly_serializable() {
    histories(|| Erased(mem())).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn histories_on_the_plain_engine_are_strictly_serializable() {
    histories(plain).unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn every_lie_about_isolation_is_found() {
    let lies: Vec<_> =
        LIARS.iter().filter(|liar| liar.list_append == Finds::Must).map(|liar| liar.lie).collect();
    assert!(lies.len() >= 6, "{lies:?}");
    let missed: Vec<_> = lies.into_iter().filter(|lie| histories(|| lying(*lie)).is_ok()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_stale_transaction_is_found_in_every_form_of_lists() {
    for form in Form::ALL {
        let found = (0..HISTORIES).any(|seed| {
            let load = Load::of_seed(seed).form(form);
            check(&history(&lying(Lie::StaleTransaction), load)).is_err()
        });
        assert!(found, "{form:?}");
    }
}

#[test]
fn a_saved_history_is_found_wrong_again() {
    let failure = histories(|| lying(Lie::StaleSnapshot)).expect_err("every snapshot is stale");
    let path = failure.saved.expect("the directory can be written");
    assert!(!recheck(&path).unwrap().expect_err("it was wrong before").is_empty());
}
