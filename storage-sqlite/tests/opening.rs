//! How databases are opened: created, refused, shared, released.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use storage_core::{Access, Database, Direction, Engine as _, Error, KeyRange, Keyspace, Kind, Result};
use storage_sqlite::{AtClose, IfMissing, Place, Profile, SqliteEngine, SqliteOptions, TempStore};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn open(path: &Path) -> Database<SqliteEngine> {
    Database::new(SqliteEngine::open(path).unwrap()).unwrap()
}

fn filled(path: &Path) -> Database<SqliteEngine> {
    let db = open(path);
    db.put(notes(), "a", "1").unwrap();
    db
}

fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

/// Changes a database past the engine.
fn tamper(path: &Path, text: &str) {
    Connection::open(path).unwrap().execute_batch(text).unwrap();
}

#[test]
fn settings_are_read_back_from_sqlite_and_shown() {
    let folder = Folder::new();
    let options = SqliteOptions::at(folder.path())
        .profile(Profile::Small)
        .cache_bytes(3 << 20)
        .mmap_bytes(1 << 20)
        .page_bytes(4096)
        .temp_store(TempStore::File)
        .busy_timeout(Duration::from_millis(250))
        .autocheckpoint_pages(77)
        .at_close(AtClose::Nothing);
    let engine = options.open().unwrap();
    let settings = engine.settings();
    assert_eq!(settings.place, Place::File(folder.path()));
    assert_eq!((settings.cache_bytes, settings.mmap_bytes, settings.page_bytes), (3 << 20, 1 << 20, 4096));
    assert_eq!((settings.temp_store, settings.autocheckpoint_pages), (TempStore::File, 77));
    assert_eq!((settings.busy_timeout, settings.readers_kept), (Duration::from_millis(250), 2));
    assert_eq!((settings.access, settings.if_missing), (Access::ReadWrite, IfMissing::Create));
    let shown = settings.to_string();
    for part in ["store.db", "3145728 bytes", "pages of 4096", "files", "250 ms", "77 pages"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!((settings.at_close, shown.contains("optimized")), (AtClose::Nothing, false));
    engine.close().unwrap();
    let again = SqliteOptions::at(folder.path()).page_bytes(16 << 10).open().unwrap();
    assert_eq!(again.settings().page_bytes, 4096, "a file keeps the pages that it was created with");
}

#[test]
fn settings_that_sqlite_would_bend_are_refused() {
    let folder = Folder::new();
    for bytes in [0, 1000, 256, 128 << 10] {
        refused(Kind::Invalid, SqliteOptions::at(folder.path()).page_bytes(bytes).open());
    }
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).cache_bytes(u64::MAX).open());
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).mmap_bytes(u64::MAX).open());
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).busy_timeout(Duration::MAX).open());
    refused(Kind::Invalid, SqliteOptions::memory().read_only().open());
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn every_profile_opens_as_it_is_described() {
    for (profile, cache, pages, readers) in [
        (Profile::Balanced, 16 << 20, 4_000, 16),
        (Profile::Small, 1 << 20, 500, 2),
        (Profile::LargeMemory, 64 << 20, 16_000, 64),
    ] {
        let engine = SqliteOptions::memory().profile(profile).open().unwrap();
        let settings = engine.settings();
        assert_eq!((settings.cache_bytes, settings.autocheckpoint_pages), (cache, pages));
        assert_eq!((settings.readers_kept, settings.page_bytes), (readers, 8192));
    }
}

#[test]
fn store_keeps_its_id_and_no_two_have_the_same() {
    let (folder, other) = (Folder::new(), Folder::new());
    let id = SqliteEngine::open(folder.path()).unwrap().store_id();
    assert_eq!(SqliteEngine::open(folder.path()).unwrap().store_id(), id);
    assert_eq!(SqliteOptions::at(folder.path()).read_only().open().unwrap().store_id(), id);
    assert_ne!(SqliteEngine::open(other.path()).unwrap().store_id(), id);
}

#[test]
fn keyspaces_are_those_that_were_written() {
    let folder = Folder::new();
    let db = filled(&folder.path());
    db.put(Keyspace::new("sqlite_notes").unwrap(), "a", "1").unwrap();
    let texts = storage_core::Table::<u64, String>::define("texts");
    let by_length = storage_core::Index::on("by_length", |_: &u64, text: &String| text.len() as u64);
    let texts = texts.index(&by_length).open(&db).unwrap();
    db.transact(|txn| texts.put(txn, &1, &"long".to_owned())).unwrap();
    tamper(&folder.path(), "CREATE TABLE \"Their Table\" (a); CREATE TABLE \"t_Their Table\" (a)");
    let mut names: Vec<_> = db.engine().keyspaces().unwrap().into_iter().map(Keyspace::name).collect();
    names.sort_unstable();
    assert_eq!(names, ["_tables", "notes", "sqlite_notes", "texts", "texts.by_length"]);
}

#[cfg(unix)]
#[test]
fn new_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let _db = filled(&folder.path());
    assert_eq!(folder.names(), ["store.db", "store.db-shm", "store.db-wal"]);
    for name in folder.names() {
        let mode = fs::metadata(folder.0.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn missing_file_is_created_only_where_that_is_asked_for() {
    let folder = Folder::new();
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).must_exist().open());
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).read_only().open());
    assert!(!folder.path().exists());
    fs::write(folder.path(), "").unwrap();
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).must_exist().open());
    assert_eq!(fs::metadata(folder.path()).unwrap().len(), 0, "what was refused was written to");
    filled(&folder.path()).close().unwrap();
    SqliteOptions::at(folder.path()).must_exist().open().unwrap();
    assert_eq!(folder.names(), ["store.db"], "closing left something beside the file");
    refused(Kind::Invalid, SqliteEngine::open(folder.0.path().join("no directory/store.db")));
    refused(Kind::Invalid, SqliteEngine::open(folder.0.path().join("a\0b.db")));
}

#[test]
fn all_who_create_a_file_at_once_have_the_same_store() {
    let folder = Folder::new();
    let path = folder.path();
    let opened: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteEngine::open(&path).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().all(|engine| engine.store_id() == opened[0].store_id()));
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = Folder::new();
    refused(Kind::Invalid, SqliteEngine::open(folder.0.path()));
    for letter in ["a", "a letter to nobody in particular", &"a long letter to nobody".repeat(1_000)] {
        fs::write(folder.path(), letter).unwrap();
        refused(Kind::Invalid, SqliteEngine::open(folder.path()));
        refused(Kind::Invalid, SqliteOptions::at(folder.path()).read_only().open());
        assert_eq!(fs::read(folder.path()).unwrap(), letter.as_bytes());
        assert_eq!(folder.names(), ["store.db"]);
    }
}

#[test]
fn database_of_another_program_is_refused_and_an_empty_one_is_not() {
    let folder = Folder::new();
    tamper(&folder.path(), "VACUUM");
    drop(SqliteEngine::open(folder.path()).unwrap());
    for theirs in ["CREATE TABLE theirs (a)", "PRAGMA application_id = 7"] {
        let folder = Folder::new();
        tamper(&folder.path(), theirs);
        let before = fs::read(folder.path()).unwrap();
        refused(Kind::Invalid, SqliteEngine::open(folder.path()));
        assert!(fs::read(folder.path()).unwrap() == before, "what was refused was written to");
    }
}

#[test]
fn another_journal_mode_is_refused() {
    let folder = Folder::new();
    filled(&folder.path()).close().unwrap();
    tamper(&folder.path(), "PRAGMA journal_mode = DELETE");
    let error = refused(Kind::Invalid, SqliteEngine::open(folder.path()));
    assert!(error.to_string().contains("`delete`, not `wal`"), "{error}");
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).read_only().open());
    tamper(&folder.path(), "PRAGMA journal_mode = WAL");
    assert_eq!(open(&folder.path()).get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn newer_format_is_refused_by_its_number() {
    let folder = Folder::new();
    filled(&folder.path()).close().unwrap();
    tamper(&folder.path(), "UPDATE storage_header SET value = 2 WHERE name = 'format'");
    let error = refused(Kind::Invalid, SqliteEngine::open(folder.path()));
    assert!(error.to_string().contains("format 2 is newer than 1, which this version writes"), "{error}");
    refused(Kind::Invalid, SqliteOptions::at(folder.path()).read_only().open());
}

#[test]
fn damaged_header_is_corrupt() {
    for damage in [
        "UPDATE storage_header SET value = 'one' WHERE name = 'format'",
        "UPDATE storage_header SET value = 0 WHERE name = 'format'",
        "UPDATE storage_header SET value = x'01' WHERE name = 'store'",
        "DELETE FROM storage_header WHERE name = 'store'",
        "ALTER TABLE storage_header RENAME COLUMN value TO valuf",
    ] {
        let folder = Folder::new();
        filled(&folder.path()).close().unwrap();
        tamper(&folder.path(), damage);
        refused(Kind::Corrupt, SqliteEngine::open(folder.path()));
    }
}

#[test]
fn row_of_another_program_is_read_as_it_is() {
    let folder = Folder::new();
    let db = filled(&folder.path());
    tamper(&folder.path(), "INSERT INTO t_notes (key, value) VALUES (x'62', x'32')");
    assert_eq!(db.get(notes(), "b").unwrap().as_deref(), Some(b"2".as_slice()));
    let range = KeyRange::all();
    let rows = db.snapshot().unwrap().range(notes(), &range, Direction::Forward).unwrap().to_vec().unwrap();
    assert_eq!(rows.len(), 2);
    db.put(notes(), "b", "3").unwrap();
    assert_eq!(db.get(notes(), "b").unwrap().as_deref(), Some(b"3".as_slice()));
}

#[test]
fn row_with_a_stamp_that_is_none_is_corrupt_and_leaves_the_others_readable() {
    let folder = Folder::new();
    let db = filled(&folder.path());
    tamper(&folder.path(), "INSERT INTO t_notes (key, stamp, value) VALUES (x'30', x'01', x'32')");
    let error = refused(Kind::Corrupt, db.get(notes(), "0"));
    assert_eq!(error.key(), Some(b"0".as_slice()));
    let snapshot = db.snapshot().unwrap();
    refused(Kind::Corrupt, snapshot.get(notes(), "0"));
    let all = KeyRange::all();
    let mut range = snapshot.range(notes(), &all, Direction::Forward).unwrap();
    let error = refused(Kind::Corrupt, range.next().map(drop));
    assert_eq!(error.key(), Some(b"0".as_slice()));
    assert_eq!(range.next().unwrap().map(|entry| entry.key().to_vec()), Some(b"a".to_vec()));
}

#[test]
fn table_with_other_columns_is_corrupt() {
    let folder = Folder::new();
    let db = filled(&folder.path());
    tamper(&folder.path(), "CREATE TABLE t_letters (address)");
    let letters = Keyspace::new("letters").unwrap();
    let error = refused(Kind::Corrupt, db.get(letters, "a"));
    assert_eq!(error.keyspace(), Some(letters));
    refused(Kind::Corrupt, db.put(letters, "a", "1"));
    db.put(notes(), "b", "2").unwrap();
}

#[test]
fn whoever_holds_the_lock_too_long_is_waited_for_and_then_told() {
    let folder = Folder::new();
    let wait = Duration::from_millis(80);
    let engine = SqliteOptions::at(folder.path()).busy_timeout(wait).open().unwrap();
    let db = Database::new(engine).unwrap();
    db.put(notes(), "a", "1").unwrap();
    let theirs = Connection::open(folder.path()).unwrap();
    theirs.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    refused(Kind::Busy, db.put(notes(), "a", "2"));
    assert!(began.elapsed() >= wait, "it did not wait");
    refused(Kind::Busy, db.sync());
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()), "readers do not wait");
    theirs.execute_batch("ROLLBACK").unwrap();
    db.put(notes(), "a", "3").unwrap();
    db.sync().unwrap();
}

#[cfg(unix)]
#[test]
fn file_that_may_not_be_written_is_refused_unless_it_is_only_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    filled(&folder.path()).close().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o400)).unwrap();
    if fs::OpenOptions::new().write(true).open(folder.path()).is_ok() {
        println!("not tried: this user writes whatever the permissions");
        return;
    }
    let error = refused(Kind::Unavailable, SqliteEngine::open(folder.path()));
    assert!(error.to_string().contains("may not write the file"), "{error}");
    let db = Database::new(SqliteOptions::at(folder.path()).read_only().open().unwrap()).unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn read_only_file_is_read_while_others_write_it() {
    let folder = Folder::new();
    filled(&folder.path()).close().unwrap();
    let before = fs::read(folder.path()).unwrap();
    let db = Database::new(SqliteOptions::at(folder.path()).read_only().open().unwrap()).unwrap();
    assert_eq!(db.capabilities().access, Access::ReadOnly);
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(db.engine().keyspaces().unwrap(), [notes()]);
    refused(Kind::Invalid, db.put(notes(), "a", "2"));
    db.sync().unwrap();
    assert!(fs::read(folder.path()).unwrap() == before, "reading changed the file");
    let writer = filled(&folder.path());
    writer.put(notes(), "a", "3").unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"3".as_slice()));
    db.close().unwrap();
    writer.put(notes(), "a", "4").unwrap();
    writer.close().unwrap();
    assert_eq!(open(&folder.path()).get(notes(), "a").unwrap().as_deref(), Some(b"4".as_slice()));
}
