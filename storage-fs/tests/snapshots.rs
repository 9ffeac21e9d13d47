//! Snapshots that are older than the files: they read what was there, wherever that is by then.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use storage_core::journal::Journal;
use storage_core::{Database, Keyspace, Kind};
use storage_fs::{Form, FsEngine, FsOptions};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn open(&self) -> Database<Journal<FsEngine>> {
        let options = FsOptions::at(self.root()).default_form(Form::Files).cache_bytes(0);
        Database::new(options.open().unwrap()).unwrap()
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn put(db: &Database<Journal<FsEngine>>, key: &str, value: &str) {
    db.put(notes(), key, value).unwrap();
    db.engine().checkpoint().unwrap();
}

fn aside(root: &Path) -> usize {
    fs::read_dir(root.join(".storage/aside")).map_or(0, Iterator::count)
}

#[test]
fn snapshot_reads_files_that_were_replaced_and_removed() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "one");
    put(&db, "b", "[1]");
    put(&db, "c", "stays");
    let first = db.snapshot().unwrap();
    put(&db, "a", "two");
    db.delete(notes(), "b").unwrap();
    db.engine().checkpoint().unwrap();
    let second = db.snapshot().unwrap();
    put(&db, "a", "[3]");
    put(&db, "b", "[4]");
    for _ in 0..2 {
        assert_eq!(&*first.get(notes(), "a").unwrap().unwrap(), b"one");
        assert_eq!(&*first.get(notes(), "b").unwrap().unwrap(), b"[1]");
        assert_eq!(&*first.get(notes(), "c").unwrap().unwrap(), b"stays");
        assert_eq!(&*second.get(notes(), "a").unwrap().unwrap(), b"two");
        assert!(second.get(notes(), "b").unwrap().is_none());
    }
    assert_eq!(aside(&place.root()), 3);
    drop(first);
    assert_eq!(aside(&place.root()), 1);
    drop(second);
    assert_eq!(aside(&place.root()), 0);
    assert_eq!(&*db.get(notes(), "a").unwrap().unwrap(), b"[3]");
}

#[test]
fn nothing_is_set_aside_for_nobody() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "one");
    drop(db.snapshot().unwrap());
    put(&db, "a", "two");
    assert!(!place.root().join(".storage/aside").exists());
}

/// A handle that is closed has snapshots still, whose files are not those of the next one.
#[test]
fn snapshot_of_a_closed_handle_takes_nothing_from_the_next() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "one");
    let closed = db.snapshot().unwrap();
    put(&db, "a", "two");
    db.close().unwrap();
    let again = place.open();
    let held = again.snapshot().unwrap();
    put(&again, "a", "three");
    assert_eq!(closed.get(notes(), "a").unwrap_err().kind(), Kind::Closed);
    drop(closed);
    assert_eq!(&*held.get(notes(), "a").unwrap().unwrap(), b"two");
}

#[test]
fn snapshot_does_not_read_what_replaced_a_file_that_other_hands_touched() {
    let place = Place::new();
    let db = place.open();
    let file = |key: &str| place.root().join(format!("notes/={key}.txt"));
    for key in ["touched", "removed", "edited"] {
        put(&db, key, "first");
    }
    let held = db.snapshot().unwrap();
    // The same bytes, in another file.
    fs::write(file("copy"), "first").unwrap();
    fs::rename(file("copy"), file("touched")).unwrap();
    fs::remove_file(file("removed")).unwrap();
    fs::write(file("edited"), "by hand").unwrap();
    for key in ["touched", "removed", "edited"] {
        // As long as the first, so that its length does not tell.
        put(&db, key, "again");
    }
    assert_eq!(&*held.get(notes(), "touched").unwrap().unwrap(), b"first");
    assert_eq!(held.get(notes(), "removed").unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(held.get(notes(), "edited").unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(&*db.get(notes(), "edited").unwrap().unwrap(), b"again");
}

#[test]
fn snapshot_reads_segments_that_were_compacted_away() {
    use storage_core::engine::Compact;

    let place = Place::new();
    let db = Database::new(FsOptions::at(place.root()).cache_bytes(0).open().unwrap()).unwrap();
    put(&db, "a", "one");
    put(&db, "b", "stays");
    let held = db.snapshot().unwrap();
    put(&db, "a", "two");
    let compacted = db.engine().compact().unwrap();
    assert!(compacted.bytes_after < compacted.bytes_before, "{compacted:?}");
    assert!(!place.root().join("notes/000001.jsonl").exists());
    assert_eq!(&*held.get(notes(), "a").unwrap().unwrap(), b"one");
    assert_eq!(&*held.get(notes(), "b").unwrap().unwrap(), b"stays");
    assert_eq!(&*db.get(notes(), "a").unwrap().unwrap(), b"two");
}
