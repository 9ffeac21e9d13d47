//! How databases are opened, refused, shared and released, and what others see of them.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use storage_core::engine::{Check, Compact, StorageStatistics};
use storage_core::{
    Access, Codec, Database, Direction, Durability, Error, KeyRange, Keyspace, Kind, Result, Table,
};
use storage_sqlite::{Place, Profile, SqliteEngine, SqliteOptions, TempStore};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn open(path: &Path) -> Database<SqliteEngine> {
    Database::new(SqliteEngine::open(path).unwrap()).unwrap()
}

fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[test]
fn settings_are_read_back_from_sqlite_and_shown() {
    let folder = Folder::new();
    let options = SqliteOptions::at(folder.path())
        .profile(Profile::LargeMemory)
        .cache_bytes(3 << 20)
        .page_bytes(4096)
        .temp_store(TempStore::File)
        .busy_timeout(Duration::from_millis(250))
        .autocheckpoint_pages(77);
    let engine = options.open().unwrap();
    let settings = engine.settings();
    assert_eq!(settings.place, Place::File(folder.path()));
    assert_eq!((settings.cache_bytes, settings.mmap_bytes), (3 << 20, 1 << 30));
    assert_eq!((settings.page_bytes, settings.autocheckpoint_pages), (4096, 77));
    assert_eq!((settings.temp_store, settings.busy_timeout), (TempStore::File, Duration::from_millis(250)));
    let shown = settings.to_string();
    for part in
        ["cache of 3145728", "1073741824 bytes mapped", "pages of 4096", "in files", "250 ms", "77 pages"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    drop(engine);
    let again = SqliteOptions::at(folder.path()).page_bytes(16 << 10).open().unwrap();
    assert_eq!(again.settings().page_bytes, 4096, "a file keeps the pages that it has");
}

#[test]
fn page_size_that_is_none_is_not_taken_silently() {
    let folder = Folder::new();
    let engine = SqliteOptions::at(folder.path()).page_bytes(1000).open().unwrap();
    assert_ne!(engine.settings().page_bytes, 1000, "what is shown is what SQLite has");
}

#[test]
fn store_keeps_its_id() {
    let folder = Folder::new();
    let first = SqliteEngine::open(folder.path()).unwrap().store_id();
    assert_eq!(SqliteEngine::open(folder.path()).unwrap().store_id(), first);
    assert_ne!(SqliteEngine::memory().unwrap().store_id(), first);
}

#[test]
fn second_writer_is_busy_and_readers_come_in() {
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    refused(Kind::Busy, SqliteEngine::open(folder.path()));
    let reader = Database::new(SqliteOptions::at(folder.path()).read_only().open().unwrap()).unwrap();
    assert_eq!(reader.capabilities().access, Access::ReadOnly);
    assert_eq!(reader.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    refused(Kind::Invalid, reader.put(notes(), "a", "2"));
    db.put(notes(), "a", "3").unwrap();
    assert_eq!(reader.get(notes(), "a").unwrap().as_deref(), Some(b"3".as_slice()));
    db.close().unwrap();
    open(&folder.path()).put(notes(), "a", "4").unwrap();
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let folder = Folder::new();
    let path = folder.path();
    for (what, bytes) in
        [("text", b"a letter to nobody in particular".repeat(40)), ("noise", vec![0xa5; 8192])]
    {
        fs::write(&path, &bytes).unwrap();
        refused(Kind::Invalid, SqliteEngine::open(&path));
        assert!(fs::read(&path).unwrap() == bytes, "{what} was changed");
    }
    fs::remove_file(&path).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE people (name TEXT)").unwrap();
    drop(foreign);
    let error = refused(Kind::Invalid, SqliteEngine::open(&path));
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn newer_format_and_other_journal_modes_are_refused_by_name() {
    let folder = Folder::new();
    let path = folder.path();
    open(&path).close().unwrap();
    let tampered = Connection::open(&path).unwrap();
    tampered.pragma_update(None, "user_version", 2).unwrap();
    let error = refused(Kind::Invalid, SqliteEngine::open(&path));
    assert!(error.to_string().contains("format 2 is newer than 1"), "{error}");
    tampered.pragma_update(None, "user_version", 1).unwrap();
    tampered.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).unwrap();
    drop(tampered);
    let error = refused(Kind::Invalid, SqliteEngine::open(&path));
    assert!(error.to_string().contains("journal mode delete"), "{error}");
}

#[test]
fn paths_that_are_no_file_are_refused() {
    let folder = Folder::new();
    let directory = folder.0.path();
    refused(Kind::Invalid, SqliteEngine::open(directory));
    refused(Kind::Invalid, SqliteEngine::open(directory.join("nowhere/store.db")));
    refused(Kind::Invalid, SqliteEngine::open(directory.join("a\0b")));
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).must_exist().open());
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).read_only().open());
    refused(Kind::Invalid, SqliteOptions::memory().read_only().open());
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0, "nothing was created");
}

#[cfg(unix)]
#[test]
fn file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    for file in fs::read_dir(folder.0.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
}

#[test]
fn commit_is_refused_where_another_program_wrote() {
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    let other = Connection::open(folder.path()).unwrap();
    other.execute("DELETE FROM t_notes", []).unwrap();
    refused(Kind::Unavailable, db.put(notes(), "b", "2"));
    drop(other);
    assert!(db.get(notes(), "b").unwrap().is_none(), "nothing of it was written");
    db.close().unwrap();
    drop(db);
    open(&folder.path()).put(notes(), "b", "2").unwrap();
}

#[test]
fn database_in_memory_is_gone_with_its_engine() {
    let engine = SqliteEngine::memory().unwrap();
    assert_eq!(engine.settings().place, Place::Memory);
    let db = Database::new(engine).unwrap();
    db.put(notes(), "a", "1").unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    db.close().unwrap();
    assert!(Database::new(SqliteEngine::memory().unwrap()).unwrap().get(notes(), "a").unwrap().is_none());
}

#[test]
fn shell_reads_what_is_stored() {
    let folder = Folder::new();
    let db = open(&folder.path());
    let people = Table::<u64, (String, u32)>::define("people").codec(Codec::Json).open(&db).unwrap();
    db.transact(|txn| people.put(txn, &1, &("ann".into(), 30))).unwrap();
    let shell = Connection::open(folder.path()).unwrap();
    let name: String = shell
        .query_row("SELECT json_extract(CAST(value AS TEXT), '$[0]') FROM t_people", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "ann");
}

#[test]
fn row_that_another_program_wrote_reads_as_unverified() {
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    db.close().unwrap();
    drop(db);
    let other = Connection::open(folder.path()).unwrap();
    other
        .execute("INSERT INTO t_notes (key, value) VALUES (CAST('b' AS BLOB), CAST('2' AS BLOB))", [])
        .unwrap();
    drop(other);
    let db = open(&folder.path());
    assert_eq!(db.get(notes(), "b").unwrap().as_deref(), Some(b"2".as_slice()));
    let snapshot = db.snapshot().unwrap();
    let keys = snapshot.range(notes(), &KeyRange::all(), Direction::Forward).unwrap().keys().unwrap();
    assert_eq!(keys.len(), 2);
}

#[test]
fn check_compact_and_figures_tell_of_the_file() {
    let folder = Folder::new();
    let db = open(&folder.path());
    let large = vec![7; 1 << 20];
    for key in 0..8_u8 {
        db.put_with(notes(), [key], &large, Default::default(), Durability::Deferred.into()).unwrap();
    }
    assert!(db.engine().check().unwrap().bytes > 8 << 20);
    db.delete_range(notes(), &KeyRange::of([1]..).unwrap()).unwrap();
    let figures = db.engine().storage_statistics().unwrap();
    assert!(figures.fragmented_bytes > Some(6 << 20), "{figures:?}");
    let held = db.snapshot().unwrap();
    refused(Kind::Busy, db.engine().compact());
    drop(held);
    let compacted = db.engine().compact().unwrap();
    assert!(compacted.bytes_saved() > 6 << 20, "{compacted:?}");
    assert_eq!(db.get(notes(), [0]).unwrap().map(|value| value.len()), Some(1 << 20));
    db.put(notes(), "after", "").unwrap();
}

#[test]
fn backup_is_a_store_of_its_own() {
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    let copy = folder.0.path().join("copy.db");
    db.engine().backup(&copy).unwrap();
    db.put(notes(), "a", "2").unwrap();
    refused(Kind::Invalid, db.engine().backup(&copy));
    assert_eq!(open(&copy).get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"2".as_slice()));
}

#[test]
fn extensions_cannot_be_loaded_and_the_schema_is_defended() {
    let folder = Folder::new();
    let db = open(&folder.path());
    db.put(notes(), "a", "1").unwrap();
    db.close().unwrap();
    drop(db);
    let shell = Connection::open(folder.path()).unwrap();
    let functions: Vec<String> = shell
        .prepare("SELECT name FROM pragma_function_list WHERE name = 'load_extension'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    let loaded = shell.query_row("SELECT load_extension('/nowhere')", [], |_| Ok(()));
    assert!(functions.is_empty() || loaded.is_err());
}
