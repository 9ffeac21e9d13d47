//! Time and commits: what is read fits one moment, whatever passes between the steps of a read.

use std::fmt;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use storage_core::{
    Attributes, Clock, Database, Engine, KeyRange, Kind, ManualClock, Result, Timestamp, TransactOptions,
};

use super::people::{People, person};
use super::{at, letters, listed, notes, open, quiet, refused, shown, some, timed};
use crate::scripted::Scripted;
use crate::subject::Subject;

fn put_until<E: Engine>(db: &Database<E>, value: &str, expires: u64) -> Result<()> {
    let attributes = Attributes::new().expires_at(at(expires));
    db.put_with(notes(), "lease", value, attributes, TransactOptions::new())
}

pub(crate) fn no_reader_sees_a_lease_ended_and_misses_what_its_holder_did<S: Subject>(
    subject: &S,
) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let holder = scope.spawn(|| {
            db.transact(|txn| {
                assert!(txn.get(notes(), "lease")?.is_some());
                txn.put(notes(), "done", "under the lease")
            })
        });
        gate.wait_for_a_commit();
        clock.set(at(10));
        let snapshot = db.snapshot()?;
        let in_range = listed(snapshot.range(notes(), &KeyRange::all(), Default::default())?)?;
        assert_eq!(in_range, "lease=held", "the lease cannot have ended without what came before its end");
        let read = db.transact(|txn| listed(txn.range(notes(), KeyRange::all(), Default::default())?))?.value;
        assert_eq!(read, "lease=held");
        gate.open();
        holder.join().expect("it does not panic")?;
        assert_eq!(shown(snapshot.get(notes(), "lease")?), some("held"));
        Ok::<_, storage_core::Error>(())
    })?;
    let after = db.transact(|txn| listed(txn.range(notes(), KeyRange::all(), Default::default())?))?;
    assert_eq!(after.value, "done=under the lease");
    Ok(())
}

/// A clock that something happens at, the next time it is read.
#[derive(Clone)]
struct Eventful(Arc<Events>);

struct Events {
    clock: ManualClock,
    event: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Eventful {
    fn now(&self) -> Timestamp {
        let event = self.0.event.lock().take();
        if let Some(event) = event {
            event();
        }
        self.0.clock.now()
    }
}

impl fmt::Debug for Eventful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Eventful({:?})", self.0.clock)
    }
}

pub(crate) fn lone_get_finds_a_record_that_is_prolonged_while_it_is_read<S: Subject>(
    subject: &S,
) -> Result<()> {
    let manual = ManualClock::at(at(0));
    let clock = Eventful(Arc::new(Events { clock: manual.clone(), event: Mutex::new(None) }));
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let other = db.clone();
    *clock.0.event.lock() = Some(Box::new(move || {
        put_until(&other, "prolonged", 30).expect("a lone put commits");
        manual.set(at(20));
    }));
    assert_eq!(shown(db.get(notes(), "lease")?), some("prolonged"), "it was live at every moment");
    clock.0.clock.set(at(30));
    assert_eq!(shown(db.get(notes(), "lease")?), None);
    Ok(())
}

pub(crate) fn refusal_by_a_holder_that_has_expired_since_does_not_stand<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        if let Err(error) = people.table.put(txn, &2, &person("bonn", "ann", 40)) {
            assert_eq!(error.kind(), Kind::AlreadyExists, "{error:?}");
            txn.put(letters(), "refused", "yes")?;
        }
        clock.set(at(10));
        Ok(())
    })?;
    assert_eq!((runs, shown(db.get(letters(), "refused")?)), (2, None));
    people.is_consistent(&db)?;
    refused(Kind::AlreadyExists, people.put(&db, 3, &person("oslo", "ann", 50)));
    Ok(())
}

pub(crate) fn commit_that_asks_for_no_time_tells_none<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let plain = db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        txn.put_with(notes(), "b", "1", Attributes::new().expires_at(at(10)))
    })?;
    let resting = db.transact(|txn| {
        assert!(txn.get(notes(), "b")?.is_some(), "the commit rests on the time");
        txn.delete(notes(), "a")
    })?;
    assert_eq!((plain.time, plain.numbers), (None, Vec::new()));
    assert_eq!((resting.time, resting.numbers), (None, Vec::new()));
    Ok(())
}
