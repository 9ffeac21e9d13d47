//! Dropping what a keyspace, or the whole database, holds: range deletes of whole keyspaces, in one commit.
//!
//! It runs in the exclusive lane, so that no commit comes between looking which keyspaces there are and emptying them.
//! No record is read, and nothing counts for the limit of a transaction: the commit holds a few words a keyspace.

use crate::commit::Lane;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::Result;
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::options::{Deadline, TransactOptions};
use crate::range::KeyRange;
use crate::retry;
use crate::tables;
use crate::transaction::Transaction;

impl<E: Engine> Transaction<'_, E> {
    /// Deletes every record whose key starts with `prefix`: [`delete_range`](Self::delete_range) of
    /// [`KeyRange::prefix`].
    pub fn delete_prefix(&mut self, keyspace: Keyspace, prefix: impl AsRef<[u8]>) -> Result<()> {
        self.delete_range(keyspace, KeyRange::prefix(prefix.as_ref()))
    }
}

impl<E: Engine> Database<E> {
    /// Deletes every record whose key starts with `prefix`, durably. An empty prefix is every key's.
    pub fn delete_prefix(&self, keyspace: Keyspace, prefix: impl AsRef<[u8]>) -> Result<()> {
        self.delete_range(keyspace, &KeyRange::prefix(prefix.as_ref()))
    }

    /// Deletes every record of a keyspace and everything derived from them, durably, in one commit.
    ///
    /// It reads no record: it costs what the engine takes to delete whole keyspaces, and it waits until nobody else
    /// commits. `Busy` after ten seconds. Watches are told of one deleted range, and whoever read there conflicts.
    ///
    /// The keyspace of a table may be dropped whether the table is open or not. It is then an empty table: its
    /// definition stays, and open handles go on. The keyspaces of its indexes go with it and never alone, so they are
    /// `Invalid` here. Of records that would have expired the sweeper finds its notes later, and drops them.
    ///
    /// ```
    /// use storage_core::{Database, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let cache = Keyspace::new("cache")?;
    /// db.put(cache, "a", "1")?;
    /// db.drop_keyspace(cache)?;
    /// assert!(db.get(cache, "a")?.is_none());
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn drop_keyspace(&self, keyspace: Keyspace) -> Result<()> {
        self.shared().check_open()?;
        self.shared().check_data(keyspace)?;
        self.alone(|txn| {
            txn.empty(keyspace);
            let written = self.engine().keyspaces()?;
            let derived = written.into_iter().filter(|other| other.is_derived_from(keyspace));
            derived.for_each(|other| txn.empty(other));
            Ok(())
        })
        .map(drop)
    }

    /// Deletes every record of every keyspace, durably, in one commit.
    ///
    /// What is left is as if nothing had ever been put: counters, sequences and everything derived go too. Tables that
    /// are open stay tables, empty, and their handles go on; keyspaces of other tables are any keyspace again. It costs
    /// and waits as [`drop_keyspace`](Self::drop_keyspace) does, and looks for one key in each keyspace. Watches are
    /// told of those keyspaces that held a record.
    ///
    /// ```
    /// use storage_core::{Database, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let notes = Keyspace::new("notes")?;
    /// db.put(notes, "today", "buy milk")?;
    /// db.drop_all()?;
    /// assert!(db.get(notes, "today")?.is_none());
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn drop_all(&self) -> Result<()> {
        let mut forgotten = Vec::new();
        self.shared().check_open()?;
        let empty = |txn: &mut Transaction<'_, E>| {
            for keyspace in self.engine().keyspaces()? {
                // An engine may list one that was emptied; of that nobody is told.
                if keyspace.kind() != KeyspaceKind::System && txn.is_occupied(keyspace)? {
                    txn.empty(keyspace);
                }
            }
            forgotten = tables::forget_closed(txn)?;
            Ok(())
        };
        let lane = self.alone(empty)?;
        forgotten.into_iter().for_each(|keyspace| self.shared().unmark_table(keyspace));
        drop(lane);
        Ok(())
    }

    /// Commits a transaction with every other committer shut out, for as long as the lane is held.
    fn alone(&self, mut body: impl FnMut(&mut Transaction<'_, E>) -> Result<()>) -> Result<Lane<'_>> {
        let shared = self.shared();
        shared.check_outside_body()?;
        let options = TransactOptions::new();
        let deadline = Deadline::after(options.deadline);
        let lane = shared.pipeline.exclusive_lane(&deadline)?;
        retry::attempt_in(shared, &lane, options, &deadline, &mut body)?;
        Ok(lane)
    }
}
