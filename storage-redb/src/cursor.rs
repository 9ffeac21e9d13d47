//! A cursor: redb's range from one of its ends, and the entry on which it stands, in redb's page.

use std::fmt;

use storage_core::engine::Cursor;
use storage_core::{Direction, Keyspace, Result, Stamp, Value};

use crate::error;
use crate::stored::{Bytes, Entry};

/// A position in a range of a [`RedbSnapshot`](crate::RedbSnapshot).
pub struct RedbCursor<'a> {
    keyspace: Keyspace,
    direction: Direction,
    /// `None` where there is nothing to walk through.
    entries: Option<redb::Range<'a, Bytes, Bytes>>,
    here: Option<Entry<'a>>,
}

impl<'a> RedbCursor<'a> {
    pub(crate) fn new(
        keyspace: Keyspace,
        direction: Direction,
        entries: redb::Range<'a, Bytes, Bytes>,
    ) -> Self {
        RedbCursor { keyspace, direction, entries: Some(entries), here: None }
    }

    pub(crate) fn empty(keyspace: Keyspace, direction: Direction) -> Self {
        RedbCursor { keyspace, direction, entries: None, here: None }
    }

    #[inline]
    fn here(&self) -> &Entry<'a> {
        self.here.as_ref().expect("a cursor is read only after it advanced to a record")
    }
}

impl Cursor for RedbCursor<'_> {
    /// redb's range repeats that it failed, so nothing is kept of it here.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        let Some(entries) = &mut self.entries else { return Ok(false) };
        let next = match self.direction {
            Direction::Forward => entries.next(),
            Direction::Reverse => entries.next_back(),
        };
        // In one step: what redb lends is large, and every other way moves it once more.
        match next {
            Some(Ok((key, value))) => self.here = Some(Entry::new(key, value)),
            Some(Err(cause)) => return Err(error::failed("range", cause)),
            None => self.here = None,
        }
        Ok(self.here.is_some())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.here().key()
    }

    #[inline]
    fn stamp(&self) -> Stamp {
        self.here().stamp()
    }

    #[inline]
    fn value(&mut self) -> Result<&dyn Value> {
        let value = self.here().value(self.keyspace)?;
        Ok(value)
    }
}

impl fmt::Debug for RedbCursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbCursor").field("keyspace", &self.keyspace).field("here", &self.here).finish()
    }
}
