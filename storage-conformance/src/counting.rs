//! An engine that counts what it is asked for, so that a case can say what a call costs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Capabilities, Decoded, Direction, Engine, KeyRange, Keyspace, Record, Result, STAMP_LEN, Stamp, Value,
};

/// An engine that passes every call on and counts it.
pub struct Counting<E> {
    engine: E,
    tally: Arc<Tally>,
}

/// What an engine was asked for since it was made or reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Reads of single keys past any snapshot.
    pub gets: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Reads of single keys from snapshots.
    pub snapshot_gets: u64,
    /// Reads of several keys at once.
    pub get_manys: u64,
    /// Ranges opened.
    pub ranges: u64,
    /// Records that cursors moved to.
    pub entries: u64,
    /// Values read, by any kind of read.
    pub values: u64,
    /// Bytes of keys, stamps and values read.
    pub bytes_read: u64,
    /// Commits.
    pub commits: u64,
    /// Puts and deletes in them.
    pub writes: u64,
    /// Range deletes in them.
    pub range_deletes: u64,
    /// Bytes of keys and values in them.
    pub bytes_written: u64,
    /// Syncs.
    pub syncs: u64,
}

impl Counts {
    /// Every read of a record, a snapshot or a range, of whatever kind.
    pub fn reads(&self) -> u64 {
        self.gets + self.snapshots + self.snapshot_gets + self.get_manys + self.ranges
    }
}

#[derive(Debug, Default)]
struct Tally {
    gets: AtomicU64,
    snapshots: AtomicU64,
    snapshot_gets: AtomicU64,
    get_manys: AtomicU64,
    ranges: AtomicU64,
    entries: AtomicU64,
    values: AtomicU64,
    bytes_read: AtomicU64,
    commits: AtomicU64,
    writes: AtomicU64,
    range_deletes: AtomicU64,
    bytes_written: AtomicU64,
    syncs: AtomicU64,
}

impl Tally {
    fn count(counter: &AtomicU64, by: usize) {
        counter.fetch_add(by as u64, Ordering::Relaxed);
    }

    /// Counts a record that was returned whole.
    fn read<V: AsRef<[u8]>>(&self, key: &[u8], record: Option<&Record<V>>) {
        if let Some(record) = record {
            Tally::count(&self.values, 1);
            Tally::count(&self.bytes_read, key.len() + STAMP_LEN + record.value.as_ref().len());
        }
    }
}

impl<E: Engine> Counting<E> {
    /// `engine`, with nothing counted.
    pub fn new(engine: E) -> Self {
        Counting { engine, tally: Arc::default() }
    }

    /// What was counted since it was made or reset.
    pub fn counts(&self) -> Counts {
        let tally = &*self.tally;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            gets: read(&tally.gets),
            snapshots: read(&tally.snapshots),
            snapshot_gets: read(&tally.snapshot_gets),
            get_manys: read(&tally.get_manys),
            ranges: read(&tally.ranges),
            entries: read(&tally.entries),
            values: read(&tally.values),
            bytes_read: read(&tally.bytes_read),
            commits: read(&tally.commits),
            writes: read(&tally.writes),
            range_deletes: read(&tally.range_deletes),
            bytes_written: read(&tally.bytes_written),
            syncs: read(&tally.syncs),
        }
    }

    /// Counts from zero again.
    pub fn reset(&self) {
        let Tally {
            gets,
            snapshots,
            snapshot_gets,
            get_manys,
            ranges,
            entries,
            values,
            bytes_read,
            commits,
            writes,
            range_deletes,
            bytes_written,
            syncs,
        } = &*self.tally;
        let reads = [gets, snapshots, snapshot_gets, get_manys, ranges, entries, values, bytes_read];
        let writes = [commits, writes, range_deletes, bytes_written, syncs];
        reads.into_iter().chain(writes).for_each(|counter| counter.store(0, Ordering::Relaxed));
    }
}

impl<E: Engine> Engine for Counting<E> {
    type Snapshot = CountingSnapshot<E::Snapshot>;
    type Owned = E::Owned;

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<E::Owned>>> {
        Tally::count(&self.tally.gets, 1);
        let record = self.engine.get(keyspace, key)?;
        self.tally.read(key, record.as_ref());
        Ok(record)
    }

    /// None: what a call costs where nothing is kept is what counts.
    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.engine.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<Self::Snapshot> {
        Tally::count(&self.tally.snapshots, 1);
        Ok(CountingSnapshot { snapshot: self.engine.snapshot(intent)?, tally: Arc::clone(&self.tally) })
    }

    fn commit(&self, commit: Commit<'_, Self::Snapshot>) -> Result<()> {
        Tally::count(&self.tally.commits, 1);
        Tally::count(&self.tally.writes, commit.batch.writes.len());
        Tally::count(&self.tally.range_deletes, commit.batch.range_deletes.len());
        Tally::count(&self.tally.bytes_written, commit.batch.len_bytes());
        let inner = Commit::new(commit.batch, commit.durability);
        self.engine.commit(match commit.basis {
            Some(basis) => inner.based_on(basis.snapshot),
            None => inner,
        })
    }

    fn sync(&self) -> Result<()> {
        Tally::count(&self.tally.syncs, 1);
        self.engine.sync()
    }

    fn close(&self) -> Result<()> {
        self.engine.close()
    }
}

impl<E: Engine> fmt::Debug for Counting<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counting").field(&self.counts()).finish()
    }
}

/// A snapshot of a [`Counting`] engine.
#[derive(Debug)]
pub struct CountingSnapshot<S> {
    snapshot: S,
    tally: Arc<Tally>,
}

impl<S: Snapshot> Snapshot for CountingSnapshot<S> {
    type Value<'a> = S::Value<'a>;
    type Cursor<'a> = CountingCursor<'a, S::Cursor<'a>>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<S::Value<'_>>>> {
        Tally::count(&self.tally.snapshot_gets, 1);
        let record = self.snapshot.get(keyspace, key)?;
        self.tally.read(key, record.as_ref());
        Ok(record)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<S::Value<'_>>>>> {
        Tally::count(&self.tally.get_manys, 1);
        let records = self.snapshot.get_many(keyspace, keys)?;
        keys.iter().zip(&records).for_each(|(key, record)| self.tally.read(key, record.as_ref()));
        Ok(records)
    }

    fn range(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<CountingCursor<'_, S::Cursor<'_>>> {
        Tally::count(&self.tally.ranges, 1);
        Ok(CountingCursor { cursor: self.snapshot.range(keyspace, range, direction)?, tally: &self.tally })
    }
}

/// A cursor of a [`Counting`] engine.
#[derive(Debug)]
pub struct CountingCursor<'a, C> {
    cursor: C,
    tally: &'a Tally,
}

impl<C: Cursor> Cursor for CountingCursor<'_, C> {
    fn advance(&mut self) -> Result<bool> {
        let found = self.cursor.advance()?;
        if found {
            Tally::count(&self.tally.entries, 1);
            Tally::count(&self.tally.bytes_read, self.cursor.key().len() + STAMP_LEN);
        }
        Ok(found)
    }

    fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    fn stamp(&self) -> Stamp {
        self.cursor.stamp()
    }

    fn value(&mut self) -> Result<&dyn Value> {
        Tally::count(&self.tally.values, 1);
        let value = self.cursor.value()?;
        Tally::count(&self.tally.bytes_read, value.as_ref().len());
        Ok(value)
    }
}
