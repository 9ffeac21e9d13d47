//! A process that is killed at random commits loses nothing that it should not.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use storage_conformance::kills::{Broken, Kills, Survived, Tells, survive};
use storage_core::Durability;
use storage_core::journal::JournalOptions;
use storage_redb::{RedbEngine, RedbOptions};

fn run(test: &str, kills: Kills) -> Result<Survived, Broken> {
    let directory = tempfile::tempdir().unwrap();
    survive(test, kills, &directory.path().join("store.redb"), |path| RedbEngine::open(path))
}

#[test]
fn sync_commits_survive_their_process() {
    let survived = run("sync_commits_survive_their_process", Kills::new(Durability::Sync)).unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn deferred_commits_lose_only_the_newest() {
    let survived = run("deferred_commits_lose_only_the_newest", Kills::new(Durability::Deferred)).unwrap();
    assert!(survived.there > 0, "some were synced in time: {survived:?}");
}

#[test]
fn commits_survive_their_process_in_a_journal() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let kills = Kills::new(Durability::Sync);
    let survived = survive("commits_survive_their_process_in_a_journal", kills, &path, |path| {
        // So short that many children die in the middle of a checkpoint.
        let journal = JournalOptions::default().with_file_len(16 << 10).with_unsaved_bytes_max(64 << 10);
        RedbOptions::at(path).journal(journal).journalled()
    });
    let survived = survived.unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn mixed_commits_survive_as_far_as_they_are_durable() {
    let survived = run("mixed_commits_survive_as_far_as_they_are_durable", Kills::mixed()).unwrap();
    assert!(survived.there > 0, "some were durable: {survived:?}");
}

#[test]
fn commit_that_is_told_too_early_is_found_missing() {
    let lying = Kills { tells: Tells::BeforeTheCommit, ..Kills::new(Durability::Sync) };
    let found = run("commit_that_is_told_too_early_is_found_missing", lying).unwrap_err();
    assert!(matches!(found, Broken::Store(_)), "{found}");
}
