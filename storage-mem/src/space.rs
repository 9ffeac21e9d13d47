//! One keyspace: where its records are, and how versions come and go there.
//!
//! Data is read by key, so it has a hash beside the order. Derived records are written with every record of data and
//! read by ranges only, so they stand in the order itself.

mod cells;
mod entries;

use storage_core::{Decoded, KeyRange, KeyspaceKind, Payload, Record, Stamp};

pub(crate) use cells::{CellSlot, Cells};
pub(crate) use entries::{Entries, Entry};

use crate::cell::Cell;
use crate::chain::{Chain, Trimmed, Version};

#[derive(Debug)]
pub(crate) enum Space {
    Cells(Cells),
    Entries(Entries),
}

/// Where the chain of a superseded version is.
#[derive(Debug)]
pub(crate) enum Place {
    Cell(Cell),
    Entry(Box<[u8]>),
}

/// What a commit leaves behind in one keyspace.
pub(crate) trait Remains {
    /// A version that a reader may still see, superseded in the chain at `place`.
    fn superseded(&mut self, version: u64, place: Place);

    /// A version that no reader sees any more. It is dropped later: with it may go a decoded value, which is not ours.
    fn replaced(&mut self, version: Version);
}

impl Space {
    pub(crate) fn new(kind: KeyspaceKind) -> Self {
        match kind {
            KeyspaceKind::Derived => Space::Entries(Entries::new()),
            _ => Space::Cells(Cells::new()),
        }
    }

    /// The record of a key as of the sequence number that `at` gives.
    ///
    /// `at` runs under the lock of the chain, so that no version which it asks for can go in between.
    #[inline(always)]
    pub(crate) fn get(&self, key: &[u8], at: impl FnOnce() -> u64) -> Option<Record<Payload>> {
        match self {
            Space::Cells(cells) => cells.get(key, at),
            Space::Entries(entries) => entries.get(key, at),
        }
    }

    /// The decoded value kept beside a record of data, and its stamp. `at` as with [`Space::get`].
    #[inline]
    pub(crate) fn kept(&self, key: &[u8], at: impl FnOnce() -> u64) -> Option<(Stamp, Decoded)> {
        match self {
            Space::Cells(cells) => cells.kept(key, at),
            Space::Entries(_) => None,
        }
    }

    /// Adds a version with a record to a key.
    pub(crate) fn put(&self, key: &[u8], sequence: u64, record: Record<Payload>, remains: &mut impl Remains) {
        let version = Version { sequence, record: Some(record) };
        match self {
            Space::Cells(cells) => cells.put(key, version, remains),
            Space::Entries(entries) => entries.put(key, version, remains),
        }
    }

    /// Adds a tombstone to a key that has a record.
    pub(crate) fn delete(&self, key: &[u8], sequence: u64, remains: &mut impl Remains) {
        match self {
            Space::Cells(cells) => cells.delete(key, sequence, remains),
            Space::Entries(entries) => entries.delete(key, sequence, remains),
        }
    }

    /// Adds a tombstone to every key in a range that has a record.
    pub(crate) fn delete_range(&self, range: &KeyRange, sequence: u64, remains: &mut impl Remains) {
        match self {
            Space::Cells(cells) => cells.delete_range(range, sequence, remains),
            Space::Entries(entries) => entries.delete_range(range, sequence, remains),
        }
    }

    /// Takes versions away that no `live` snapshot reads, and the key with the last of them.
    pub(crate) fn trim(
        &self,
        place: &Place,
        live: &[u64],
        version: u64,
        garbage: &mut Vec<Version>,
    ) -> Trimmed {
        match (self, place) {
            (Space::Cells(cells), Place::Cell(cell)) => cells.trim(cell, live, version, garbage),
            (Space::Entries(entries), Place::Entry(key)) => entries.trim(key, live, version, garbage),
            _ => unreachable!("a keyspace keeps its form"),
        }
    }

    /// Replaces the newest value of a key. Returns the old one, if there is one.
    pub(crate) fn overwrite(&self, key: &[u8], value: Payload) -> Option<Payload> {
        let overwrite = |chain: &mut Chain| {
            let record = chain.newest_mut().record.as_mut()?;
            Some(std::mem::replace(&mut record.value, value))
        };
        match self {
            Space::Cells(cells) => cells.change(key, overwrite),
            Space::Entries(entries) => entries.change(key, overwrite),
        }
    }

    /// Shows every key and its chain, in the order of keys.
    pub(crate) fn visit(&self, mut visit: impl FnMut(&[u8], &Chain)) {
        match self {
            Space::Cells(cells) => cells.visit(&mut visit),
            Space::Entries(entries) => entries.visit(&mut visit),
        }
    }
}
