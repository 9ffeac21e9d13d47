//! A full disk: puts are refused, deletes go on, nothing that was told is lost, and there is an end to it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use storage_conformance::small_disk::SmallDisk;
use storage_core::journal::{Checkpoints, Journal, JournalOptions};
use storage_core::{Database, Direction, KeyRange, Keyspace, Kind, Result};
use storage_fs::{Form, FsEngine, FsOptions};

/// A megabyte.
const DISK_LEN: u64 = 1 << 20;

fn root(disk: &SmallDisk, form: Form) -> PathBuf {
    disk.path().join(format!("{form:?}"))
}

type Db = Database<Journal<FsEngine>>;

fn open(root: &Path, form: Form) -> Result<Db> {
    // By hand, so that a test knows when a checkpoint has failed.
    let journal = JournalOptions::default().with_file_len(64 << 10).with_checkpoints(Checkpoints::InCommits);
    Database::new(FsOptions::at(root).default_form(form).cache_bytes(0).journal(journal).open()?)
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

type Content = BTreeMap<String, String>;

fn holds(db: &Db, expected: &Content) {
    let snapshot = db.snapshot().unwrap();
    let mut range = snapshot.range(notes(), &KeyRange::all(), Direction::Forward).unwrap();
    assert_eq!(range.keys().unwrap().len(), expected.len());
    for (key, value) in expected {
        assert_eq!(&*db.get(notes(), key).unwrap().unwrap(), value.as_bytes());
    }
}

/// Puts until there is no room for what was put.
fn fill(db: &Db) -> Content {
    let mut told = Content::new();
    for number in 0..1_000 {
        let (key, value) = (format!("k{number:03}"), format!("\"{}\"", "x".repeat(10_000)));
        db.put(notes(), &key, &value).unwrap();
        told.insert(key, value);
        if let Err(error) = db.engine().checkpoint() {
            assert_eq!(error.kind(), Kind::Full, "{error:?}");
            let refused = db.put(notes(), "more", "\"one\"").unwrap_err();
            assert_eq!(refused.kind(), Kind::Full, "{refused:?}");
            return told;
        }
    }
    panic!("a megabyte takes ten");
}

#[test]
fn deletes_make_room_on_a_full_disk() {
    let Some(disk) = SmallDisk::new("deletes_make_room_on_a_full_disk", DISK_LEN) else { return };
    for form in [Form::Lines, Form::Files] {
        let root = root(&disk, form);
        let db = open(&root, form).unwrap();
        let mut told = fill(&db);
        assert!(told.len() > 20, "{}", told.len());
        holds(&db, &told);
        // The last is in the journal alone.
        for _ in 0..3 {
            let (key, _) = told.pop_last().unwrap();
            db.delete(notes(), &key).unwrap();
        }
        holds(&db, &told);
        db.engine().checkpoint().unwrap();
        db.put(notes(), "again", "\"fits\"").unwrap();
        told.insert("again".to_owned(), "\"fits\"".to_owned());
        db.close().unwrap();
        holds(&open(&root, form).unwrap(), &told);
        std::fs::remove_dir_all(root).unwrap();
    }
}

#[test]
fn store_opens_once_there_is_room_for_its_journal() {
    let Some(disk) = SmallDisk::new("store_opens_once_there_is_room_for_its_journal", DISK_LEN) else {
        return;
    };
    for form in [Form::Lines, Form::Files] {
        let (root, ballast) = (root(&disk, form), disk.path().join("ballast"));
        std::fs::write(&ballast, vec![1; 200_000]).unwrap();
        let db = open(&root, form).unwrap();
        let told = fill(&db);
        drop(db);
        for _ in 0..2 {
            let refused = open(&root, form).unwrap_err();
            assert_eq!(refused.kind(), Kind::Full, "{refused:?}");
        }
        std::fs::remove_file(&ballast).unwrap();
        holds(&open(&root, form).unwrap(), &told);
        std::fs::remove_dir_all(root).unwrap();
    }
}
