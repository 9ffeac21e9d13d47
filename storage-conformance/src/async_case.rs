//! The cases of the async face, by theme, and the few words in which they are written.

pub(crate) mod calls;
pub(crate) mod dropping;
pub(crate) mod runtimes;
pub(crate) mod tasks;
pub(crate) mod watches;

use std::pin::pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use storage_core::{AsyncDatabase, Database, Engine, Error, KeyRange, Kind, Result, Transaction};
use tokio::runtime::{Builder, Runtime};

use crate::case::{elsewhere, letters, notes, open};
use crate::scripted::PATIENCE;
use crate::subject::Subject;

/// The async faces of one database: as an application gets it, and with hops where that has none.
pub(crate) fn faces<S: Subject>(subject: &S) -> Result<Vec<AsyncDatabase<S::Engine>>> {
    let db = open(subject)?;
    let mut faces = vec![AsyncDatabase::new(db.clone())];
    if !db.capabilities().waits() {
        faces.push(AsyncDatabase::on_blocking_threads(db));
    }
    Ok(faces)
}

/// Runs a case on each face of a database, which begins empty, in a runtime of one thread.
pub(crate) fn on_each_face<S: Subject>(
    subject: &S,
    mut case: impl AsyncFnMut(&AsyncDatabase<S::Engine>) -> Result<()>,
) -> Result<()> {
    for db in faces(subject)? {
        clear(&db)?;
        one_thread().block_on(case(&db))?;
    }
    Ok(())
}

/// Deletes what an earlier round of a case left.
pub(crate) fn clear<E: Engine>(db: &AsyncDatabase<E>) -> Result<()> {
    db.blocking().delete_range(notes(), &KeyRange::all())?;
    db.blocking().delete_range(letters(), &KeyRange::all())
}

/// A runtime whose tasks share the thread that awaits.
pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime starts")
}

/// The same with a clock that stands still while there is anything to do, and otherwise leaps to what is waited for.
pub(crate) fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime starts")
}

/// A runtime of two threads for tasks and a few for blocking calls.
pub(crate) fn two_threads() -> Runtime {
    // Fewer than there are tasks, so that some wait for a thread.
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).max_blocking_threads(32).enable_time().build().expect("a runtime starts")
}

/// Adds one to a number by reading and writing it.
pub(crate) fn increment<E: Engine>(txn: &mut Transaction<'_, E>) -> Result<()> {
    let before = txn.get(notes(), "number")?.map_or(0, |found| number(&found));
    txn.put(notes(), "number", (before + 1).to_string())
}

/// A body that is overtaken until it runs alone, and then does `alone`.
pub(crate) fn overtaken_until_alone<E: Engine, A>(
    db: &Database<E>,
    mut alone: A,
) -> impl FnMut(&mut Transaction<'_, E>) -> Result<()> + Send + 'static + use<E, A>
where
    A: FnMut(&mut Transaction<'_, E>) -> Result<()> + Send + 'static,
{
    let (db, before) = (db.clone(), db.statistics().exclusive);
    let mut runs = 0;
    move |txn| {
        txn.get(notes(), "contended")?;
        if db.statistics().exclusive > before {
            return alone(txn);
        }
        runs += 1;
        elsewhere(|| db.put(notes(), "contended", runs.to_string()))?;
        txn.put(notes(), "lost", "")
    }
}

/// The number in a value.
pub(crate) fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).expect("cases write decimal numbers")
}

/// Polls a future once, in whatever runtime is entered, and drops it.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A place where one thread stands until it may go on. Dropping it lets the thread go on.
pub(crate) struct Stop {
    arrived: Receiver<()>,
    go_on: Sender<()>,
}

impl Stop {
    /// The place, and what the thread that is to stand there calls.
    pub(crate) fn new() -> (Self, impl Fn() + Send + Sync + 'static) {
        let (arrive, arrived) = channel();
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let stand = move || {
            arrive.send(()).unwrap_or(());
            let ended = may_go_on.lock().recv_timeout(PATIENCE);
            assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "it was never let go on");
        };
        (Stop { arrived, go_on }, stand)
    }

    /// Waits until a thread stands here.
    pub(crate) fn wait(&self) {
        self.arrived.recv_timeout(PATIENCE).expect("a thread comes");
    }

    /// Lets the thread go on, and those who come later pass.
    pub(crate) fn open(self) {
        drop(self.go_on);
    }
}

/// What a closure holds, and how a case learns that the closure is gone, and with it the work that it did.
pub(crate) struct Lifetime(Receiver<()>);

impl Lifetime {
    pub(crate) fn new() -> (Self, Sender<()>) {
        let (held, gone) = channel();
        (Lifetime(gone), held)
    }

    /// Waits until it is gone.
    pub(crate) fn wait_for_the_end(self) {
        let ended = self.0.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected), "the closure is still there");
    }
}

/// An error that a case did not ask for, as it comes from tasks.
pub(crate) fn joined<T>(joined: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    joined.unwrap_or_else(|error| Err(Error::new(Kind::Internal, "a task failed").caused_by(error)))
}

/// What a future came to, which must not need a timeout to be polled again.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        () = tokio::time::sleep(PATIENCE) => panic!("it takes microseconds, unless nobody wakes it"),
        output = future => output,
    }
}
