//! What a database counts about itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;

/// What a database has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The newest published version: how many engine commits there were.
    pub version: u64,
    /// How many commits of transactions ended in a conflict.
    pub conflicts: u64,
    /// How often the body of a transaction was run again.
    pub retries: u64,
    /// How many transactions ended up in the exclusive lane.
    pub exclusive: u64,
    /// How often background work failed: a sync, which stops the database, or a sweep, which is tried again.
    pub background_errors: u64,
    /// How many commits wait for their turn now.
    pub waiting: usize,
    /// How many snapshots are held.
    pub snapshots: usize,
    /// The age of the oldest snapshot held.
    pub oldest_snapshot_age: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) conflicts: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) exclusive: AtomicU64,
    pub(crate) background_errors: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The snapshots held, by the time at which they were taken.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<BTreeMap<Timestamp, usize>>);

impl Snapshots {
    pub(crate) fn opened(&self, at: Timestamp) {
        *self.0.lock().entry(at).or_insert(0) += 1;
    }

    pub(crate) fn closed(&self, at: Timestamp) {
        let mut held = self.0.lock();
        if let Some(count) = held.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                held.remove(&at);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().values().sum()
    }

    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.0.lock().keys().next().copied()
    }
}
