//! The journal on files of the operating system.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use storage_conformance::crash::{ImageEngine, ImageLie};
use storage_core::Engine;
use storage_core::journal::{Journal, JournalOptions, OsDisk, is_applied};

/// To root every file may be written; for anyone else these may only be read.
#[test]
fn journal_that_may_only_be_read_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let disk = OsDisk::within(directory.path());
    let open = || ImageEngine::open(Arc::new(disk.clone()), ImageLie::None).unwrap();
    let options = JournalOptions::default().with_file_len(8 << 10);
    Journal::open(open(), Arc::new(disk.clone()), options).unwrap().close().unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        fs::set_permissions(file.unwrap().path(), fs::Permissions::from_mode(0o400)).unwrap();
    }
    assert!(is_applied(&open(), &disk).unwrap());
}

#[test]
fn only_files_of_versions_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let others = ["store.large-copy", "store.large-007", "store.large-", "large-7"];
    others.iter().for_each(|name| fs::write(directory.path().join(name), "kept").unwrap());
    fs::write(directory.path().join("store.large-7"), "what a crash left").unwrap();
    let disk = OsDisk::beside(&directory.path().join("store"));
    let engine = ImageEngine::open(Arc::new(disk.clone()), ImageLie::None).unwrap();
    let options = JournalOptions::default().with_file_len(8 << 10);
    Journal::open(engine, Arc::new(disk), options).unwrap().close().unwrap();
    assert!(others.iter().all(|name| directory.path().join(name).exists()));
    assert!(!directory.path().join("store.large-7").exists());
}
