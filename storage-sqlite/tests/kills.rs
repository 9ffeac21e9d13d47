//! A process that is killed at random commits loses nothing that it should not.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use storage_conformance::kills::{Broken, Kills, Survived, Tells, survive};
use storage_core::Durability;
use storage_sqlite::SqliteEngine;

fn run(test: &str, kills: Kills) -> Result<Survived, Broken> {
    let directory = tempfile::tempdir().unwrap();
    survive(test, kills, &directory.path().join("store.db"), |path| SqliteEngine::open(path))
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
