//! Moving the expiry of a record whose value the caller does not have.

use super::Transaction;
use crate::attributes::check_expiry;
use crate::clock::Timestamp;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::overlay::{Pending, Seen};
use crate::record::{Payload, Record};
use crate::table::{KeyLike, Table, TableKey, TableValue};

impl<E: Engine> Transaction<'_, E> {
    /// Lets a record expire at another time, or never (`None`); its value and its user byte stay. Returns whether there
    /// is a live record: nothing happens where there is none, or it has expired.
    ///
    /// It is a read and a put of the record, and counts as such for conflicts, watches and limits. What is derived
    /// from the record expires with it. A time that has passed ends the record at once; a counter or a sequence that has
    /// ended begins anew. `Invalid` for a record of this transaction that waits for its commit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use storage_core::{Database, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let sessions = Keyspace::new("sessions")?;
    /// db.put(sessions, "ann", "logged in")?;
    /// let renewed = db.transact(|txn| {
    ///     let in_an_hour = txn.now().after(Duration::from_secs(3600));
    ///     txn.touch(sessions, "ann", Some(in_an_hour))
    /// })?;
    /// assert!(renewed.value);
    /// assert!(!db.touch(sessions, "bob", None)?);
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn touch(
        &mut self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
        expiry: Option<Timestamp>,
    ) -> Result<bool> {
        let key = key.as_ref();
        self.writable(keyspace)?;
        check_key(keyspace, key)?;
        check_expiry(expiry)?;
        let Some(Record { stamp, value }) = self.standing(keyspace, key)? else { return Ok(false) };
        let record = Record { stamp: stamp.with_expiry(expiry), value };
        self.put_record(keyspace, key, record, None)?;
        Ok(true)
    }

    /// The live record of a key as it is stored, compressed if it is, verified. It is a read.
    fn standing(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        let record = match self.overlay.seen(keyspace, key) {
            Seen::RangeDeleted | Seen::Pending(Pending::Delete) => None,
            Seen::Pending(Pending::Put(record)) => Some(record.clone()),
            Seen::Pending(Pending::Merge(merge)) => Some(self.merged(keyspace, key, *merge)?),
            Seen::Pending(Pending::Awaits) => {
                return Err(Error::invalid("the record waits for its commit").at(keyspace, key));
            }
            Seen::Untouched => match self.stored(keyspace, key)? {
                Some(record) if record.stamp.is_live(|| self.now()) => {
                    self.reads.note_expiry(record.stamp.expires_at());
                    let value = record.value.as_ref();
                    self.shared.admission().check_value(keyspace, key, &record.stamp, value)?;
                    Some(Record { stamp: record.stamp, value: Payload::new(value) })
                }
                _ => None,
            },
        };
        Ok(record.filter(|record| record.stamp.is_live(|| self.now())))
    }
}

impl<E: Engine> Database<E> {
    /// Lets a record expire at another time, or never, durably: [`Transaction::touch`] as a transaction of its own.
    pub fn touch(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
        expiry: Option<Timestamp>,
    ) -> Result<bool> {
        let key = key.as_ref();
        self.transact(|txn| txn.touch(keyspace, key, expiry)).map(|done| done.value)
    }
}

impl<K: TableKey, V: TableValue> Table<K, V> {
    /// Lets a record expire at another time, or never: [`Transaction::touch`]. Its index entries expire with it.
    pub fn touch<E: Engine, Q: KeyLike<K> + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &Q,
        expiry: Option<Timestamp>,
    ) -> Result<bool> {
        txn.touch(self.keyspace(), &*Key::of(key)?, expiry)
    }
}
