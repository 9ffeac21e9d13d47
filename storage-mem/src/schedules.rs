//! The order of a commit under thousands of schedules: what readers of the newest state, and snapshots, see beside it.
//!
//! A schedule is chosen at random or by the PCT method of Burckhardt and others (ASPLOS 2010). Each claim has a control:
//! a reader that leaves out one step of its protocol, and must be found to see what nobody may see.
#![allow(clippy::unwrap_used, reason = "an error fails the test, and shuttle prints the schedule")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{JoinHandle, spawn};
use shuttle::{Config, Runner};
use storage_core::engine::{Cursor, Snapshot};
use storage_core::{
    Batch, Change, Direction, Key, KeyRange, Keyspace, Payload, Record, STAMP_LEN, Stamp, Write,
};

use crate::commit::Shared;
use crate::snapshot::MemSnapshot;
use crate::sync::{AtomicU64, Ordering};

/// How many schedules of each kind a test explores.
const SCHEDULES: usize = 1000;

/// From what the schedules follow.
const SEED: u64 = 595;

/// In how many places a PCT schedule switches on purpose: bugs of one more are found seldom.
const PCT_DEPTH: usize = 3;

fn explore(test: impl Fn() + Send + Sync + Clone + 'static) {
    explore_under(RandomScheduler::new_from_seed(SEED, SCHEDULES), test.clone());
    explore_under(PctScheduler::new_from_seed(SEED, PCT_DEPTH, SCHEDULES), test);
}

fn explore_under(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    Runner::new(scheduler, Config::new()).run(test);
}

/// Whether a test fails under some schedule.
fn is_found(test: impl Fn() + Send + Sync + 'static) -> bool {
    let scheduler = RandomScheduler::new_from_seed(SEED, SCHEDULES);
    catch_unwind(AssertUnwindSafe(|| explore_under(scheduler, test))).is_err()
}

/// A keyspace of either form: cells that a hash finds, and entries of an index.
fn keyspaces() -> [Keyspace; 2] {
    let data = Keyspace::new("scheduled").unwrap();
    [data, data.derived("entries").unwrap()]
}

fn put(keyspace: Keyspace, key: &str, number: u64) -> Write {
    let record =
        Record { stamp: Stamp::from_bytes([0; STAMP_LEN]), value: Payload::new(&number.to_le_bytes()) };
    Write { keyspace, key: Key::from(key.as_bytes()), change: Change::Put(record) }
}

fn delete(keyspace: Keyspace, key: &str) -> Write {
    Write { keyspace, key: Key::from(key.as_bytes()), change: Change::Delete }
}

fn commit(shared: &Shared, writes: impl IntoIterator<Item = Write>) {
    let mut batch = Batch::default();
    batch.writes = writes.into_iter().collect();
    shared.commit(&batch);
}

fn number(value: &[u8]) -> u64 {
    u64::from_le_bytes(value.try_into().unwrap())
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// How a reader of the newest state takes the clock.
#[derive(Clone, Copy)]
enum Clock {
    UnderTheLock,
    /// The control: what the clock showed before is replaced before it is read.
    Before,
}

fn newest(shared: &Shared, keyspace: Keyspace, key: &str, clock: Clock) -> Option<u64> {
    let space = shared.spaces.get(keyspace)?;
    let before = shared.now();
    let record = space.get(key.as_bytes(), || match clock {
        Clock::UnderTheLock => shared.now(),
        Clock::Before => before,
    });
    record.map(|record| number(&record.value))
}

/// Readers of the newest state beside one who puts: one record at a time, or among others.
fn newest_beside_puts(keyspace: Keyspace, others: usize, clock: Clock) {
    const ROUNDS: u64 = 3;
    let shared = Arc::new(Shared::default());
    commit(&shared, [put(keyspace, "a", 0)]);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let writer = {
        let (shared, acknowledged) = (Arc::clone(&shared), Arc::clone(&acknowledged));
        spawn(move || {
            for round in 1..=ROUNDS {
                let others = ["b", "c"].into_iter().take(others);
                commit(&shared, others.chain(["a"]).map(|key| put(keyspace, key, round)));
                acknowledged.store(round, Ordering::SeqCst);
            }
        })
    };
    let readers = [(); 2].map(|()| {
        let (shared, acknowledged) = (Arc::clone(&shared), Arc::clone(&acknowledged));
        spawn(move || {
            let mut last = 0;
            for _ in 0..ROUNDS {
                let least = acknowledged.load(Ordering::SeqCst).max(last);
                last = newest(&shared, keyspace, "a", clock).expect("it was there at every moment");
                assert!(last >= least, "{last} is older than {least}, which was acknowledged or seen");
            }
        })
    });
    join(readers.into_iter().chain([writer]));
}

#[test]
fn newest_value_is_neither_missing_nor_old() {
    for keyspace in keyspaces() {
        for others in [0, 2] {
            explore(move || newest_beside_puts(keyspace, others, Clock::UnderTheLock));
        }
    }
}

#[test]
fn clock_that_is_read_before_the_lock_is_found() {
    let [cells, _] = keyspaces();
    assert!(is_found(move || newest_beside_puts(cells, 0, Clock::Before)));
}

/// A view of one moment.
trait View: Send + 'static {
    fn take(shared: &Arc<Shared>) -> Self;

    /// Every record, by key.
    fn records(&self, keyspace: Keyspace) -> Vec<(String, u64)>;
}

const KEYS: [&str; 5] = ["alone", "here", "left", "right", "there"];

impl View for MemSnapshot {
    fn take(shared: &Arc<Shared>) -> Self {
        MemSnapshot::new(shared)
    }

    fn records(&self, keyspace: Keyspace) -> Vec<(String, u64)> {
        let mut records = Vec::new();
        let mut cursor = self.range(keyspace, &KeyRange::all(), Direction::Forward).unwrap();
        while cursor.advance().unwrap() {
            let key = String::from_utf8(cursor.key().to_vec()).unwrap();
            records.push((key, number(cursor.value().unwrap().as_ref())));
        }
        let found = KEYS.iter().filter_map(|key| {
            let record = self.get(keyspace, key.as_bytes()).unwrap()?;
            Some(((*key).to_owned(), number(record.value.as_ref())))
        });
        assert!(found.eq(records.iter().cloned()), "gets and a range of one snapshot differ: {records:?}");
        records
    }
}

/// The control: a number that no one knows of, so that what it sees may be taken away.
struct Unlisted(Arc<Shared>, u64);

impl View for Unlisted {
    fn take(shared: &Arc<Shared>) -> Self {
        Unlisted(Arc::clone(shared), shared.now())
    }

    fn records(&self, keyspace: Keyspace) -> Vec<(String, u64)> {
        let space = self.0.spaces.get(keyspace).unwrap();
        let found = KEYS.iter().filter_map(|key| {
            let record = space.get(key.as_bytes(), || self.1)?;
            Some(((*key).to_owned(), number(&record.value)))
        });
        found.collect()
    }
}

/// Views beside one who puts single records, and one who commits batches: a pair that is always equal, and a record
/// that is always in one of two places.
fn views_beside_commits<V: View>(keyspace: Keyspace) {
    const ROUNDS: u64 = 3;
    let shared = Arc::new(Shared::default());
    commit(&shared, ["alone", "here", "left", "right"].map(|key| put(keyspace, key, 0)));
    let single = Arc::clone(&shared);
    let single =
        spawn(move || (1..=ROUNDS).for_each(|round| commit(&single, [put(keyspace, "alone", round)])));
    let batches = Arc::clone(&shared);
    let batches = spawn(move || {
        for round in 1..=ROUNDS {
            let (to, from) = if round % 2 == 1 { ("there", "here") } else { ("here", "there") };
            let moved = [delete(keyspace, from), put(keyspace, "left", round), put(keyspace, "right", round)];
            commit(&batches, moved.into_iter().chain([put(keyspace, to, round)]));
        }
    });
    let readers = [(); 2].map(|()| {
        let shared = Arc::clone(&shared);
        spawn(move || {
            let mut last = Vec::new();
            for _ in 0..2 {
                let view = V::take(&shared);
                let records = view.records(keyspace);
                assert_whole(&records);
                assert!(is_not_before(&records, &last), "{records:?} came after {last:?}");
                assert_eq!(view.records(keyspace), records, "what a view shows changed");
                last = records;
            }
        })
    });
    join(readers.into_iter().chain([single, batches]));
    let view = MemSnapshot::new(&shared).records(keyspace);
    assert_eq!(view.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [ROUNDS; 4], "{view:?}");
}

/// The record of a key is there, the pair is equal, and the record that moves is in one place, moved with the pair.
fn assert_whole(records: &[(String, u64)]) {
    let of = |key: &str| records.iter().find(|(other, _)| other == key).map(|(_, number)| *number);
    assert!(of("alone").is_some(), "a record is missing: {records:?}");
    let pair = of("left");
    assert!(pair.is_some() && of("right") == pair, "a commit is torn: {records:?}");
    let places = [of("here"), of("there")];
    assert!(places.contains(&pair) && places.contains(&None), "a commit is torn: {records:?}");
}

/// Whether no record is older than in an earlier view.
fn is_not_before(records: &[(String, u64)], earlier: &[(String, u64)]) -> bool {
    let newest = |records: &[(String, u64)], keys: &[&str]| {
        records.iter().filter(|(key, _)| keys.contains(&key.as_str())).map(|(_, number)| *number).max()
    };
    [&["alone"][..], &["left"], &["here", "there"]]
        .into_iter()
        .all(|keys| newest(records, keys) >= newest(earlier, keys))
}

#[test]
fn snapshots_are_whole_and_stay_as_they_are() {
    for keyspace in keyspaces() {
        explore(move || views_beside_commits::<MemSnapshot>(keyspace));
    }
}

#[test]
fn snapshot_that_is_not_listed_is_found() {
    for keyspace in keyspaces() {
        assert!(is_found(move || views_beside_commits::<Unlisted>(keyspace)));
    }
}
