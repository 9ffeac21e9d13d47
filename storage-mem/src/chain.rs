//! The versions of one record, newest first.
//!
//! A version that no live snapshot can read does not stay: not because it is old, but because no snapshot lies
//! between it and its successor. So a record that is written all the time under one long snapshot keeps two versions.
//! No reader ever sees a version above its own sequence number, and none misses the newest one below it.

use smallvec::SmallVec;
use storage_core::{Payload, Record};

/// What a record was from one commit on; without a record, a tombstone.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) sequence: u64,
    pub(crate) record: Option<Record<Payload>>,
}

/// The versions of one record. A missing version reads like a tombstone.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    newest: Version,
    /// Ascending by sequence, all below the newest.
    older: Option<Box<Older>>,
}

type Older = SmallVec<[Version; 1]>;

/// Where in a chain a version stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Newest,
    Older(usize),
}

/// What is left of a chain after trimming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trimmed {
    /// The watched version is gone.
    Settled,
    /// The watched version stays: the snapshot of this sequence is the last of those that can read it.
    Held(u64),
    /// Nothing that any reader could find.
    Gone,
}

impl Chain {
    /// A chain of one version.
    pub(crate) fn new(newest: Version) -> Self {
        Chain { newest, older: None }
    }

    /// The newest version.
    #[inline]
    pub(crate) fn newest(&self) -> &Version {
        &self.newest
    }

    /// The newest version, to be changed in place.
    pub(crate) fn newest_mut(&mut self) -> &mut Version {
        &mut self.newest
    }

    /// The record that a reader at `sequence` sees.
    #[inline]
    pub(crate) fn visible(&self, sequence: u64) -> Option<&Record<Payload>> {
        if self.newest.sequence <= sequence {
            return self.newest.record.as_ref();
        }
        self.visible_older(sequence)?.1.as_ref()
    }

    /// Where the record stands that a reader at `sequence` sees.
    #[inline]
    pub(crate) fn visible_place(&self, sequence: u64) -> Option<Place> {
        if self.newest.sequence <= sequence {
            return self.newest.record.is_some().then_some(Place::Newest);
        }
        self.visible_older(sequence).filter(|(_, record)| record.is_some()).map(|(at, _)| Place::Older(at))
    }

    /// The record at a place that [`Chain::visible_place`] found.
    #[inline]
    pub(crate) fn at(&self, place: Place) -> Option<&Record<Payload>> {
        match place {
            Place::Newest => self.newest.record.as_ref(),
            Place::Older(at) => self.older.as_ref()?.get(at)?.record.as_ref(),
        }
    }

    #[cold]
    fn visible_older(&self, sequence: u64) -> Option<(usize, &Option<Record<Payload>>)> {
        let older = self.older.as_ref()?;
        let at = older.iter().rposition(|version| version.sequence <= sequence)?;
        Some((at, &older[at].record))
    }

    /// Adds a version, and returns what it replaced where nobody could have read that.
    ///
    /// A second version of the same sequence takes the place of the first.
    pub(crate) fn push(&mut self, version: Version) -> Option<Version> {
        let is_same = self.newest.sequence == version.sequence;
        let replaced = std::mem::replace(&mut self.newest, version);
        if is_same || (replaced.record.is_none() && self.older.is_none()) {
            return Some(replaced);
        }
        self.older.get_or_insert_default().push(replaced);
        None
    }

    /// Takes a version in the place of the newest, which no reader can see any more.
    pub(crate) fn replace(&mut self, version: Version) -> Version {
        std::mem::replace(&mut self.newest, version)
    }

    /// Moves every version that none of the `live` snapshots can read to `garbage`.
    ///
    /// Called only when the newest version is published. `live` ascends. [`Trimmed::Held`] speaks of the version of
    /// sequence `watched` alone: every other one that stays is watched by somebody else.
    pub(crate) fn trim(&mut self, live: &[u64], watched: u64, garbage: &mut Vec<Version>) -> Trimmed {
        let mut holder = None;
        if let Some(older) = &mut self.older {
            let mut successor = self.newest.sequence;
            for at in (0..older.len()).rev() {
                let sequence = older[at].sequence;
                let readers = &live[live.partition_point(|&one| one < sequence)..];
                let readers = &readers[..readers.partition_point(|&one| one < successor)];
                match readers.last() {
                    None => {
                        garbage.push(older.remove(at));
                        continue;
                    }
                    Some(&last) if sequence == watched => holder = Some(last),
                    Some(_) => {}
                }
                successor = sequence;
            }
            // Before the first version a record is absent, and so it is after a tombstone.
            while older.first().is_some_and(|version| version.record.is_none()) {
                garbage.push(older.remove(0));
            }
            if older.is_empty() {
                self.older = None;
            }
        }
        match (&self.older, holder) {
            (None, _) if self.newest.record.is_none() => Trimmed::Gone,
            (Some(_), Some(holder)) => Trimmed::Held(holder),
            _ => Trimmed::Settled,
        }
    }

    /// Every version, the newest first.
    pub(crate) fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.newest).chain(self.older.iter().flat_map(|older| older.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use storage_core::Stamp;

    use super::*;

    fn version(sequence: u64, value: &str) -> Version {
        let value = Payload::new(value.as_bytes());
        Version { sequence, record: Some(Record { stamp: Stamp::unverified(), value }) }
    }

    fn tombstone(sequence: u64) -> Version {
        Version { sequence, record: None }
    }

    fn seen(chain: &Chain, sequence: u64) -> Option<String> {
        let record = chain.visible(sequence)?;
        let placed = chain.at(chain.visible_place(sequence).unwrap()).unwrap();
        assert!(std::ptr::eq(placed, record));
        Some(String::from_utf8(record.value.to_vec()).unwrap())
    }

    fn chain_of(versions: impl IntoIterator<Item = Version>) -> Chain {
        let mut versions = versions.into_iter();
        let mut chain = Chain::new(versions.next().unwrap());
        versions.for_each(|version| drop(chain.push(version)));
        chain
    }

    #[test]
    fn a_reader_sees_the_newest_version_that_is_not_above_it() {
        let chain = chain_of([version(2, "a"), version(4, "b"), tombstone(6), version(8, "c")]);
        let all: Vec<_> = (1..10).map(|sequence| seen(&chain, sequence)).collect();
        let expected = [None, Some("a"), Some("a"), Some("b"), Some("b"), None, None, Some("c"), Some("c")];
        assert_eq!(all, expected.map(|value| value.map(str::to_owned)));
    }

    #[test]
    fn trimming_keeps_exactly_what_live_snapshots_read() {
        let mut chain = chain_of([version(2, "a"), version(4, "b"), tombstone(6), version(8, "c")]);
        let mut garbage = Vec::new();
        assert_eq!(chain.trim(&[1, 4, 5, 9], 4, &mut garbage), Trimmed::Held(5));
        assert_eq!(garbage.iter().map(|version| version.sequence).collect::<Vec<_>>(), [6, 2]);
        assert_eq!([1, 5, 9].map(|one| seen(&chain, one)), [None, Some("b".into()), Some("c".into())]);
        assert_eq!(chain.trim(&[1, 4, 9], 4, &mut garbage), Trimmed::Held(4));
        assert_eq!(chain.trim(&[1, 9], 4, &mut garbage), Trimmed::Settled);
        assert_eq!(chain.versions().count(), 1);
    }

    #[test]
    fn only_the_watched_version_names_its_holder() {
        let mut chain = chain_of([version(2, "a"), version(4, "b"), version(8, "c")]);
        let mut garbage = Vec::new();
        assert_eq!(chain.trim(&[3], 4, &mut garbage), Trimmed::Settled);
        assert_eq!(seen(&chain, 3).as_deref(), Some("a"));
        assert_eq!(chain.trim(&[3], 2, &mut garbage), Trimmed::Held(3));
    }

    #[test]
    fn a_chain_goes_with_the_last_version_before_its_tombstone() {
        let mut chain = chain_of([version(2, "a"), tombstone(5)]);
        let mut garbage = Vec::new();
        assert_eq!(chain.trim(&[3], 2, &mut garbage), Trimmed::Held(3));
        assert_eq!(seen(&chain, 3).as_deref(), Some("a"));
        assert_eq!(chain.trim(&[5], 2, &mut garbage), Trimmed::Gone);
    }

    #[test]
    fn a_second_version_of_one_commit_replaces_the_first() {
        let chain = chain_of([version(2, "a"), tombstone(4), version(4, "b")]);
        assert_eq!(chain.versions().map(|version| version.sequence).collect::<Vec<_>>(), [4, 2]);
        assert_eq!(seen(&chain, 3).as_deref(), Some("a"));
    }
}
