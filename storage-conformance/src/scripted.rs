//! An engine whose calls a test holds up, fails, or lets others overtake.
//!
//! It makes the order of events in the commit pipeline a matter of the test, not of luck.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use storage_core::engine::{Commit, Intent};
use storage_core::{
    Access, Batch, Capabilities, Decoded, Durability, Engine, Keyspace, Record, Result, Stamp, Survives,
};

/// An engine that asks a [`Script`] before each call that it passes on.
pub struct Scripted<E> {
    engine: E,
    script: Arc<Script>,
    access: Option<Access>,
}

/// What happens before the calls of an engine.
#[derive(Default)]
pub struct Script {
    commit: Mutex<Option<Arc<CommitHook>>>,
    before_snapshot: Mutex<Option<SnapshotHook>>,
    after_snapshot: Mutex<Option<SnapshotHook>>,
    sync: Mutex<Option<Arc<Hook>>>,
    close: Mutex<Option<Arc<Hook>>>,
    intents: Mutex<Vec<Intent>>,
}

type CommitHook = dyn Fn(&Attempt<'_>) -> Result<()> + Send + Sync;
type SnapshotHook = Box<dyn FnOnce() + Send>;
type Hook = dyn Fn() -> Result<()> + Send + Sync;

/// A commit that is about to reach the engine.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What it changes.
    pub batch: &'a Batch,
    /// How durable it is to be.
    pub durability: Durability,
    /// What it rests on.
    pub basis: Basis,
}

/// Whether a commit comes with the snapshot that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It comes alone.
    None,
    /// It comes with its snapshot, from the exclusive lane.
    Snapshot,
}

impl<E: Engine> Scripted<E> {
    /// `engine`, with a script that says nothing yet.
    pub fn new(engine: E) -> (Self, Arc<Script>) {
        let script = Arc::new(Script::default());
        (Scripted { engine, script: Arc::clone(&script), access: None }, script)
    }

    /// The same, which says that it is read-only. It passes writes on nonetheless, after asking the script.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Some(Access::ReadOnly);
        self
    }

    /// The engine that it passes calls on to.
    pub fn inner(&self) -> &E {
        &self.engine
    }
}

impl Script {
    /// Calls `hook` before every commit from now on. Its error is the commit's, which then does not take place.
    pub fn on_commit(&self, hook: impl Fn(&Attempt<'_>) -> Result<()> + Send + Sync + 'static) {
        *self.commit.lock() = Some(Arc::new(hook));
    }

    /// Lets commits pass untouched from now on.
    pub fn let_commits_pass(&self) {
        *self.commit.lock() = None;
    }

    /// Calls `hook` once, before the next snapshot that a transaction takes.
    pub fn before_next_snapshot(&self, hook: impl FnOnce() + Send + 'static) {
        *self.before_snapshot.lock() = Some(Box::new(hook));
    }

    /// Calls `hook` once, behind the next snapshot of a transaction: it is pinned, and core does not have it yet.
    pub fn after_next_snapshot(&self, hook: impl FnOnce() + Send + 'static) {
        *self.after_snapshot.lock() = Some(Box::new(hook));
    }

    /// Calls `hook` before every `sync` from now on. Its error is the call's.
    pub fn on_sync(&self, hook: impl Fn() -> Result<()> + Send + Sync + 'static) {
        *self.sync.lock() = Some(Arc::new(hook));
    }

    /// Calls `hook` before the engine is closed. Its error is the call's.
    pub fn on_close(&self, hook: impl Fn() -> Result<()> + Send + Sync + 'static) {
        *self.close.lock() = Some(Arc::new(hook));
    }

    /// What the snapshots so far were taken for, in their order.
    pub fn intents(&self) -> Vec<Intent> {
        self.intents.lock().clone()
    }

    /// Holds every commit from now on at a gate.
    pub fn hold_commits(&self) -> Gate {
        let gate = Gate::default();
        let held = Arc::clone(&gate.0);
        self.on_commit(move |_| {
            held.pass();
            Ok(())
        });
        gate
    }
}

impl<E: Engine> Engine for Scripted<E> {
    type Snapshot = E::Snapshot;
    type Owned = E::Owned;

    /// Deferred commits need a `sync` here, whatever the engine says, so that core calls it.
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.engine.capabilities();
        if !capabilities.needs_sync() {
            capabilities.sync_survives = Survives::PowerLoss;
            capabilities.deferred_survives = Survives::Close;
        }
        match self.access {
            Some(access) => capabilities.with_access(access),
            None => capabilities,
        }
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<E::Owned>>> {
        self.engine.get(keyspace, key)
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.engine.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.engine.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<E::Snapshot> {
        let run = |hook: &Mutex<Option<SnapshotHook>>| {
            let hook = hook.lock().take_if(|_| intent == Intent::Transact);
            if let Some(hook) = hook {
                hook();
            }
        };
        self.script.intents.lock().push(intent);
        run(&self.script.before_snapshot);
        let snapshot = self.engine.snapshot(intent);
        run(&self.script.after_snapshot);
        snapshot
    }

    fn commit(&self, commit: Commit<'_, E::Snapshot>) -> Result<()> {
        let hook = self.script.commit.lock().clone();
        if let Some(hook) = hook {
            let basis = commit.basis.as_ref().map_or(Basis::None, |_| Basis::Snapshot);
            hook(&Attempt { batch: commit.batch, durability: commit.durability, basis })?;
        }
        self.engine.commit(commit)
    }

    fn sync(&self) -> Result<()> {
        let hook = self.script.sync.lock().clone();
        hook.map_or(Ok(()), |hook| hook())?;
        self.engine.sync()
    }

    fn close(&self) -> Result<()> {
        let hook = self.script.close.lock().clone();
        hook.map_or(Ok(()), |hook| hook())?;
        self.engine.close()
    }
}

impl<E: Engine> fmt::Debug for Scripted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scripted({})", self.engine.capabilities().name)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// Holds commits until it is opened or dropped.
#[derive(Debug, Default)]
pub struct Gate(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    arrived: usize,
}

/// A test that waits so long has failed: what it waits for takes microseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

impl Gate {
    /// Waits until a commit stands at the gate.
    pub fn wait_for_a_commit(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.state.lock();
        while state.arrived == 0 {
            assert!(
                !self.0.changed.wait_until(&mut state, deadline).timed_out(),
                "no commit came to the gate"
            );
        }
    }

    /// Lets every commit through, those to come too.
    pub fn open(&self) {
        self.0.state.lock().open = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Held {
    fn pass(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state.lock();
        state.arrived += 1;
        self.changed.notify_all();
        while !state.open {
            assert!(!self.changed.wait_until(&mut state, deadline).timed_out(), "the gate was never opened");
        }
    }
}
