//! Expiry: a record is visible before its time, and to nobody from then on.

use std::thread;
use std::time::Duration;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{
    Attributes, Clock, Database, Engine, Error, KeyRange, Kind, ManualClock, Result, Timestamp,
    TransactOptions, Transaction,
};

use super::{all, at, fill, keys, listed, notes, open, quiet, refused, shown, some, timed};
use crate::scripted::Scripted;
use crate::subject::Subject;

/// Puts a record that expires so many nanoseconds after the start.
fn put<E: Engine>(db: &Database<E>, key: &str, expires: u64) -> Result<()> {
    let attributes = Attributes::new().expires_at(at(expires));
    db.put_with(notes(), key, key, attributes, TransactOptions::new())
}

/// Whether a record is seen, by every kind of read alike.
#[track_caller]
fn is_seen<E: Engine>(db: &Database<E>, key: &str) -> Result<bool> {
    let snapshot = db.snapshot()?;
    let range = KeyRange::point(key.as_bytes());
    let seen = [
        db.get(notes(), key)?.is_some(),
        snapshot.get(notes(), key)?.is_some(),
        snapshot.get_many(notes(), &[key])?[0].is_some(),
        snapshot.range(notes(), &range, Forward)?.next()?.is_some(),
        snapshot.range(notes(), &range, Reverse)?.next()?.is_some(),
        db.transact(|txn| Ok(txn.get(notes(), key)?.is_some()))?.value,
        db.transact(|txn| Ok(txn.range(notes(), range.clone(), Forward)?.next()?.is_some()))?.value,
    ];
    assert!(seen.iter().all(|one| *one == seen[0]), "kinds of reads differ: {seen:?}");
    Ok(seen[0])
}

pub(crate) fn record_is_seen_just_before_its_expiry<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    assert!(is_seen(&db, "a")?);
    clock.set(at(99));
    assert!(is_seen(&db, "a")?);
    assert_eq!(db.get(notes(), "a")?.and_then(|found| found.expires_at()), Some(at(100)));
    Ok(())
}

pub(crate) fn record_is_gone_at_its_expiry<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    clock.set(at(100));
    assert!(!is_seen(&db, "a")?);
    Ok(())
}

pub(crate) fn record_is_gone_after_its_expiry<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    clock.set(at(101));
    assert!(!is_seen(&db, "a")?);
    clock.set(Timestamp::MAX);
    assert!(!is_seen(&db, "a")?);
    Ok(())
}

pub(crate) fn range_passes_expired_records<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    fill(&db, notes(), &["b", "d"])?;
    for (key, expires) in [("a", 10), ("c", 20), ("e", 10)] {
        put(&db, key, expires)?;
    }
    clock.set(at(10));
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "b c d");
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Reverse)?, "d c b");
    let seen = db.transact(|txn| listed(txn.range(notes(), KeyRange::all(), Forward)?))?;
    assert_eq!(seen.value, "b=b c=c d=d");
    Ok(())
}

pub(crate) fn snapshot_keeps_what_expires_later<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    let snapshot = db.snapshot()?;
    clock.set(at(50));
    assert_eq!(shown(snapshot.get(notes(), "a")?), some("a"));
    assert_eq!(listed(snapshot.range(notes(), &KeyRange::all(), Forward)?)?, "a=a");
    assert_eq!((snapshot.now(), all(&db, notes())?.as_str()), (at(0), ""));
    Ok(())
}

pub(crate) fn transaction_sees_the_time_at_which_it_began<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 10)?;
    db.transact(|txn| {
        clock.set(at(10));
        assert_eq!(shown(txn.get(notes(), "a")?), some("a"));
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, "a=a");
        Ok(())
    })?;
    Ok(())
}

/// How often a transaction runs that reads, and during whose first run time passes to the expiry.
fn runs_over_expiry<E: Engine>(
    db: &Database<E>,
    clock: &ManualClock,
    to: u64,
    read: impl Fn(&mut Transaction<'_, E>) -> Result<()>,
) -> Result<u32> {
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        read(txn)?;
        clock.set(at(to));
        txn.put(notes(), "result", "")
    })?;
    Ok(runs)
}

pub(crate) fn read_record_that_expires_before_the_commit_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    let read = |txn: &mut Transaction<'_, _>| txn.get(notes(), "a").map(drop);
    assert_eq!(runs_over_expiry(&db, &clock, 99, read)?, 1, "it is still live at 99");
    assert_eq!(runs_over_expiry(&db, &clock, 100, read)?, 2, "at 100 what was read is no longer true");
    assert_eq!(runs_over_expiry(&db, &clock, 101, read)?, 1, "it was read as absent, and still is");
    Ok(())
}

pub(crate) fn range_with_a_record_that_expires_before_the_commit_conflicts<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    fill(&db, notes(), &["a", "c"])?;
    put(&db, "b", 100)?;
    let keys =
        |txn: &mut Transaction<'_, _>| txn.range(notes(), KeyRange::of("a".."d")?, Forward)?.keys().map(drop);
    let first = |txn: &mut Transaction<'_, _>| txn.range(notes(), KeyRange::all(), Forward)?.next().map(drop);
    assert_eq!(runs_over_expiry(&db, &clock, 99, keys)?, 1);
    assert_eq!(runs_over_expiry(&db, &clock, 100, keys)?, 2);
    put(&db, "b", 200)?;
    assert_eq!(runs_over_expiry(&db, &clock, 200, first)?, 1, "it stopped before the record that expires");
    Ok(())
}

pub(crate) fn reading_only_does_not_conflict_with_time<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        txn.get(notes(), "a")?;
        clock.set(at(100));
        Ok(())
    })?;
    assert_eq!(runs, 1);
    Ok(())
}

pub(crate) fn own_record_that_expired_is_absent<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    clock.set(at(50));
    db.transact(|txn| {
        txn.put_with(notes(), "past", "", Attributes::new().expires_at(at(50)))?;
        txn.put_with(notes(), "later", "", Attributes::new().expires_at(at(51)))?;
        assert!(txn.get(notes(), "past")?.is_none());
        assert!(txn.get(notes(), "later")?.is_some());
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, "later=");
        Ok(())
    })?;
    assert!(!is_seen(&db, "past")?);
    assert!(is_seen(&db, "later")?);
    Ok(())
}

pub(crate) fn expired_record_is_put_and_deleted_like_an_absent_one<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for key in ["a", "b", "c", "d"] {
        put(&db, key, 10)?;
    }
    clock.set(at(10));
    db.put(notes(), "a", "new")?;
    db.delete(notes(), "b")?;
    put(&db, "c", 20)?;
    db.delete_range(notes(), &KeyRange::point(b"d"))?;
    assert_eq!(all(&db, notes())?, "a=new c=c");
    clock.set(at(20));
    assert_eq!(all(&db, notes())?, "a=new");
    Ok(())
}

pub(crate) fn expiry_can_be_moved_both_ways<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for (key, first, second) in [("longer", 10, 30), ("shorter", 30, 10), ("same", 20, 20)] {
        put(&db, key, first)?;
        put(&db, key, second)?;
    }
    for (now, expected) in [(9, "longer same shorter"), (10, "longer same"), (20, "longer"), (30, "")] {
        clock.set(at(now));
        assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, expected, "at {now}");
    }
    Ok(())
}

pub(crate) fn last_representable_expiry_is_never_reached<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let attributes = Attributes::new().expires_at(Timestamp::MAX);
    db.put_with(notes(), "a", "a", attributes, TransactOptions::new())?;
    clock.set(Timestamp::MAX.before(Duration::from_nanos(1)));
    assert!(is_seen(&db, "a")?);
    assert_eq!(db.sweep(10)?.records, 0);
    Ok(())
}

pub(crate) fn expiry_at_the_beginning_of_time_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let attributes = Attributes::new().expires_at(Timestamp::from_nanos(0));
    refused(Kind::Invalid, db.put_with(notes(), "a", "1", attributes, TransactOptions::new()));
    refused(Kind::Invalid, db.transact(|txn| txn.put_with(notes(), "a", "1", attributes)));
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn clock_that_jumps_back_revives_nothing<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    clock.set(at(100));
    assert!(!is_seen(&db, "a")?);
    clock.set(at(0));
    assert_eq!((clock.now(), db.now()), (at(0), at(100)), "the database's time does not step back");
    assert!(!is_seen(&db, "a")?);
    put(&db, "b", 50)?;
    assert!(!is_seen(&db, "b")?, "it had expired when it was put");
    put(&db, "c", 150)?;
    assert!(is_seen(&db, "c")?);
    Ok(())
}

pub(crate) fn clock_that_jumps_far_ahead_expires_and_goes_on<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put(&db, "a", 100)?;
    clock.set(Timestamp::MAX);
    assert!(!is_seen(&db, "a")?);
    db.put(notes(), "b", "b")?;
    assert_eq!(db.sweep(10)?.records, 1);
    clock.set(Timestamp::from_nanos(0));
    assert_eq!((db.now(), all(&db, notes())?.as_str()), (Timestamp::MAX, "b=b"));
    Ok(())
}

pub(crate) fn time_stands_still_while_a_commit_rests_on_a_live_record<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().clock(clock.clone()))?;
    put(&db, "a", 10)?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let resting = scope.spawn(|| {
            db.transact(|txn| {
                assert!(txn.get(notes(), "a")?.is_some());
                txn.put(notes(), "b", "made while a was live")
            })
        });
        gate.wait_for_a_commit();
        clock.set(at(10));
        // Whoever sees that `a` has ended must see what was decided before.
        assert!(db.get(notes(), "a")?.is_some() || db.get(notes(), "b")?.is_some());
        let reader = scope.spawn(|| {
            let snapshot = db.snapshot()?;
            Ok::<_, Error>((snapshot.get(notes(), "a")?.is_some(), snapshot.get(notes(), "b")?.is_some()))
        });
        gate.open();
        resting.join().expect("it does not panic")?;
        assert_ne!(reader.join().expect("it does not panic")?, (false, false));
        Ok::<_, Error>(())
    })?;
    assert_eq!((shown(db.get(notes(), "a")?), shown(db.get(notes(), "b")?).is_some()), (None, true));
    Ok(())
}
