//! Damaged files, closed and with the log of a process that ended: never a wrong value, and what is lost without an
//! error is counted.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use storage_conformance::damage::{Left, Outcome, Search, Unchecked, damage_everywhere};
use storage_core::Result;
use storage_sqlite::{SqliteEngine, SqliteOptions};

fn open(directory: &Path) -> Result<SqliteEngine> {
    SqliteOptions::at(directory.join("store.db")).page_bytes(4096).open()
}

fn shown(outcome: Outcome) -> Outcome {
    println!("{outcome}");
    outcome
}

#[test]
fn damage_to_a_closed_file_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Closed, 300), open);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.named > 0 && outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_a_file_or_the_log_of_a_process_that_ended_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Running, 100), open);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn engine_whose_records_are_not_verified_is_caught() {
    let search = Search::new(Left::Closed, 2_000);
    let caught = damage_everywhere(search, |directory| open(directory).map(Unchecked));
    let caught = caught.expect_err("a flipped bit of a value is read as one").to_string();
    assert!(caught.contains("a wrong value") || caught.contains("it is believed"), "{caught}");
}
