//! What no snapshot reads is freed, and nothing else is.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Batch, Change, Direction, Durability, Engine, Key, KeyRange, Keyspace, Payload, Record, Stamp, Write,
};
use storage_mem::{MemEngine, MemSnapshot};

fn commit(engine: &MemEngine, batch: &Batch) {
    engine.commit(Commit::new(batch, Durability::Sync)).unwrap();
}

fn put(keyspace: Keyspace, key: &[u8], value: &[u8]) -> Write {
    let change = Change::Put(Record { stamp: Stamp::unverified(), value: Payload::new(value) });
    Write { keyspace, key: Key::from(key), change }
}

fn delete(keyspace: Keyspace, key: &[u8]) -> Write {
    Write { keyspace, key: Key::from(key), change: Change::Delete }
}

fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    let mut batch = Batch::default();
    batch.writes.extend(writes);
    batch
}

/// A keyspace of data and one of derived records: their versions stand in different places.
fn keyspaces() -> [Keyspace; 2] {
    let data = Keyspace::new("trimmed").unwrap();
    [data, data.derived("index").unwrap()]
}

fn snapshot(engine: &MemEngine) -> MemSnapshot {
    engine.snapshot(Intent::Read).unwrap()
}

/// How many versions there are beyond one a record.
fn surplus(engine: &MemEngine) -> u64 {
    let statistics = engine.statistics();
    statistics.versions - statistics.records
}

#[test]
fn an_overwritten_version_goes_with_its_commit() {
    let engine = MemEngine::new();
    for keyspace in keyspaces() {
        for round in 0..10_u8 {
            commit(&engine, &batch([put(keyspace, b"a", &[round; 100])]));
            commit(&engine, &batch([put(keyspace, b"a", &[round; 100]), put(keyspace, b"b", &[round; 50])]));
        }
    }
    let statistics = engine.statistics();
    assert_eq!((statistics.records, statistics.versions, statistics.bytes), (4, 4, 2 * 152));
}

#[test]
fn one_long_snapshot_keeps_one_version_of_a_record() {
    let engine = MemEngine::new();
    for keyspace in keyspaces() {
        commit(&engine, &batch([put(keyspace, b"a", b"first")]));
        let long = snapshot(&engine);
        for round in 0..100_u8 {
            let short = snapshot(&engine);
            commit(&engine, &batch([put(keyspace, b"a", &[round]), put(keyspace, b"b", &[round])]));
            drop(short);
            commit(&engine, &batch([put(keyspace, b"a", &[round])]));
        }
        assert_eq!(surplus(&engine), 1);
        assert_eq!(&*long.get(keyspace, b"a").unwrap().unwrap().value, b"first");
        assert!(long.get(keyspace, b"b").unwrap().is_none());
        drop(long);
        assert_eq!(surplus(&engine), 0);
    }
}

#[test]
fn a_deleted_record_goes_with_the_last_snapshot_that_sees_it() {
    let engine = MemEngine::new();
    for keyspace in keyspaces() {
        commit(&engine, &batch([put(keyspace, b"a", b"value")]));
        let (first, second) = (snapshot(&engine), snapshot(&engine));
        commit(&engine, &batch([delete(keyspace, b"a")]));
        let later = snapshot(&engine);
        drop(first);
        assert_eq!(&*second.get(keyspace, b"a").unwrap().unwrap().value, b"value");
        drop(second);
        let statistics = engine.statistics();
        assert_eq!((statistics.records, statistics.versions, statistics.bytes), (0, 0, 0));
        assert!(later.get(keyspace, b"a").unwrap().is_none());
    }
}

#[test]
fn a_large_debt_is_paid_by_later_commits() {
    const RECORDS: u32 = 6_000;
    let engine = MemEngine::new();
    let [data, derived] = keyspaces();
    let keys: Vec<_> = (0..RECORDS).map(u32::to_be_bytes).collect();
    let all = |keyspace| keys.iter().map(move |key| put(keyspace, key, b"value"));
    commit(&engine, &batch(all(data).chain(all(derived))));
    let before = snapshot(&engine);
    let mut clear = Batch::default();
    clear.range_deletes.extend([(data, KeyRange::all()), (derived, KeyRange::all())]);
    commit(&engine, &clear);
    drop(before);
    let owed = surplus(&engine);
    assert!(owed < u64::from(RECORDS) * 4, "a part is paid at once: {owed} versions are owed");
    (0..20).for_each(|_| commit(&engine, &batch([put(data, b"other", b"value")])));
    assert_eq!(surplus(&engine), 0);
    assert_eq!(engine.statistics().records, 1);
}

type Model = BTreeMap<(usize, u8), Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    /// Ranges that go, then keys that are put or deleted: of a keyspace, by its number.
    Commit(Vec<(usize, u8, u8)>, BTreeMap<(usize, u8), Option<u8>>),
    Snapshot,
    Drop(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let write = ((0..2_usize, 0..24_u8), prop::option::weighted(0.7, any::<u8>()));
    let commit = prop_oneof![
        3 => (Just(vec![]), prop::collection::btree_map(write.0.clone(), write.1.clone(), 1..2)),
        3 => (Just(vec![]), prop::collection::btree_map(write.0.clone(), write.1.clone(), 2..12)),
        1 => (
            prop::collection::vec((0..2_usize, 0..24_u8, 0..24_u8), 1..3),
            prop::collection::btree_map(write.0, write.1, 0..4),
        ),
    ];
    prop_oneof![
        4 => commit.prop_map(|(ranges, writes)| Step::Commit(ranges, writes)),
        1 => Just(Step::Snapshot),
        1 => any::<prop::sample::Index>().prop_map(Step::Drop),
    ]
}

fn apply(model: &mut Model, ranges: &[(usize, u8, u8)], writes: &BTreeMap<(usize, u8), Option<u8>>) -> Batch {
    let keyspaces = keyspaces();
    let mut batch = Batch::default();
    for &(keyspace, one, other) in ranges {
        let (start, end) = (one.min(other), one.max(other));
        model.retain(|&(space, key), _| space != keyspace || key < start || key >= end);
        batch.range_deletes.push((keyspaces[keyspace], KeyRange::of([start]..[end]).unwrap()));
    }
    for (&(keyspace, key), value) in writes {
        match value {
            Some(value) => {
                model.insert((keyspace, key), vec![*value]);
                batch.writes.push(put(keyspaces[keyspace], &[key], &[*value]));
            }
            None => {
                model.remove(&(keyspace, key));
                batch.writes.push(delete(keyspaces[keyspace], &[key]));
            }
        }
    }
    batch
}

/// Everything that a snapshot sees: by ranges in both directions, and by every key.
fn seen(snapshot: &MemSnapshot) -> Model {
    let mut seen = Model::new();
    for (number, keyspace) in keyspaces().into_iter().enumerate() {
        let read = |direction| {
            let mut cursor = snapshot.range(keyspace, &KeyRange::all(), direction).unwrap();
            let mut records = Vec::new();
            while cursor.advance().unwrap() {
                let key = (number, cursor.key()[0]);
                records.push((key, cursor.value().unwrap().as_ref().to_vec()));
            }
            records
        };
        let (forward, mut reverse) = (read(Direction::Forward), read(Direction::Reverse));
        reverse.reverse();
        assert_eq!(forward, reverse);
        let by_key = (0..24).filter_map(|key| {
            let record = snapshot.get(keyspace, &[key]).unwrap()?;
            Some(((number, key), record.value.to_vec()))
        });
        assert_eq!(by_key.collect::<Vec<_>>(), forward);
        seen.extend(forward);
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn snapshots_keep_what_they_saw_and_nothing_else_stays(steps in prop::collection::vec(step(), 1..60)) {
        let engine = MemEngine::new();
        let mut model = Model::new();
        let mut snapshots: Vec<(MemSnapshot, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Commit(ranges, writes) => commit(&engine, &apply(&mut model, &ranges, &writes)),
                Step::Snapshot => snapshots.push((snapshot(&engine), model.clone())),
                Step::Drop(which) if !snapshots.is_empty() => {
                    drop(snapshots.swap_remove(which.index(snapshots.len())));
                }
                Step::Drop(_) => {}
            }
            for (snapshot, model) in &snapshots {
                prop_assert_eq!(&seen(snapshot), model);
            }
            prop_assert_eq!(&seen(&snapshot(&engine)), &model);
            let statistics = engine.statistics();
            prop_assert_eq!(statistics.records, model.len() as u64);
            // A record has its newest version, or a tombstone, and at most one for each snapshot.
            let most: usize = snapshots.iter().map(|(_, model)| 2 * model.len()).sum();
            prop_assert!(statistics.versions <= (model.len() + most) as u64);
        }
        snapshots.clear();
        let statistics = engine.statistics();
        prop_assert_eq!((statistics.records, statistics.versions), (model.len() as u64, model.len() as u64));
    }
}
