//! The pending writes of a transaction, laid over its snapshot.

use crate::batch::{Batch, Change, Write};
use crate::counter::Merge;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::KeyRange;
use crate::record::{Payload, Record};
use crate::sorted::Sorted;

/// What a transaction will do to a key.
#[derive(Debug)]
pub(crate) enum Pending {
    Put(Record<Payload>),
    Delete,
    /// Changes the counter there, whatever it holds at commit.
    Merge(Merge),
    /// Puts a value that waits for a commit-time value; the record itself is kept aside.
    Awaits,
}

/// Pending writes by keyspace and key, and the ranges deleted before them.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    writes: Sorted<Pending>,
    range_deletes: Vec<(Keyspace, KeyRange)>,
    len_bytes: usize,
}

/// What the overlay says of a key.
pub(crate) enum Seen<'a> {
    Pending(&'a Pending),
    RangeDeleted,
    Untouched,
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.range_deletes.is_empty()
    }

    /// The bytes of keys and values written so far, those overwritten since included.
    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    pub(crate) fn writes(&self) -> &Sorted<Pending> {
        &self.writes
    }

    pub(crate) fn seen(&self, keyspace: Keyspace, key: &[u8]) -> Seen<'_> {
        if let Some(pending) = self.writes.get(keyspace, key) {
            return Seen::Pending(pending);
        }
        match self.is_range_deleted(keyspace, key) {
            true => Seen::RangeDeleted,
            false => Seen::Untouched,
        }
    }

    pub(crate) fn is_range_deleted(&self, keyspace: Keyspace, key: &[u8]) -> bool {
        self.range_deletes.iter().any(|(other, range)| *other == keyspace && range.contains(key))
    }

    pub(crate) fn set(&mut self, keyspace: Keyspace, key: Key, pending: Pending) {
        self.len_bytes += key.len()
            + match &pending {
                Pending::Put(record) => record.value.len(),
                Pending::Merge(_) => Merge::LEN,
                Pending::Delete | Pending::Awaits => 0,
            };
        self.writes.insert(keyspace, key, pending);
    }

    /// Counts bytes that are written besides the pending ones.
    pub(crate) fn count_bytes(&mut self, bytes: usize) {
        self.len_bytes += bytes;
    }

    pub(crate) fn delete_range(&mut self, keyspace: Keyspace, range: KeyRange) {
        self.len_bytes += range.start().len() + range.end().map_or(0, Key::len);
        self.writes.remove_range(keyspace, &range);
        self.range_deletes.push((keyspace, range));
    }

    /// The plain writes as a sorted batch, and the changes of counters beside it.
    pub(crate) fn into_batch(self) -> (Batch, Vec<(Keyspace, Key, Merge)>) {
        let mut merges = Vec::new();
        let writes = self.writes.into_vec(|keyspace, key, pending| {
            let change = match pending {
                Pending::Put(record) => Change::Put(record),
                // What waits is put by the leader; until then nothing is there.
                Pending::Delete | Pending::Awaits => Change::Delete,
                Pending::Merge(merge) => {
                    merges.push((keyspace, key, merge));
                    return None;
                }
            };
            Some(Write { keyspace, key, change })
        });
        (Batch { range_deletes: self.range_deletes, writes }, merges)
    }
}
