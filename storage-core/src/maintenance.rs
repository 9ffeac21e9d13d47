//! The background thread of a database: it syncs deferred commits in time and sweeps what has expired.
//!
//! The first commit that needs it starts it. It holds the database only while it works, and ends with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::database::{Database, Shared};
use crate::engine::{Durability, Engine};
use crate::error::Result;
use crate::options::instant_after;
use crate::statistics::Counters;

/// Records removed by one background sweep before commits get a turn.
const SWEEP_MAX: usize = 10_000;

/// What there is to do in the background.
#[derive(Debug)]
pub(crate) struct Maintenance {
    /// How long deferred commits may wait for a `sync`; `None` on an engine where nothing is gained by one.
    sync_within: Option<Duration>,
    sweep_every: Option<Duration>,
    /// Whether any record may expire.
    expiring: AtomicBool,
    /// Whether a deferred commit waits for a `sync`. Kept beside the bell, so that most commits need not lock it.
    unsynced: AtomicBool,
    /// Whether sweeps are scheduled.
    sweeping: AtomicBool,
    bell: Arc<Bell>,
}

/// What the thread waits for.
#[derive(Debug, Default)]
struct Bell {
    due: Mutex<Due>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Due {
    sync: Option<Instant>,
    sweep: Option<Instant>,
    running: bool,
    ended: bool,
}

impl Maintenance {
    pub(crate) fn new(sync_within: Option<Duration>, sweep_every: Option<Duration>) -> Self {
        Maintenance {
            sync_within,
            sweep_every,
            expiring: AtomicBool::new(false),
            unsynced: AtomicBool::new(false),
            sweeping: AtomicBool::new(false),
            bell: Arc::default(),
        }
    }

    /// Whether any record may expire: false only while none was ever written with an expiry.
    pub(crate) fn has_expiring(&self) -> bool {
        self.expiring.load(Ordering::SeqCst)
    }

    /// Notes that everything committed before is durable, or will be once the `sync` about to begin has returned.
    pub(crate) fn syncing(&self) {
        if self.unsynced.load(Ordering::SeqCst) {
            // Under the lock, so that a commit after this is not forgotten with those before.
            let mut due = self.bell.due.lock();
            self.unsynced.store(false, Ordering::SeqCst);
            due.sync = None;
        }
    }

    /// Ends the thread at its next wait.
    pub(crate) fn end(&self) {
        self.bell.due.lock().ended = true;
        self.bell.rung.notify_one();
    }
}

impl<E: Engine> Shared<E> {
    /// Notes a commit: a deferred one is to be synced in time, one that was synced made all before it durable.
    pub(crate) fn note_commit(&self, durability: Durability) {
        let Some(within) = self.maintenance.sync_within else { return };
        match durability {
            Durability::Sync => self.maintenance.syncing(),
            Durability::Deferred => {
                if !self.maintenance.unsynced.swap(true, Ordering::SeqCst) {
                    self.schedule(|due| due.sync = Some(instant_after(within)));
                }
            }
        }
    }

    /// Notes that a record with an expiry is about to be written, or was found.
    pub(crate) fn note_expiring(&self) {
        self.maintenance.expiring.store(true, Ordering::SeqCst);
        let Some(every) = self.maintenance.sweep_every else { return };
        if !self.maintenance.sweeping.load(Ordering::Relaxed) {
            self.maintenance.sweeping.store(true, Ordering::Relaxed);
            self.schedule(|due| due.sweep = Some(instant_after(every)));
        }
    }

    fn schedule(&self, change: impl FnOnce(&mut Due)) {
        let bell = &self.maintenance.bell;
        let mut due = bell.due.lock();
        change(&mut due);
        if due.running || due.ended {
            bell.rung.notify_one();
            return;
        }
        let (bell, database) = (Arc::clone(bell), self.myself.clone());
        let thread = thread::Builder::new().name("storage-maintenance".into());
        due.running = thread.spawn(move || run(&bell, &database)).is_ok();
        if !due.running {
            // No thread could be had: the next commit that needs it tries again.
            self.maintenance.unsynced.store(false, Ordering::SeqCst);
            self.maintenance.sweeping.store(false, Ordering::Relaxed);
            Counters::count(&self.counters.background_errors);
        }
    }

    /// Does a piece of work. That it failed, or panicked in the application's code, is counted; the next is due later.
    fn work_in_background<T>(&self, work: impl FnOnce(&Self) -> Result<T>) {
        if self.check_open().is_ok() {
            let done = catch_unwind(AssertUnwindSafe(|| work(self)));
            if !matches!(done, Ok(Ok(_))) {
                Counters::count(&self.counters.background_errors);
            }
        }
    }
}

fn sweep_in_background<E: Engine>(shared: Arc<Shared<E>>) {
    if let Some(every) = shared.maintenance.sweep_every {
        shared.schedule(|due| due.sweep = Some(instant_after(every)));
    }
    let database = Database::from_shared(shared);
    database.shared().work_in_background(|_| database.sweep(SWEEP_MAX));
}

fn run<E: Engine>(bell: &Bell, database: &Weak<Shared<E>>) {
    loop {
        let mut due = bell.due.lock();
        let now = loop {
            let now = Instant::now();
            match due.sync.into_iter().chain(due.sweep).min() {
                _ if due.ended => return,
                Some(at) if at <= now => break now,
                Some(at) => drop(bell.rung.wait_until(&mut due, at)),
                None => bell.rung.wait(&mut due),
            }
        };
        let sync = due.sync.take_if(|at| *at <= now).is_some();
        let sweep = due.sweep.take_if(|at| *at <= now).is_some();
        drop(due);
        let Some(shared) = database.upgrade() else { return };
        if sync {
            shared.work_in_background(|shared| shared.sync());
        }
        if sweep {
            sweep_in_background(shared);
        }
    }
}
