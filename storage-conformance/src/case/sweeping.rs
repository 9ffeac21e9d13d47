//! The sweeper: it removes what has expired, disturbs nobody, and tells the watches.

use std::time::Duration;

use storage_core::Direction::Forward;
use storage_core::{
    Attributes, Database, Engine, KeyRange, Keyspace, ManualClock, Options, Result, TransactOptions,
};

use super::{all, at, elsewhere, events, fill, letters, listed, notes, quiet, shown, some, timed, told};
use crate::scripted::PATIENCE;
use crate::subject::Subject;

fn put<E: Engine>(db: &Database<E>, key: &str, expires: u64) -> Result<()> {
    let attributes = Attributes::new().expires_at(at(expires));
    db.put_with(notes(), key, key, attributes, TransactOptions::new())
}

/// How many records the engine holds in a keyspace, expired ones included.
fn stored<S: Subject>(db: &Database<S::Engine>, keyspace: Keyspace) -> Result<usize> {
    use storage_core::engine::{Cursor, Intent, Snapshot};
    let snapshot = db.engine().snapshot(Intent::Read)?;
    let mut cursor = snapshot.range(keyspace, &KeyRange::all(), Forward)?;
    let mut count = 0;
    while cursor.advance()? {
        count += 1;
    }
    Ok(count)
}

pub(crate) fn sweep_removes_what_has_expired<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    fill(&db, notes(), &["x", "y"])?;
    for (key, expires) in [("a", 10), ("b", 20), ("c", 30)] {
        put(&db, key, expires)?;
    }
    assert_eq!(db.sweep(100)?.records, 0);
    clock.set(at(20));
    let swept = db.sweep(100)?;
    assert_eq!((swept.records, swept.stale, swept.skipped), (2, 0, 0));
    assert_eq!(stored::<S>(&db, notes())?, 3);
    assert_eq!(stored::<S>(&db, Keyspace::from_stored("_expiry")?)?, 1, "one record is still to expire");
    assert_eq!(db.sweep(100)?.records, 0);
    assert_eq!(all(&db, notes())?, "c=c x=x y=y");
    Ok(())
}

pub(crate) fn sweep_removes_no_more_than_asked<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for at in 0..7 {
        put(&db, &at.to_string(), 10 + at)?;
    }
    clock.set(at(1_000));
    assert_eq!(db.sweep(0)?.records, 0);
    assert_eq!((db.sweep(3)?.records, stored::<S>(&db, notes())?), (3, 4));
    assert_eq!((db.sweep(3)?.records, db.sweep(3)?.records, db.sweep(3)?.records), (3, 1, 0));
    assert_eq!(stored::<S>(&db, notes())?, 0);
    Ok(())
}

pub(crate) fn sweep_takes_a_thousand_records<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let attributes = Attributes::new().expires_at(at(10));
    db.transact(|txn| (0..1_000).try_for_each(|key| txn.put_with(notes(), key.to_string(), "", attributes)))?;
    clock.set(at(10));
    assert_eq!(db.sweep(usize::MAX)?.records, 1_000);
    assert_eq!(stored::<S>(&db, notes())?, 0);
    Ok(())
}

pub(crate) fn sweep_leaves_what_was_renewed<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for key in ["renewed", "kept", "deleted", "same"] {
        put(&db, key, 10)?;
    }
    put(&db, "renewed", 50)?;
    db.put(notes(), "kept", "kept")?;
    db.delete(notes(), "deleted")?;
    put(&db, "same", 10)?;
    clock.set(at(20));
    let swept = db.sweep(100)?;
    assert_eq!((swept.records, swept.stale), (1, 3), "three entries named nothing any more");
    assert_eq!(all(&db, notes())?, "kept=kept renewed=renewed");
    clock.set(at(50));
    assert_eq!(db.sweep(100)?.records, 1);
    assert_eq!(all(&db, notes())?, "kept=kept");
    Ok(())
}

pub(crate) fn sweep_leaves_snapshots_as_they_are<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    let snapshot = db.snapshot()?;
    clock.set(at(10));
    assert_eq!(db.sweep(100)?.records, 1);
    assert_eq!(shown(snapshot.get(notes(), "a")?), some("a"));
    assert_eq!(listed(snapshot.range(notes(), &KeyRange::all(), Forward)?)?, "a=a");
    Ok(())
}

pub(crate) fn sweep_does_not_conflict_with_readers<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    clock.set(at(10));
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        assert!(txn.get(notes(), "a")?.is_none());
        assert!(txn.range(notes(), KeyRange::all(), Forward)?.next()?.is_none());
        if runs == 1 {
            assert_eq!(elsewhere(|| db.sweep(100))?.records, 1);
        }
        txn.put(letters(), "seen", "absent")
    })?;
    assert_eq!(runs, 1, "what it read is as true as before");
    Ok(())
}

pub(crate) fn sweep_under_a_reader_of_the_live_record_conflicts_by_time<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        let seen = txn.get(notes(), "a")?.is_some();
        if runs == 1 {
            clock.set(at(10));
            assert_eq!(elsewhere(|| db.sweep(100))?.records, 1);
        }
        txn.put(letters(), "seen", if seen { "live" } else { "absent" })
    })?;
    assert_eq!((runs, all(&db, letters())?.as_str()), (2, "seen=absent"));
    Ok(())
}

pub(crate) fn sweep_meets_a_record_renewed_meanwhile<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = super::scripted(subject)?;
    let expired = Attributes::new().expires_at(at(0));
    db.put_with(notes(), "a", "old", expired, TransactOptions::new())?;
    let other = db.clone();
    script.before_next_snapshot(move || {
        elsewhere(|| other.put(notes(), "a", "renewed")).expect("a lone put commits");
    });
    assert_eq!(db.sweep(100)?.records, 0);
    assert_eq!(all(&db, notes())?, "a=renewed");
    Ok(())
}

pub(crate) fn sweep_is_told_as_expiry<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    put(&db, "b", 10)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    clock.set(at(10));
    assert!(events(&watch)?.is_empty(), "the event comes at the sweep");
    db.sweep(100)?;
    assert_eq!(events(&watch)?, ["expire a", "expire b"]);
    db.delete(notes(), "a")?;
    assert_eq!(events(&watch)?, ["delete a"]);
    Ok(())
}

pub(crate) fn background_sweep_removes_what_has_expired<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let options = Options::new().clock(clock.clone()).sweep_every(Duration::from_millis(1));
    let db = Database::with_options(subject.open()?, options)?;
    let watch = db.watch(notes(), KeyRange::point(b"a"))?;
    put(&db, "a", 10)?;
    assert_eq!(watch.next_within(PATIENCE)?.as_ref().map(told), some("put a"));
    clock.set(at(10));
    assert_eq!(watch.next_within(PATIENCE)?.as_ref().map(told), some("expire a"));
    assert_eq!(db.statistics().background_errors, 0);
    Ok(())
}

pub(crate) fn sweep_removes_records_of_every_keyspace<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    let attributes = Attributes::new().expires_at(at(5));
    for keyspace in [notes(), letters()] {
        db.put_with(keyspace, "same key", "", attributes, TransactOptions::new())?;
    }
    clock.set(at(5));
    assert_eq!(db.sweep(100)?.records, 2);
    assert_eq!((stored::<S>(&db, notes())?, stored::<S>(&db, letters())?), (0, 0));
    Ok(())
}
