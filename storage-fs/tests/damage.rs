//! Damaged files, in lines and a file a record, with the journal beside them: never a wrong value, and what is lost
//! without an error is counted.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use storage_conformance::damage::{Left, Outcome, Search, Unchecked, damage_everywhere};
use storage_core::Result;
use storage_core::journal::{Checkpoints, Journal, JournalOptions};
use storage_fs::{Form, FsEngine, FsOptions};

fn open(directory: &Path, form: Form) -> Result<Journal<FsEngine>> {
    let journal = JournalOptions::default()
        .with_file_len(32 << 10)
        .with_unsaved_bytes_max(1 << 20)
        .with_checkpoints(Checkpoints::InCommits);
    FsOptions::at(directory.join("store")).default_form(form).journal(journal).open()
}

fn lines(directory: &Path) -> Result<Journal<FsEngine>> {
    open(directory, Form::Lines)
}

fn files(directory: &Path) -> Result<Journal<FsEngine>> {
    open(directory, Form::Files)
}

fn shown(outcome: Outcome) -> Outcome {
    println!("{outcome}");
    outcome
}

#[test]
fn damage_to_closed_lines_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Closed, 40), lines);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.named > 0 && outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_lines_or_their_journal_whose_process_ended_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Running, 40), lines);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_closed_files_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Closed, 10), files);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.named > 0 && outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn engine_whose_records_are_not_verified_is_caught() {
    let caught = damage_everywhere(Search::new(Left::Closed, 400), |at| lines(at).map(Unchecked));
    let caught = caught.expect_err("a flipped bit of a value is read as one").to_string();
    assert!(caught.contains("a wrong value") || caught.contains("it is believed"), "{caught}");
}
