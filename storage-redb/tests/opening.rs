//! How files are opened: created, refused, shared, released.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use redb::{ReadableDatabase, TableDefinition};
use storage_core::{Access, Database, Engine as _, Error, Keyspace, Kind, Result};
use storage_redb::{IfMissing, QuickRepair, RedbEngine, RedbOptions};

const HEADER: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("#header");

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.redb")
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn filled(path: &Path) -> Database<RedbEngine> {
    let db = Database::new(RedbEngine::open(path).unwrap()).unwrap();
    db.put(notes(), "a", "1").unwrap();
    db
}

fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

/// Changes a file past the engine.
fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn settings_are_read_back_and_shown() {
    let place = Place::new();
    let options = RedbOptions::at(place.path()).cache_bytes(1 << 20).quick_repair(QuickRepair::EveryCommit);
    let engine = options.open().unwrap();
    let settings = engine.settings();
    assert_eq!((&settings.path, settings.cache_bytes), (&place.path(), 1 << 20));
    assert_eq!((settings.quick_repair, settings.access), (QuickRepair::EveryCommit, Access::ReadWrite));
    assert_eq!(settings.if_missing, IfMissing::Create);
    let shown = settings.to_string();
    for part in ["store.redb", "1048576 bytes", "every commit", "created if missing"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn file_is_open_in_one_place_only() {
    let place = Place::new();
    let db = filled(&place.path());
    refused(Kind::Busy, RedbEngine::open(place.path()));
    refused(Kind::Busy, RedbOptions::at(place.path()).read_only().open());
    db.close().unwrap();
    RedbEngine::open(place.path()).unwrap();
}

#[test]
fn closed_file_opens_at_once_while_an_old_snapshot_and_value_are_held() {
    let place = Place::new();
    let db = filled(&place.path());
    let snapshot = db.snapshot().unwrap();
    let found = db.get(notes(), "a").unwrap().unwrap();
    db.close().unwrap();
    let again = filled(&place.path());
    assert_eq!(&*found, b"1");
    refused(Kind::Closed, snapshot.get(notes(), "a"));
    again.put(notes(), "b", "2").unwrap();
}

#[test]
fn store_keeps_its_id_and_no_two_have_the_same() {
    let (place, other) = (Place::new(), Place::new());
    let id = RedbEngine::open(place.path()).unwrap().store_id();
    assert_eq!(RedbEngine::open(place.path()).unwrap().store_id(), id);
    assert_eq!(RedbOptions::at(place.path()).read_only().open().unwrap().store_id(), id);
    assert_ne!(RedbEngine::open(other.path()).unwrap().store_id(), id);
}

#[test]
fn keyspaces_are_those_that_were_written() {
    let place = Place::new();
    let db = filled(&place.path());
    let texts = storage_core::Table::<u64, String>::define("texts");
    let by_length = storage_core::Index::on("by_length", |_: &u64, text: &String| text.len() as u64);
    let texts = texts.index(&by_length).open(&db).unwrap();
    db.transact(|txn| texts.put(txn, &1, &"long".to_owned())).unwrap();
    let mut names: Vec<_> = db.engine().keyspaces().unwrap().into_iter().map(Keyspace::name).collect();
    names.sort_unstable();
    assert_eq!(names, ["_tables", "notes", "texts", "texts.by_length"]);
}

#[cfg(unix)]
#[test]
fn new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    filled(&place.path()).close().unwrap();
    assert_eq!(fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn missing_file_is_created_only_where_that_is_asked_for() {
    let place = Place::new();
    refused(Kind::Invalid, RedbOptions::at(place.path()).must_exist().open());
    refused(Kind::Invalid, RedbOptions::at(place.path()).read_only().open());
    assert!(!place.path().exists());
    fs::write(place.path(), "").unwrap();
    refused(Kind::Invalid, RedbOptions::at(place.path()).must_exist().open());
    assert_eq!(fs::metadata(place.path()).unwrap().len(), 0, "what was refused was written to");
    filled(&place.path()).close().unwrap();
    RedbOptions::at(place.path()).must_exist().open().unwrap();
    let names: Vec<_> = fs::read_dir(place.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["store.redb"], "creating left something beside the file");
    refused(Kind::Invalid, RedbEngine::open(place.0.path().join("no directory/store.redb")));
}

#[test]
fn one_of_many_that_create_a_file_has_it() {
    let place = Place::new();
    let path = place.path();
    let opened: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| RedbEngine::open(&path))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (first, others): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!(first.len(), 1);
    others.into_iter().for_each(|other| drop(refused(Kind::Busy, other)));
    let id = first[0].as_ref().unwrap().store_id();
    drop(first);
    assert_eq!(RedbEngine::open(&path).unwrap().store_id(), id);
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let place = Place::new();
    refused(Kind::Invalid, RedbEngine::open(place.0.path()));
    fs::write(place.path(), "a letter to nobody in particular").unwrap();
    refused(Kind::Invalid, RedbEngine::open(place.path()));
    assert_eq!(fs::read(place.path()).unwrap(), b"a letter to nobody in particular");
}

#[test]
fn tables_of_another_program_are_refused_and_an_empty_file_of_redb_is_not() {
    let place = Place::new();
    drop(redb::Database::create(place.path()).unwrap());
    drop(RedbEngine::open(place.path()).unwrap());
    let place = Place::new();
    let theirs = TableDefinition::<u64, u64>::new("theirs");
    tamper(&place.path(), |transaction| {
        transaction.open_table(theirs).unwrap().insert(1, 2).unwrap();
    });
    refused(Kind::Invalid, RedbEngine::open(place.path()));
    let database = redb::Database::open(place.path()).unwrap();
    let table = database.begin_read().unwrap().open_table(theirs).unwrap();
    assert_eq!(table.get_owned(1).unwrap().unwrap().value(), 2);
}

#[test]
fn newer_format_is_refused_by_its_number() {
    let place = Place::new();
    filled(&place.path()).close().unwrap();
    tamper(&place.path(), |transaction| {
        let mut header = transaction.open_table(HEADER).unwrap();
        header.insert("format", 2_u32.to_le_bytes().as_slice()).unwrap();
    });
    let error = refused(Kind::Invalid, RedbEngine::open(place.path()));
    assert!(error.to_string().contains("format 2 is newer than 1, which this version writes"), "{error}");
    refused(Kind::Invalid, RedbOptions::at(place.path()).read_only().open());
}

#[test]
fn damaged_header_is_corrupt() {
    for (row, value) in [("format", b"one".as_slice()), ("format", &[0; 4]), ("store", b"short")] {
        let place = Place::new();
        filled(&place.path()).close().unwrap();
        tamper(&place.path(), |transaction| {
            transaction.open_table(HEADER).unwrap().insert(row, value).unwrap();
        });
        refused(Kind::Corrupt, RedbEngine::open(place.path()));
    }
}

#[test]
fn records_without_a_stamp_are_corrupt_and_leave_the_others_readable() {
    let place = Place::new();
    filled(&place.path()).close().unwrap();
    tamper(&place.path(), |transaction| {
        let table = TableDefinition::<&[u8], &[u8]>::new("notes");
        transaction.open_table(table).unwrap().insert(b"0".as_slice(), b"short".as_slice()).unwrap();
    });
    let db = Database::new(RedbEngine::open(place.path()).unwrap()).unwrap();
    let error = refused(Kind::Corrupt, db.get(notes(), "0"));
    assert_eq!(error.key(), Some(b"0".as_slice()));
    let snapshot = db.snapshot().unwrap();
    refused(Kind::Corrupt, snapshot.get(notes(), "0"));
    let all = storage_core::KeyRange::all();
    let mut range = snapshot.range(notes(), &all, storage_core::Direction::Forward).unwrap();
    let error = refused(Kind::Corrupt, range.next().map(drop));
    assert_eq!(error.key(), Some(b"0".as_slice()));
    assert_eq!(range.next().unwrap().map(|entry| entry.key().to_vec()), Some(b"a".to_vec()));
}

#[test]
fn read_only_file_is_read_and_shared_and_not_written() {
    let place = Place::new();
    filled(&place.path()).close().unwrap();
    let before = fs::read(place.path()).unwrap();
    let open = || Database::new(RedbOptions::at(place.path()).read_only().open().unwrap()).unwrap();
    let (db, other) = (open(), open());
    assert_eq!(db.capabilities().access, Access::ReadOnly);
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(other.snapshot().unwrap().get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(db.engine().keyspaces().unwrap(), [notes()]);
    refused(Kind::Invalid, db.put(notes(), "a", "2"));
    db.sync().unwrap();
    refused(Kind::Busy, RedbEngine::open(place.path()));
    db.close().unwrap();
    other.close().unwrap();
    assert!(fs::read(place.path()).unwrap() == before, "reading changed the file");
    filled(&place.path()).put(notes(), "a", "3").unwrap();
}
