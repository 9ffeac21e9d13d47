//! Several handles on one plain store, as several processes have them: the smallest engine that others write too.
//!
//! The cases of the theme `sharing` run on it. A blind handle says that others write and never looks: it shows that
//! these cases can fail.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use storage_core::engine::{Commit, Intent, Snapshot};
use storage_core::{
    Capabilities, Decoded, Direction, Engine, Error, KeyRange, Keyspace, Kind, Payload, Record, Result,
    Sharing, Stamp,
};

use crate::plain::{PlainCursor, PlainEngine, PlainSnapshot, PlainStore};

/// A store that any number of handles have open.
#[derive(Clone, Debug, Default)]
pub struct SharedStore {
    store: PlainStore,
    door: Arc<Door>,
}

/// Who may commit.
#[derive(Debug, Default)]
struct Door {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    commits: u64,
    /// Whether a handle has shut the others out.
    is_shut: bool,
}

/// A handle on a [`SharedStore`].
#[derive(Debug)]
pub struct Handle {
    engine: PlainEngine,
    door: Arc<Door>,
    sight: Sight,
    /// How many commits there were when it last looked.
    seen: AtomicU64,
}

/// Whether a handle notices what others commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    Seeing,
    Blind,
}

/// What a handle sees. One that was taken to run alone keeps the others out.
pub struct HandleSnapshot {
    snapshot: PlainSnapshot,
    alone: Option<Alone>,
}

/// Keeps the door shut until it is dropped.
struct Alone(Arc<Door>);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.state.lock().is_shut = false;
        self.0.opened.notify_all();
    }
}

impl SharedStore {
    /// Opens it once more.
    pub fn open(&self) -> Handle {
        self.open_with(Sight::Seeing)
    }

    /// Opens it with a handle that does not notice what others commit.
    pub fn open_blind(&self) -> Handle {
        self.open_with(Sight::Blind)
    }

    fn open_with(&self, sight: Sight) -> Handle {
        let seen = AtomicU64::new(self.door.state.lock().commits);
        Handle { engine: self.store.open(), door: Arc::clone(&self.door), sight, seen }
    }
}

impl Handle {
    /// `ForeignCommit` if there are more commits than it has seen. From then on it has.
    fn look(&self, state: &State) -> Result<()> {
        let seen = self.seen.swap(state.commits, Ordering::SeqCst);
        match self.sight == Sight::Seeing && seen != state.commits {
            true => Err(Error::new(Kind::ForeignCommit, "another handle has committed")),
            false => Ok(()),
        }
    }
}

impl Engine for Handle {
    type Snapshot = HandleSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities().with_sharing(Sharing::Processes)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        self.engine.get(keyspace, key)
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.engine.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.engine.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<HandleSnapshot> {
        if intent != Intent::Exclusive {
            return Ok(HandleSnapshot { snapshot: self.engine.snapshot(intent)?, alone: None });
        }
        let mut state = self.door.state.lock();
        self.door.opened.wait_while(&mut state, |state| state.is_shut);
        self.look(&state)?;
        state.is_shut = true;
        drop(state);
        let alone = Some(Alone(Arc::clone(&self.door)));
        Ok(HandleSnapshot { snapshot: self.engine.snapshot(intent)?, alone })
    }

    fn commit(&self, commit: Commit<'_, HandleSnapshot>) -> Result<()> {
        let alone = commit.basis.and_then(|basis| basis.alone);
        let mut state = self.door.state.lock();
        if alone.is_none() {
            self.door.opened.wait_while(&mut state, |state| state.is_shut);
            self.look(&state)?;
        }
        self.engine.commit(Commit::new(commit.batch, commit.durability))?;
        state.commits += 1;
        self.seen.store(state.commits, Ordering::SeqCst);
        // Dropping the right to be alone takes the lock again.
        drop(state);
        drop(alone);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.engine.sync()
    }

    fn close(&self) -> Result<()> {
        self.engine.close()
    }
}

impl Snapshot for HandleSnapshot {
    type Value<'a> = &'a Payload;
    type Cursor<'a> = PlainCursor<'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<&Payload>>> {
        self.snapshot.get(keyspace, key)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<&Payload>>>> {
        self.snapshot.get_many(keyspace, keys)
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<PlainCursor<'_>> {
        self.snapshot.range(keyspace, range, direction)
    }
}

impl fmt::Debug for HandleSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.alone.is_some() { "HandleSnapshot(alone)" } else { "HandleSnapshot" })
    }
}
