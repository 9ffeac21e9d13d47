//! The order of calls: after a close, inside a body, past a panic.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::Direction::Forward;
use storage_core::{Attributes, Database, Engine, KeyRange, Kind, Result, Sequence, TransactOptions};

use super::{all, elsewhere, fill, letters, notes, open, refused, scripted, shown, some};
use crate::subject::Subject;

pub(crate) fn every_call_after_close_is_closed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let other = db.clone();
    fill(&db, notes(), &["a"])?;
    db.close()?;
    for db in [&db, &other] {
        refused(Kind::Closed, db.get(notes(), "a"));
        refused(Kind::Closed, db.counter(notes(), "a"));
        refused(Kind::Closed, db.put(notes(), "a", "1"));
        refused(Kind::Closed, db.put_with(notes(), "a", "1", Attributes::new(), TransactOptions::new()));
        refused(Kind::Closed, db.delete(notes(), "a"));
        refused(Kind::Closed, db.delete_range(notes(), &KeyRange::all()));
        refused(Kind::Closed, db.snapshot());
        refused(Kind::Closed, db.transact(|_| Ok(())));
        refused(Kind::Closed, db.transact(|txn| txn.put(notes(), "a", "1")));
        refused(Kind::Closed, db.watch(notes(), KeyRange::all()));
        refused(Kind::Closed, db.sync());
        refused(Kind::Closed, db.sweep(1));
    }
    Ok(())
}

pub(crate) fn close_may_be_called_again<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.close()?;
    db.close()?;
    db.clone().close()?;
    elsewhere(|| db.close())
}

pub(crate) fn snapshot_reads_after_close_are_closed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let snapshot = db.snapshot()?;
    db.close()?;
    refused(Kind::Closed, snapshot.get(notes(), "a"));
    refused(Kind::Closed, snapshot.get_many(notes(), &["a"]));
    refused(Kind::Closed, snapshot.range(notes(), &KeyRange::all(), Forward));
    refused(Kind::Closed, snapshot.counter(notes(), "a"));
    Ok(())
}

pub(crate) fn transaction_overtaken_by_a_close_is_closed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let late = db.transact(|txn| {
        txn.put(notes(), "b", "1")?;
        elsewhere(|| db.close())?;
        refused(Kind::Closed, txn.get(notes(), "a"));
        refused(Kind::Closed, txn.range(notes(), KeyRange::all(), Forward));
        refused(Kind::Closed, txn.put(notes(), "c", "1"));
        Ok(())
    });
    refused(Kind::Closed, late);
    Ok(())
}

pub(crate) fn open_range_is_ended_by_a_close<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let snapshot = db.snapshot()?;
    let mut range = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    assert!(range.next()?.is_some());
    db.close()?;
    refused(Kind::Closed, range.next().map(drop));
    Ok(())
}

pub(crate) fn close_from_a_body_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| {
        refused(Kind::Invalid, db.close());
        txn.put(notes(), "a", "1")
    })?;
    assert_eq!(all(&db, notes())?, "a=1");
    Ok(())
}

pub(crate) fn write_past_the_transaction_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let sequence = Sequence::new(letters(), b"n")?;
    db.transact(|txn| {
        refused(Kind::Invalid, db.put(notes(), "b", "past"));
        refused(Kind::Invalid, db.clone().delete(notes(), "a"));
        refused(Kind::Invalid, db.delete_range(notes(), &KeyRange::all()));
        refused(Kind::Invalid, db.transact(|inner| inner.put(notes(), "b", "past")));
        refused(Kind::Invalid, db.transact(|inner| inner.next(&sequence)));
        refused(Kind::Invalid, db.sweep(1));
        txn.put(notes(), "c", "through it")
    })?;
    assert_eq!(all(&db, notes())?, "a=a c=through it");
    assert_eq!(db.counter(letters(), "n")?, 0);
    db.put(notes(), "b", "afterwards")?;
    Ok(())
}

pub(crate) fn body_may_read_its_database_past_the_transaction<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let seen = db.transact(|txn| {
        txn.put(notes(), "a", "pending")?;
        Ok((shown(db.get(notes(), "a")?), shown(db.snapshot()?.get(notes(), "a")?)))
    })?;
    assert_eq!(seen.value, (some("a"), some("a")), "what is committed");
    Ok(())
}

pub(crate) fn body_may_write_to_another_database<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let other = Database::new(crate::plain::PlainStore::default().open())?;
    db.transact(|txn| {
        other.put(notes(), "a", "other")?;
        other.transact(|inner| {
            refused(Kind::Invalid, db.put(notes(), "b", "past"));
            inner.put(notes(), "b", "other")
        })?;
        txn.put(notes(), "a", "own")
    })?;
    assert_eq!((all(&db, notes())?.as_str(), all(&other, notes())?.as_str()), ("a=own", "a=other b=other"));
    Ok(())
}

/// Runs a transaction whose body panics after it wrote.
fn panicking<E: Engine>(db: &Database<E>) {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        db.transact(|txn| -> Result<()> {
            txn.put(notes(), "a", "lost")?;
            txn.delete_range(notes(), KeyRange::all())?;
            txn.add(letters(), "n", 1)?;
            resume_unwind(Box::new("the body panics"));
        })
    }));
    assert!(panicked.is_err(), "the panic comes through");
}

pub(crate) fn panic_in_a_body_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    panicking(&db);
    assert_eq!(all(&db, notes())?, "a=a b=b");
    assert_eq!(all(&db, letters())?, "");
    assert_eq!(db.statistics().snapshots, 0);
    Ok(())
}

pub(crate) fn database_is_usable_after_a_panic_in_a_body<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for round in 0..3 {
        panicking(&db);
        db.put(notes(), "a", round.to_string())?;
        db.transact(|txn| txn.put(notes(), "b", round.to_string()))?;
        elsewhere(|| db.transact(|txn| txn.put(notes(), "c", round.to_string())))?;
    }
    assert_eq!(all(&db, notes())?, "a=2 b=2 c=2");
    db.close()
}

pub(crate) fn drop_of_the_last_handle_closes_the_engine<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let closes = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closes);
    script.on_close(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let (other, snapshot) = (db.clone(), db.snapshot()?);
    drop(db);
    other.put(notes(), "a", "1")?;
    drop(other);
    assert_eq!(closes.load(Ordering::SeqCst), 0, "a snapshot is still held");
    drop(snapshot);
    assert_eq!(closes.load(Ordering::SeqCst), 1);
    Ok(())
}

pub(crate) fn close_waits_for_the_commit_in_progress<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let gate = script.hold_commits();
    std::thread::scope(|scope| {
        let put = scope.spawn(|| db.put(notes(), "a", "1"));
        gate.wait_for_a_commit();
        let close = scope.spawn(|| db.close());
        super::wait_until("the close waits for its turn", || db.statistics().waiting == 1);
        let late = scope.spawn(|| db.put(notes(), "b", "1"));
        super::wait_until("a put waits behind it", || db.statistics().waiting == 2);
        gate.open();
        put.join().expect("it does not panic")?;
        close.join().expect("it does not panic")?;
        refused(Kind::Closed, late.join().expect("it does not panic"));
        Ok(())
    })
}
