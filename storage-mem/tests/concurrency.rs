//! Readers beside a writer: no commit is ever seen in part, and nothing that is there is missed.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Batch, Change, Direction, Durability, Engine, Key, KeyRange, Keyspace, Payload, Record, Stamp, Write,
};
use storage_mem::{MemEngine, MemSnapshot};

const COMMITS: u64 = 30_000;
/// Keys that come and go around those that are always there.
const PASSING: u64 = 400;

fn write(keyspace: Keyspace, key: &[u8], value: Option<u64>) -> Write {
    let record =
        |value: u64| Record { stamp: Stamp::unverified(), value: Payload::new(&value.to_be_bytes()) };
    let change = value.map_or(Change::Delete, |value| Change::Put(record(value)));
    Write { keyspace, key: Key::from(key), change }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

fn commit(engine: &MemEngine, mut writes: Vec<Write>) {
    writes.sort_by(|one, other| (one.keyspace, &one.key).cmp(&(other.keyspace, &other.key)));
    let mut batch = Batch::default();
    batch.writes = writes;
    engine.commit(Commit::new(&batch, Durability::Sync)).unwrap();
}

struct Names {
    data: Keyspace,
    derived: Keyspace,
}

impl Names {
    fn new() -> Self {
        let data = Keyspace::new("concurrent").unwrap();
        Names { data, derived: data.derived("index").unwrap() }
    }
}

/// The keys that every commit sets to its number: they stand between those that pass.
const CONSTANT: [&[u8]; 2] = [b"passing 0150 constant", b"passing 0300 constant"];

fn passing(number: u64) -> Vec<u8> {
    format!("passing {:04}", number % PASSING).into_bytes()
}

/// Every commit writes its number to all constant keys, and puts or deletes a few keys around them. Some commits are a
/// single put to a key of their own, which is done in another way.
fn run_writer(engine: &MemEngine, names: &Names) {
    for round in 1..=COMMITS {
        if round % 3 == 0 {
            commit(engine, vec![write(names.data, b"single", Some(round))]);
            continue;
        }
        let mut writes = Vec::new();
        for keyspace in [names.data, names.derived] {
            writes.extend(CONSTANT.map(|key| write(keyspace, key, Some(round))));
            let value = (round / PASSING).is_multiple_of(2).then_some(round);
            writes.push(write(keyspace, &passing(round * 7), value));
        }
        commit(engine, writes);
    }
}

/// All that a snapshot shows agrees, whichever way it is read. Returns the commits that it shows, of both kinds.
fn check_snapshot(snapshot: &MemSnapshot, names: &Names) -> (u64, u64) {
    let read = |keyspace, key: &[u8]| {
        number(&snapshot.get(keyspace, key).unwrap().expect("it is always there").value)
    };
    let single = read(names.data, b"single");
    let round = read(names.data, CONSTANT[0]);
    for keyspace in [names.data, names.derived] {
        for direction in [Direction::Forward, Direction::Reverse] {
            let mut cursor = snapshot.range(keyspace, &KeyRange::prefix(b"passing"), direction).unwrap();
            let (mut constants, mut last) = (0, None);
            while cursor.advance().unwrap() {
                let key = cursor.key().to_vec();
                let value = number(cursor.value().unwrap().as_ref());
                assert!(value <= round, "a version of a later commit was seen");
                if CONSTANT.contains(&&key[..]) {
                    assert_eq!(value, round, "a commit was seen in part");
                    constants += 1;
                }
                let is_in_order = last.as_ref().is_none_or(|last| match direction {
                    Direction::Forward => *last < key,
                    Direction::Reverse => *last > key,
                });
                assert!(is_in_order, "{last:?} came before {key:?}");
                last = Some(key);
            }
            assert_eq!(constants, CONSTANT.len(), "a range missed a record");
        }
        CONSTANT.iter().for_each(|key| assert_eq!(read(keyspace, key), round));
    }
    assert_eq!(read(names.data, b"single"), single);
    assert!(single == round + 1 || single == round - round % 3, "commit {single} was seen beside {round}");
    (round, single)
}

#[test]
fn readers_see_whole_commits_and_miss_nothing() {
    let engine = MemEngine::new();
    let names = Names::new();
    let first =
        [names.data, names.derived].into_iter().flat_map(|keyspace| CONSTANT.map(|key| (keyspace, key)));
    let first = first.map(|(keyspace, key)| write(keyspace, key, Some(0)));
    commit(&engine, first.chain([write(names.data, b"single", Some(0))]).collect());

    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            run_writer(&engine, &names);
            ended.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            let mut newest = (0, 0);
            while !ended.load(Ordering::Acquire) {
                let snapshot = engine.snapshot(Intent::Read).unwrap();
                let seen = check_snapshot(&snapshot, &names);
                assert!(seen >= newest, "a snapshot went back in time");
                // The same again, after commits went on: a snapshot does not move.
                thread::yield_now();
                assert_eq!(check_snapshot(&snapshot, &names), seen);
                newest = seen;
            }
        });
        scope.spawn(|| {
            let mut newest = [0; 5];
            while !ended.load(Ordering::Acquire) {
                let all = [names.data, names.derived]
                    .into_iter()
                    .flat_map(|keyspace| CONSTANT.map(|key| (keyspace, key)));
                for (newest, (keyspace, key)) in
                    newest.iter_mut().zip(all.chain([(names.data, &b"single"[..])]))
                {
                    let record = engine.get(keyspace, key).unwrap().expect("it is always there");
                    let round = number(&record.value);
                    assert!(round >= *newest, "a newest read went back in time");
                    *newest = round;
                }
            }
        });
    });
    commit(&engine, vec![write(names.data, b"single", Some(COMMITS))]);
    let statistics = engine.statistics();
    assert_eq!(statistics.versions, statistics.records, "a version stayed that nobody reads");
    assert_eq!(number(&engine.get(names.data, b"single").unwrap().unwrap().value), COMMITS);
}

/// One record under siege, so that the writer often waits for it: whatever it did before it waits would be seen.
#[test]
fn a_snapshot_does_not_move_with_a_lone_put() {
    let engine = MemEngine::new();
    let names = Names::new();
    commit(&engine, vec![write(names.data, b"single", Some(0))]);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..=COMMITS).for_each(|round| commit(&engine, vec![write(names.data, b"single", Some(round))]));
            ended.store(true, Ordering::Release);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Acquire) {
                    let snapshot = engine.snapshot(Intent::Read).unwrap();
                    let read = || number(&snapshot.get(names.data, b"single").unwrap().unwrap().value);
                    let first = read();
                    let newest = number(&engine.get(names.data, b"single").unwrap().unwrap().value);
                    assert_eq!(read(), first, "a snapshot moved");
                    assert!(newest >= first, "a newest read went back in time");
                }
            });
        }
    });
    assert_eq!(engine.statistics().versions, 1);
}

#[test]
fn commits_from_many_threads_take_turns() {
    const EACH: u64 = 3_000;
    let engine = MemEngine::new();
    let names = Names::new();
    thread::scope(|scope| {
        for writer in 0..4 {
            let (engine, names) = (&engine, &names);
            scope.spawn(move || {
                for round in 0..EACH {
                    let own = [writer as u8, (round % 100) as u8];
                    let held = engine.snapshot(Intent::Transact).unwrap();
                    let value = writer * EACH + round;
                    let keys = [
                        (names.data, b"shared one".as_slice()),
                        (names.data, b"shared two"),
                        (names.derived, &own),
                    ];
                    commit(engine, keys.map(|(keyspace, key)| write(keyspace, key, Some(value))).to_vec());
                    let seen = engine.snapshot(Intent::Read).unwrap();
                    let shared =
                        [b"shared one", b"shared two"].map(|key| seen.get(names.data, key).unwrap().unwrap());
                    assert_eq!(shared[0].value[..], shared[1].value[..]);
                    assert_eq!(number(&seen.get(names.derived, &own).unwrap().unwrap().value), value);
                    drop(held);
                }
            });
        }
    });
    commit(&engine, vec![write(names.data, b"last", Some(0))]);
    let statistics = engine.statistics();
    assert_eq!((statistics.records, statistics.versions), (2 + 400 + 1, 2 + 400 + 1));
}
