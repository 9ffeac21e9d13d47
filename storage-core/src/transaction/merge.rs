//! Counters that are changed at commit, without being read: sums and maxima.

use super::Transaction;
use crate::counter::{self, Merge};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::overlay::{Pending, Seen};
use crate::record::{Payload, Record, Stamp};

impl<E: Engine> Transaction<'_, E> {
    /// What a counter holds, this transaction's changes included; 0 where there is none.
    ///
    /// This is a read: the transaction conflicts with those who change it meanwhile. `Invalid` for any other record.
    pub fn counter(&self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<i64> {
        let key = key.as_ref();
        match self.get(keyspace, key)? {
            None => Ok(0),
            Some(found) => counter::parse(keyspace, key, found.stamp(), &found),
        }
    }

    /// Adds to a counter when the transaction commits, without reading it: additions never conflict.
    ///
    /// A counter that is not there, or has expired, counts from 0; one that is there keeps its expiry. `Invalid` where
    /// the sum leaves 64 bits, where the record is not a counter, and in the keyspace of a table.
    pub fn add(&mut self, keyspace: Keyspace, key: impl AsRef<[u8]>, delta: i64) -> Result<()> {
        self.merge(keyspace, key.as_ref(), Merge::adding(delta))
    }

    /// Raises a counter to `value`, if it holds less, when the transaction commits: like [`add`](Self::add) it does not
    /// read, and never conflicts.
    ///
    /// A counter that is not there, or has expired, takes the value, a negative one too. Both can be mixed, and take
    /// effect in the order of the calls. `Invalid` as with `add`.
    ///
    /// ```
    /// use storage_core::{Database, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let seen = Keyspace::new("seen")?;
    /// for length in [30, 70, 50] {
    ///     db.transact(|txn| txn.max(seen, "longest", length))?;
    /// }
    /// assert_eq!(db.counter(seen, "longest")?, 70);
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn max(&mut self, keyspace: Keyspace, key: impl AsRef<[u8]>, value: i64) -> Result<()> {
        self.merge(keyspace, key.as_ref(), Merge::raising(value))
    }

    fn merge(&mut self, keyspace: Keyspace, key: &[u8], merge: Merge) -> Result<()> {
        self.countable(keyspace)?;
        check_key(keyspace, key)?;
        let pending = match self.overlay.seen(keyspace, key) {
            Seen::Untouched => Pending::Merge(merge),
            Seen::Pending(Pending::Merge(before)) => Pending::Merge(before.then(keyspace, key, merge)?),
            Seen::RangeDeleted | Seen::Pending(Pending::Delete) => {
                self.sealed(keyspace, key, merge.apply(keyspace, key, None)?)
            }
            Seen::Pending(Pending::Put(record)) => {
                let below = match record.stamp.is_live(|| self.now()) {
                    true => Some((record.stamp, counter::parse(keyspace, key, record.stamp, &record.value)?)),
                    false => None,
                };
                self.sealed(keyspace, key, merge.apply(keyspace, key, below)?)
            }
            Seen::Pending(Pending::Awaits) => {
                return Err(Error::invalid("the record waits for its commit").at(keyspace, key));
            }
        };
        self.shared.limits().check_transaction(self.overlay.len_bytes() + key.len() + Merge::LEN)?;
        self.overlay.set(keyspace, Key::from(key), pending);
        Ok(())
    }

    fn sealed(&self, keyspace: Keyspace, key: &[u8], counter: Record<Payload>) -> Pending {
        let Record { stamp, value } = counter;
        Pending::Put(Record { stamp: self.shared.admission().seal(keyspace, key, stamp, &value), value })
    }

    /// A counter with the changes that this transaction makes to it. It is a read.
    pub(super) fn merged(&self, keyspace: Keyspace, key: &[u8], merge: Merge) -> Result<Record<Payload>> {
        let below = match self.overlay.is_range_deleted(keyspace, key) {
            true => None,
            false => self.stored_counter(keyspace, key)?,
        };
        merge.apply(keyspace, key, below)
    }

    fn stored_counter(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<(Stamp, i64)>> {
        match self.stored(keyspace, key)? {
            Some(record) if record.stamp.is_live(|| self.now()) => {
                self.reads.note_expiry(record.stamp.expires_at());
                let found = self.shared.admission().admit(keyspace, key, record)?;
                counter::parse(keyspace, key, found.stamp(), &found).map(|value| Some((found.stamp(), value)))
            }
            _ => Ok(None),
        }
    }
}
