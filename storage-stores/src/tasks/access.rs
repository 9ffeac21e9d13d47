//! How both stores reach their tables: each call one transaction, at the durability that was asked for.

use std::fmt;
use std::sync::Arc;

use storage_core::{
    Database, Direction, Durability, Engine, KeyLike, KeyRange, Kind, Table, TableKey, TableValue,
    Transaction,
};

use super::error::Result;
use super::listing::{Listing, Paging, Part, list};

/// A database and the durability of the changes made through it.
pub(super) struct Access<E: Engine> {
    pub(super) db: Database<E>,
    pub(super) durability: Durability,
}

impl<E: Engine> Access<E> {
    pub(super) fn new(db: &Database<E>) -> Self {
        Access { db: db.clone(), durability: Durability::Sync }
    }

    pub(super) fn transact<T>(&self, body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>) -> Result<T> {
        Ok(self.db.try_transact(self.durability, body)?.value)
    }

    /// Puts a record, whether there is one or not.
    pub(super) fn put<K: TableKey, V: TableValue>(
        &self,
        table: &Table<K, V>,
        key: &K,
        value: &Arc<V>,
    ) -> Result<()> {
        Ok(table.put_now(&self.db, key, Arc::clone(value), self.durability)?)
    }

    /// Whether there was a record to delete. One that cannot be read was there.
    pub(super) fn delete<K: TableKey, V: TableValue, Q: KeyLike<K> + ?Sized>(
        &self,
        table: &Table<K, V>,
        key: &Q,
    ) -> Result<bool> {
        self.transact(|txn| {
            let found = match table.contains(txn, key) {
                Err(error) if error.kind() == Kind::Corrupt => true,
                found => found?,
            };
            if found {
                table.discard(txn, key)?;
            }
            Ok(found)
        })
    }

    /// The records that start with `prefix`, in the order of their keys.
    pub(super) fn list<K: TableKey, V: TableValue>(
        &self,
        table: &Table<K, V>,
        prefix: &impl storage_core::key::ToTuple,
        paging: &Paging,
    ) -> Result<Listing<V>> {
        let name = format!("{}:{}", table.keyspace().name(), storage_core::Key::of(prefix)?.escape_ascii());
        let snapshot = self.db.snapshot()?;
        let read = |range: KeyRange| table.range(&snapshot, range, Direction::Forward);
        let part = Part::read(prefix, paging.behind(&name)?, read)?;
        list(&name, vec![part], paging)
    }
}

impl<E: Engine> fmt::Debug for Access<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("db", &self.db).field("durability", &self.durability).finish()
    }
}
