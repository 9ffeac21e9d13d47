//! Two processes on one file: neither loses what the other wrote, nor draws a number twice.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::env;
use std::path::Path;
use std::process::{Child, Command};

use storage_core::{Database, Direction, KeyRange, Keyspace, Result, Sequence};
use storage_sqlite::SqliteEngine;

/// Tells a process that it is the other one, and which file it writes.
const FILE: &str = "STORAGE_SQLITE_SHARED_FILE";

/// So many transactions of each kind a process commits.
const STEPS: u64 = 60;

/// So many processes besides the first.
const OTHERS: u64 = 2;

fn counters() -> Keyspace {
    Keyspace::new("counters").unwrap()
}

/// Adds to one number by reading it, to another without, and draws from a sequence.
fn work(path: &Path) -> Result<()> {
    let db = Database::new(SqliteEngine::open(path)?)?;
    let sequence = Sequence::new(counters(), b"sequence")?;
    for _ in 0..STEPS {
        db.transact(|txn| {
            let before =
                txn.get(counters(), "read")?.map_or(0, |sum| u64::from_be_bytes((*sum).try_into().unwrap()));
            txn.put(counters(), "read", (before + 1).to_be_bytes())
        })?;
        let mut ticket = None;
        let outcome = db.transact(|txn| {
            ticket = Some(txn.next(&sequence)?);
            txn.add(counters(), "added", 1)
        })?;
        let number = outcome.number(ticket.unwrap());
        db.transact(|txn| {
            assert!(txn.get(Keyspace::new("drawn")?, number.to_be_bytes())?.is_none(), "{number} came twice");
            txn.put(Keyspace::new("drawn")?, number.to_be_bytes(), std::process::id().to_be_bytes())
        })?;
    }
    db.close()
}

fn other(path: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["processes_lose_nothing_of_each_other", "--exact", "--nocapture"]);
    command.env(FILE, path).spawn().unwrap()
}

#[test]
fn processes_lose_nothing_of_each_other() {
    if let Some(path) = env::var_os(FILE) {
        return work(Path::new(&path)).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let others: Vec<_> = (0..OTHERS).map(|_| other(&path)).collect();
    work(&path).unwrap();
    for mut other in others {
        assert!(other.wait().unwrap().success(), "another process failed");
    }
    let db = Database::new(SqliteEngine::open(&path).unwrap()).unwrap();
    let all = STEPS * (OTHERS + 1);
    let read = db.get(counters(), "read").unwrap().unwrap();
    assert_eq!(u64::from_be_bytes((*read).try_into().unwrap()), all);
    assert_eq!(db.counter(counters(), "added").unwrap(), i64::try_from(all).unwrap());
    let drawn = Keyspace::new("drawn").unwrap();
    let records = db.snapshot().unwrap().range(drawn, &KeyRange::all(), Direction::Forward).unwrap().to_vec();
    let records = records.unwrap();
    assert!(records.iter().zip(0_u64..).all(|((key, _), number)| key.as_slice() == number.to_be_bytes()));
    assert_eq!(records.len() as u64, all);
    let mut writers: Vec<_> = records.into_iter().map(|(_, writer)| writer).collect();
    writers.sort();
    writers.dedup();
    assert_eq!(writers.len() as u64, OTHERS + 1, "every process wrote");
}
