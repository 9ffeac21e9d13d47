//! Faults of an engine: three outcomes, each told as it is.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use storage_core::{
    Attributes, Database, Durability, Error, KeyRange, Kind, Options, Result, Retry, Sequence,
};

use super::{all, fill, letters, notes, refused, scripted, shown, some, wait_until};
use crate::scripted::{Script, Scripted};
use crate::subject::Subject;

/// Lets every commit fail with an error of a kind.
fn fail(script: &Script, kind: Kind) {
    script.on_commit(move |_| Err(Error::new(kind, "the script refuses it")));
}

/// Asserts that a database does nothing more until it is opened again.
fn is_stopped<S: Subject>(db: &Database<Scripted<S::Engine>>) -> Result<()> {
    let error = refused(Kind::Unavailable, db.put(notes(), "later", "1"));
    assert_eq!(error.retry(), Retry::Never);
    refused(Kind::Unavailable, db.get(notes(), "a"));
    refused(Kind::Unavailable, db.snapshot());
    refused(Kind::Unavailable, db.transact(|_| Ok(())));
    refused(Kind::Unavailable, db.sync());
    db.close()?;
    refused(Kind::Closed, db.get(notes(), "a"));
    Ok(())
}

pub(crate) fn refused_commit_leaves_nothing_and_is_told<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    fill(&db, notes(), &["a"])?;
    let version = db.statistics().version;
    let sequence = Sequence::new(letters(), b"n")?;
    for kind in [Kind::Full, Kind::Unavailable, Kind::TooLarge, Kind::Internal] {
        fail(&script, kind);
        refused(kind, db.put(notes(), "b", "1"));
        refused(kind, db.transact(|txn| txn.put(notes(), "b", "1")));
        let numbered = db.transact(|txn| {
            txn.get(notes(), "a")?;
            txn.next(&sequence)
        });
        refused(kind, numbered);
        script.let_commits_pass();
        assert_eq!(all(&db, notes())?, "a=a");
        assert_eq!(db.statistics().version, version);
    }
    assert_eq!(db.transact(|txn| txn.next(&sequence))?.numbers, [0], "no number was burnt");
    Ok(())
}

pub(crate) fn conflict_of_the_engine_is_tried_again<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let refusals = AtomicU32::new(3);
    script.on_commit(move |_| match refusals.fetch_sub(1, Ordering::SeqCst) {
        1..=3 => Err(Error::new(Kind::Conflict, "the script refuses it")),
        _ => Ok(()),
    });
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        txn.put(notes(), "a", runs.to_string())
    })?;
    assert_eq!(all(&db, notes())?, "a=4");
    Ok(())
}

pub(crate) fn unknown_outcome_is_told_and_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    fill(&db, notes(), &["a"])?;
    fail(&script, Kind::CommitUnknown);
    let mut runs = 0;
    let done = db.transact(|txn| {
        runs += 1;
        txn.put(notes(), "b", "1")
    });
    let error = refused(Kind::CommitUnknown, done);
    assert_eq!(
        (error.retry(), error.is_not_committed(), runs),
        (Retry::Check, false, 1),
        "it is not tried again"
    );
    script.let_commits_pass();
    is_stopped::<S>(&db)
}

pub(crate) fn unknown_outcome_of_a_put_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    fail(&script, Kind::CommitUnknown);
    refused(Kind::CommitUnknown, db.put(notes(), "b", "1"));
    script.let_commits_pass();
    is_stopped::<S>(&db)
}

pub(crate) fn panic_of_the_engine_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    script.on_commit(|_| resume_unwind(Box::new("the engine panics")));
    assert!(catch_unwind(AssertUnwindSafe(|| db.put(notes(), "a", "1"))).is_err());
    script.let_commits_pass();
    is_stopped::<S>(&db)
}

pub(crate) fn failed_sync_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    fill(&db, notes(), &["a"])?;
    script.on_sync(|| Err(Error::new(Kind::Unavailable, "the disk is gone")));
    refused(Kind::Unavailable, db.sync());
    script.on_sync(|| Ok(()));
    is_stopped::<S>(&db)
}

pub(crate) fn busy_sync_stops_nothing_and_is_called_again<S: Subject>(subject: &S) -> Result<()> {
    let (engine, script) = Scripted::new(subject.open()?);
    let options = Options::new().sync_within(Duration::from_millis(1)).sweep_by_hand();
    let db = Database::with_options(engine, options)?;
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    script.on_sync(move || match count.fetch_add(1, Ordering::SeqCst) {
        0..3 => Err(Error::new(Kind::Busy, "somebody else writes")),
        _ => Ok(()),
    });
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    wait_until("the background has called it again", || calls.load(Ordering::SeqCst) > 3);
    db.put(notes(), "b", "2")?;
    assert_eq!(all(&db, notes())?, "a=1 b=2");
    Ok(())
}

pub(crate) fn reads_go_on_while_commits_are_refused<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    fill(&db, notes(), &["a"])?;
    fail(&script, Kind::Full);
    refused(Kind::Full, db.put(notes(), "b", "1"));
    assert_eq!(shown(db.get(notes(), "a")?), some("a"));
    assert_eq!(db.transact(|txn| Ok(shown(txn.get(notes(), "a")?)))?.value, some("a"));
    assert_eq!(all(&db, notes())?, "a=a");
    Ok(())
}

pub(crate) fn watch_ends_when_the_database_stops<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    fill(&db, notes(), &["a"])?;
    fail(&script, Kind::CommitUnknown);
    refused(Kind::CommitUnknown, db.put(notes(), "b", "1"));
    assert_eq!(
        watch.try_next()?.as_ref().map(super::told),
        some("put a"),
        "what was committed is still told"
    );
    refused(Kind::Unavailable, watch.try_next());
    refused(Kind::Unavailable, watch.next());
    Ok(())
}
