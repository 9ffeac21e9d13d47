//! The commit pipeline under thousands of schedules, chosen at random and by the PCT method of Burckhardt and
//! others (ASPLOS 2010).
//!
//! The locks of the core are shuttle's here, so that every order in which threads can take them may come up;
//! the engine below lets others run before and after each of its calls. A failure prints the schedule that
//! shows it.
#![cfg(shuttle)]
#![allow(clippy::unwrap_used, reason = "an error fails the test, and shuttle prints the schedule")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{JoinHandle, spawn, yield_now};
use shuttle::{Config, Runner};
use storage_conformance::plain::{PlainEngine, PlainSnapshot, PlainStore};
use storage_core::engine::{Commit, Intent};
use storage_core::key::Template;
use storage_core::{
    Attributes, Batch, Capabilities, Database, Decoded, Durability, Engine, Error, Key, KeyRange, Keyspace,
    Kind, Number, Options, Payload, Record, Result, Sequence, Stamp, WatchedChange,
};

/// How many schedules of each kind a test explores.
const SCHEDULES: usize = 1000;

/// From what the schedules follow.
const SEED: u64 = 595;

/// In how many places a PCT schedule switches on purpose: bugs of one more are found seldom.
const PCT_DEPTH: usize = 3;

/// The frames of a transaction are deeper than shuttle expects.
const STACK_LEN: usize = 1 << 20;

/// How often others get a turn before a late commit takes place: one turn would hardly ever be too late.
const LATE_BY: usize = 10;

/// The plain engine, which lets others run before and after each call.
struct Scheduled {
    store: PlainStore,
    engine: PlainEngine,
    commits: Commits,
}

/// How many groups were refused, and how many were committed, over all schedules: tests of groups must meet
/// some.
static MISFITS_IN_GROUPS: AtomicUsize = AtomicUsize::new(0);
static GROUPS: AtomicUsize = AtomicUsize::new(0);

/// How commits go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Commits {
    /// As they should, except that the key `bad` does not fit.
    Right,
    /// The first write can be seen before the others.
    InTwoSteps,
    /// A commit is acknowledged, and takes place some time later.
    Late,
}

impl Scheduled {
    fn apply(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.engine.commit(Commit::new(batch, durability))
    }
}

impl Engine for Scheduled {
    type Snapshot = PlainSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        yield_now();
        self.engine.get(keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.engine.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<PlainSnapshot> {
        yield_now();
        let snapshot = self.engine.snapshot(intent);
        yield_now();
        snapshot
    }

    fn commit(&self, commit: Commit<'_, PlainSnapshot>) -> Result<()> {
        yield_now();
        let (batch, durability) = (commit.batch, commit.durability);
        if batch.writes.iter().any(|write| write.key.as_slice() == b"bad") {
            let others = batch.writes.iter().any(|write| is_logged(&write.key));
            MISFITS_IN_GROUPS.fetch_add(usize::from(others), Ordering::Relaxed);
            return Err(Error::new(Kind::Full, "the record does not fit"));
        }
        match self.commits {
            Commits::InTwoSteps if batch.writes.len() > 1 => {
                let (mut first, mut second) = (batch.clone(), Batch::default());
                second.writes = first.writes.split_off(1);
                self.apply(&first, durability)?;
                yield_now();
                self.apply(&second, durability)?;
            }
            Commits::Late => {
                let engine = self.store.open();
                let late = batch.clone();
                spawn(move || {
                    (0..LATE_BY).for_each(|_| yield_now());
                    engine.commit(Commit::new(&late, durability))
                });
            }
            _ => self.apply(batch, durability)?,
        }
        yield_now();
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.engine.sync()
    }

    fn close(&self) -> Result<()> {
        yield_now();
        self.engine.close()
    }
}

/// A database on an empty engine, which closes with the last handle.
fn open(commits: Commits) -> (Database<Scheduled>, PlainStore) {
    let store = PlainStore::default();
    let engine = Scheduled { store: store.clone(), engine: store.open(), commits };
    (Database::with_options(engine, Options::new().sweep_by_hand()).unwrap(), store)
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

/// Runs a test under schedules of both kinds.
fn explore(test: fn(Commits)) {
    explore_under(RandomScheduler::new_from_seed(SEED, SCHEDULES), test, Commits::Right);
    explore_under(PctScheduler::new_from_seed(SEED, PCT_DEPTH, SCHEDULES), test, Commits::Right);
}

fn explore_under(scheduler: impl Scheduler + 'static, test: fn(Commits), commits: Commits) {
    let mut config = Config::new();
    config.stack_size = STACK_LEN;
    Runner::new(scheduler, config).run(move || test(commits));
}

/// Whether a test fails under some schedule on an engine that is wrong.
fn is_found(test: fn(Commits), commits: Commits) -> bool {
    let scheduler = RandomScheduler::new_from_seed(SEED, SCHEDULES);
    catch_unwind(AssertUnwindSafe(|| explore_under(scheduler, test, commits))).is_err()
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// A number kept under a key; 0 where there is none.
fn number(bytes: Option<impl AsRef<[u8]>>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.as_ref().try_into().unwrap()))
}

/// Adds one to a number by reading and writing it, after `meanwhile`.
fn increment(db: &Database<Scheduled>, mut meanwhile: impl FnMut()) {
    let added = db.transact(|txn| {
        let count = number(txn.get(notes(), "count")?);
        meanwhile();
        txn.put(notes(), "count", (count + 1).to_le_bytes())
    });
    added.unwrap();
}

fn increments(commits: Commits) {
    const THREADS: usize = 3;
    const EACH: usize = 2;
    let (db, _) = open(commits);
    let threads = (0..THREADS).map(|_| {
        let db = db.clone();
        spawn(move || (0..EACH).for_each(|_| increment(&db, || ())))
    });
    join(threads.collect());
    assert_eq!(number(db.get(notes(), "count").unwrap()), (THREADS * EACH) as u64);
}

#[test]
fn no_increment_is_lost() {
    explore(increments);
}

fn doctors(commits: Commits) {
    let (db, _) = open(commits);
    for name in ["ann", "bob"] {
        db.put(notes(), name, 1_u64.to_le_bytes()).unwrap();
    }
    let threads = ["ann", "bob"].map(|name| {
        let db = db.clone();
        spawn(move || {
            db.transact(|txn| {
                let on_call = number(txn.get(notes(), "ann")?) + number(txn.get(notes(), "bob")?);
                if on_call == 2 { txn.put(notes(), name, 0_u64.to_le_bytes()) } else { Ok(()) }
            })
            .unwrap();
        })
    });
    join(threads.into());
    let on_call = ["ann", "bob"].map(|name| number(db.get(notes(), name).unwrap()));
    assert_eq!(on_call.iter().sum::<u64>(), 1, "{on_call:?}");
}

#[test]
fn no_write_skew() {
    explore(doctors);
}

fn pairs(commits: Commits) {
    let (db, _) = open(commits);
    let writer = {
        let db = db.clone();
        spawn(move || {
            for round in 1..=3_u64 {
                db.transact(|txn| {
                    txn.put(notes(), "left", round.to_le_bytes())?;
                    txn.put(notes(), "right", round.to_le_bytes())
                })
                .unwrap();
            }
        })
    };
    let reader = {
        let db = db.clone();
        spawn(move || {
            for _ in 0..3 {
                let snapshot = db.snapshot().unwrap();
                let [left, right] = ["left", "right"].map(|key| number(snapshot.get(notes(), key).unwrap()));
                assert_eq!(left, right, "a commit is seen whole");
            }
        })
    };
    join(vec![writer, reader]);
}

#[test]
fn commits_are_seen_whole() {
    explore(pairs);
}

/// Whether a key is one that [`append`] makes.
fn is_logged(key: &Key) -> bool {
    key.unpack::<(String, u64)>().is_ok_and(|(name, _)| name == "log")
}

/// Appends under the next number of a sequence, and returns that number.
fn append(db: &Database<Scheduled>, value: &str) -> Result<u64> {
    let sequence = Sequence::new(notes(), b"last")?;
    let outcome = db.transact(|txn| {
        let number = txn.next(&sequence)?;
        let key = Template::of(&("log", number));
        txn.put_template(notes(), key, Template::from(value.as_bytes().to_vec()), Attributes::new())?;
        Ok(number)
    })?;
    Ok(outcome.number(outcome.value))
}

fn appenders(commits: Commits) {
    const THREADS: usize = 3;
    const EACH: usize = 2;
    let (db, _) = open(commits);
    let log = KeyRange::within(&("log",)).unwrap();
    let watch = db.watch(notes(), log.clone()).unwrap();
    let threads = (0..THREADS).map(|thread| {
        let db = db.clone();
        spawn(move || (0..EACH).map(|_| append(&db, &thread.to_string()).unwrap()).collect::<Vec<_>>())
    });
    let drawn = join(threads.collect());
    assert!(drawn.iter().all(|numbers| numbers.is_sorted()), "{drawn:?}");
    let grouped = db.statistics().version < (THREADS * EACH) as u64;
    GROUPS.fetch_add(usize::from(grouped), Ordering::Relaxed);
    let key = |number: u64| Key::of(&("log", Number::Known(number))).unwrap();
    let expected: Vec<_> = (0..(THREADS * EACH) as u64).map(key).collect();
    let kept = db.snapshot().unwrap().range(notes(), &log, Default::default()).unwrap().keys().unwrap();
    assert_eq!(kept, expected, "gapless");
    let told = std::iter::from_fn(|| watch.try_next().unwrap()).map(|event| match event.change {
        WatchedChange::Put(key) => key,
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "in commit order");
    for (thread, numbers) in drawn.iter().enumerate() {
        for number in numbers {
            let found = db.get(notes(), key(*number)).unwrap();
            assert_eq!(
                found.as_deref(),
                Some(thread.to_string().as_bytes()),
                "the number told is the one kept"
            );
        }
    }
}

#[test]
fn numbers_are_gapless_and_in_commit_order() {
    explore(appenders);
    assert!(GROUPS.load(Ordering::Relaxed) > 0, "some schedule has them commit together");
}

fn misfit(commits: Commits) {
    let (db, _) = open(commits);
    let mut threads: Vec<_> = (0..3)
        .map(|thread| {
            let db = db.clone();
            spawn(move || append(&db, &thread.to_string()).map(drop))
        })
        .collect();
    let bad = {
        let db = db.clone();
        spawn(move || {
            let sequence = Sequence::new(notes(), b"last")?;
            db.transact(|txn| {
                txn.next(&sequence)?;
                txn.put(notes(), "bad", "1")
            })
            .map(drop)
        })
    };
    threads.push(bad);
    let mut outcomes = join(threads);
    assert_eq!(outcomes.pop().unwrap().unwrap_err().kind(), Kind::Full);
    outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    assert_eq!(db.counter(notes(), "last").unwrap(), 2, "the member that failed burnt no number");
    assert!(db.get(notes(), "bad").unwrap().is_none());
}

#[test]
fn a_member_that_fails_fails_alone() {
    explore(misfit);
    assert!(MISFITS_IN_GROUPS.load(Ordering::Relaxed) > 0, "some schedule has them commit together");
}

fn closing(commits: Commits) {
    let (db, store) = open(commits);
    let threads = (0..3).map(|thread| {
        let db = db.clone();
        spawn(move || {
            db.transact(|txn| {
                txn.get(notes(), format!("{thread}"))?;
                txn.put(notes(), format!("{thread}"), "1")
            })
            .map(drop)
        })
    });
    let mut threads: Vec<_> = threads.collect();
    threads.push({
        let db = db.clone();
        spawn(move || db.close())
    });
    let mut outcomes = join(threads);
    outcomes.pop().unwrap().unwrap();
    for (thread, outcome) in outcomes.into_iter().enumerate() {
        let kept = store.open().get(notes(), thread.to_string().as_bytes()).unwrap().is_some();
        match outcome {
            Ok(()) => assert!(kept, "what was acknowledged is there"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Closed);
                assert!(!kept, "what was refused is not");
            }
        }
    }
    assert_eq!(db.put(notes(), "late", "1").unwrap_err().kind(), Kind::Closed);
}

#[test]
fn commits_that_meet_a_close_take_place_or_are_refused() {
    explore(closing);
}

fn loser(commits: Commits) {
    /// A transaction that has lost so often runs alone.
    const LOSSES: u64 = 8;
    const OTHERS: u64 = 2;
    let (db, _) = open(commits);
    let losing = {
        let db = db.clone();
        spawn(move || {
            let mut runs = 0;
            increment(&db, || {
                runs += 1;
                if runs <= LOSSES {
                    let db = db.clone();
                    spawn(move || increment(&db, || ())).join().unwrap();
                }
            });
            assert_eq!(runs, LOSSES + 1, "the run that is alone is the last");
        })
    };
    let others = (0..OTHERS).map(|_| {
        let db = db.clone();
        spawn(move || increment(&db, || ()))
    });
    let mut threads: Vec<_> = others.collect();
    threads.push(losing);
    join(threads);
    assert_eq!(db.statistics().exclusive, 1);
    assert_eq!(number(db.get(notes(), "count").unwrap()), LOSSES + OTHERS + 1, "no increment is lost");
}

#[test]
fn a_transaction_that_keeps_losing_gets_its_turn() {
    explore(loser);
}

fn watcher(commits: Commits) {
    const PUTS: u64 = 4;
    let (db, _) = open(commits);
    let watch = db.watch(notes(), KeyRange::all()).unwrap();
    let threads = (0..2_u64).map(|thread| {
        let db = db.clone();
        spawn(move || {
            for round in 0..PUTS / 2 {
                db.put(notes(), format!("{thread}"), round.to_le_bytes()).unwrap();
            }
        })
    });
    let mut threads: Vec<_> = threads.collect();
    threads.push({
        let db = db.clone();
        spawn(move || {
            let mut version = 0;
            for _ in 0..PUTS {
                let event = watch.next().unwrap();
                assert!(event.version >= version, "events come in commit order");
                version = event.version;
                let snapshot = db.snapshot().unwrap();
                assert!(snapshot.version() >= version, "what is told can be seen");
                let WatchedChange::Put(key) = event.change else { panic!("only puts were made") };
                assert!(snapshot.get(notes(), &key).unwrap().is_some(), "what is told can be seen");
            }
        })
    });
    join(threads);
}

#[test]
fn a_watch_tells_in_commit_order_what_can_be_seen() {
    explore(watcher);
}

fn readback(commits: Commits) {
    let (db, _) = open(commits);
    let threads = (0..3_u64).map(|thread| {
        let db = db.clone();
        spawn(move || {
            for round in 1..=2_u64 {
                db.put(notes(), format!("{thread}"), round.to_le_bytes()).unwrap();
                assert_eq!(number(db.get(notes(), format!("{thread}")).unwrap()), round, "Ok means visible");
                let snapshot = db.snapshot().unwrap();
                assert_eq!(
                    number(snapshot.get(notes(), format!("{thread}")).unwrap()),
                    round,
                    "Ok means visible"
                );
            }
        })
    });
    join(threads.collect());
}

#[test]
fn what_was_acknowledged_is_visible() {
    explore(readback);
}

#[test]
fn an_engine_that_shows_half_a_commit_is_found() {
    assert!(is_found(pairs, Commits::InTwoSteps));
}

#[test]
fn an_engine_that_publishes_late_is_found() {
    for test in [increments, doctors, readback, watcher] {
        assert!(is_found(test, Commits::Late));
    }
}
