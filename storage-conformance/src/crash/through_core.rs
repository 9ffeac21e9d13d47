//! An engine through a database: what core makes of its failures, seen as those of an engine.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use storage_core::engine::{Commit, Intent};
use storage_core::{
    Batch, Capabilities, Change, Database, Decoded, Engine, Keyspace, Kind, Options, Record, Result, Stamp,
    TransactOptions, Transaction,
};

/// An engine whose commits, syncs and snapshots go through a [`Database`] on another one.
///
/// Behind a commit whose end is not known, the database answers nothing more: this panics if it does.
pub struct ThroughCore<E: Engine> {
    db: Database<E>,
    is_unknown: AtomicBool,
}

impl<E: Engine> ThroughCore<E> {
    /// Makes a database of the engine, with nothing that happens by the clock.
    pub fn new(engine: E) -> Result<Self> {
        let options = Options::new().sync_within(Duration::from_secs(3600)).sweep_by_hand();
        let db = Database::with_options(engine, options)?;
        Ok(ThroughCore { db, is_unknown: AtomicBool::new(false) })
    }

    /// The engine behind the database.
    pub fn engine(&self) -> &E {
        self.db.engine()
    }

    fn checked<T>(&self, answer: Result<T>) -> Result<T> {
        assert!(
            answer.is_err() || !self.is_unknown.load(Ordering::SeqCst),
            "it answers behind a commit of which nobody knows"
        );
        answer
    }
}

/// Writes a batch as an application would.
fn write<E: Engine>(txn: &mut Transaction<'_, E>, batch: &Batch) -> Result<()> {
    for (keyspace, range) in &batch.range_deletes {
        txn.delete_range(*keyspace, range.clone())?;
    }
    for write in &batch.writes {
        match &write.change {
            Change::Put(record) => txn.put(write.keyspace, &write.key, &record.value)?,
            Change::Delete => txn.delete(write.keyspace, &write.key)?,
        }
    }
    Ok(())
}

impl<E: Engine> Engine for ThroughCore<E> {
    type Snapshot = E::Snapshot;
    type Owned = E::Owned;

    fn capabilities(&self) -> Capabilities {
        self.engine().capabilities()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<E::Owned>>> {
        self.checked(self.db.get(keyspace, key))?;
        self.engine().get(keyspace, key)
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.engine().kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.engine().keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<E::Snapshot> {
        self.checked(self.db.snapshot())?;
        self.engine().snapshot(intent)
    }

    fn commit(&self, commit: Commit<'_, E::Snapshot>) -> Result<()> {
        let options = TransactOptions::new().durability(commit.durability);
        let done = self.db.transact_with(options, |txn| write(txn, commit.batch));
        let done = self.checked(done.map(drop));
        if done.as_ref().is_err_and(|error| error.kind() == Kind::CommitUnknown) {
            self.is_unknown.store(true, Ordering::SeqCst);
        }
        done
    }

    fn sync(&self) -> Result<()> {
        self.checked(self.db.sync())
    }

    fn close(&self) -> Result<()> {
        self.db.close()
    }
}

impl<E: Engine> fmt::Debug for ThroughCore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThroughCore({})", self.capabilities().name)
    }
}
