//! Logs beside files: what belongs together opens at any moment, what does not is refused and left as it is.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use storage_core::{Database, Durability, Keyspace, Kind};
use storage_sqlite::{SqliteEngine, SqliteOptions};

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn open(path: &Path) -> Database<SqliteEngine> {
    Database::new(SqliteEngine::open(path).unwrap()).unwrap()
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// A file and its log at one moment, as a process that is killed there leaves them.
#[derive(Clone, PartialEq, Eq)]
struct Left {
    file: Vec<u8>,
    log: Vec<u8>,
}

impl Left {
    fn at(path: &Path) -> Left {
        Left { file: fs::read(path).unwrap(), log: fs::read(log_of(path)).unwrap_or_default() }
    }

    /// What SQLite tells a log by from the one that it overwrites.
    fn salts(&self) -> &[u8] {
        &self.log[16..24]
    }

    fn lay_out(&self, path: &Path) {
        fs::write(path, &self.file).unwrap();
        fs::write(log_of(path), &self.log).unwrap();
    }

    /// That it opens for reading and for writing, and holds so many notes.
    fn assert_holds(&self, count: u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("left.db");
        self.lay_out(&path);
        let read_only = SqliteOptions::at(&path).read_only().open().unwrap();
        assert_eq!(counted(&Database::new(read_only).unwrap()), count);
        let db = open(&path);
        assert_eq!(counted(&db), count);
        write(&db, count);
        db.close().unwrap();
        assert_eq!(counted(&open(&path)), count + 1);
    }

    /// That it is refused, and stays as it is.
    fn assert_refused(&self, why: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("left.db");
        self.lay_out(&path);
        for options in [SqliteOptions::at(&path), SqliteOptions::at(&path).read_only()] {
            let error = options.open().expect_err("it is refused");
            assert_eq!(error.kind(), Kind::Invalid, "{error:?}");
            let error = error.to_string();
            // An empty file that may not be filled is refused as that.
            let is_told = error.contains(why) || error.contains("the file holds no store");
            assert!(is_told && error.contains("left.db"), "{error}");
            assert!(Left::at(&path) == *self, "what was refused was written to");
        }
    }
}

/// The number of the notes, which are numbered without a gap.
fn counted(db: &Database<SqliteEngine>) -> u64 {
    let mut count = 0_u64;
    while db.get(notes(), count.to_be_bytes()).unwrap().is_some() {
        count += 1;
    }
    count
}

fn write(db: &Database<SqliteEngine>, number: u64) {
    let durability = if number.is_multiple_of(3) { Durability::Sync } else { Durability::Deferred };
    db.transact_with(durability, |txn| txn.put(notes(), number.to_be_bytes(), vec![7; 900])).unwrap();
}

/// Writes notes with these numbers and closes the file; what there was before it closed.
fn run(path: &Path, numbers: std::ops::Range<u64>) -> Left {
    let db = open(path);
    numbers.for_each(|number| write(&db, number));
    let left = Left::at(path);
    db.close().unwrap();
    left
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("a %20 st\u{f6}re?.db")
    }
}

const OF_ANOTHER_STORE: &str = "belongs to another store";
const OF_ANOTHER_COPY: &str = "older, newer or other copy";
const ALONE: &str = "the file is missing or empty";

#[test]
fn file_and_log_of_any_moment_open_together() {
    let folder = Folder::new();
    let mut count = 0;
    // Logs that are begun anew every few commits, by the engine and by others, and kept long by a reader.
    for (pages, commits) in [(8, 40), (3, 9), (0, 12), (40, 30), (1, 1), (1, 2)] {
        let options = SqliteOptions::at(folder.path()).autocheckpoint_pages(pages);
        let db = Database::new(options.open().unwrap()).unwrap();
        Left::at(&folder.path()).assert_holds(count);
        let mut reader = None;
        for step in 0..commits {
            write(&db, count);
            count += 1;
            if step == commits / 3 {
                let theirs = Connection::open(folder.path()).unwrap();
                theirs
                    .execute_batch("CREATE TABLE IF NOT EXISTS theirs (a); PRAGMA wal_checkpoint(RESTART)")
                    .unwrap();
            }
            if step == commits / 2 {
                reader = Some(db.snapshot().unwrap());
            }
            Left::at(&folder.path()).assert_holds(count);
        }
        drop(reader);
        write(&db, count);
        count += 1;
        Left::at(&folder.path()).assert_holds(count);
        db.close().unwrap();
        Left::at(&folder.path()).assert_holds(count);
    }
}

#[test]
fn file_opens_after_a_process_that_ended_was_followed_by_others() {
    let folder = Folder::new();
    let mut left = run(&folder.path(), 0..5);
    for count in 5..25 {
        left.lay_out(&folder.path());
        match count % 4 {
            0 => drop(SqliteEngine::open(folder.path()).unwrap()),
            1 => {
                let theirs = Connection::open(folder.path()).unwrap();
                theirs.execute_batch("VACUUM; CREATE TABLE theirs (a); DROP TABLE theirs").unwrap();
            }
            _ => {}
        }
        left = run(&folder.path(), count..count + 1);
        left.assert_holds(count + 1);
    }
}

#[test]
fn checkpoint_that_was_broken_off_at_any_page_opens() {
    for earlier in [0, 6] {
        let folder = Folder::new();
        run(&folder.path(), 0..earlier);
        let options = SqliteOptions::at(folder.path()).autocheckpoint_pages(0);
        let db = Database::new(options.open().unwrap()).unwrap();
        (earlier..30).for_each(|number| write(&db, number));
        let before = Left::at(&folder.path());
        Connection::open(folder.path()).unwrap().execute_batch("PRAGMA wal_checkpoint").unwrap();
        let after = Left::at(&folder.path());
        assert!(before.log == after.log && before.file != after.file);
        for cut in (0..=after.file.len()).step_by(8192) {
            let mut file = after.file[..cut].to_vec();
            file.extend_from_slice(before.file.get(cut..).unwrap_or_default());
            Left { file, log: before.log.clone() }.assert_holds(30);
        }
    }
}

#[test]
fn log_of_another_store_is_refused() {
    let (ours, theirs) = (Folder::new(), Folder::new());
    run(&ours.path(), 0..1);
    let mut number = 1;
    for count in [1, 2, 40] {
        let left = run(&ours.path(), number..number + count);
        run(&theirs.path(), 0..20);
        let foreign = run(&theirs.path(), 20..20 + count);
        Left { log: foreign.log, ..left }.assert_refused(OF_ANOTHER_STORE);
        number += count;
    }
}

#[test]
fn log_with_pages_of_another_length_is_refused() {
    let folder = Folder::new();
    run(&folder.path(), 0..10);
    let left = run(&folder.path(), 10..20);
    let path = folder.path().with_extension("small.db");
    let db = Database::new(SqliteOptions::at(&path).page_bytes(4096).open().unwrap()).unwrap();
    write(&db, 0);
    db.close().unwrap();
    let db = Database::new(SqliteOptions::at(&path).page_bytes(4096).open().unwrap()).unwrap();
    (0..10).for_each(|number| write(&db, number));
    let foreign = Left::at(&path);
    Left { log: foreign.log.clone(), file: left.file.clone() }.assert_refused(OF_ANOTHER_STORE);
    Left { log: left.log, file: foreign.file }.assert_refused(OF_ANOTHER_STORE);
}

#[test]
fn older_copy_of_the_file_under_a_newer_log_is_refused() {
    let folder = Folder::new();
    let mut count = 0;
    let mut older = Vec::new();
    for commits in [3, 1, 12, 2] {
        run(&folder.path(), count..count + commits);
        count += commits;
        older.push(fs::read(folder.path()).unwrap());
    }
    let newer = run(&folder.path(), count..count + 1);
    assert!(older.pop() == Some(newer.file.clone()), "the last one is the one beneath the log");
    for file in older {
        Left { file, ..newer.clone() }.assert_refused(OF_ANOTHER_COPY);
    }
    newer.assert_holds(count + 1);
}

#[test]
fn older_copy_is_refused_after_the_log_was_begun_anew() {
    let folder = Folder::new();
    let options = SqliteOptions::at(folder.path()).autocheckpoint_pages(40);
    let db = Database::new(options.open().unwrap()).unwrap();
    (0..3).for_each(|number| write(&db, number));
    let older = Left::at(&folder.path());
    let (mut left, mut count) = (older.clone(), 3);
    loop {
        write(&db, count);
        count += 1;
        let before = std::mem::replace(&mut left, Left::at(&folder.path()));
        // The first commit of a log may say nothing of it.
        if left.salts() == before.salts() && left.salts() != older.salts() {
            break;
        }
    }
    left.assert_holds(count);
    Left { log: left.log, ..older }.assert_refused(OF_ANOTHER_COPY);
}

#[test]
fn older_log_beside_a_newer_file_is_refused() {
    let folder = Folder::new();
    let older = run(&folder.path(), 0..10);
    run(&folder.path(), 10..11);
    Left { file: fs::read(folder.path()).unwrap(), ..older }.assert_refused(OF_ANOTHER_COPY);
}

#[test]
fn log_of_another_copy_is_refused() {
    let (one, other) = (Folder::new(), Folder::new());
    run(&one.path(), 0..10);
    fs::copy(one.path(), other.path()).unwrap();
    for path in [one.path(), other.path()] {
        run(&path, 10..20);
    }
    let (one, other) = (run(&one.path(), 20..30), run(&other.path(), 20..30));
    one.assert_holds(30);
    Left { log: other.log, ..one }.assert_refused(OF_ANOTHER_COPY);
}

#[test]
fn log_without_its_file_is_refused_and_kept() {
    let folder = Folder::new();
    let left = run(&folder.path(), 0..10);
    Left { file: Vec::new(), ..left.clone() }.assert_refused(ALONE);
    left.lay_out(&folder.path());
    fs::remove_file(folder.path()).unwrap();
    for options in [SqliteOptions::at(folder.path()), SqliteOptions::at(folder.path()).read_only()] {
        let error = options.open().expect_err("it is refused");
        assert!(error.kind() == Kind::Invalid && error.to_string().contains(ALONE), "{error}");
        assert!(!folder.path().exists() && fs::read(log_of(&folder.path())).unwrap() == left.log);
    }
    fs::write(folder.path(), &left.file).unwrap();
    assert_eq!(counted(&open(&folder.path())), 10);
}

#[test]
fn log_that_is_moved_away_leaves_the_file_as_it_was_closed() {
    let (ours, theirs) = (Folder::new(), Folder::new());
    run(&ours.path(), 0..10);
    fs::write(log_of(&ours.path()), run(&theirs.path(), 0..5).log).unwrap();
    SqliteEngine::open(ours.path()).expect_err("the log is another store's");
    fs::remove_file(log_of(&ours.path())).unwrap();
    assert_eq!(counted(&open(&ours.path())), 10);
}
