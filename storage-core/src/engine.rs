//! The engine contract: what a backend fulfils, and all that it fulfils.
//!
//! An engine takes snapshots and commits batches. Transactions, conflicts, commit-time values, group commit, watches,
//! expiry, checksums, codecs, indexes and limits stand once, above it. There are no default methods here: one that an
//! engine or a wrapper forgets would be a silent defect. Every promise below has a case in storage-conformance.
//!
//! **What core promises an engine.** At most one `commit` runs at a time, and none after `close`. `get`, `snapshot`
//! and `sync` come from any thread at any time. Keys, names and values are within the limits. Stamps are sealed.
//! On an engine that says `Access::ReadOnly`, `commit` and `sync` are never called.
//!
//! **Other writers.** On an engine that says `Sharing::Processes`, other handles commit as well. It notices: the first
//! `commit` or exclusive snapshot after another's commit is `ForeignCommit`, with nothing written, and the next one
//! sees what was committed. Core then takes everything as written, and asks again.
//!
//! What only some engines can do, such as checking or compacting their files, stands in `powers.rs`.

use crate::batch::Batch;
use crate::capabilities::Capabilities;
use crate::error::Result;
pub use crate::journal::Journalled;
use crate::keyspace::Keyspace;
pub use crate::powers::{
    BackedUp, Check, Checked, Compact, Compacted, Damage, NativeBackup, StorageFigures, StorageStatistics,
};
use crate::range::{Direction, KeyRange};
use crate::record::{Decoded, Record, Stamp, Value};

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// An `Ok` survives power loss, and so does every commit before it.
    #[default]
    Sync,
    /// Atomic and ordered; a crash loses a suffix of the commits or nothing, never one from the middle.
    ///
    /// Core makes deferred commits durable within a second, by `sync` (a setting).
    Deferred,
}

/// What a snapshot is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Only reading.
    Read,
    /// Reading in a transaction that may commit.
    Transact,
    /// Reading in a transaction that runs alone. Other handles, where there are any, commit nothing until the snapshot
    /// is dropped, or the commit that rests on it is done.
    Exclusive,
}

/// A commit as an engine receives it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Commit<'a, S> {
    /// What changes.
    pub batch: &'a Batch,
    /// When it counts as done.
    pub durability: Durability,
    /// The snapshot that was read, for a transaction that ran under [`Intent::Exclusive`].
    pub basis: Option<S>,
}

impl<'a, S> Commit<'a, S> {
    /// A commit of `batch` that rests on no snapshot.
    pub fn new(batch: &'a Batch, durability: Durability) -> Self {
        Commit { batch, durability, basis: None }
    }

    /// The same, resting on the snapshot that was read.
    #[must_use]
    pub fn based_on(mut self, basis: S) -> Self {
        self.basis = Some(basis);
        self
    }
}

/// A storage backend.
///
/// Order: keys are bytes; ranges go by unsigned byte comparison in both directions. A keyspace exists by being named;
/// unwritten, it reads empty.
pub trait Engine: Send + Sync + 'static {
    /// A stable view of everything committed.
    type Snapshot: Snapshot;
    /// Stored bytes that outlive the call that read them.
    type Owned: Value + Send + 'static;

    /// The facts about it. They do not change while it is open.
    fn capabilities(&self) -> Capabilities;

    /// The newest committed record of a key, in one round trip. `None` if there is none.
    ///
    /// It sees every commit that returned before the call began. An expired record is returned like any other.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Self::Owned>>>;

    /// The decoded value that it keeps beside the newest committed record of a key, and the record's stamp.
    ///
    /// As current as [`get`](Engine::get). `None` where there is no record, or none is kept beside it: then core asks
    /// `get`. It spares the readers of an engine in memory to hold the stored bytes; others keep none.
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)>;

    /// Every keyspace that may hold a record, in any order; one that never held any is not among them.
    ///
    /// It knows of every commit that returned before the call began. One whose records are all deleted may be there.
    fn keyspaces(&self) -> Result<Vec<Keyspace>>;

    /// A stable view of everything committed, pinned now: not at its first read.
    ///
    /// It sees every commit that returned before the call began, whole or not at all, and nothing later. How many
    /// there are is not limited. It lives until it is dropped and never blocks a commit, except the exclusive one.
    fn snapshot(&self, intent: Intent) -> Result<Self::Snapshot>;

    /// Makes all of a batch visible, or none of it.
    ///
    /// `Ok`: every later read sees it, and it is as durable as asked. `CommitUnknown`: whether it took place cannot be
    /// told. Any other error: it did not take place, and nothing of it can be seen, now or after opening again;
    /// `ForeignCommit` if another handle has committed since this one last looked.
    fn commit(&self, commit: Commit<'_, Self::Snapshot>) -> Result<()>;

    /// Makes every commit that returned before the call as durable as `Durability::Sync` ones are.
    ///
    /// After `Busy` nothing has happened, and it is called again. After any other error the database stops.
    fn sync(&self) -> Result<()>;

    /// Ends it: what was committed is durable, and files are released. Called once; no call begins after it.
    ///
    /// Reads that are under way finish or fail.
    fn close(&self) -> Result<()>;
}

/// A stable view of everything committed at one moment.
pub trait Snapshot: Send + 'static {
    /// Stored bytes: borrowed where the engine can lend, owned where it cannot.
    type Value<'a>: Value
    where
        Self: 'a;
    /// A position in a range.
    type Cursor<'a>: Cursor
    where
        Self: 'a;

    /// The record of a key. `None` if there is none.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Self::Value<'_>>>>;

    /// The records of several keys, in the order asked, `None` for each that is not there.
    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Self::Value<'_>>>>>;

    /// The records whose keys lie in `range`, in the order of `direction`. An empty range has none.
    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<Self::Cursor<'_>>;
}

/// A position in a range: before the first record until [`Cursor::advance`] is called.
///
/// It is positional, so that laying pending writes over it, reading keys only, and erasing its type cost nothing.
pub trait Cursor {
    /// Moves to the next record; `false` at the end, and from then on. Once `Err`, then only `Err`.
    fn advance(&mut self) -> Result<bool>;

    /// The key of the record here. Called only after `advance` returned true.
    fn key(&self) -> &[u8];

    /// The stamp of the record here, without reading its value.
    fn stamp(&self) -> Stamp;

    /// The value of the record here. An `Err`, one damaged record, leaves the cursor usable.
    fn value(&mut self) -> Result<&dyn Value>;
}

impl<C: Cursor + ?Sized> Cursor for Box<C> {
    fn advance(&mut self) -> Result<bool> {
        (**self).advance()
    }

    fn key(&self) -> &[u8] {
        (**self).key()
    }

    fn stamp(&self) -> Stamp {
        (**self).stamp()
    }

    fn value(&mut self) -> Result<&dyn Value> {
        (**self).value()
    }
}
