//! The engine: its readers find records by themselves, its writers go through `commit`.

use std::sync::Arc;

use storage_core::engine::{Commit, Damage, Intent};
use storage_core::{Capabilities, Decoded, Engine, Keyspace, Payload, Record, Result, Stamp};

use crate::commit::Shared;
use crate::snapshot::MemSnapshot;
use crate::statistics::Statistics;

/// The memory engine: records in a hash for point reads and in an ordered index for ranges.
///
/// Nothing outlives the process, at either durability. Reads run beside each other and beside a commit; commits go one
/// at a time. What no snapshot sees any more is freed with the commit that replaced it, or when the last snapshot that
/// saw it is dropped.
#[derive(Debug, Default)]
pub struct MemEngine {
    shared: Arc<Shared>,
}

impl MemEngine {
    /// An empty engine.
    pub fn new() -> Self {
        MemEngine::default()
    }

    /// Counts what it holds.
    ///
    /// It looks at every record, so it takes about as long as reading them all. Commits that run beside it show in the
    /// versions and bytes, or not; the number of records is that of one moment.
    pub fn statistics(&self) -> Statistics {
        let snapshot = MemSnapshot::new(&self.shared);
        let mut statistics = Statistics::default();
        for space in self.shared.spaces.values() {
            space.visit(|key, chain| statistics.add(key, chain, snapshot.sequence()));
        }
        statistics
    }
}

impl Engine for MemEngine {
    type Snapshot = MemSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        Capabilities::memory("mem")
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        let shared = &*self.shared;
        Ok(shared.spaces.get(keyspace).and_then(|space| space.get(key, || shared.now())))
    }

    #[inline]
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        let shared = &*self.shared;
        shared.spaces.get(keyspace)?.kept(key, || shared.now())
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        Ok(self.shared.keyspaces())
    }

    fn snapshot(&self, _: Intent) -> Result<MemSnapshot> {
        Ok(MemSnapshot::new(&self.shared))
    }

    fn commit(&self, commit: Commit<'_, MemSnapshot>) -> Result<()> {
        // First, so that the commit keeps nothing for it.
        drop(commit.basis);
        self.shared.commit(commit.batch);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl Damage for MemEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        let Some(record) = self.get(keyspace, key)? else { return Ok(false) };
        let mut bytes = record.value.to_vec();
        change(&mut bytes);
        Ok(self.shared.overwrite(keyspace, key, Payload::new(&bytes)))
    }
}
