//! A cursor: redb's range from one of its ends, and the entry on which it stands, in redb's page.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// redb panicked on what it found.
    given_up: bool,
    here: Option<Entry<'a>>,
}

impl<'a> RedbCursor<'a> {
    pub(crate) fn new(
        keyspace: Keyspace,
        direction: Direction,
        entries: redb::Range<'a, Bytes, Bytes>,
    ) -> Self {
        RedbCursor { keyspace, direction, entries: Some(entries), given_up: false, here: None }
    }

    pub(crate) fn empty(keyspace: Keyspace, direction: Direction) -> Self {
        RedbCursor { keyspace, direction, entries: None, given_up: false, here: None }
    }

    #[inline]
    fn here(&self) -> &Entry<'a> {
        self.here.as_ref().expect("a cursor is read only after it advanced to a record")
    }
}

impl Cursor for RedbCursor<'_> {
    /// redb's range repeats that it failed, but not that it panicked: then nothing of it is kept.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        let Some(entries) = &mut self.entries else {
            return if self.given_up { Err(error::given_up("range")) } else { Ok(false) };
        };
        let (direction, here) = (self.direction, &mut self.here);
        let advanced = catch_unwind(AssertUnwindSafe(|| {
            let next = match direction {
                Direction::Forward => entries.next(),
                Direction::Reverse => entries.next_back(),
            };
            // In one step: what redb lends is large, and every other way moves it once more.
            match next {
                Some(Ok((key, value))) => here.insert(Entry::new(key, value)).touch(),
                Some(Err(cause)) => return Err(error::failed("range", cause)),
                None => *here = None,
            }
            Ok(here.is_some())
        }));
        advanced.unwrap_or_else(|_| {
            (self.entries, self.given_up) = (None, true);
            Err(error::given_up("range"))
        })
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
