//! The engine: what it is asked, and where that is answered.

use storage_core::engine::{Commit, Intent, Snapshot};
use storage_core::{Capabilities, Decoded, Engine, Keyspace};
use storage_core::{Payload, Record, Result, Stamp};

use crate::commit;
use crate::error::NAME;
use crate::snapshot::@Name@Snapshot;

/// The @name@ engine. Nothing can be stored in it yet.
#[derive(Debug, Default)]
pub struct @Name@Engine;

impl @Name@Engine {
    /// An empty engine.
    pub fn new() -> Self {
        Self
    }
}

impl Engine for @Name@Engine {
    type Snapshot = @Name@Snapshot;
    type Owned = Payload;

    /// Those of an engine in memory, as long as it stores nothing.
    fn capabilities(&self) -> Capabilities {
        Capabilities::memory(NAME)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        self.snapshot(Intent::Read)?.get(keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        Ok(Vec::new())
    }

    fn snapshot(&self, _: Intent) -> Result<Self::Snapshot> {
        Ok(Self::Snapshot::new())
    }

    fn commit(&self, commit: Commit<'_, Self::Snapshot>) -> Result<()> {
        commit::commit(commit.batch)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}
