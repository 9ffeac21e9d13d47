//! What one committer brings to the queue, and what it gets back.

use crate::batch::Batch;
use crate::clock::Timestamp;
use crate::commit::conflicts::ReadSet;
use crate::counter::Merge;
use crate::engine::Durability;
use crate::key::{Key, Template};
use crate::keyspace::Keyspace;
use crate::record::Stamp;
use crate::watch::Cause;

/// A sequence: a counter from which commits draw consecutive numbers, without gaps and without conflicts.
///
/// It is kept as a counter record under a key, which holds the last number drawn.
///
/// ```
/// use storage_core::{Keyspace, Sequence};
///
/// let positions = Sequence::new(Keyspace::new("counters")?, b"positions")?.starting_at(1);
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Key,
    pub(crate) first: u64,
}

impl Sequence {
    /// The sequence kept under a key. Its first number is 0. `Invalid` for an empty key, `TooLarge` for a long one.
    pub fn new(keyspace: Keyspace, key: &[u8]) -> crate::Result<Self> {
        crate::limits::check_key(keyspace, key)?;
        Ok(Sequence { keyspace, key: Key::from(key), first: 0 })
    }

    /// The same with another first number, for as long as none was drawn.
    #[must_use]
    pub fn starting_at(mut self, first: u64) -> Self {
        self.first = first;
        self
    }
}

/// A record that waits for its commit: its key or value holds a number or time that only the commit knows.
#[derive(Debug)]
pub(crate) struct Awaiting {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Template<Key>,
    pub(crate) value: Template<Vec<u8>>,
    pub(crate) stamp: Stamp,
}

/// What a commit is to do besides its plain writes.
#[derive(Debug, Default)]
pub(crate) struct CommitTimeWrites {
    pub(crate) merges: Vec<(Keyspace, Key, Merge)>,
    pub(crate) tickets: Vec<Sequence>,
    pub(crate) awaiting: Vec<Awaiting>,
}

impl CommitTimeWrites {
    pub(crate) fn is_empty(&self) -> bool {
        self.merges.is_empty() && self.tickets.is_empty() && self.awaiting.is_empty()
    }
}

/// One transaction in the queue.
#[derive(Debug)]
pub(crate) struct Member {
    /// The version from which on it may have read; `None` for one that read nothing. The leader releases it.
    pub(crate) label: Option<u64>,
    pub(crate) reads: ReadSet,
    pub(crate) batch: Batch,
    pub(crate) late: CommitTimeWrites,
    /// How many tables were open when it looked at their definitions.
    pub(crate) tables_opened: u64,
    pub(crate) durability: Durability,
    pub(crate) cause: Cause,
    pub(crate) len_bytes: usize,
}

impl Member {
    /// The time of its commit, if it asked for a commit-time value.
    pub(crate) fn commit_time(&self, time: Timestamp) -> Option<Timestamp> {
        (!self.late.is_empty()).then_some(time)
    }

    pub(crate) fn blind(batch: Batch, tables_opened: u64, durability: Durability) -> Self {
        let len_bytes = batch.len_bytes();
        Member {
            label: None,
            reads: ReadSet::default(),
            batch,
            late: CommitTimeWrites::default(),
            tables_opened,
            durability,
            cause: Cause::Application,
            len_bytes,
        }
    }
}

/// What a commit gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Committed {
    pub(crate) version: u64,
    pub(crate) numbers: Vec<u64>,
    pub(crate) time: Option<Timestamp>,
}
