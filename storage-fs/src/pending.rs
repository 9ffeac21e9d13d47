//! Commits that the journal has and the files have not yet.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use storage_core::{Key, Keyspace};

use crate::state::Cell;

/// What became of records; `None` of one that is gone. By the keyspaces' names, so that a run is like any other.
pub(crate) type Changes = BTreeMap<(&'static str, Key), (Keyspace, Option<Arc<Cell>>)>;

/// The commits that are still to be written, in the order of their versions.
#[derive(Debug)]
pub(crate) struct Pending {
    commits: VecDeque<Applied>,
    /// The version of the last that was applied.
    version: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Applied {
    version: u64,
    changes: Vec<(Keyspace, Key, Option<Arc<Cell>>)>,
    bytes: u64,
}

/// The commits up to one, folded into what is to be written of them.
#[derive(Debug)]
pub(crate) struct Fold {
    pub(crate) changes: Changes,
    /// The version up to which they go.
    pub(crate) version: u64,
    count: usize,
}

impl Fold {
    /// No commits.
    pub(crate) fn nothing(version: u64) -> Self {
        Fold { changes: Changes::new(), version, count: 0 }
    }
}

impl Pending {
    pub(crate) fn new(version: u64) -> Self {
        Pending { commits: VecDeque::new(), version, bytes: 0 }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// About how many bytes are to be written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins a commit, which takes what is added from now on.
    pub(crate) fn begin(&mut self, version: u64) {
        self.version = version;
        self.commits.push_back(Applied { version, changes: Vec::new(), bytes: 0 });
    }

    pub(crate) fn add(&mut self, keyspace: Keyspace, key: Key, cell: Option<Arc<Cell>>) {
        /// About what a line takes beside key and value.
        const LINE_LEN: u64 = 150;
        let value_len = cell.as_ref().map_or(0, |cell| cell.kept_len());
        let bytes = LINE_LEN + (key.len() + value_len) as u64;
        let commit = self.commits.back_mut().expect("a commit was begun");
        commit.bytes += bytes;
        self.bytes += bytes;
        commit.changes.push((keyspace, key, cell));
    }

    /// What is to be written of the commits up to `synced`.
    pub(crate) fn fold(&self, synced: u64, written: u64) -> Fold {
        let count = self.commits.iter().take_while(|commit| commit.version <= synced).count();
        let mut changes = Changes::new();
        for commit in self.commits.iter().take(count) {
            for (keyspace, key, cell) in &commit.changes {
                changes.insert((keyspace.name(), key.clone()), (*keyspace, cell.clone()));
            }
        }
        let version = self.commits.iter().take(count).next_back().map_or(written, |commit| commit.version);
        Fold { changes, version, count }
    }

    /// Lets go of the commits of a fold: they are written.
    pub(crate) fn forget(&mut self, fold: &Fold) {
        for commit in self.commits.drain(..fold.count) {
            self.bytes -= commit.bytes;
        }
    }

    /// The records that are still to be written, of any commit.
    pub(crate) fn records(&self) -> HashSet<(Keyspace, Key)> {
        let changes = self.commits.iter().flat_map(|commit| &commit.changes);
        changes.map(|(keyspace, key, _)| (*keyspace, key.clone())).collect()
    }
}
