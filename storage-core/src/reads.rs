//! The reads of a transaction, noted while it runs.

use std::cell::RefCell;

use crate::clock::Timestamp;
use crate::commit::conflicts::ReadSet;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::{Direction, KeyRange};

/// What a transaction read, noted as it reads.
#[derive(Debug, Default)]
pub(crate) struct Reads(RefCell<ReadSet>);

impl Reads {
    pub(crate) fn into_set(self) -> ReadSet {
        self.0.into_inner()
    }

    pub(crate) fn note_key(&self, keyspace: Keyspace, key: &[u8]) {
        let mut reads = self.0.borrow_mut();
        if reads.keys.last().is_none_or(|(last, read)| *last != keyspace || read.as_slice() != key) {
            reads.keys.push((keyspace, Key::from(key)));
        }
    }

    pub(crate) fn note_expiry(&self, expires_at: Option<Timestamp>) {
        self.0.borrow_mut().note_expiry(expires_at);
    }

    /// Notes a whole range, to be cut by [`Reads::end_range`].
    pub(crate) fn begin_range(&self, keyspace: Keyspace, range: KeyRange) -> usize {
        let mut reads = self.0.borrow_mut();
        reads.ranges.push((keyspace, range));
        reads.ranges.len() - 1
    }

    /// Cuts a range to what was returned of it: up to `last`, or nothing.
    pub(crate) fn end_range(&self, index: usize, direction: Direction, last: Option<&[u8]>) {
        let (_, range) = &mut self.0.borrow_mut().ranges[index];
        *range = match (last, direction) {
            (None, _) => KeyRange::nothing(),
            (Some(last), Direction::Forward) => range.through(last),
            (Some(last), Direction::Reverse) => range.from(last),
        };
    }
}
