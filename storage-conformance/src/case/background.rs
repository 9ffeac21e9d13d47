//! Work in the background and by hand at once: nothing is forgotten, and no one record or panic ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use storage_core::{
    Attributes, Database, Durability, Engine, Error, Index, Key, KeyRange, Keyspace, ManualClock, Options,
    Result, Table, TransactOptions,
};

use super::planted::{plant, spoiled};
use super::{at, events, notes, quiet, scripted, some, stores, timed, told, wait_until};
use crate::scripted::{PATIENCE, Scripted};
use crate::subject::Subject;

pub(crate) fn commit_during_a_sync_by_hand_is_synced_in_the_background<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().sync_within(Duration::from_millis(1)))?;
    let (told, syncs) = mpsc::channel();
    let other = db.clone();
    let first = AtomicBool::new(true);
    script.on_sync(move || {
        if first.swap(false, Ordering::SeqCst) {
            // Too late for this sync to be counted on.
            return other.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred);
        }
        // The case may be over.
        told.send(()).ok();
        Ok(())
    });
    db.sync()?;
    assert!(syncs.recv_timeout(PATIENCE).is_ok(), "the commit was taken for synced");
    script.on_sync(|| Ok(()));
    Ok(())
}

pub(crate) fn commits_after_a_sync_by_hand_are_synced_in_the_background<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().sync_within(Duration::from_micros(1)))?;
    let syncs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&syncs);
    script.on_sync(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    for round in 0..100 {
        // The sync by hand meets one in the background at some other point each time.
        db.put_with(notes(), "a", round.to_string(), Attributes::new(), Durability::Deferred)?;
        db.sync()?;
        let before = syncs.load(Ordering::SeqCst);
        db.put_with(notes(), "b", round.to_string(), Attributes::new(), Durability::Deferred)?;
        wait_until("the later commit is synced", || syncs.load(Ordering::SeqCst) > before);
    }
    assert_eq!(db.statistics().background_errors, 0);
    Ok(())
}

pub(crate) fn panic_in_a_background_sweep_ends_neither_sweeps_nor_syncs<S: Subject>(
    subject: &S,
) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let soon = Duration::from_millis(1);
    let options = Options::new().clock(clock.clone()).sync_within(soon).sweep_every(soon);
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, options)?;
    let panics = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&panics);
    let by_length = Index::on("by_length", move |_: &u64, text: &String| {
        if asked.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("the index function panics"));
        }
        text.len() as u64
    });
    let table = Table::define("texts").index(&by_length).open(&db)?;
    let watch = db.watch(table.keyspace(), KeyRange::all())?;
    let expiring = Attributes::new().expires_at(at(10));
    db.transact(|txn| table.put_with(txn, &1, &"text".to_owned(), expiring))?;
    assert!(matches!(watch.next_within(PATIENCE)?.as_ref().map(told), Some(put) if put.starts_with("put ")));
    panics.store(true, Ordering::SeqCst);
    clock.set(at(10));
    wait_until("a sweep has failed", || db.statistics().background_errors > 0);

    let syncs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&syncs);
    script.on_sync(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    wait_until("a commit behind it is synced", || syncs.load(Ordering::SeqCst) > 0);
    panics.store(false, Ordering::SeqCst);
    let event = watch.next_within(PATIENCE)?.as_ref().map(told);
    assert!(event.is_some_and(|event| event.starts_with("expire ")), "the sweep is tried again");
    Ok(())
}

fn put_expiring<E: Engine>(db: &Database<E>, key: &str) -> Result<()> {
    db.put_with(notes(), key, key, Attributes::new().expires_at(at(10)), TransactOptions::new())
}

pub(crate) fn damaged_expiry_entries_keep_neither_opening_nor_sweeps<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let expiry = Keyspace::from_stored("_expiry")?;
    let entry = [&at(5).as_nanos().to_be_bytes()[..], b"notes\0ghost"].concat();
    // One that is cut short, and one whose stamp differs; both sort before all that is due.
    plant(&engine, vec![spoiled(expiry, Key::from([0].as_slice())), spoiled(expiry, Key::from(entry))])?;
    let clock = ManualClock::at(at(0));
    let db = Database::with_options(engine, quiet().clock(clock.clone()))?;
    put_expiring(&db, "a")?;
    put_expiring(&db, "b")?;
    clock.set(at(10));
    let swept = db.sweep(100)?;
    assert_eq!((swept.records, swept.unreadable + swept.stale), (2, 2), "{swept:?}");
    assert!(swept.unreadable >= 1, "{swept:?}");
    assert_eq!(db.sweep(100)?.records, 0);
    Ok(())
}

pub(crate) fn record_with_a_damaged_stamp_keeps_no_other_from_the_sweep<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for key in ["a", "b", "c"] {
        put_expiring(&db, key)?;
    }
    plant(db.engine(), vec![spoiled(notes(), Key::from(b"a".as_slice()))])?;
    let watch = db.watch(notes(), KeyRange::all())?;
    clock.set(at(10));
    let swept = db.sweep(100)?;
    // Where stamps are not verified, this one is that of another record with another expiry.
    assert_eq!((swept.records, swept.unreadable + swept.stale), (2, 1), "{swept:?}");
    assert_eq!(events(&watch)?, ["expire b", "expire c"]);
    Ok(())
}

pub(crate) fn two_sweeps_at_once_tell_each_expiry_once<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().clock(clock.clone()))?;
    for key in ["a", "b"] {
        put_expiring(&db, key)?;
    }
    let watch = db.watch(notes(), KeyRange::all())?;
    clock.set(at(10));
    let gate = script.hold_commits();
    let begun = AtomicBool::new(false);
    let swept = thread::scope(|scope| {
        let first = scope.spawn(|| db.sweep(10));
        gate.wait_for_a_commit();
        let second = scope.spawn(|| {
            begun.store(true, Ordering::SeqCst);
            db.sweep(10)
        });
        wait_until("the second sweep begins", || begun.load(Ordering::SeqCst));
        gate.open();
        let [first, second] = [first, second].map(|sweep| sweep.join().expect("a sweep does not panic"));
        Ok::<_, Error>((first?.records, second?.records))
    })?;
    assert_eq!(swept, (2, 0));
    assert_eq!(events(&watch)?, ["expire a", "expire b"]);
    Ok(())
}

pub(crate) fn longest_intervals_are_never_due<S: Subject>(subject: &S) -> Result<()> {
    let (engine, script) = Scripted::new(subject.open()?);
    let syncs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&syncs);
    script.on_sync(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let clock = ManualClock::at(at(0));
    let options = Options::new()
        .clock(clock.clone())
        .sync_within(Duration::MAX)
        .sweep_every(Duration::MAX)
        .snapshot_age_max(Duration::MAX);
    let db = Database::with_options(engine, options)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let attributes = Attributes::new().expires_at(at(10));
    db.put_with(notes(), "a", "1", attributes, Durability::Deferred)?;
    clock.set(at(10));
    db.put_with(notes(), "b", "1", Attributes::new(), Durability::Deferred)?;
    assert_eq!(syncs.load(Ordering::SeqCst), 0);
    db.sync()?;
    assert_eq!((db.sweep(10)?.records, syncs.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(events(&watch)?, ["put a", "put b", "expire a"]);
    assert_eq!(db.statistics().background_errors, 0);
    db.close()
}

pub(crate) fn longest_waits_end_with_what_they_wait_for<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    stores(&db)?;
    let patient = TransactOptions::new().deadline(Duration::MAX);
    let watch = db.watch(notes(), KeyRange::point(b"b"))?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let event = scope.spawn(|| watch.next_within(Duration::MAX));
        let leader = scope.spawn(|| db.put_with(notes(), "a", "1", Attributes::new(), patient));
        gate.wait_for_a_commit();
        let put = scope.spawn(|| db.transact_with(patient, |txn| txn.put(notes(), "b", "1")));
        wait_until("the put waits", || db.statistics().waiting == 1);
        gate.open();
        leader.join().expect("a put does not panic")?;
        put.join().expect("a put does not panic")?;
        assert_eq!(event.join().expect("a wait does not panic")?.as_ref().map(told), some("put b"));
        Ok(())
    })
}
