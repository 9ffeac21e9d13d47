//! How a database ends: whoever waits is told why, and whoever reads reaches the engine no more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Error, KeyRange, Kind, Result};

use super::{counted, fill, notes, open, refused, scripted, told, wait_until};
use crate::scripted::PATIENCE;
use crate::subject::Subject;

pub(crate) fn drop_of_the_last_handle_ends_watches<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let waiting = db.watch(notes(), KeyRange::prefix(b"never"))?;
    fill(&db, notes(), &["a"])?;
    let begun = AtomicBool::new(false);
    let ended = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            begun.store(true, Ordering::SeqCst);
            waiting.next_within(PATIENCE)
        });
        wait_until("the waiter begins", || begun.load(Ordering::SeqCst));
        drop(db);
        waiter.join().expect("a wait does not panic")
    });
    refused(Kind::Closed, ended);
    assert_eq!(watch.try_next()?.as_ref().map(told).as_deref(), Some("put a"), "events come before the end");
    refused(Kind::Closed, watch.try_next());
    refused(Kind::Closed, watch.next());
    Ok(())
}

pub(crate) fn waiting_watch_is_woken_when_the_database_stops<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    script.on_commit(|_| Err(Error::new(Kind::CommitUnknown, "the script refuses it")));
    let begun = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            begun.store(true, Ordering::SeqCst);
            watch.next_within(PATIENCE)
        });
        wait_until("the waiter begins", || begun.load(Ordering::SeqCst));
        refused(Kind::CommitUnknown, db.put(notes(), "a", "1"));
        refused(Kind::Unavailable, waiter.join().expect("a wait does not panic"));
    });
    db.close()?;
    refused(Kind::Unavailable, watch.next());
    Ok(())
}

pub(crate) fn range_held_over_a_close_reaches_the_engine_no_more<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let snapshot = db.snapshot()?;
    for direction in [Forward, Reverse] {
        snapshot.range(notes(), &KeyRange::all(), direction)?.keys()?;
    }
    let mut begun = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    assert!(begun.next()?.is_some());
    let mut untouched = snapshot.range(notes(), &KeyRange::all(), Reverse)?;
    db.close()?;
    db.engine().reset();
    for range in [&mut begun, &mut untouched] {
        refused(Kind::Closed, range.next().map(drop));
        refused(Kind::Closed, range.next().map(drop));
        refused(Kind::Closed, range.to_vec());
    }
    let counts = db.engine().counts();
    assert_eq!((counts.reads(), counts.entries, counts.values), (0, 0, 0), "{counts:?}");
    Ok(())
}

pub(crate) fn watch_that_lagged_is_told_so_before_its_end<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    db.transact(|txn| (0..10_000).try_for_each(|at| txn.put(notes(), at.to_string(), "")))?;
    assert_eq!(watch.try_next()?.as_ref().map(told).as_deref(), Some("lagged"));
    db.transact(|txn| (0..10_000).try_for_each(|at| txn.put(notes(), at.to_string(), "")))?;
    script.on_commit(|_| Err(Error::new(Kind::CommitUnknown, "the script refuses it")));
    refused(Kind::CommitUnknown, db.put(notes(), "a", "1"));
    db.close()?;
    assert_eq!(watch.try_next()?.as_ref().map(told).as_deref(), Some("lagged"));
    refused(Kind::Unavailable, watch.try_next());
    refused(Kind::Closed, db.watch(notes(), KeyRange::all()));
    Ok(())
}
