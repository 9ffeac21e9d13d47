//! Derived records: their versions stand in the leaves of the ordered index, where ranges read them in one stride.

use storage_core::{Key, KeyRange, Payload, Record};

use super::{Place, Remains};
use crate::chain::{Chain, Trimmed, Version};
use crate::index::{Fate, Index, Keyed, Prefix, Slot};

#[derive(Debug)]
pub(crate) struct Entries {
    order: Index<Entry>,
}

/// A key and its versions in the index.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    prefix: Prefix,
    key: Key,
    chain: Chain,
}

impl Entry {
    fn new(key: &[u8], version: Version) -> Self {
        Entry { prefix: Prefix::of(key), key: Key::from(key), chain: Chain::new(version) }
    }

    #[inline]
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }
}

impl Keyed for Entry {
    #[inline]
    fn prefix(&self) -> Prefix {
        self.prefix
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Slot for Entry {
    const LEAF_LEN: usize = 64;
}

impl Entries {
    pub(crate) fn new() -> Self {
        Entries { order: Index::new() }
    }

    pub(crate) fn order(&self) -> &Index<Entry> {
        &self.order
    }

    pub(crate) fn get(&self, key: &[u8], at: impl FnOnce() -> u64) -> Option<Record<Payload>> {
        self.order.read(key, |entry| entry.chain.visible(at()).cloned())?
    }

    pub(crate) fn put(&self, key: &[u8], version: Version, remains: &mut impl Remains) {
        let make = |version| Entry::new(key, version);
        self.order.upsert(key, version, |entry, version| push(entry, version, remains), make);
    }

    pub(crate) fn delete(&self, key: &[u8], sequence: u64, remains: &mut impl Remains) {
        self.order.edit(key, |entry| {
            if entry.chain.newest().record.is_some() {
                push(entry, Version { sequence, record: None }, remains);
            }
            Fate::Keep
        });
    }

    pub(crate) fn delete_range(&self, range: &KeyRange, sequence: u64, remains: &mut impl Remains) {
        // All keys first: a leaf that is being visited would be copied to be changed.
        let mut keys = Vec::new();
        self.order.visit(range, |entry| {
            if entry.chain.newest().record.is_some() {
                keys.push(entry.key.clone());
            }
        });
        keys.iter().for_each(|key| self.delete(key, sequence, remains));
    }

    pub(crate) fn trim(&self, key: &[u8], live: &[u64], version: u64, garbage: &mut Vec<Version>) -> Trimmed {
        let mut trimmed = Trimmed::Settled;
        let removed = self.order.edit(key, |entry| {
            trimmed = entry.chain.trim(live, version, garbage);
            if trimmed == Trimmed::Gone { Fate::Remove } else { Fate::Keep }
        });
        drop(removed);
        trimmed
    }

    pub(crate) fn change<T>(&self, key: &[u8], change: impl FnOnce(&mut Chain) -> Option<T>) -> Option<T> {
        let mut changed = None;
        self.order.edit(key, |entry| {
            changed = change(&mut entry.chain);
            Fate::Keep
        });
        changed
    }

    pub(crate) fn visit(&self, visit: &mut impl FnMut(&[u8], &Chain)) {
        self.order.visit(&KeyRange::all(), |entry| visit(&entry.key, &entry.chain));
    }
}

fn push(entry: &mut Entry, version: Version, remains: &mut impl Remains) {
    let superseded = entry.chain.newest().sequence;
    match entry.chain.push(version) {
        Some(version) => remains.replaced(version),
        None => remains.superseded(superseded, Place::Entry(entry.key.as_slice().into())),
    }
}
