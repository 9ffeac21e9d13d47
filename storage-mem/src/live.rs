//! The snapshots that are live, and the versions that are kept for them.
//!
//! The clock is read under the lock under which a snapshot is entered, and the live ones are listed under the same
//! lock after the clock was advanced. So none is ever missed: it is listed, or it began at the new clock. A version
//! that stays is kept with the last snapshot that reads it and looked at again when that one ends.

use std::collections::VecDeque;

use storage_core::Keyspace;

use crate::space::Place;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// A superseded version that is to be taken away.
#[derive(Debug)]
pub(crate) struct Superseded {
    pub(crate) keyspace: Keyspace,
    pub(crate) version: u64,
    pub(crate) place: Place,
}

#[derive(Debug, Default)]
pub(crate) struct Live {
    inner: Mutex<Inner>,
    /// Whether there are debts. A hint: it may be read late, and is read again at the next commit.
    indebted: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    /// Ascending by sequence, each once.
    pinned: VecDeque<Pinned>,
    /// What ended snapshots had kept.
    debts: Vec<Vec<Superseded>>,
}

#[derive(Debug)]
struct Pinned {
    sequence: u64,
    snapshots: usize,
    kept: Vec<Superseded>,
}

impl Live {
    /// Enters a snapshot of what is published now.
    pub(crate) fn pin(&self, clock: &AtomicU64) -> u64 {
        let mut inner = self.inner.lock();
        let sequence = clock.load(Ordering::Acquire);
        match inner.pinned.back_mut() {
            Some(last) if last.sequence == sequence => last.snapshots += 1,
            _ => inner.pinned.push_back(Pinned { sequence, snapshots: 1, kept: Vec::new() }),
        }
        sequence
    }

    /// Ends a snapshot. Whether versions wait to be taken away now.
    pub(crate) fn unpin(&self, sequence: u64) -> bool {
        let mut inner = self.inner.lock();
        let at = inner.position(sequence).expect("a snapshot stays entered until it is dropped");
        inner.pinned[at].snapshots -= 1;
        if inner.pinned[at].snapshots == 0
            && let Some(ended) = inner.pinned.remove(at)
            && !ended.kept.is_empty()
        {
            inner.debts.push(ended.kept);
            self.indebted.store(true, Ordering::Release);
        }
        self.is_indebted()
    }

    /// Lists the live snapshots, ascending.
    pub(crate) fn list(&self, into: &mut Vec<u64>) {
        into.clear();
        into.extend(self.inner.lock().pinned.iter().map(|pinned| pinned.sequence));
    }

    /// Keeps a version that the newest live snapshot reads, if it reads it: it began at the version or after it.
    ///
    /// Called when the successor of the version is published.
    pub(crate) fn keep_if_read(&self, version: u64, make: impl FnOnce() -> Superseded) -> bool {
        match self.inner.lock().pinned.back_mut() {
            Some(last) if last.sequence >= version => {
                last.kept.push(make());
                true
            }
            _ => false,
        }
    }

    /// Keeps versions, each for the snapshot of the sequence beside it.
    pub(crate) fn keep(&self, versions: &mut Vec<(u64, Superseded)>) {
        if versions.is_empty() {
            return;
        }
        let mut inner = self.inner.lock();
        let mut late = Vec::new();
        for (holder, version) in versions.drain(..) {
            match inner.position(holder) {
                Ok(at) => inner.pinned[at].kept.push(version),
                Err(_) => late.push(version),
            }
        }
        if !late.is_empty() {
            inner.debts.push(late);
            self.indebted.store(true, Ordering::Release);
        }
    }

    pub(crate) fn is_indebted(&self) -> bool {
        self.indebted.load(Ordering::Acquire)
    }

    /// Takes at most `len` of the debts.
    pub(crate) fn take_debts(&self, len: usize, into: &mut Vec<Superseded>) {
        let mut inner = self.inner.lock();
        while let Some(debt) = inner.debts.last_mut().filter(|_| into.len() < len) {
            let rest = debt.len().saturating_sub(len - into.len());
            into.extend(debt.drain(rest..));
            if rest == 0 {
                inner.debts.pop();
            }
        }
        self.indebted.store(!inner.debts.is_empty(), Ordering::Release);
    }
}

impl Inner {
    fn position(&self, sequence: u64) -> Result<usize, usize> {
        self.pinned.binary_search_by_key(&sequence, |pinned| pinned.sequence)
    }
}
