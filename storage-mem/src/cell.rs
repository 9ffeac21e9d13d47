//! A cell: the key and the versions of one record of a data keyspace, in one allocation.
//!
//! The hash and the ordered index point at the same cell, so that overwriting a record touches neither. A thread that
//! waits for a cell's lock holds no other cell's for writing, and nothing waits for a part of the hash under it.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use triomphe::ThinArc;

use crate::chain::{Chain, Version};
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A shared cell, one word wide. It hashes and equals as its key does.
#[derive(Clone)]
pub(crate) struct Cell(ThinArc<RwLock<Chain>, u8>);

impl Cell {
    /// A cell of a record that begins with this version.
    pub(crate) fn new(key: &[u8], version: Version) -> Self {
        Cell(ThinArc::from_header_and_slice(RwLock::new(Chain::new(version)), key))
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        &self.0.slice
    }

    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Chain> {
        self.lock().read()
    }

    #[inline]
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Chain> {
        self.lock().write()
    }

    /// Brings the cell's memory near, by plain loads: many of them are under way at once, locks go one by one.
    ///
    /// What it returns says nothing. It depends on the loads, so that they are not left out.
    #[inline]
    pub(crate) fn touch(&self) -> u8 {
        u8::from(self.lock().is_locked()) ^ self.key().first().copied().unwrap_or_default()
    }

    pub(crate) fn is(&self, other: &Cell) -> bool {
        std::ptr::eq(self.lock(), other.lock())
    }

    #[inline]
    fn lock(&self) -> &RwLock<Chain> {
        &self.0.header.header
    }
}

impl Borrow<[u8]> for Cell {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl Hash for Cell {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for Cell {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Cell {}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({})", self.key().escape_ascii())
    }
}
