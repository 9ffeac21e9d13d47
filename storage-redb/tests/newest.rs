//! The view that readers share: none is older than a commit that returned, and none is kept longer than it is newest.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use storage_core::engine::{Commit, Compact, Intent, Snapshot, StorageStatistics};
use storage_core::{Batch, Change, Durability, Engine, Key, Keyspace, Payload, Record, Stamp, Value, Write};
use storage_redb::RedbEngine;

const COMMITS: u64 = 4_000;
const READERS: usize = 3;
const KEY: &[u8] = b"number";

fn commit(engine: &RedbEngine, keyspaces: &[Keyspace], value: &[u8], durability: Durability) {
    let record = || Record { stamp: Stamp::unverified(), value: Payload::new(value) };
    let write = |keyspace: &Keyspace| Write {
        keyspace: *keyspace,
        key: Key::from(KEY),
        change: Change::Put(record()),
    };
    let mut batch = Batch::default();
    batch.writes = keyspaces.iter().map(write).collect();
    engine.commit(Commit::new(&batch, durability)).unwrap();
}

fn number<V: Value>(record: Option<Record<V>>) -> u64 {
    record.map_or(0, |record| u64::from_be_bytes(record.value.as_ref().try_into().unwrap()))
}

fn keyspaces() -> [Keyspace; 2] {
    let mut both = ["newest", "twin"].map(|name| Keyspace::new(name).unwrap());
    both.sort();
    both
}

#[test]
fn no_reader_sees_less_than_what_had_returned_or_what_was_seen() {
    let directory = tempfile::tempdir().unwrap();
    let engine = RedbEngine::open(directory.path().join("store.redb")).unwrap();
    let both = keyspaces();
    let (returned, seen, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for reader in 0..READERS {
            let (engine, returned, seen, ended) = (&engine, &returned, &seen, &ended);
            scope.spawn(move || {
                let mut round = reader;
                while !ended.load(Ordering::SeqCst) {
                    // What any reader saw, any later read sees, whichever way either of them reads.
                    let least = returned.load(Ordering::SeqCst).max(seen.load(Ordering::SeqCst));
                    let found = if round % 2 == 0 {
                        number(engine.get(both[round % 4 / 2], KEY).unwrap())
                    } else {
                        let snapshot = engine.snapshot(Intent::Read).unwrap();
                        let found = both.map(|keyspace| number(snapshot.get(keyspace, KEY).unwrap()));
                        assert_eq!(found[0], found[1], "a commit was seen in part");
                        found[0]
                    };
                    assert!(found >= least, "{found} was read after {least} had been");
                    seen.fetch_max(found, Ordering::SeqCst);
                    round += 1;
                }
            });
        }
        for value in 1..=COMMITS {
            let durability = if value % 100 == 0 { Durability::Sync } else { Durability::Deferred };
            commit(&engine, &both, &value.to_be_bytes(), durability);
            returned.store(value, Ordering::SeqCst);
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert!(seen.load(Ordering::SeqCst) > 0, "no reader ran beside the writer");
    assert_eq!(number(engine.get(both[0], KEY).unwrap()), COMMITS);
    engine.compact().expect("nobody reads any more, so no view is in the way");
}

#[test]
fn reads_between_commits_hold_no_pages_back() {
    let directory = tempfile::tempdir().unwrap();
    let engine = RedbEngine::open(directory.path().join("store.redb")).unwrap();
    let both = keyspaces();
    let value = vec![7; 1 << 20];
    for _ in 0..40 {
        commit(&engine, &both, &value, Durability::Sync);
        assert!(engine.get(both[0], KEY).unwrap().is_some());
    }
    let disk = engine.storage_statistics().unwrap().disk_bytes.unwrap();
    assert!(disk < 16 << 20, "{disk} bytes on disk for two values of a MiB");
}
