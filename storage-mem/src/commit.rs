//! Commits: versions are put, one number is published, and what nobody reads any more goes.
//!
//! - No reader sees a version of a commit before all of them are there: it sees none above the clock, and the clock
//!   is advanced last.
//! - No reader misses a version: one that reads the newest takes the clock under the lock of the chain, one with a
//!   snapshot is listed before anything is taken away, and nothing is taken away before its successor is published.
//! - No two threads change versions, or which keys there are, at a time: commits, trimming and damage hold one lock.
//! - No value is dropped under a lock: the decoded value that goes with it may run code of the application.
//!
//! `schedules.rs` explores whether the first three hold.

use std::mem;

use storage_core::{Batch, Change, Key, Keyspace, KeyspaceMap, Payload, Record};

use crate::chain::{Trimmed, Version};
use crate::live::{Live, Superseded};
use crate::space::{Cells, Place, Remains, Space};
use crate::sync::{AtomicU64, Mutex, Ordering};

/// How many kept versions a thread that ends a snapshot, or commits, takes away beyond its own: well under 1 ms.
const SETTLED_AT_ONCE: usize = 1_024;

/// What an engine and its snapshots share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) spaces: KeyspaceMap<Space>,
    /// The keyspaces that have a space.
    written: Mutex<Vec<Keyspace>>,
    /// The sequence number of the newest published commit.
    clock: AtomicU64,
    live: Live,
    writer: Mutex<Writer>,
}

/// The right to write, and room that is used again by every commit.
#[derive(Debug, Default)]
struct Writer {
    superseded: Vec<Superseded>,
    kept: Vec<(u64, Superseded)>,
    garbage: Vec<Version>,
    live: Vec<u64>,
}

impl Shared {
    /// The sequence number that a reader of the newest state reads at.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::Acquire)
    }

    /// Enters a snapshot. It ends with [`Shared::unpin`].
    pub(crate) fn pin(&self) -> u64 {
        self.live.pin(&self.clock)
    }

    /// Ends a snapshot and takes away what only it could read.
    pub(crate) fn unpin(&self, sequence: u64) {
        if self.live.unpin(sequence) {
            self.settle(SETTLED_AT_ONCE);
        }
    }

    /// Makes all changes of a batch visible at once.
    pub(crate) fn commit(&self, batch: &Batch) {
        let changes = if let ([], [write]) = (&batch.range_deletes[..], &batch.writes[..])
            && let Change::Put(record) = &write.change
            && let Space::Cells(cells) = self.space(write.keyspace)
        {
            self.put_alone(cells, write.keyspace, &write.key, record);
            1
        } else if !batch.is_empty() {
            self.apply(batch)
        } else {
            0
        };
        if self.live.is_indebted() {
            // More than commits add, so that debts shrink however large the batches are.
            self.settle(SETTLED_AT_ONCE + 2 * changes);
        }
    }

    /// Replaces the newest value of a key without a commit. Whether there is one.
    pub(crate) fn overwrite(&self, keyspace: Keyspace, key: &[u8], value: Payload) -> bool {
        let writer = self.writer.lock();
        let replaced = self.spaces.get(keyspace).and_then(|space| space.overwrite(key, value));
        drop(writer);
        replaced.is_some()
    }

    fn space(&self, keyspace: Keyspace) -> &Space {
        self.spaces.get_or_init(keyspace, || {
            self.written.lock().push(keyspace);
            Space::new(keyspace.kind())
        })
    }

    /// The keyspaces into which a record was ever put.
    pub(crate) fn keyspaces(&self) -> Vec<Keyspace> {
        self.written.lock().clone()
    }

    /// Commits one record, the most frequent commit.
    ///
    /// Readers of the cell wait for its lock until the commit is published. So the old version is in nobody's way, and
    /// goes at once, unless a snapshot reads it.
    fn put_alone(&self, cells: &Cells, keyspace: Keyspace, key: &Key, record: &Record<Payload>) {
        let writer = self.writer.lock();
        let sequence = self.clock.load(Ordering::Relaxed) + 1;
        let mut version = Some(Version { sequence, record: Some(record.clone()) });
        let replaced = cells.with(key, |cell| {
            let version = version.take()?;
            let mut chain = cell.write();
            self.clock.store(sequence, Ordering::Release);
            let old = chain.newest().sequence;
            let superseded = || Superseded { keyspace, version: old, place: Place::Cell(cell.clone()) };
            if self.live.keep_if_read(old, superseded) {
                chain.push(version)
            } else {
                Some(chain.replace(version))
            }
        });
        if let Some(version) = version {
            cells.insert(key, version);
            self.clock.store(sequence, Ordering::Release);
        }
        drop(writer);
        drop(replaced);
    }

    /// Commits a batch, and returns how many versions it superseded.
    fn apply(&self, batch: &Batch) -> usize {
        let mut writer = self.writer.lock();
        let sequence = self.clock.load(Ordering::Relaxed) + 1;
        for (keyspace, range) in &batch.range_deletes {
            if let Some(space) = self.spaces.get(*keyspace) {
                space.delete_range(range, sequence, &mut writer.remains(*keyspace));
            }
        }
        for write in &batch.writes {
            let mut remains = writer.remains(write.keyspace);
            match &write.change {
                Change::Put(record) => {
                    self.space(write.keyspace).put(&write.key, sequence, record.clone(), &mut remains);
                }
                Change::Delete => {
                    if let Some(space) = self.spaces.get(write.keyspace) {
                        space.delete(&write.key, sequence, &mut remains);
                    }
                }
            }
        }
        self.clock.store(sequence, Ordering::Release);
        let superseded = writer.superseded.len();
        self.trim(&mut writer);
        let garbage = mem::take(&mut writer.garbage);
        drop(writer);
        drop(garbage);
        superseded
    }

    /// Takes away at most `len` versions that were kept for snapshots which ended.
    ///
    /// Whoever commits meanwhile does this too, so a thread that finds the lock taken leaves it to that one.
    fn settle(&self, len: usize) {
        let mut left = len;
        while left > 0 && self.live.is_indebted() {
            let Some(mut writer) = self.writer.try_lock() else { return };
            self.live.take_debts(left, &mut writer.superseded);
            left -= writer.superseded.len();
            self.trim(&mut writer);
            let garbage = mem::take(&mut writer.garbage);
            drop(writer);
            drop(garbage);
        }
    }

    /// Takes the superseded versions away, but for those that a snapshot reads.
    fn trim(&self, writer: &mut Writer) {
        let Writer { superseded, kept, garbage, live } = writer;
        if superseded.is_empty() {
            return;
        }
        self.live.list(live);
        for one in superseded.drain(..) {
            let space = self.spaces.get(one.keyspace).expect("a version was superseded there");
            if let Trimmed::Held(holder) = space.trim(&one.place, live, one.version, garbage) {
                kept.push((holder, one));
            }
        }
        self.live.keep(kept);
        // One large batch should not cost its room for ever.
        superseded.shrink_to(SETTLED_AT_ONCE);
        kept.shrink_to(SETTLED_AT_ONCE);
    }
}

impl Writer {
    fn remains(&mut self, keyspace: Keyspace) -> impl Remains {
        Batched { keyspace, superseded: &mut self.superseded, garbage: &mut self.garbage }
    }
}

/// Collects what a batch leaves behind until it is published.
struct Batched<'a> {
    keyspace: Keyspace,
    superseded: &'a mut Vec<Superseded>,
    garbage: &'a mut Vec<Version>,
}

impl Remains for Batched<'_> {
    fn superseded(&mut self, version: u64, place: Place) {
        self.superseded.push(Superseded { keyspace: self.keyspace, version, place });
    }

    fn replaced(&mut self, version: Version) {
        self.garbage.push(version);
    }
}
