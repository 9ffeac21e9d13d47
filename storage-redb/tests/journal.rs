//! The journal beside the file: what is refused, what is applied, and how a file goes back to having none.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use storage_core::journal::{Journal, JournalOptions};
use storage_core::{Attributes, Database, Durability, Error, KeyRange, Keyspace, Kind, Result, Survives};
use storage_redb::{RedbEngine, RedbOptions};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.redb")
    }

    fn journal(&self, index: usize) -> PathBuf {
        self.0.path().join(format!("store.redb.journal-{index}"))
    }

    fn files(&self) -> [PathBuf; 3] {
        [self.path(), self.journal(0), self.journal(1)]
    }

    /// A copy of it as it is now, as after a crash of this process.
    fn copy(&self) -> Place {
        let copy = Place::new();
        for (from, to) in self.files().iter().zip(copy.files()) {
            fs::copy(from, to).unwrap();
        }
        copy
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn options(path: &Path) -> RedbOptions {
    RedbOptions::at(path).journal(JournalOptions::default().with_file_len(64 << 10))
}

fn journalled(path: &Path) -> Database<Journal<RedbEngine>> {
    Database::new(options(path).journalled().unwrap()).unwrap()
}

fn native(path: &Path) -> Database<RedbEngine> {
    Database::new(options(path).open().unwrap()).unwrap()
}

fn keys<E: storage_core::Engine>(db: &Database<E>) -> String {
    let snapshot = db.snapshot().unwrap();
    let mut range = snapshot.range(notes(), &KeyRange::all(), storage_core::Direction::Forward).unwrap();
    let keys = range.keys().unwrap();
    keys.iter().map(|key| String::from_utf8(key.to_vec()).unwrap()).collect::<Vec<_>>().join(" ")
}

fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[test]
fn commits_are_there_after_the_end_of_the_process() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    db.put_with(notes(), "b", "2", Attributes::new(), Durability::Deferred).unwrap();
    assert_eq!(db.capabilities().deferred_survives, Survives::ProcessCrash);
    let crashed = place.copy();
    assert_eq!(keys(&journalled(&crashed.path())), "a b");
    db.close().unwrap();
    assert_eq!(keys(&journalled(&place.path())), "a b");
}

#[test]
fn opening_without_the_journal_applies_it_and_removes_it() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    let crashed = place.copy();
    let db = native(&crashed.path());
    assert_eq!(keys(&db), "a");
    assert!(!crashed.journal(0).exists() && !crashed.journal(1).exists());
    db.put(notes(), "b", "2").unwrap();
    db.close().unwrap();
    let db = journalled(&crashed.path());
    db.put(notes(), "c", "3").unwrap();
    assert_eq!(keys(&db), "a b c");
    assert_eq!(keys(&native(&crashed.copy().path())), "a b c");
}

#[test]
fn file_that_lacks_what_its_journal_holds_is_not_only_read() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    db.engine().checkpoint().unwrap();
    db.put(notes(), "b", "2").unwrap();
    refused(Kind::Unavailable, options(&place.copy().path()).read_only().open());
    refused(Kind::Invalid, options(&place.path()).read_only().journalled());
    db.close().unwrap();
    let db = Database::new(options(&place.path()).read_only().open().unwrap()).unwrap();
    assert_eq!(keys(&db), "a b");
    assert!(place.journal(0).exists(), "reading removed it");
}

#[test]
fn missing_journal_of_a_store_that_was_not_closed_is_refused() {
    for index in 0..2 {
        let running = Place::new();
        let _db = journalled(&running.path());
        let place = running.copy();
        fs::remove_file(place.journal(index)).unwrap();
        let error = refused(Kind::Corrupt, options(&place.path()).journalled());
        assert!(error.to_string().contains(&format!("journal-{index} of its journal is missing")), "{error}");
        refused(Kind::Corrupt, options(&place.path()).open());
        refused(Kind::Corrupt, options(&place.path()).read_only().open());
        assert!(!place.journal(index).exists(), "what was refused was written to");
    }
}

#[test]
fn closed_store_needs_no_journal() {
    for missing in [0..1, 1..2, 0..2] {
        let place = Place::new();
        let db = journalled(&place.path());
        db.put(notes(), "a", "1").unwrap();
        db.close().unwrap();
        drop(db);
        missing.clone().for_each(|index| fs::remove_file(place.journal(index)).unwrap());
        let reading = Database::new(options(&place.path()).read_only().open().unwrap()).unwrap();
        assert_eq!(keys(&reading), "a");
        drop(reading);
        let db = journalled(&place.path());
        db.put(notes(), "b", "2").unwrap();
        assert_eq!(keys(&journalled(&place.copy().path())), "a b");
    }
}

#[test]
fn journal_of_another_store_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    journalled(&place.path()).close().unwrap();
    journalled(&other.path()).close().unwrap();
    for index in 0..2 {
        fs::copy(other.journal(index), place.journal(index)).unwrap();
    }
    refused(Kind::Invalid, options(&place.path()).journalled());
    refused(Kind::Invalid, options(&place.path()).open());
    // And where the file never had one.
    let place = Place::new();
    native(&place.path()).close().unwrap();
    fs::copy(other.journal(0), place.journal(0)).unwrap();
    refused(Kind::Invalid, options(&place.path()).journalled());
    refused(Kind::Invalid, options(&place.path()).open());
}

#[test]
fn files_of_a_journal_that_changed_places_are_refused() {
    let place = Place::new();
    journalled(&place.path()).close().unwrap();
    let first = fs::read(place.journal(0)).unwrap();
    fs::copy(place.journal(1), place.journal(0)).unwrap();
    fs::write(place.journal(1), first).unwrap();
    refused(Kind::Invalid, options(&place.path()).journalled());
}

#[test]
fn older_copy_of_the_file_is_refused_with_both_epochs() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    db.close().unwrap();
    let older = fs::read(place.path()).unwrap();
    let db = journalled(&place.path());
    db.put(notes(), "b", "2").unwrap();
    db.close().unwrap();
    journalled(&place.path()).close().unwrap();
    fs::write(place.path(), older).unwrap();
    let error = refused(Kind::Invalid, options(&place.path()).journalled());
    assert!(error.to_string().contains("journal-0 is in epoch 5, the store knows 2"), "{error}");
    refused(Kind::Invalid, options(&place.path()).open());
}

#[test]
fn older_journal_of_the_same_file_holds_nothing_that_it_lacks() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    let older = place.copy();
    db.put(notes(), "b", "2").unwrap();
    db.close().unwrap();
    for index in 0..2 {
        fs::copy(older.journal(index), place.journal(index)).unwrap();
    }
    assert_eq!(keys(&journalled(&place.path())), "a b");
}

#[test]
fn damaged_headers_and_cut_files_are_corrupt() {
    let place = Place::new();
    journalled(&place.path()).close().unwrap();
    let whole = fs::read(place.journal(0)).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    fs::write(place.journal(0), &damaged).unwrap();
    journalled(&place.copy().path()).close().unwrap();
    damaged[512 + 40] ^= 1;
    fs::write(place.journal(0), &damaged).unwrap();
    refused(Kind::Corrupt, options(&place.path()).journalled());
    fs::write(place.journal(0), &whole[..whole.len() - 1]).unwrap();
    refused(Kind::Corrupt, options(&place.path()).journalled());
    fs::write(place.journal(0), &whole).unwrap();
    journalled(&place.path());
}

#[test]
fn newer_format_of_the_journal_is_refused_by_its_number() {
    let place = Place::new();
    journalled(&place.path()).close().unwrap();
    let mut bytes = fs::read(place.journal(1)).unwrap();
    for slot in bytes.chunks_exact_mut(512).take(2) {
        slot[8..12].copy_from_slice(&9_u32.to_le_bytes());
        let sum = crc32fast::hash(&slot[..508]);
        slot[508..].copy_from_slice(&sum.to_le_bytes());
    }
    fs::write(place.journal(1), bytes).unwrap();
    let error = refused(Kind::Invalid, options(&place.path()).journalled());
    assert!(error.to_string().contains("journal-1 has format 9"), "{error}");
}

#[test]
fn length_of_the_journal_changes_when_it_is_opened() {
    let place = Place::new();
    let db = journalled(&place.path());
    db.put(notes(), "a", "1").unwrap();
    let crashed = place.copy();
    let longer = JournalOptions::default().with_file_len(128 << 10);
    let db = Database::new(RedbOptions::at(crashed.path()).journal(longer).journalled().unwrap()).unwrap();
    db.put(notes(), "b", "2").unwrap();
    for index in 0..2 {
        assert_eq!(fs::metadata(crashed.journal(index)).unwrap().len(), 128 << 10);
    }
    assert_eq!(keys(&journalled(&crashed.copy().path())), "a b");
}

#[cfg(unix)]
#[test]
fn files_of_the_journal_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    journalled(&place.path()).close().unwrap();
    for path in place.files() {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn commits_of_every_size_are_there_however_often_the_files_change() {
    let place = Place::new();
    let db = journalled(&place.path());
    let mut expected = Vec::new();
    for round in 0_u32..400 {
        // Some fit a file a hundred times, some only past it.
        let len = [10, 300, 2_000, 14_000, 40_000][round as usize % 5];
        let durability = if round % 3 == 0 { Durability::Sync } else { Durability::Deferred };
        let value = vec![b'v'; len];
        db.put_with(notes(), round.to_be_bytes(), &value, Attributes::new(), durability).unwrap();
        expected.push(len);
    }
    let crashed = place.copy();
    let found = |db: &Database<Journal<RedbEngine>>| -> Vec<usize> {
        let get = |round: u32| db.get(notes(), round.to_be_bytes()).unwrap().map_or(0, |value| value.len());
        (0..400).map(get).collect()
    };
    assert_eq!(found(&journalled(&crashed.path())), expected);
    db.close().unwrap();
    assert_eq!(found(&journalled(&place.path())), expected);
}
