//! Checking, compacting and measuring a file.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use storage_core::engine::{Check, Compact, StorageStatistics};
use storage_core::{Attributes, Database, Durability, Error, KeyRange, Keyspace, Kind, Result};
use storage_redb::{RedbEngine, RedbOptions};

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn store() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    (directory, path)
}

fn open(path: &Path) -> Database<RedbEngine> {
    Database::new(RedbEngine::open(path).unwrap()).unwrap()
}

fn fill(db: &Database<RedbEngine>, numbers: std::ops::Range<u32>) {
    let value = vec![b'v'; 1_000];
    db.transact(|txn| numbers.clone().try_for_each(|n| txn.put(notes(), n.to_be_bytes(), &value))).unwrap();
}

fn count(db: &Database<RedbEngine>) -> usize {
    let snapshot = db.snapshot().unwrap();
    let mut range = snapshot.range(notes(), &KeyRange::all(), storage_core::Direction::Forward).unwrap();
    range.keys().unwrap().len()
}

fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[test]
fn compacting_gives_room_back_and_changes_no_record() {
    let (_directory, path) = store();
    let db = open(&path);
    fill(&db, 0..8_000);
    let end = KeyRange::of(..7_900_u32.to_be_bytes()).unwrap();
    db.delete_range(notes(), &end).unwrap();
    let compacted = db.engine().compact().unwrap();
    assert_eq!(compacted.bytes_after, fs::metadata(&path).unwrap().len());
    assert!(compacted.bytes_saved() > 4_000_000, "{compacted:?}");
    assert_eq!(count(&db), 100);
    fill(&db, 0..1);
    db.close().unwrap();
    assert_eq!(count(&open(&path)), 101);
}

#[test]
fn compacting_and_checking_wait_for_nobody() {
    let (_directory, path) = store();
    let db = open(&path);
    fill(&db, 0..10);
    let snapshot = db.snapshot().unwrap();
    refused(Kind::Busy, db.engine().compact());
    refused(Kind::Busy, db.engine().check());
    drop(snapshot);
    let found = db.get(notes(), 1_u32.to_be_bytes()).unwrap();
    refused(Kind::Busy, db.engine().compact());
    refused(Kind::Busy, db.engine().check());
    drop(found);
    db.engine().compact().unwrap();
    assert_eq!(db.engine().check().unwrap().bytes, fs::metadata(&path).unwrap().len());
    fill(&db, 10..20);
    assert_eq!(count(&db), 20);
}

#[test]
fn checking_makes_deferred_commits_durable() {
    let (_directory, path) = store();
    let db = open(&path);
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred).unwrap();
    db.engine().check().unwrap();
    assert_eq!(count(&db), 1);
    db.close().unwrap();
    assert_eq!(count(&open(&path)), 1);
}

#[test]
fn damaged_page_is_found_by_a_check() {
    let (_directory, path) = store();
    let db = open(&path);
    db.put(notes(), "a", "what nobody else wrote").unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let is_here = |at: &usize| bytes[*at..].starts_with(b"what nobody else wrote");
    let places: Vec<_> = (0..bytes.len()).filter(is_here).collect();
    assert!(!places.is_empty(), "the value stands in the file as it is");
    for place in places {
        bytes[place] ^= 1;
    }
    fs::write(&path, bytes).unwrap();
    refused(Kind::Corrupt, db.engine().check());
    refused(Kind::Unavailable, db.get(notes(), "a"));
    refused(Kind::Unavailable, db.put(notes(), "a", "2"));
    db.close().unwrap();
}

#[test]
fn powers_that_write_are_refused_where_the_file_is_only_read() {
    let (_directory, path) = store();
    fill(&open(&path), 0..10);
    let db = Database::new(RedbOptions::at(&path).read_only().open().unwrap()).unwrap();
    for error in [refused(Kind::Invalid, db.engine().check()), refused(Kind::Invalid, db.engine().compact())]
    {
        assert!(error.to_string().contains("read-only"), "{error}");
    }
    assert!(db.engine().storage_statistics().unwrap().live_bytes.unwrap() > 10_000);
}

#[test]
fn figures_follow_what_is_stored() {
    let (_directory, path) = store();
    let db = open(&path);
    let figures = || db.engine().storage_statistics().unwrap();
    fill(&db, 0..1_000);
    let full = figures();
    // A key of 4 bytes, a stamp of 24, a value of 1,000.
    let live = full.live_bytes.unwrap();
    assert!((1_028_000..1_029_000).contains(&live), "{full:?}");
    assert_eq!(full.disk_bytes, Some(fs::metadata(&path).unwrap().len()));
    assert!(full.fragmented_bytes.unwrap() < full.disk_bytes.unwrap() - live);
    db.delete_range(notes(), &KeyRange::all()).unwrap();
    let empty = figures();
    assert!(empty.live_bytes.unwrap() < 1_000, "{empty:?}");
    assert!(empty.fragmented_bytes.unwrap() > 1_000_000, "{empty:?}");
}
