//! A full disk: what does not fit is refused, and nothing that was told is lost.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use storage_conformance::small_disk;
use storage_core::Kind;
use storage_core::journal::JournalOptions;
use storage_redb::{RedbEngine, RedbOptions};

#[test]
fn full_disk_refuses_and_loses_nothing() {
    small_disk::fill("full_disk_refuses_and_loses_nothing", &[Kind::Full, Kind::CommitUnknown], |path| {
        RedbEngine::open(path)
    })
    .unwrap();
}

#[test]
fn full_disk_below_a_journal_refuses_and_loses_nothing() {
    let journal = JournalOptions::default().with_file_len(256 << 10);
    let kinds = [Kind::Full, Kind::CommitUnknown, Kind::Unavailable];
    small_disk::fill("full_disk_below_a_journal_refuses_and_loses_nothing", &kinds, |path| {
        RedbOptions::at(path).journal(journal).journalled()
    })
    .unwrap();
}
