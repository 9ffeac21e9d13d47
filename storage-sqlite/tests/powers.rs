//! Checking, compacting, copying and measuring a database.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use storage_core::engine::{Check, Compact, NativeBackup, StorageStatistics};
use storage_core::{Attributes, Database, Direction, Durability, Error, KeyRange, Keyspace, Kind, Result};
use storage_sqlite::{SqliteEngine, SqliteOptions};

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn store() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

fn open(path: &Path) -> Database<SqliteEngine> {
    Database::new(SqliteEngine::open(path).unwrap()).unwrap()
}

fn fill(db: &Database<SqliteEngine>, numbers: std::ops::Range<u32>) {
    let value = vec![b'v'; 1_000];
    db.transact(|txn| numbers.clone().try_for_each(|n| txn.put(notes(), n.to_be_bytes(), &value))).unwrap();
}

fn count(db: &Database<SqliteEngine>) -> usize {
    let snapshot = db.snapshot().unwrap();
    let mut range = snapshot.range(notes(), &KeyRange::all(), Direction::Forward).unwrap();
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
    db.delete_range(notes(), &KeyRange::of(..7_900_u32.to_be_bytes()).unwrap()).unwrap();
    let compacted = db.engine().compact().unwrap();
    assert_eq!(compacted.bytes_after, fs::metadata(&path).unwrap().len());
    assert!(compacted.bytes_saved() > 4_000_000, "{compacted:?}");
    assert_eq!(count(&db), 100);
    fill(&db, 0..1);
    db.close().unwrap();
    assert_eq!(count(&open(&path)), 101);
}

#[test]
fn compacting_waits_for_nobody_and_checking_goes_on_beside_readers() {
    let (_directory, path) = store();
    let db = open(&path);
    fill(&db, 0..10);
    let snapshot = db.snapshot().unwrap();
    refused(Kind::Busy, db.engine().compact());
    assert!(db.engine().check().unwrap().bytes > 0);
    drop(snapshot);
    db.engine().compact().unwrap();
    assert_eq!(db.engine().check().unwrap().bytes, fs::metadata(&path).unwrap().len());
    fill(&db, 10..20);
    assert_eq!(count(&db), 20);
}

#[test]
fn damaged_structure_is_found_by_a_check_and_stops_the_engine() {
    let (_directory, path) = store();
    let db = open(&path);
    fill(&db, 0..1_000);
    db.close().unwrap();
    let page = 8192;
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - page;
    // The head of a page: what kind it is, and how many cells it has.
    bytes[last..last + 8].copy_from_slice(&[0xff; 8]);
    fs::write(&path, bytes).unwrap();
    let db = Database::new(SqliteOptions::at(&path).mmap_bytes(0).open().unwrap()).unwrap();
    refused(Kind::Corrupt, db.engine().check());
    refused(Kind::Unavailable, db.get(notes(), 0_u32.to_be_bytes()));
    refused(Kind::Unavailable, db.put(notes(), "a", "2"));
}

#[test]
fn backup_is_the_state_in_which_it_began_and_opens_as_a_store() {
    let (directory, path) = store();
    let db = open(&path);
    fill(&db, 0..1_000);
    db.put_with(notes(), "deferred", "1", Attributes::new(), Durability::Deferred).unwrap();
    let copy = directory.path().join("copy.db");
    let done = db.engine().backup(&copy).unwrap();
    assert_eq!(done.bytes, fs::metadata(&copy).unwrap().len());
    fill(&db, 1_000..1_010);
    let copied = open(&copy);
    assert_eq!((count(&copied), count(&db)), (1_001, 1_011));
    assert_eq!(copied.engine().store_id(), db.engine().store_id());
    copied.engine().check().unwrap();
    copied.put(notes(), "more", "1").unwrap();
    refused(Kind::Invalid, db.engine().backup(&copy));
    refused(Kind::Invalid, db.engine().backup(&path));
    refused(Kind::Invalid, db.engine().backup(&directory.path().join("nowhere/copy.db")));
    copied.close().unwrap();
    db.close().unwrap();
    let names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "copying left something behind: {names:?}");
}

#[test]
fn database_in_memory_is_copied_into_a_file() {
    let (_directory, path) = store();
    let db = Database::new(SqliteEngine::memory().unwrap()).unwrap();
    fill(&db, 0..100);
    db.engine().backup(&path).unwrap();
    assert_eq!(count(&open(&path)), 100);
}

#[test]
fn powers_that_write_are_refused_where_the_file_is_only_read() {
    let (_directory, path) = store();
    let writer = open(&path);
    fill(&writer, 0..10);
    writer.close().unwrap();
    let db = Database::new(SqliteOptions::at(&path).read_only().open().unwrap()).unwrap();
    let error = refused(Kind::Invalid, db.engine().compact());
    assert!(error.to_string().contains("read-only"), "{error}");
    db.engine().check().unwrap();
    assert!(db.engine().storage_statistics().unwrap().live_bytes.unwrap() > 10_000);
}

#[test]
fn figures_follow_what_is_stored() {
    let (_directory, path) = store();
    let db = open(&path);
    let figures = || db.engine().storage_statistics().unwrap();
    fill(&db, 0..1_000);
    db.engine().compact().unwrap();
    let full = figures();
    // A key of 4 bytes, a stamp of 24, a value of 1,000.
    assert_eq!(full.live_bytes, Some(1_028_000));
    assert_eq!(full.disk_bytes, Some(fs::metadata(&path).unwrap().len()));
    assert!(full.fragmented_bytes.unwrap() < full.disk_bytes.unwrap() - 1_028_000, "{full:?}");
    db.delete_range(notes(), &KeyRange::all()).unwrap();
    let empty = figures();
    assert_eq!(empty.live_bytes, Some(0));
    assert!(empty.fragmented_bytes.unwrap() > 1_000_000, "{empty:?}");
}
