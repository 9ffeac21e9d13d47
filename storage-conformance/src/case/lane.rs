//! The exclusive lane: where a transaction that keeps losing runs alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use storage_core::engine::Intent;
use storage_core::{Database, Engine, Error, Kind, Result, TransactOptions, Transaction};

use super::{all, elsewhere, notes, open, refused, scripted, shown, some, stores, wait_until};
use crate::scripted::Basis;
use crate::subject::Subject;

/// No transaction loses more often than this before it gets the lane.
const RUNS_MAX: u32 = 100;

/// Runs a transaction that loses until it has the lane, and there does `alone`.
fn in_the_lane<E: Engine, T>(
    db: &Database<E>,
    mut alone: impl FnMut(&mut Transaction<'_, E>) -> Result<T>,
) -> Result<T> {
    let before = db.statistics().exclusive;
    let mut runs = 0;
    let outcome = db.transact(|txn| {
        runs += 1;
        assert!(runs <= RUNS_MAX, "it lost {RUNS_MAX} times and never got the lane");
        txn.get(notes(), "contended")?;
        if db.statistics().exclusive > before {
            return alone(txn).map(Some);
        }
        elsewhere(|| db.put(notes(), "contended", runs.to_string()))?;
        txn.put(notes(), "lost", "")?;
        Ok(None)
    })?;
    Ok(outcome.value.expect("without the lane it conflicts"))
}

pub(crate) fn transaction_that_keeps_losing_runs_alone<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    in_the_lane(&db, |txn| {
        let seen = shown(txn.get(notes(), "contended")?).unwrap_or_default();
        txn.put(notes(), "seen", seen)
    })?;
    let last = db.statistics().conflicts;
    assert_eq!(all(&db, notes())?, format!("contended={last} seen={last}"));
    assert_eq!(db.statistics().exclusive, 1);
    Ok(())
}

pub(crate) fn others_wait_while_one_runs_alone<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    thread::scope(|scope| {
        let db = &db;
        let (mut put, mut transacted) = (None, None);
        in_the_lane(db, |txn| {
            put = Some(scope.spawn(move || db.put(notes(), "contended", "put")));
            transacted = Some(scope.spawn(move || {
                db.transact(|txn| {
                    let seen = shown(txn.get(notes(), "alone")?).unwrap_or_default();
                    txn.put(notes(), "after", seen)
                })
            }));
            wait_until("both wait for their turn", || db.statistics().waiting == 2);
            txn.put(notes(), "alone", "done")
        })?;
        put.take().expect("it was spawned").join().expect("a put does not panic")?;
        transacted.take().expect("it was spawned").join().expect("it does not panic")?;
        Ok::<_, Error>(())
    })?;
    assert_eq!(all(&db, notes())?, "after=done alone=done contended=put");
    Ok(())
}

pub(crate) fn panic_in_the_lane_leaves_nothing_and_frees_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    stores(&db)?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        in_the_lane(&db, |txn| -> Result<()> {
            txn.put(notes(), "a", "lost")?;
            std::panic::resume_unwind(Box::new("the body panics"));
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(shown(db.get(notes(), "a")?), None);
    db.put(notes(), "a", "usable")?;
    assert_eq!(elsewhere(|| db.transact(|txn| Ok(shown(txn.get(notes(), "a")?))))?.value, some("usable"));
    in_the_lane(&db, |txn| txn.put(notes(), "a", "again"))?;
    assert_eq!(shown(db.get(notes(), "a")?), some("again"));
    Ok(())
}

pub(crate) fn error_in_the_lane_leaves_nothing_and_frees_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let failed = in_the_lane(&db, |txn| {
        txn.put(notes(), "a", "lost")?;
        Err::<(), _>(Error::new(Kind::Full, "the body gives up"))
    });
    refused(Kind::Full, failed);
    assert_eq!(shown(db.get(notes(), "a")?), None);
    db.put(notes(), "a", "usable")?;
    Ok(())
}

pub(crate) fn write_past_the_transaction_in_the_lane_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    in_the_lane(&db, |txn| {
        refused(Kind::Invalid, db.put(notes(), "b", "past"));
        refused(Kind::Invalid, db.transact(|txn| txn.put(notes(), "b", "past")));
        txn.put(notes(), "a", "1")
    })?;
    assert_eq!((shown(db.get(notes(), "a")?), shown(db.get(notes(), "b")?)), (some("1"), None));
    Ok(())
}

pub(crate) fn commit_from_the_lane_comes_with_its_snapshot<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    script.on_commit(move |attempt| {
        record.lock().push(attempt.basis);
        Ok(())
    });
    in_the_lane(&db, |txn| txn.put(notes(), "a", "1"))?;
    db.put(notes(), "a", "2")?;
    let seen = seen.lock().clone();
    let (last, before) =
        seen.split_last_chunk::<2>().map(|(before, last)| (last, before)).expect("it lost first");
    assert_eq!(last, &[Basis::Snapshot, Basis::None]);
    assert!(before.iter().all(|basis| *basis == Basis::None));
    assert_eq!(script.intents().iter().filter(|intent| **intent == Intent::Exclusive).count(), 1);
    Ok(())
}

pub(crate) fn wait_for_a_turn_ends_at_the_deadline<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let first = scope.spawn(|| db.put(notes(), "first", "1"));
        gate.wait_for_a_commit();
        let options = TransactOptions::new().deadline(Duration::ZERO);
        refused(Kind::Busy, db.put_with(notes(), "late", "1", Default::default(), options));
        refused(Kind::Busy, db.transact_with(options, |txn| txn.put(notes(), "late", "1")));
        let read = db.transact_with(options, |txn| Ok(shown(txn.get(notes(), "late")?)))?;
        assert_eq!(read.value, None, "reading waits for nobody");
        gate.open();
        first.join().expect("a put does not panic")
    })?;
    assert_eq!(all(&db, notes())?, "first=1");
    assert_eq!(db.statistics().waiting, 0);
    db.put(notes(), "late", "2")?;
    assert_eq!(all(&db, notes())?, "first=1 late=2");
    Ok(())
}
