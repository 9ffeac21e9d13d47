//! A process that is killed at random commits loses nothing, and nothing of its own is taken for somebody else's.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;

use storage_conformance::kills::{Broken, Kills, Survived, Tells, survive};
use storage_core::Durability;
use storage_core::journal::JournalOptions;
use storage_fs::{Form, FsOptions};

fn options(path: &Path, form: Form) -> FsOptions {
    // So short that many children die in the middle of a checkpoint.
    let journal = JournalOptions::default().with_file_len(16 << 10).with_unsaved_bytes_max(2 << 10);
    FsOptions::at(path).default_form(form).cache_bytes(0).journal(journal)
}

fn run(test: &str, form: Form, kills: Kills) -> Result<Survived, Broken> {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = directory.path().join("store");
    let survived = survive(test, kills, &path, |path| options(path, form).open())?;
    let kept = fs::read_dir(path.join(".storage/kept")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "files of the store were taken for somebody else's");
    let engine = options(&path, form).open().unwrap();
    engine.checkpoint().unwrap();
    let found = engine.engine().rescan().unwrap();
    assert!(found.found.is_empty() && found.strange.is_empty(), "{found:?}");
    Ok(survived)
}

#[test]
fn sync_commits_in_lines_survive_their_process() {
    let kills = Kills::new(Durability::Sync);
    let survived = run("sync_commits_in_lines_survive_their_process", Form::Lines, kills).unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn sync_commits_in_files_survive_their_process() {
    let kills = Kills::new(Durability::Sync);
    let survived = run("sync_commits_in_files_survive_their_process", Form::Files, kills).unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn deferred_commits_survive_their_process() {
    let kills = Kills::new(Durability::Deferred);
    let survived = run("deferred_commits_survive_their_process", Form::Files, kills).unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn mixed_commits_survive_their_process() {
    let survived = run("mixed_commits_survive_their_process", Form::Lines, Kills::mixed()).unwrap();
    assert!(survived.there >= survived.told, "{survived:?}");
}

#[test]
fn commit_that_is_told_too_early_is_found_missing() {
    let lying = Kills { tells: Tells::BeforeTheCommit, ..Kills::new(Durability::Sync) };
    let test = "commit_that_is_told_too_early_is_found_missing";
    let found = run(test, Form::Lines, lying).unwrap_err();
    assert!(matches!(found, Broken::Store(_)), "{found}");
}
