//! What one commit changes.

use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::KeyRange;
use crate::record::{Payload, Record};

/// The changes of one commit: range deletes, then writes.
///
/// An engine applies every range delete first and the writes after them. There is at most one write a key, and the
/// writes are sorted by keyspace and key.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Batch {
    /// The ranges whose every record goes.
    pub range_deletes: Vec<(Keyspace, KeyRange)>,
    /// The records that are put or deleted, sorted by keyspace and key, each key once.
    pub writes: Vec<Write>,
}

/// One record that is put or deleted.
#[derive(Clone, Debug)]
pub struct Write {
    /// The keyspace of the record.
    pub keyspace: Keyspace,
    /// The key of the record.
    pub key: Key,
    /// What happens to it.
    pub change: Change,
}

/// What happens to a record.
#[derive(Clone, Debug)]
pub enum Change {
    /// It takes this value, whether it was there or not.
    Put(Record<Payload>),
    /// It goes. Nothing happens if it was not there.
    Delete,
}

impl Batch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.range_deletes.is_empty() && self.writes.is_empty()
    }

    /// The bytes of its keys and values.
    pub fn len_bytes(&self) -> usize {
        let ranges: usize = self
            .range_deletes
            .iter()
            .map(|(_, range)| range.start().len() + range.end().map_or(0, |end| end.len()))
            .sum();
        ranges + self.writes.iter().map(Write::len_bytes).sum::<usize>()
    }
}

impl Write {
    /// The bytes of its key and value.
    pub fn len_bytes(&self) -> usize {
        match &self.change {
            Change::Put(record) => self.key.len() + record.value.len(),
            Change::Delete => self.key.len(),
        }
    }
}
