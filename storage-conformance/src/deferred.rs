//! The same store with every commit deferred, so that whatever runs on a subject runs at the lower durability too.

use std::fmt;

use storage_core::engine::{Commit, Intent};
use storage_core::{Capabilities, Decoded, Durability, Engine, Keyspace, Record, Result, Stamp};

use crate::subject::{DamageRecord, Subject};

/// A subject whose commits are all [`Durability::Deferred`], whatever is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deferred<S>(pub S);

impl<S: Subject> Subject for Deferred<S> {
    type Engine = Deferring<S::Engine>;

    fn open(&self) -> Result<Self::Engine> {
        self.0.open().map(Deferring)
    }

    fn damage(&self) -> Option<DamageRecord<Self::Engine>> {
        let damage = self.0.damage()?;
        Some(Box::new(move |engine, keyspace, key, change| damage(&engine.0, keyspace, key, change)))
    }
}

/// An engine that is asked for nothing but deferred commits. `sync` and `close` reach it as they are.
pub struct Deferring<E>(E);

impl<E: Engine> Engine for Deferring<E> {
    type Snapshot = E::Snapshot;
    type Owned = E::Owned;

    /// As the engine says, only that no commit outlives more than a deferred one.
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.sync_survives = capabilities.deferred_survives;
        capabilities
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<E::Owned>>> {
        self.0.get(keyspace, key)
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.0.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.0.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<E::Snapshot> {
        self.0.snapshot(intent)
    }

    fn commit(&self, mut commit: Commit<'_, E::Snapshot>) -> Result<()> {
        commit.durability = Durability::Deferred;
        self.0.commit(commit)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }
}

impl<E: Engine> fmt::Debug for Deferring<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deferring({})", self.0.capabilities().name)
    }
}
