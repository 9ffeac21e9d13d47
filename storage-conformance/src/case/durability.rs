//! Durability levels, as far as they can be told without a crash: what reaches the engine, and when.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use storage_core::{
    Attributes, Database, Durability, Error, KeyRange, Kind, Result, Survives, TransactOptions,
};

use super::{all, fill, notes, open, quiet, refused, scripted, wait_until};
use crate::scripted::{PATIENCE, Scripted};
use crate::subject::Subject;

pub(crate) fn deferred_commit_is_visible_at_once<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    assert_eq!(all(&db, notes())?, "a=1");
    db.transact_with(Durability::Deferred, |txn| txn.put(notes(), "b", "2"))?;
    assert_eq!(all(&db, notes())?, "a=1 b=2");
    assert_eq!(super::events(&watch)?, ["put a", "put b"]);
    Ok(())
}

pub(crate) fn durabilities_mix_in_commit_order<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for round in 0..20 {
        let durability = if round % 3 == 0 { Durability::Sync } else { Durability::Deferred };
        db.put_with(notes(), (round % 4).to_string(), round.to_string(), Attributes::new(), durability)?;
    }
    assert_eq!(all(&db, notes())?, "0=16 1=17 2=18 3=19");
    db.sync()?;
    assert_eq!(all(&db, notes())?, "0=16 1=17 2=18 3=19");
    Ok(())
}

pub(crate) fn commits_are_synced_unless_deferred_by_name<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    script.on_commit(move |attempt| {
        record.lock().push(attempt.durability);
        Ok(())
    });
    db.put(notes(), "a", "1")?;
    db.delete(notes(), "a")?;
    db.delete_range(notes(), &KeyRange::all())?;
    db.transact(|txn| txn.put(notes(), "a", "1"))?;
    db.transact_with(TransactOptions::new(), |txn| txn.put(notes(), "a", "1"))?;
    db.put_with(notes(), "a", "1", Attributes::new(), TransactOptions::default())?;
    assert_eq!(*seen.lock(), [Durability::Sync; 6]);
    seen.lock().clear();
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    db.transact_with(Durability::Deferred, |txn| txn.put(notes(), "a", "1"))?;
    assert_eq!(*seen.lock(), [Durability::Deferred; 2]);
    Ok(())
}

pub(crate) fn sync_reaches_the_engine<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let syncs = Arc::new(Mutex::new(0));
    let count = Arc::clone(&syncs);
    script.on_sync(move || {
        *count.lock() += 1;
        Ok(())
    });
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    db.sync()?;
    assert_eq!(*syncs.lock(), 1);
    db.sync()?;
    assert_eq!(*syncs.lock(), 2, "whoever asks is not told that it was done before");
    Ok(())
}

/// A database whose deferred commits are synced within so long, and a channel that tells each sync.
fn synced_within<S: Subject>(
    subject: &S,
    time: Duration,
) -> Result<(Database<Scripted<S::Engine>>, mpsc::Receiver<()>)> {
    let (engine, script) = Scripted::new(subject.open()?);
    let (told, syncs) = mpsc::channel();
    script.on_sync(move || {
        // The case may be over.
        told.send(()).ok();
        Ok(())
    });
    Ok((Database::with_options(engine, quiet().sync_within(time))?, syncs))
}

pub(crate) fn deferred_commit_of_an_idle_database_is_synced_in_time<S: Subject>(subject: &S) -> Result<()> {
    let (db, syncs) = synced_within(subject, Duration::from_millis(1))?;
    for round in 0..3 {
        db.put_with(notes(), "a", round.to_string(), Attributes::new(), Durability::Deferred)?;
        assert!(syncs.recv_timeout(PATIENCE).is_ok(), "nothing synced commit {round}");
    }
    assert_eq!(all(&db, notes())?, "a=2");
    Ok(())
}

pub(crate) fn background_sync_is_not_called_before_it_is_due<S: Subject>(subject: &S) -> Result<()> {
    let (db, syncs) = synced_within(subject, Duration::from_secs(3600))?;
    for round in 0..50 {
        db.put_with(notes(), "a", round.to_string(), Attributes::new(), Durability::Deferred)?;
    }
    assert!(syncs.try_recv().is_err());
    db.close()
}

pub(crate) fn failed_background_sync_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let (engine, script) = Scripted::new(subject.open()?);
    script.on_sync(|| Err(Error::new(Kind::Unavailable, "the disk is gone")));
    let db = Database::with_options(engine, quiet().sync_within(Duration::from_millis(1)))?;
    db.put_with(notes(), "a", "1", Attributes::new(), Durability::Deferred)?;
    wait_until("the sync has failed", || db.statistics().background_errors == 1);
    refused(Kind::Unavailable, db.get(notes(), "a"));
    refused(Kind::Unavailable, db.put(notes(), "b", "1"));
    Ok(())
}

pub(crate) fn capabilities_agree_with_each_other<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let capabilities = db.capabilities();
    assert!(!capabilities.name.is_empty());
    assert!(capabilities.deferred_survives <= capabilities.sync_survives, "{capabilities:?}");
    assert_eq!(capabilities.reopens(), capabilities.sync_survives > Survives::Memory);
    fill(&db, notes(), &["a"])?;
    assert_eq!(db.capabilities(), capabilities, "they do not change");
    Ok(())
}
