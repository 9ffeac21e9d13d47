//! Watches: what was committed in a range, in commit order.
//!
//! A watch never slows a writer: its events wait in a bounded queue, and one that is full is emptied and told so.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::batch::{Batch, Change};
use crate::error::{Error, Kind, Result};
use crate::key::Key;
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::options::instant_after;
use crate::range::KeyRange;
use crate::sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering, Wait};

/// How many events wait for a slow watch before it lags: a burst of a few large transactions.
const WAITING_MAX: usize = 4096;

/// One change, as a watch reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The version that made the change visible. A snapshot whose `version` is at least this shows it.
    pub version: u64,
    /// What changed.
    pub change: WatchedChange,
}

/// What a watch reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchedChange {
    /// A record was put. Its value can be read from a snapshot.
    Put(Key),
    /// A record was deleted, if it was there.
    Delete(Key),
    /// All records of a range were deleted; the range is the whole one, also where the watch sees a part of it.
    DeleteRange(KeyRange),
    /// The sweeper removed a record that had expired.
    Expire(Key),
    /// Events up to this version are missing: too many waited, or another process has committed. Read the range again,
    /// then go on.
    Lagged,
}

/// Whether a commit's deletes were decided by an application or by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Application,
    Expiry,
}

/// The changes in one range of a keyspace, from when it was made.
///
/// Events come in commit order with the version that made them. Taken together with a snapshot made afterwards, an
/// event may repeat what the snapshot shows, and none is ever missed: drop those up to the snapshot's version.
#[derive(Debug)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    keyspace: Keyspace,
    range: KeyRange,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    /// Why no more will come.
    ended: Option<Ended>,
    /// The task that waits for the next event.
    waker: Option<Waker>,
}

/// Why the watches of a database have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Poisoned,
}

impl Ended {
    fn error(self) -> Error {
        match self {
            Ended::Closed => Error::closed(),
            Ended::Poisoned => Error::new(Kind::Unavailable, "the database has stopped: open it again"),
        }
    }
}

impl Watch {
    /// The next event if one waits, without blocking. `Closed` once all were taken and the database is closed,
    /// `Unavailable` once it has stopped.
    pub fn try_next(&self) -> Result<Option<Event>> {
        let mut state = self.inner.state.lock();
        match state.events.pop_front() {
            Some(event) => Ok(Some(event)),
            None => state.ended.map_or(Ok(None), |ended| Err(ended.error())),
        }
    }

    /// The next event, waiting for one up to `timeout`; `None` if none came.
    pub fn next_within(&self, timeout: Duration) -> Result<Option<Event>> {
        let deadline = instant_after(timeout);
        let mut state = self.inner.state.lock();
        loop {
            if let Some(event) = state.events.pop_front() {
                return Ok(Some(event));
            }
            if let Some(ended) = state.ended {
                return Err(ended.error());
            }
            let (guard, wait) = self.inner.changed.wait_until(state, deadline);
            state = guard;
            if wait == Wait::TimedOut && state.events.is_empty() {
                return state.ended.map_or(Ok(None), |ended| Err(ended.error()));
            }
        }
    }

    /// The next event, waiting for as long as it takes. `Closed` ends the wait.
    pub fn next(&self) -> Result<Event> {
        let mut state = self.inner.state.lock();
        loop {
            if let Some(event) = state.events.pop_front() {
                return Ok(event);
            }
            if let Some(ended) = state.ended {
                return Err(ended.error());
            }
            state = self.inner.changed.wait(state);
        }
    }

    /// The next event, or `Pending` and a wake-up of the task once one came: no thread waits, and any runtime will do.
    ///
    /// Nothing is taken before `Ready`, so a task that gives up misses no event. Of several tasks that poll, the last
    /// one is woken. The waker is called by the thread that commits.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Result<Event>> {
        let mut state = self.inner.state.lock();
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Ok(event));
        }
        if let Some(ended) = state.ended {
            return Poll::Ready(Err(ended.error()));
        }
        if state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let replaced = state.waker.replace(context.waker().clone());
        // Dropping it may end a task, which may hold anything.
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

/// Wakes tasks. Called without a lock, for a waker is the runtime's code; and one that panics fails no commit.
fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        drop(catch_unwind(AssertUnwindSafe(|| waker.wake())));
    }
}

/// The watches of a database.
#[derive(Debug)]
pub(crate) struct Watches {
    list: Mutex<List>,
    /// How many there are, so that commits without watches pay one load.
    count: AtomicU64,
}

#[derive(Debug, Default)]
struct List {
    watches: Vec<Weak<Inner>>,
    ended: Option<Ended>,
}

impl Watches {
    pub(crate) fn new() -> Self {
        Watches { list: Mutex::default(), count: AtomicU64::new(0) }
    }

    pub(crate) fn register(&self, keyspace: Keyspace, range: KeyRange) -> Watch {
        let mut list = self.list.lock();
        let state = State { ended: list.ended, ..State::default() };
        let inner =
            Arc::new(Inner { keyspace, range, state: Mutex::new(state), changed: Condvar::default() });
        list.watches.retain(|watch| watch.strong_count() > 0);
        list.watches.push(Arc::downgrade(&inner));
        self.count.store(list.watches.len() as u64, Ordering::SeqCst);
        Watch { inner }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Reports what a member changed. Called by the leader alone, once its version can be seen.
    pub(crate) fn report(&self, version: u64, batch: &Batch, cause: Cause) {
        let mut wakers = Vec::new();
        let mut list = self.list.lock();
        list.watches.retain(|watch| match watch.upgrade() {
            None => false,
            Some(watch) => {
                wakers.extend(watch.report(version, batch, cause));
                true
            }
        });
        self.count.store(list.watches.len() as u64, Ordering::SeqCst);
        drop(list);
        wake(wakers);
    }

    /// Tells every watch that something was committed of which nobody knows what. Called by the leader alone.
    pub(crate) fn lag(&self, version: u64) {
        let mut wakers = Vec::new();
        let list = self.list.lock();
        for watch in list.watches.iter().filter_map(Weak::upgrade) {
            wakers.extend(watch.lag(version));
        }
        drop(list);
        wake(wakers);
    }

    /// Ends every watch, those still to come included. The first reason stays.
    pub(crate) fn end(&self, ended: Ended) {
        let mut wakers = Vec::new();
        let mut list = self.list.lock();
        let ended = *list.ended.get_or_insert(ended);
        for watch in list.watches.drain(..).filter_map(|watch| watch.upgrade()) {
            let mut state = watch.state.lock();
            state.ended = Some(ended);
            wakers.extend(state.waker.take());
            drop(state);
            watch.changed.notify_all();
        }
        self.count.store(0, Ordering::SeqCst);
        drop(list);
        wake(wakers);
    }
}

impl Inner {
    /// Notes what a member changed. The task that waited, if any, to be woken.
    fn report(&self, version: u64, batch: &Batch, cause: Cause) -> Option<Waker> {
        if self.keyspace.kind() != KeyspaceKind::Data {
            return None;
        }
        let mut state = self.state.lock();
        let before = state.events.len();
        for (keyspace, range) in &batch.range_deletes {
            if *keyspace == self.keyspace && range.overlaps(&self.range) {
                state.events.push_back(Event { version, change: WatchedChange::DeleteRange(range.clone()) });
            }
        }
        for write in &batch.writes {
            if write.keyspace == self.keyspace && self.range.contains(&write.key) {
                let change = match (&write.change, cause) {
                    (Change::Put(_), _) => WatchedChange::Put(write.key.clone()),
                    (Change::Delete, Cause::Application) => WatchedChange::Delete(write.key.clone()),
                    (Change::Delete, Cause::Expiry) => WatchedChange::Expire(write.key.clone()),
                };
                state.events.push_back(Event { version, change });
            }
        }
        if state.events.len() > WAITING_MAX {
            state.events.clear();
            state.events.push_back(Event { version, change: WatchedChange::Lagged });
        }
        if state.events.len() == before {
            return None;
        }
        self.announce(state)
    }

    /// Notes that events up to `version` are missing, behind those that wait.
    fn lag(&self, version: u64) -> Option<Waker> {
        let mut state = self.state.lock();
        let lagged = Event { version, change: WatchedChange::Lagged };
        match state.events.back_mut() {
            Some(last) if last.change == WatchedChange::Lagged => *last = lagged,
            _ => state.events.push_back(lagged),
        }
        self.announce(state)
    }

    /// Wakes the threads that wait for an event. The task that does, if any, to be woken.
    fn announce(&self, mut state: MutexGuard<'_, State>) -> Option<Waker> {
        let waker = state.waker.take();
        drop(state);
        self.changed.notify_all();
        waker
    }
}
