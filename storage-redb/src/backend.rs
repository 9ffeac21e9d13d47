//! What survives a power cut, and what costs a sync: the engine on a disk that keeps what had been synced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage_conformance::crash::{Call, Image, Manner, SimDisk, leavings, random};
use storage_core::engine::{Commit, Intent, Snapshot};
use storage_core::journal::Disk;
use storage_core::{
    Batch, Change, Direction, Durability, Engine, Key, KeyRange, Keyspace, Payload, Record, Stamp, Write,
};

use crate::crash::SimBackend;
use crate::disk;
use crate::engine::RedbEngine;
use crate::options::{QuickRepair, RedbOptions, Settings};

const FILE: &str = "crashed.redb";

struct Store {
    /// Where the file lies that a power cut leaves.
    _directory: tempfile::TempDir,
    settings: Settings,
    engine: RedbEngine,
    disk: SimDisk,
}

impl Store {
    fn new(quick_repair: QuickRepair) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = RedbOptions::at(directory.path().join(FILE)).open().unwrap().settings().clone();
        settings.quick_repair = quick_repair;
        let disk = SimDisk::new(Image::new());
        let backend = SimBackend(disk.file(FILE).unwrap());
        disk.sync_directory().unwrap();
        let file = disk::open_on(backend, &settings).unwrap();
        let engine = RedbEngine::assemble(file, settings.clone()).unwrap();
        Store { _directory: directory, settings, engine, disk }
    }

    fn put(&self, key: &str, durability: Durability) {
        let record = Record { stamp: Stamp::unverified(), value: Payload::new(key.as_bytes()) };
        let mut batch = Batch::default();
        batch.writes =
            vec![Write { keyspace: notes(), key: Key::from(key.as_bytes()), change: Change::Put(record) }];
        self.engine.commit(Commit::new(&batch, durability)).unwrap();
    }

    fn syncs(&self) -> usize {
        self.disk.calls().iter().filter(|call| matches!(call, Call::Sync { .. })).count()
    }

    /// Leaves the file as a power cut at this moment does.
    fn crash(&self) {
        let (start, calls) = (self.disk.start(), self.disk.calls());
        let left = leavings(&start, &calls, Manner::Dropped, &mut random(1));
        std::fs::write(&self.settings.path, &left[FILE]).unwrap();
    }

    /// The keys that are there after a power cut at this moment.
    fn survivors(&self) -> Vec<String> {
        self.crash();
        keys(&RedbOptions::at(&self.settings.path).must_exist().open().unwrap())
    }

    /// Whether opening after a power cut at this moment reads the whole file.
    fn is_repaired(&self) -> bool {
        self.crash();
        let repaired = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&repaired);
        let mut builder = redb::Builder::new();
        builder.set_repair_callback(move |_| told.store(true, Ordering::SeqCst));
        drop(builder.open(&self.settings.path).unwrap());
        repaired.load(Ordering::SeqCst)
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn keys(engine: &RedbEngine) -> Vec<String> {
    use storage_core::engine::Cursor;
    let snapshot = engine.snapshot(Intent::Read).unwrap();
    let mut cursor = snapshot.range(notes(), &KeyRange::all(), Direction::Forward).unwrap();
    let mut keys = Vec::new();
    while cursor.advance().unwrap() {
        keys.push(String::from_utf8(cursor.key().to_vec()).unwrap());
    }
    keys
}

#[test]
fn sync_commit_is_there_after_a_power_cut() {
    let store = Store::new(QuickRepair::AtSync);
    let before = store.syncs();
    store.put("a", Durability::Sync);
    assert!(store.syncs() > before);
    assert_eq!(store.survivors(), ["a"]);
}

#[test]
fn sync_commit_takes_the_deferred_ones_before_it_along() {
    let store = Store::new(QuickRepair::AtSync);
    store.put("a", Durability::Deferred);
    store.put("b", Durability::Deferred);
    store.put("c", Durability::Sync);
    store.put("d", Durability::Deferred);
    assert_eq!(store.survivors(), ["a", "b", "c"]);
}

#[test]
fn deferred_commits_cost_no_sync_and_sync_saves_them() {
    let store = Store::new(QuickRepair::AtSync);
    store.put("a", Durability::Sync);
    let before = store.syncs();
    store.put("b", Durability::Deferred);
    store.put("c", Durability::Deferred);
    assert_eq!(store.syncs(), before);
    assert_eq!(store.survivors(), ["a"], "a crash takes the end, whole");
    store.engine.sync().unwrap();
    assert!(store.syncs() > before, "the file was not synced");
    assert_eq!(store.survivors(), ["a", "b", "c"]);
    assert_eq!(keys(&store.engine), ["a", "b", "c"]);
}

#[test]
fn close_makes_deferred_commits_durable() {
    let store = Store::new(QuickRepair::AtSync);
    store.put("a", Durability::Deferred);
    store.engine.close().unwrap();
    assert_eq!(store.survivors(), ["a"]);
}

#[test]
fn quick_repair_is_saved_where_it_was_asked_for() {
    let store = Store::new(QuickRepair::AtSync);
    store.put("a", Durability::Sync);
    assert!(store.is_repaired());
    store.engine.sync().unwrap();
    assert!(!store.is_repaired());
    store.put("b", Durability::Sync);
    assert!(store.is_repaired());
    let store = Store::new(QuickRepair::EveryCommit);
    store.put("a", Durability::Sync);
    assert!(!store.is_repaired());
}
