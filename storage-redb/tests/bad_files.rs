//! Files that are foreign, cut, damaged, held by another process or out of room: one typed error each, never a wrong
//! value, and what was good stays as it was.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use storage_core::{
    Attributes, Database, Direction, Durability, Error, KeyRange, Keyspace, Kind, Result, TransactOptions,
};
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

/// What came of reading every record: how many were there. Panics at a value that was never put.
fn read_all(path: &Path) -> Result<Found> {
    let db = open(path)?;
    let snapshot = db.snapshot()?;
    let mut found = Found::default();
    let mut range = snapshot.range(notes(), &KeyRange::all(), Direction::Forward)?;
    loop {
        let named = |error: Error| match error.kind() == Kind::Corrupt && error.key().is_some() {
            true => Ok(()),
            false => Err(error),
        };
        match range.next() {
            Ok(None) => return Ok(found),
            Ok(Some(mut entry)) => match entry.pair() {
                Ok((key, stored)) => {
                    let record = u32::from_be_bytes(key.try_into().expect("no other key was put"));
                    assert_eq!(stored, value(record).as_bytes(), "record {record}");
                    found.records += 1;
                }
                Err(error) => {
                    named(error)?;
                    found.corrupt += 1;
                }
            },
            Err(error) => {
                named(error)?;
                found.corrupt += 1;
            }
        }
    }
}

#[derive(Debug, Default)]
struct Found {
    records: u32,
    /// Records that were named as damaged.
    corrupt: u32,
}

/// How a damaged file was taken.
#[derive(Debug, Default)]
struct Taken {
    whole: u32,
    records_named: u32,
    refused: u32,
    /// Records that were missing without a word. redb keeps no checksum that is looked at when a page is read.
    missing: u32,
}

impl Taken {
    fn note(&mut self, what: &str, outcome: Result<Found>) {
        match outcome {
            Ok(found) if found.records == RECORDS => self.whole += 1,
            Ok(found) => {
                self.records_named += u32::from(found.corrupt > 0);
                self.missing += RECORDS.saturating_sub(found.records + found.corrupt);
            }
            Err(error) => {
                let expected = [Kind::Corrupt, Kind::Invalid, Kind::Unavailable];
                assert!(expected.contains(&error.kind()), "{what}: {error:?}");
                self.refused += 1;
            }
        }
    }
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

#[test]
fn file_that_was_cut_is_whole_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let whole = good(&directory.path().join("good.redb"));
    let path = directory.path().join("cut.redb");
    let mut taken = Taken::default();
    let lengths = (0..64).map(|part| whole.len() * part / 64).chain([1, 9, 64, 128, 511, 512, 4095, 4096]);
    for len in lengths.filter(|len| *len > 0) {
        fs::write(&path, &whole[..len]).unwrap();
        taken.note(&format!("cut to {len}"), read_all(&path));
    }
    assert_eq!((taken.records_named, taken.missing), (0, 0), "{taken:?}");
    assert!(taken.refused > 60, "{taken:?}");
}

#[test]
fn flipped_bits_never_become_values() {
    let directory = tempfile::tempdir().unwrap();
    let whole = good(&directory.path().join("good.redb"));
    let path = directory.path().join("flipped.redb");
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let mut taken = Taken::default();
    for at in (0..used).step_by((used / 400).max(1)) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, damaged).unwrap();
        taken.note(&format!("bit {} of byte {at}", at % 8), read_all(&path));
    }
    println!("{taken:?}");
    assert!(taken.records_named > 0 && taken.whole > 0, "{taken:?}");
}

#[test]
fn zeroed_and_swapped_pages_never_become_values() {
    const PAGE: usize = 4096;
    let directory = tempfile::tempdir().unwrap();
    let whole = good(&directory.path().join("good.redb"));
    let path = directory.path().join("paged.redb");
    let used: Vec<_> = (0..whole.len() / PAGE)
        .filter(|page| whole[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0))
        .collect();
    let mut taken = Taken::default();
    for (place, page) in used.iter().enumerate() {
        let mut zeroed = whole.clone();
        zeroed[page * PAGE..][..PAGE].fill(0);
        fs::write(&path, zeroed).unwrap();
        taken.note(&format!("page {page} zeroed"), read_all(&path));
        let other = used[(place + 1) % used.len()];
        let mut swapped = whole.clone();
        swapped[page * PAGE..][..PAGE].copy_from_slice(&whole[other * PAGE..][..PAGE]);
        fs::write(&path, swapped).unwrap();
        taken.note(&format!("page {page} replaced by {other}"), read_all(&path));
    }
    println!("{taken:?}");
    assert!(taken.refused > 0, "{taken:?}");
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
