//! Optional powers: what only some engines can do, a small trait each.
//!
//! An application reaches them through [`Database::engine`](crate::Database::engine), or through
//! [`AnyEngine::downcast_ref`](crate::AnyEngine::downcast_ref), with the trait in scope:
//! `use storage_core::engine::Compact; db.engine().compact()?`. They are used while the database is open.

use std::path::Path;

use crate::engine::Engine;
use crate::error::Result;
use crate::keyspace::Keyspace;

/// The power to check everything that is stored for damage.
pub trait Check: Engine {
    /// Reads all that is stored and verifies what the engine itself guards it with. Writes wait meanwhile.
    ///
    /// `Ok` only if nothing is wrong. `Corrupt` where something is damaged, also if the engine could repair it: the
    /// newest commits may have gone with it, so the engine then answers nothing until it is opened again. `Busy` while
    /// snapshots or found values are held, on an engine that cannot check beside them. A value that is damaged past
    /// the engine's own guard is found when it is read, by the checksum of its record.
    fn check(&self) -> Result<Checked>;
}

/// What a check went through and found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Checked {
    /// The bytes on disk.
    pub bytes: u64,
}

/// The power to give back the room that is not needed.
pub trait Compact: Engine {
    /// Moves what is stored together and gives the rest of the room back. Writes wait meanwhile.
    ///
    /// What is stored does not change. `Busy` while snapshots or found values are held that it would have to move.
    fn compact(&self) -> Result<Compacted>;
}

/// What compacting saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compacted {
    /// The bytes on disk before.
    pub bytes_before: u64,
    /// The bytes on disk after.
    pub bytes_after: u64,
}

impl Compacted {
    /// The bytes that it gave back.
    pub fn bytes_saved(&self) -> u64 {
        self.bytes_before.saturating_sub(self.bytes_after)
    }
}

/// The power to tell how much room it takes.
pub trait StorageStatistics: Engine {
    /// Counts what is stored. It may read everything; writes go on beside it.
    fn storage_statistics(&self) -> Result<StorageFigures>;
}

/// How much room an engine takes, as far as it can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageFigures {
    /// The bytes that its files take.
    pub disk_bytes: Option<u64>,
    /// The bytes of the keys and values of the newest state, stamps included.
    pub live_bytes: Option<u64>,
    /// The bytes on disk that hold neither: gaps, free room, and what older states still occupy.
    pub fragmented_bytes: Option<u64>,
    /// The bytes that stay occupied only because the oldest snapshot is held.
    pub held_back_bytes: Option<u64>,
}

/// The power to damage stored bytes, for the tests that show what damage does.
pub trait Damage: Engine {
    /// Replaces the stored value of a record by what `change` makes of it, past every check.
    ///
    /// `false` if there is no such record.
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool>;
}

/// The power to copy what is stored while it is used.
pub trait NativeBackup: Engine {
    /// Writes what is committed now into a new file at `path`, which opens as a store of the same engine.
    ///
    /// Readers and writers go on beside it. The copy survives power loss once this returns. `Invalid` if there is
    /// something at `path` already: nothing is overwritten. After an error there is nothing at `path`.
    fn backup(&self, path: &Path) -> Result<BackedUp>;
}

/// What a backup wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackedUp {
    /// The bytes of the copy.
    pub bytes: u64,
}
