//! A cursor: a statement that is stepped from row to row, and what its row shows.

use std::fmt;

use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator;
use rusqlite::{CachedStatement, Row, Rows};
use self_cell::{MutBorrow, self_cell};
use storage_core::engine::Cursor;
use storage_core::{Error, Keyspace, Kind, Memo, Result, STAMP_LEN, Stamp, Value};

use crate::error::{self, NAME};
use crate::row;

self_cell!(
    /// A statement and the rows that it yields.
    struct Steps<'c> {
        owner: MutBorrow<CachedStatement<'c>>,
        #[covariant]
        dependent: Rows,
    }
);

/// A position in a range of a [`SqliteSnapshot`](crate::SqliteSnapshot).
pub struct SqliteCursor<'a> {
    keyspace: Keyspace,
    state: State,
    /// The key of the row here: core asks for it more than once.
    key: Vec<u8>,
    stamp: Stamp,
    /// The value of the row here, once it was asked for, if it is short.
    value: Vec<u8>,
    is_copied: bool,
    here: Option<Here<'a>>,
}

/// A shorter value is copied faster than SQLite is asked for it twice more.
const COPIED_LEN_MAX: usize = 1 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Walking,
    Ended,
    Failed,
}

/// The row on which the statement stands. Its value is read where SQLite keeps it.
struct Here<'a>(Steps<'a>);

impl<'a> SqliteCursor<'a> {
    /// A cursor over what a statement yields, whose parameters are bound.
    pub(crate) fn new(keyspace: Keyspace, statement: CachedStatement<'a>) -> Self {
        let steps = Steps::new(MutBorrow::new(statement), |statement| statement.borrow_mut().raw_query());
        SqliteCursor { here: Some(Here(steps)), state: State::Walking, ..SqliteCursor::empty(keyspace) }
    }

    pub(crate) fn empty(keyspace: Keyspace) -> Self {
        let stamp = Stamp::from_bytes([0; STAMP_LEN]);
        SqliteCursor {
            keyspace,
            state: State::Ended,
            key: Vec::new(),
            stamp,
            value: Vec::new(),
            is_copied: false,
            here: None,
        }
    }

    #[cold]
    fn fail(&mut self, error: Error) -> Result<bool> {
        self.state = State::Failed;
        Err(error)
    }
}

impl Cursor for SqliteCursor<'_> {
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        let (State::Walking, Some(here)) = (self.state, &mut self.here) else {
            return match self.state {
                State::Failed => {
                    Err(Error::new(Kind::Unavailable, "the range failed before").in_engine(NAME))
                }
                _ => Ok(false),
            };
        };
        self.is_copied = false;
        let (key, stamp) = (&mut self.key, &mut self.stamp);
        let moved = here.0.with_dependent_mut(|_, rows| match rows.next() {
            Ok(Some(row)) => {
                let Some(bytes) = row::bytes(row, 0) else {
                    return Err(error::corrupt("range", "the column `key` holds something else than bytes"));
                };
                key.clear();
                key.extend_from_slice(bytes);
                // No record has a stamp of zeros, so core reports this one and the cursor goes on behind it.
                *stamp = row::stamp(row, 1).unwrap_or(Stamp::from_bytes([0; STAMP_LEN]));
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(cause) => Err(error::failed("range", cause)),
        });
        match moved {
            Ok(true) => Ok(true),
            Ok(false) => {
                self.state = State::Ended;
                Ok(false)
            }
            Err(error) => self.fail(error),
        }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline]
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    #[inline]
    fn value(&mut self) -> Result<&dyn Value> {
        if self.is_copied {
            return Ok(&self.value);
        }
        let here = self.here.as_ref().expect("a cursor is read only after it advanced to a record");
        match here.bytes() {
            Some(bytes) if bytes.len() <= COPIED_LEN_MAX => {
                self.value.clear();
                self.value.extend_from_slice(bytes);
                self.is_copied = true;
                Ok(&self.value)
            }
            Some(_) => Ok(here),
            None => Err(row::no_bytes(self.keyspace, &self.key)),
        }
    }
}

impl Here<'_> {
    #[inline]
    fn row(&self) -> &Row<'_> {
        self.0.borrow_dependent().get().expect("a cursor is read only after it advanced to a record")
    }

    #[inline]
    fn bytes(&self) -> Option<&[u8]> {
        row::bytes(self.row(), 2)
    }
}

impl AsRef<[u8]> for Here<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes().expect("a value is handed out only where bytes stand")
    }
}

impl Value for Here<'_> {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl fmt::Debug for SqliteCursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCursor").field("keyspace", &self.keyspace).field("state", &self.state).finish()
    }
}
