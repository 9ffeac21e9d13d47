//! The cases, by theme, and the few words in which they are written.

pub(crate) mod awaiting;
pub(crate) mod background;
pub(crate) mod bulk;
pub(crate) mod calls;
pub(crate) mod checksums;
pub(crate) mod conflicts;
pub(crate) mod contract;
pub(crate) mod copying;
pub(crate) mod costs;
pub(crate) mod damage;
pub(crate) mod definitions;
pub(crate) mod discards;
pub(crate) mod dropped;
pub(crate) mod dropping;
pub(crate) mod durability;
pub(crate) mod endings;
pub(crate) mod expiry;
pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod indexes;
pub(crate) mod isolation;
pub(crate) mod keyspaces;
pub(crate) mod lane;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod merging;
pub(crate) mod moments;
pub(crate) mod namespaces;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod planted;
pub(crate) mod points;
pub(crate) mod ranges;
pub(crate) mod read_only;
pub(crate) mod rebuilding;
pub(crate) mod refusals;
pub(crate) mod reopen;
pub(crate) mod schemas;
pub(crate) mod seeks;
pub(crate) mod sequences;
pub(crate) mod sharing;
pub(crate) mod snapshots;
pub(crate) mod sweeping;
pub(crate) mod tables;
pub(crate) mod tampering;
pub(crate) mod touching;
pub(crate) mod transactions;
pub(crate) mod values;
pub(crate) mod watches;

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use storage_core::engine::Snapshot;
use storage_core::{
    Database, Direction, Engine, Error, Event, Found, Key, KeyRange, Keyspace, Kind, ManualClock, Options,
    Range, Result, Timestamp, Transaction, Watch, WatchedChange,
};

use crate::counting::Counting;
use crate::scripted::{PATIENCE, Script, Scripted};
use crate::subject::Subject;

/// A time well after the beginning, in nanoseconds, at which the clocks of cases start.
pub(crate) const START: u64 = 1_000_000;

/// The time so many nanoseconds after [`START`].
pub(crate) fn at(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(START + nanos)
}

/// Options under which nothing happens but what the case does.
pub(crate) fn quiet() -> Options {
    Options::new().clock(ManualClock::at(at(0))).sweep_by_hand()
}

/// A database on an engine of the subject, with a clock that stands still.
pub(crate) fn open<S: Subject>(subject: &S) -> Result<Database<S::Engine>> {
    Database::with_options(subject.open()?, quiet())
}

/// The same with the clock in hand.
pub(crate) fn timed<S: Subject>(subject: &S) -> Result<(Database<S::Engine>, ManualClock)> {
    let clock = ManualClock::at(at(0));
    Ok((Database::with_options(subject.open()?, quiet().clock(clock.clone()))?, clock))
}

/// The same on an engine that counts.
pub(crate) fn counted<S: Subject>(subject: &S) -> Result<Database<Counting<S::Engine>>> {
    Database::with_options(Counting::new(subject.open()?), quiet())
}

/// The same on an engine with a script.
pub(crate) fn scripted<S: Subject>(subject: &S) -> Result<(Database<Scripted<S::Engine>>, Arc<Script>)> {
    let (engine, script) = Scripted::new(subject.open()?);
    Ok((Database::with_options(engine, quiet())?, script))
}

/// A keyspace that cases share: each has a store of its own.
pub(crate) fn notes() -> Keyspace {
    Keyspace::new("notes").expect("the name is legal")
}

/// Another keyspace.
pub(crate) fn letters() -> Keyspace {
    Keyspace::new("letters").expect("the name is legal")
}

/// What was found, readable in a failure; `None` if nothing was.
pub(crate) fn shown<V: AsRef<[u8]>>(found: Option<Found<V>>) -> Option<String> {
    found.map(|found| found.escape_ascii().to_string())
}

/// `shown` of a record with this value.
pub(crate) fn some(value: &str) -> Option<String> {
    Some(value.into())
}

/// The rest of a range, readable in a failure: `a=1 b=2`.
pub(crate) fn listed<S: Snapshot>(mut range: Range<'_, S>) -> Result<String> {
    let records = range.to_vec()?;
    let shown = |(key, value): &(Key, Vec<u8>)| format!("{}={}", key.escape_ascii(), value.escape_ascii());
    Ok(records.iter().map(shown).collect::<Vec<_>>().join(" "))
}

/// The keys of a range in what is committed now, in order: `a b`.
pub(crate) fn keys<E: Engine>(
    db: &Database<E>,
    keyspace: Keyspace,
    range: &KeyRange,
    direction: Direction,
) -> Result<String> {
    let keys = db.snapshot()?.range(keyspace, range, direction)?.keys()?;
    Ok(keys.iter().map(|key| key.escape_ascii().to_string()).collect::<Vec<_>>().join(" "))
}

/// All records of a keyspace in what is committed now: `a=1 b=2`.
pub(crate) fn all<E: Engine>(db: &Database<E>, keyspace: Keyspace) -> Result<String> {
    listed(db.snapshot()?.range(keyspace, &KeyRange::all(), Direction::Forward)?)
}

/// Fails where nothing can be stored, in a case that would otherwise wait for it or take it for something else.
pub(crate) fn stores<E: Engine>(db: &Database<E>) -> Result<()> {
    db.put(letters(), "stored", "")
}

/// Puts records of one letter or more, each with its own key as its value, in one commit.
pub(crate) fn fill<E: Engine>(db: &Database<E>, keyspace: Keyspace, keys: &[&str]) -> Result<()> {
    db.transact(|txn| keys.iter().try_for_each(|key| txn.put(keyspace, key, key)))?;
    Ok(())
}

/// An event of a watch, readable in a failure: `put a`.
pub(crate) fn told(event: &Event) -> String {
    match &event.change {
        WatchedChange::Put(key) => format!("put {}", key.escape_ascii()),
        WatchedChange::Delete(key) => format!("delete {}", key.escape_ascii()),
        WatchedChange::Expire(key) => format!("expire {}", key.escape_ascii()),
        WatchedChange::DeleteRange(range) => {
            let end = range.end().map(|end| end.escape_ascii().to_string()).unwrap_or_default();
            format!("delete {}..{end}", range.start().escape_ascii())
        }
        WatchedChange::Lagged => "lagged".into(),
        other => format!("{other:?}"),
    }
}

/// Every event that waits in a watch.
pub(crate) fn events(watch: &Watch) -> Result<Vec<String>> {
    let mut events = Vec::new();
    while let Some(event) = watch.try_next()? {
        events.push(told(&event));
    }
    Ok(events)
}

/// The error of a call that must fail, which must be of this kind and say why.
#[track_caller]
pub(crate) fn refused<T>(kind: Kind, result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("expected {kind:?}, and the call succeeded"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(!error.to_string().is_empty(), "an error says what happened");
            error
        }
    }
}

/// Waits until `done`, which other threads bring about in microseconds.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::yield_now();
    }
}

/// Runs `task` in another thread to its end.
pub(crate) fn elsewhere<T: Send>(task: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| scope.spawn(task).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Runs a task in each of `count` threads and returns what they returned, in their order.
pub(crate) fn together<T: Send>(count: usize, task: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let task = &task;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || task(number))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<T>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// How often a transaction ran that reads with `read`, is overtaken once by `meanwhile`, and then writes.
///
/// Once means that it did not conflict with what overtook it; twice that it did, and was run again.
pub(crate) fn runs<E: Engine>(
    db: &Database<E>,
    mut read: impl FnMut(&mut Transaction<'_, E>) -> Result<()>,
    meanwhile: impl Fn(&Database<E>) -> Result<()> + Sync,
) -> Result<u32> {
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        read(txn)?;
        if runs == 1 {
            elsewhere(|| meanwhile(db))?;
        }
        txn.put(letters(), "result", runs.to_string())
    })?;
    assert_eq!(
        shown(db.get(letters(), "result")?),
        Some(runs.to_string()),
        "the last run is the one that counts"
    );
    Ok(runs)
}
