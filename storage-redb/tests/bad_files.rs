//! Files that are foreign, held by another process or out of room: one typed error each, and what was good stays as it
//! was.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use storage_core::{Attributes, Database, Durability, Keyspace, Kind, Result, TransactOptions};
use storage_redb::{RedbEngine, RedbOptions};

/// Tells a process that it is the child of a test here, and which file it works on.
const CHILD: &str = "STORAGE_REDB_CHILD";

const RECORDS: u32 = 200;

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn value(record: u32) -> String {
    format!("value {record} ").repeat(1 + record as usize % 9)
}

fn open(path: &Path) -> Result<Database<RedbEngine>> {
    Database::new(RedbEngine::open(path)?)
}

/// The bytes of a store with some records.
fn good(path: &Path) -> Vec<u8> {
    let db = open(path).unwrap();
    db.transact(|txn| {
        (0..RECORDS).try_for_each(|record| txn.put(notes(), record.to_be_bytes(), value(record)))
    })
    .unwrap();
    db.close().unwrap();
    fs::read(path).unwrap()
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let sqlite = [b"SQLite format 3\0".as_slice(), &[0; 4080]].concat();
    let noise: Vec<u8> = (0..8192_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let cases: [(&str, &[u8]); 5] = [
        ("text", b"a letter to nobody in particular"),
        ("one byte", b"r"),
        ("SQLite", &sqlite),
        ("noise", &noise),
        ("zeros", &[0; 4096]),
    ];
    for (what, bytes) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.redb");
        fs::write(&path, bytes).unwrap();
        for options in [RedbOptions::at(&path), RedbOptions::at(&path).read_only()] {
            let error = options.open().expect_err("it is no store");
            assert_eq!(error.kind(), Kind::Invalid, "{what}: {error:?}");
        }
        assert!(fs::read(&path).unwrap() == bytes, "{what} was changed");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{what} got company");
    }
}

#[test]
fn paths_that_are_no_file_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    good(&directory.path().join("store.redb"));
    let missing_parent = directory.path().join("nowhere/store.redb");
    let below_a_file = directory.path().join("store.redb/store.redb");
    let nul = directory.path().join("a\0b");
    let long = directory.path().join("x".repeat(300));
    for path in [directory.path().to_owned(), missing_parent, below_a_file, nul, long] {
        let error = RedbEngine::open(&path).expect_err("it is no file");
        assert_eq!(error.kind(), Kind::Invalid, "{}: {error:?}", path.display());
    }
}

/// Runs a test of this file again, as a child that works on `path`, with `limit` set by the shell before.
fn child(test: &str, path: &Path, limit: &str) -> Output {
    let script = format!("{limit} exec \"$0\" --exact {test} --nocapture");
    Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(env::current_exe().unwrap())
        .env(CHILD, path)
        .output()
        .unwrap()
}

fn child_path() -> Option<PathBuf> {
    env::var_os(CHILD).map(PathBuf::from)
}

fn said(output: &Output, what: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).contains(what)
}

#[test]
fn file_that_another_process_has_open_is_busy() {
    if let Some(path) = child_path() {
        let error = open(&path).expect_err("the parent has it open");
        println!("refused as {:?}", error.kind());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    good(&path);
    let held = open(&path).unwrap();
    let output = child("file_that_another_process_has_open_is_busy", &path, "");
    assert!(said(&output, "refused as Busy"), "{output:?}");
    held.put(notes(), "mine", "still").unwrap();
    held.close().unwrap();
    assert_eq!(open(&path).unwrap().get(notes(), "mine").unwrap().as_deref(), Some(b"still".as_slice()));
}

/// A file may not grow past what the shell allows, as on a disk that is full.
#[test]
fn full_disk_loses_nothing_and_leaves_the_store_readable() {
    if let Some(path) = child_path() {
        return fill_the_disk(&path);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    good(&path);
    // 512 bytes each by POSIX; a shell that counts in 1024 allows twice as much.
    let output = child(
        "full_disk_loses_nothing_and_leaves_the_store_readable",
        &path,
        "trap '' XFSZ; ulimit -f 16000;",
    );
    assert!(output.status.success(), "{output:?}");
    let db = open(&path).unwrap();
    let acknowledged = String::from_utf8_lossy(&output.stdout).matches("put ").count() as u64;
    assert!(acknowledged > 0, "{output:?}");
    for record in 0..acknowledged {
        let stored = db.get(notes(), record.to_be_bytes()).unwrap();
        assert_eq!(stored.map(|stored| stored.len()), Some(LARGE), "record {record}");
    }
    drop(db);
    let found = read_small(&path).unwrap();
    assert_eq!(found, RECORDS);
}

const LARGE: usize = 100_000;

fn read_small(path: &Path) -> Result<u32> {
    let db = open(path)?;
    let mut records = 0;
    for record in 0..RECORDS {
        let stored = db.get(notes(), record.to_be_bytes())?.expect("it was there before the disk was full");
        assert_eq!(&*stored, value(record).as_bytes());
        records += 1;
    }
    Ok(records)
}

/// Puts until there is no more room, tells each put that returned, and then reads and deletes.
fn fill_the_disk(path: &Path) {
    let db = open(path).unwrap();
    let large = vec![7; LARGE];
    let options = TransactOptions::from(Durability::Sync);
    let refused = (0_u64..10_000).find_map(|record| {
        let put = db.put_with(notes(), record.to_be_bytes(), &large, Attributes::new(), options);
        if put.is_ok() {
            println!("put {record}");
        }
        put.err()
    });
    let error = refused.expect("the room ends");
    assert!([Kind::Full, Kind::CommitUnknown].contains(&error.kind()), "{error:?}");
    // redb wants to be opened again after any failure of its file.
    drop(db);
    let db = open(path).unwrap();
    assert!(db.get(notes(), 0_u64.to_be_bytes()).unwrap().is_some());
    let deleted = db.delete(notes(), 9_999_u64.to_be_bytes());
    println!("deleting on a full disk: {:?}", deleted.map_err(|error| error.kind()));
    db.close().ok();
}
