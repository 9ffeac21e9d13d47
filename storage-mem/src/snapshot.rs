//! A snapshot: a sequence number that nothing it can see is taken away from.

use std::sync::Arc;

use storage_core::engine::Snapshot;
use storage_core::{Direction, KeyRange, Keyspace, Payload, Record, Result};

use crate::commit::Shared;
use crate::cursor::MemCursor;

/// A stable view of a [`MemEngine`](crate::MemEngine). It keeps the records that it sees in memory until it is dropped.
#[derive(Debug)]
pub struct MemSnapshot {
    shared: Arc<Shared>,
    sequence: u64,
}

impl MemSnapshot {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        MemSnapshot { shared: Arc::clone(shared), sequence: shared.pin() }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    #[inline]
    fn find(&self, keyspace: Keyspace, key: &[u8]) -> Option<Record<Payload>> {
        self.shared.spaces.get(keyspace)?.get(key, || self.sequence)
    }
}

impl Snapshot for MemSnapshot {
    type Value<'a> = Payload;
    type Cursor<'a> = MemCursor<'a>;

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        Ok(self.find(keyspace, key))
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Payload>>>> {
        Ok(keys.iter().map(|key| self.find(keyspace, key)).collect())
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<MemCursor<'_>> {
        Ok(MemCursor::new(self.shared.spaces.get(keyspace), range, direction, self.sequence))
    }
}

impl Drop for MemSnapshot {
    fn drop(&mut self) {
        self.shared.unpin(self.sequence);
    }
}
