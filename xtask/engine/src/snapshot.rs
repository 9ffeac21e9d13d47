//! Snapshots: everything that was committed when they were taken.

use storage_core::engine::Snapshot;
use storage_core::{Direction, KeyRange, Keyspace, Payload, Record, Result};

use crate::cursor::@Name@Cursor;

/// A view of everything committed: nothing.
#[derive(Debug)]
pub struct @Name@Snapshot;

impl @Name@Snapshot {
    pub(crate) fn new() -> Self {
        Self
    }
}

impl Snapshot for @Name@Snapshot {
    type Value<'a> = Payload;
    type Cursor<'a> = @Name@Cursor;

    fn get(&self, _: Keyspace, _: &[u8]) -> Result<Option<Record<Payload>>> {
        Ok(None)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Payload>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, _: Keyspace, _: &KeyRange, _: Direction) -> Result<Self::Cursor<'_>> {
        Ok(@Name@Cursor::over_nothing())
    }
}
