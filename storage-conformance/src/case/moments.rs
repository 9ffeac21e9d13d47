//! Time and commits: what is read fits one moment, whatever passes between the steps of a read.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use storage_core::{
    Attributes, Clock, Database, Engine, KeyRange, Kind, ManualClock, Result, Timestamp, TransactOptions,
};

use super::people::{People, person};
use super::{
    all, at, elsewhere, letters, listed, notes, open, quiet, refused, scripted, shown, some, timed,
    wait_until,
};
use crate::scripted::{Gate, Script, Scripted};
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

impl Eventful {
    /// A clock that stands still, and at which nothing happens yet.
    fn new() -> Self {
        Eventful(Arc::new(Events { clock: ManualClock::at(at(0)), event: Mutex::new(None) }))
    }

    /// Lets something happen the next time that it is read.
    fn next(&self, event: impl FnOnce() + Send + 'static) {
        *self.0.event.lock() = Some(Box::new(event));
    }

    /// Panics the next time that it is read.
    fn panic_next(&self) {
        self.next(|| resume_unwind(Box::new("the clock panics")));
    }
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
    let clock = Eventful::new();
    let manual = clock.0.clock.clone();
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let other = db.clone();
    clock.next(move || {
        put_until(&other, "prolonged", 30).expect("a lone put commits");
        manual.set(at(20));
    });
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

/// Reads the lease and writes under it, so that the commit rests on the time.
fn work_under_the_lease<E: Engine>(db: &Database<E>, before_the_commit: impl Fn()) -> Result<()> {
    let worked = db.transact(|txn| {
        assert!(txn.get(notes(), "lease")?.is_some());
        txn.put(notes(), "done", "under the lease")?;
        before_the_commit();
        Ok(())
    });
    worked.map(drop)
}

pub(crate) fn clock_that_panics_in_a_commit_stops_the_database<S: Subject>(subject: &S) -> Result<()> {
    let clock = Eventful::new();
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let panicked = catch_unwind(AssertUnwindSafe(|| work_under_the_lease(&db, || clock.panic_next())));
    assert!(panicked.is_err(), "the panic is the committer's");
    // In another thread: whoever asks for the time must not wait for a commit that is over.
    elsewhere(|| {
        assert_eq!(db.now(), at(0));
        refused(Kind::Unavailable, db.get(notes(), "lease"));
        refused(Kind::Unavailable, db.snapshot());
        refused(Kind::Unavailable, db.put(notes(), "later", "1"));
        refused(Kind::Unavailable, work_under_the_lease(&db, || ()));
        Ok(())
    })?;
    db.close()
}

pub(crate) fn clock_that_panics_in_a_group_leaves_nobody_waiting<S: Subject>(subject: &S) -> Result<()> {
    let clock = Eventful::new();
    let (engine, script) = Scripted::new(subject.open()?);
    let db = Database::with_options(engine, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let first = scope.spawn(|| db.put(notes(), "first", "1"));
        gate.wait_for_a_commit();
        let leader = scope.spawn(|| work_under_the_lease(&db, || ()));
        wait_until("the leader to be waits", || db.statistics().waiting == 1);
        let follower = scope.spawn(|| db.put(notes(), "follower", "1"));
        wait_until("both wait", || db.statistics().waiting == 2);
        clock.panic_next();
        gate.open();
        first.join().expect("it does not panic")?;
        assert!(leader.join().is_err(), "the panic is the leader's");
        refused(Kind::CommitUnknown, follower.join().expect("the panic is not the follower's"));
        Ok::<_, storage_core::Error>(())
    })?;
    assert_eq!(db.now(), at(0));
    refused(Kind::Unavailable, db.get(notes(), "first"));
    db.close()
}

pub(crate) fn clock_that_panics_in_a_read_leaves_the_database_usable<S: Subject>(subject: &S) -> Result<()> {
    let clock = Eventful::new();
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    put_until(&db, "held", 10)?;
    let reads: [&dyn Fn() -> Result<()>; 4] = [
        &|| db.get(notes(), "lease").map(drop),
        &|| db.snapshot().map(drop),
        &|| db.transact(|txn| txn.get(notes(), "lease").map(drop)).map(drop),
        &|| db.sweep(10).map(drop),
    ];
    for read in reads {
        clock.panic_next();
        assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
        read()?;
    }
    elsewhere(|| work_under_the_lease(&db, || ()))?;
    assert_eq!(all(&db, notes())?, "done=under the lease lease=held");
    Ok(())
}

/// Overtakes every transaction between its snapshot and its time, and holds the office of the leader meanwhile.
struct Overtaker<E: Engine> {
    db: Database<Scripted<E>>,
    script: Arc<Script>,
    goes_on: AtomicBool,
    held: Mutex<Option<(Gate, thread::JoinHandle<Result<()>>)>>,
}

impl<E: Engine> Overtaker<E> {
    fn at_the_next_snapshot(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.script.after_next_snapshot(move || {
            this.let_go().expect("a lone put commits");
            if this.goes_on.load(Ordering::SeqCst) {
                elsewhere(|| this.db.put(notes(), "other", "1")).expect("a lone put commits");
                this.hold();
                this.at_the_next_snapshot();
            }
        });
    }

    /// Lets a commit stand at a gate, so that nobody else gets a turn.
    fn hold(&self) {
        let (gate, db) = (self.script.hold_commits(), self.db.clone());
        let commit = thread::spawn(move || db.put(notes(), "held", "1"));
        gate.wait_for_a_commit();
        *self.held.lock() = Some((gate, commit));
    }

    fn let_go(&self) -> Result<()> {
        self.script.let_commits_pass();
        let Some((gate, commit)) = self.held.lock().take() else { return Ok(()) };
        gate.open();
        commit.join().expect("a put does not panic")
    }
}

pub(crate) fn wait_for_a_moment_ends_at_the_deadline<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    put_until(&db, "lease", 10)?;
    let goes_on = AtomicBool::new(true);
    let overtaker = Arc::new(Overtaker { db: db.clone(), script, goes_on, held: Mutex::default() });
    overtaker.at_the_next_snapshot();
    let impatient = TransactOptions::new().deadline(Duration::ZERO);
    let begun = Instant::now();
    refused(Kind::Busy, db.transact_with(impatient, |txn| Ok(txn.now())));
    assert!(begun.elapsed() < TransactOptions::new().deadline / 2, "the deadline was its own");
    overtaker.goes_on.store(false, Ordering::SeqCst);
    overtaker.let_go()?;
    assert_eq!(db.transact_with(impatient, |txn| Ok(txn.now()))?.value, at(0));
    Ok(())
}
