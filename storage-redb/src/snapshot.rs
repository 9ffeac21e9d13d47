//! A snapshot: a share in the view that was newest when it was taken.

use std::sync::Arc;

use redb::ReadableTable;
use storage_core::engine::Snapshot;
use storage_core::{Direction, KeyRange, Keyspace, Record, Result};

use crate::cursor::RedbCursor;
use crate::error;
use crate::stored::{RedbValue, bounds, lent};
use crate::view::View;

/// A stable view of a [`RedbEngine`](crate::RedbEngine). What it sees stays on disk until it is dropped.
///
/// Closing the engine ends it: reads then fail with `Closed`.
#[derive(Debug)]
pub struct RedbSnapshot(Arc<View>);

impl RedbSnapshot {
    pub(crate) fn new(view: Arc<View>) -> Self {
        RedbSnapshot(view)
    }
}

impl Snapshot for RedbSnapshot {
    type Value<'a> = RedbValue<'a>;
    type Cursor<'a> = RedbCursor<'a>;

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<RedbValue<'_>>>> {
        error::guarded("get", || {
            let Some(table) = self.0.table(keyspace)? else { return Ok(None) };
            let found = ReadableTable::get(table, key).map_err(|cause| error::failed("get", cause))?;
            found.map(|guard| lent(keyspace, key, guard)).transpose()
        })
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<RedbValue<'_>>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<RedbCursor<'_>> {
        error::guarded("range", || {
            let table = match range.is_empty() {
                false => self.0.table(keyspace)?,
                true => None,
            };
            let Some(table) = table else { return Ok(RedbCursor::empty(keyspace, direction)) };
            let entries = ReadableTable::range::<&[u8]>(table, bounds(range.start(), range.end()))
                .map_err(|cause| error::failed("range", cause))?;
            Ok(RedbCursor::new(keyspace, direction, entries))
        })
    }
}
