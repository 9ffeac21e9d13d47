//! Damaged files, with a journal and without: never a wrong value, and what is lost without an error is counted.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;

use storage_conformance::damage::{Left, Outcome, Search, Unchecked, damage_everywhere};
use storage_core::Result;
use storage_core::journal::{Checkpoints, Journal, JournalOptions};
use storage_redb::{RedbEngine, RedbOptions};

fn options(directory: &Path) -> RedbOptions {
    let journal = JournalOptions::default()
        .with_file_len(32 << 10)
        .with_unsaved_bytes_max(1 << 20)
        .with_checkpoints(Checkpoints::InCommits);
    RedbOptions::at(directory.join("store.redb")).cache_bytes(1 << 20).journal(journal)
}

fn native(directory: &Path) -> Result<RedbEngine> {
    options(directory).open()
}

fn journalled(directory: &Path) -> Result<Journal<RedbEngine>> {
    options(directory).journalled()
}

fn shown(outcome: Outcome) -> Outcome {
    println!("{outcome}");
    outcome
}

#[test]
fn damage_to_a_closed_file_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Closed, 300), native);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.named > 0 && outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_a_file_whose_process_ended_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Running, 200), native);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_a_closed_file_or_its_journal_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Closed, 60), journalled);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn damage_to_a_journal_whose_process_ended_is_never_a_value() {
    let outcome = damage_everywhere(Search::new(Left::Running, 60), journalled);
    let outcome = shown(outcome.unwrap_or_else(|broken| panic!("{broken}")));
    assert!(outcome.all.refused > 0 && outcome.all.whole > 0);
}

#[test]
fn engine_whose_records_are_not_verified_is_caught() {
    let search = Search::new(Left::Closed, 2_000);
    let caught = damage_everywhere(search, |directory| native(directory).map(Unchecked));
    let caught = caught.expect_err("a flipped bit of a value is read as one").to_string();
    assert!(caught.contains("a wrong value") || caught.contains("it is believed"), "{caught}");
}
