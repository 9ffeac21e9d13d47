//! Records of data: cells, found by a hash and kept in order by an index that shares them.
//!
//! A cell is in both or in neither, but while a commit puts it there or takes it away; then no reader sees a record in
//! it. Under a part of the hash nothing but one cell's lock is taken, and no part of the hash under a cell's lock.

use ahash::RandomState;
use dashmap::DashMap;
use storage_core::{Decoded, KeyRange, Payload, Record, Stamp, Value};

use super::{Place, Remains};
use crate::cell::Cell;
use crate::chain::{Chain, Trimmed, Version};
use crate::index::{Fate, Index, Keyed, Prefix, Slot};

#[derive(Debug)]
pub(crate) struct Cells {
    hash: DashMap<Cell, (), RandomState>,
    order: Index<CellSlot>,
}

/// A cell in the index.
#[derive(Clone, Debug)]
pub(crate) struct CellSlot {
    prefix: Prefix,
    cell: Cell,
}

impl CellSlot {
    #[inline]
    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }
}

impl Keyed for CellSlot {
    #[inline]
    fn prefix(&self) -> Prefix {
        self.prefix
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.cell.key()
    }
}

impl Slot for CellSlot {
    const LEAF_LEN: usize = 128;
}

impl Cells {
    pub(crate) fn new() -> Self {
        Cells { hash: DashMap::with_hasher(RandomState::new()), order: Index::new() }
    }

    pub(crate) fn order(&self) -> &Index<CellSlot> {
        &self.order
    }

    #[inline(always)]
    pub(crate) fn get(&self, key: &[u8], at: impl FnOnce() -> u64) -> Option<Record<Payload>> {
        let found = self.hash.get(key)?;
        let chain = found.key().read();
        chain.visible(at()).cloned()
    }

    #[inline]
    pub(crate) fn kept(&self, key: &[u8], at: impl FnOnce() -> u64) -> Option<(Stamp, Decoded)> {
        let found = self.hash.get(key)?;
        let chain = found.key().read();
        let record = chain.visible(at())?;
        Some((record.stamp, record.value.memo()?.decoded()?))
    }

    /// What `change` makes of the cell of a key, if there is one.
    #[inline]
    pub(crate) fn with<T>(&self, key: &[u8], change: impl FnOnce(&Cell) -> T) -> Option<T> {
        self.hash.get(key).map(|found| change(found.key()))
    }

    pub(crate) fn put(&self, key: &[u8], version: Version, remains: &mut impl Remains) {
        match self.hash.get(key) {
            Some(found) => push(found.key(), version, remains),
            None => self.insert(key, version),
        }
    }

    /// Puts a cell where there is none.
    pub(crate) fn insert(&self, key: &[u8], version: Version) {
        let cell = Cell::new(key, version);
        self.hash.insert(cell.clone(), ());
        let replace = |_: &mut CellSlot, _| unreachable!("the index holds no cell that the hash does not");
        self.order.upsert(key, cell, replace, |cell| CellSlot { prefix: Prefix::of(key), cell });
    }

    pub(crate) fn delete(&self, key: &[u8], sequence: u64, remains: &mut impl Remains) {
        if let Some(found) = self.hash.get(key) {
            bury(found.key(), sequence, remains);
        }
    }

    pub(crate) fn delete_range(&self, range: &KeyRange, sequence: u64, remains: &mut impl Remains) {
        self.order.visit(range, |slot| bury(&slot.cell, sequence, remains));
    }

    pub(crate) fn trim(
        &self,
        cell: &Cell,
        live: &[u64],
        version: u64,
        garbage: &mut Vec<Version>,
    ) -> Trimmed {
        let trimmed = cell.write().trim(live, version, garbage);
        if trimmed == Trimmed::Gone {
            // Another cell of the same key may have come since this one went.
            drop(self.hash.remove_if(cell.key(), |found, ()| found.is(cell)));
            let removed = |slot: &mut CellSlot| if slot.cell.is(cell) { Fate::Remove } else { Fate::Keep };
            drop(self.order.edit(cell.key(), removed));
        }
        trimmed
    }

    pub(crate) fn change<T>(&self, key: &[u8], change: impl FnOnce(&mut Chain) -> Option<T>) -> Option<T> {
        change(&mut self.hash.get(key)?.key().write())
    }

    pub(crate) fn visit(&self, visit: &mut impl FnMut(&[u8], &Chain)) {
        self.order.visit(&KeyRange::all(), |slot| visit(slot.key(), &slot.cell.read()));
    }
}

fn push(cell: &Cell, version: Version, remains: &mut impl Remains) {
    let mut chain = cell.write();
    let superseded = chain.newest().sequence;
    let replaced = chain.push(version);
    drop(chain);
    match replaced {
        Some(version) => remains.replaced(version),
        None => remains.superseded(superseded, Place::Cell(cell.clone())),
    }
}

/// Adds a tombstone, unless there is nothing to delete.
fn bury(cell: &Cell, sequence: u64, remains: &mut impl Remains) {
    if cell.read().newest().record.is_some() {
        push(cell, Version { sequence, record: None }, remains);
    }
}
