//! Values that are kept in memory beside the disk: those that were written or read last, up to so many bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use storage_core::Payload;

use crate::state::Cell;

/// The values that are kept, oldest first.
#[derive(Debug)]
pub(crate) struct Cache {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    cells: VecDeque<(Weak<Cell>, usize)>,
    bytes: usize,
}

/// What a place in the cache takes beside the value.
const PLACE_LEN: usize = 64;

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Cache { bytes_max, kept: Mutex::default() }
    }

    /// Keeps a value that was read.
    pub(crate) fn keep(&self, cell: &Arc<Cell>, value: &[u8]) {
        // One that would push out most of the others is read again.
        if value.len() <= self.bytes_max / 16 {
            cell.keep(Payload::new(value));
            self.note(cell, value.len());
        }
    }

    /// Notes that a cell keeps a value of so many bytes, which is on the disk as well, and lets go of the oldest.
    pub(crate) fn note(&self, cell: &Arc<Cell>, len: usize) {
        let mut kept = self.kept.lock();
        kept.cells.push_back((Arc::downgrade(cell), len + PLACE_LEN));
        kept.bytes += len + PLACE_LEN;
        while kept.bytes > self.bytes_max {
            let Some((oldest, len)) = kept.cells.pop_front() else { break };
            kept.bytes -= len;
            if let Some(oldest) = oldest.upgrade() {
                oldest.forget();
            }
        }
    }
}
