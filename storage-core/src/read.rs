//! What tables read from: a database, a snapshot, or a transaction.

use crate::database::Database;
use crate::engine::{Engine, Snapshot as EngineSnapshot};
use crate::error::{Error, Kind, Result};
use crate::found::Found;
use crate::keyspace::Keyspace;
use crate::range::{Direction, KeyRange};
use crate::record::{Decoded, Value};
use crate::scan::Range;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// Whatever reads single records: a [`Database`], a [`Snapshot`], a [`Transaction`].
pub trait Get: sealed::Sealed {
    /// The engine below.
    type Engine: Engine;
    /// Stored bytes as this reader returns them.
    type Value<'a>: Value
    where
        Self: 'a;

    /// The value of a key; `None` if there is none or it has expired.
    fn get_record(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Found<Self::Value<'_>>>>;

    /// What a counter holds; 0 where there is none. `Invalid` for any other record.
    fn count(&self, keyspace: Keyspace, key: &[u8]) -> Result<i64>;

    /// The decoded value of a live record, where the engine keeps one and it can be had without the record.
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Decoded>>;
}

/// Whatever reads ranges: a [`Snapshot`], a [`Transaction`].
pub trait Read: Get {
    /// The records of a range.
    fn read_range(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, <Self::Engine as Engine>::Snapshot>>;

    /// Whether it shows the indexes of a table whole: one that was taken before they were built does not.
    fn check_shows(&self, table: Keyspace) -> Result<()>;
}

mod sealed {
    pub trait Sealed {}
}

impl<E: Engine> sealed::Sealed for Database<E> {}
impl<E: Engine> sealed::Sealed for Snapshot<E> {}
impl<E: Engine> sealed::Sealed for Transaction<'_, E> {}

impl<E: Engine> Get for Database<E> {
    type Engine = E;
    type Value<'a> = E::Owned;

    #[inline]
    fn get_record(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Found<E::Owned>>> {
        self.get(keyspace, key)
    }

    fn count(&self, keyspace: Keyspace, key: &[u8]) -> Result<i64> {
        self.counter(keyspace, key)
    }

    #[inline]
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Decoded>> {
        self.shared().kept(keyspace, key)
    }
}

impl<E: Engine> Get for Snapshot<E> {
    type Engine = E;
    type Value<'a> = <E::Snapshot as EngineSnapshot>::Value<'a>;

    fn get_record(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Found<Self::Value<'_>>>> {
        self.get(keyspace, key)
    }

    fn count(&self, keyspace: Keyspace, key: &[u8]) -> Result<i64> {
        self.counter(keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Result<Option<Decoded>> {
        Ok(None)
    }
}

impl<E: Engine> Read for Snapshot<E> {
    fn read_range(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, E::Snapshot>> {
        self.range(keyspace, &range, direction)
    }

    fn check_shows(&self, table: Keyspace) -> Result<()> {
        match self.shared().built(table) <= self.version() {
            true => Ok(()),
            false => {
                let message = "the snapshot was taken before the table's indexes were built";
                Err(Error::invalid(message).in_keyspace(table))
            }
        }
    }
}

impl<E: Engine> Get for Transaction<'_, E> {
    type Engine = E;
    type Value<'a>
        = <E::Snapshot as EngineSnapshot>::Value<'a>
    where
        Self: 'a;

    fn get_record(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Found<Self::Value<'_>>>> {
        self.get(keyspace, key)
    }

    fn count(&self, keyspace: Keyspace, key: &[u8]) -> Result<i64> {
        self.counter(keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Result<Option<Decoded>> {
        Ok(None)
    }
}

impl<E: Engine> Read for Transaction<'_, E> {
    fn read_range(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, E::Snapshot>> {
        self.range(keyspace, range, direction)
    }

    fn check_shows(&self, table: Keyspace) -> Result<()> {
        match self.shared().built(table) <= self.version() {
            true => Ok(()),
            // Run again, it begins behind them.
            false => {
                let message = "the table's indexes were built since the transaction began";
                Err(Error::new(Kind::Conflict, message).in_keyspace(table))
            }
        }
    }
}
