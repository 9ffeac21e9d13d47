//! The engine that must be caught: one whose records nobody verifies.

use std::fmt;

use storage_core::engine::{Commit, Intent};
use storage_core::{Capabilities, Checksums, Decoded, Engine, Keyspace, Record, Result, Stamp};

/// An engine that says that its records need no checksums, although they lie in files.
pub struct Unchecked<E>(pub E);

impl<E: Engine> Engine for Unchecked<E> {
    type Snapshot = E::Snapshot;
    type Owned = E::Owned;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_checksums(Checksums::Skipped)
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

    fn commit(&self, commit: Commit<'_, E::Snapshot>) -> Result<()> {
        self.0.commit(commit)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }
}

impl<E: Engine> fmt::Debug for Unchecked<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unchecked({})", self.0.capabilities().name)
    }
}
