//! The power that an engine needs for a journal in front of it.

use crate::batch::Batch;
use crate::engine::{Durability, Engine};
use crate::error::Result;

/// The power to keep, in the same step as a commit, how far a journal has been applied.
///
/// Whoever writes through it counts the commits: each has the version behind the one before. `commit` of the engine
/// itself is not used meanwhile.
pub trait Journalled: Engine {
    /// The id of the store, which no other one has.
    fn store_id(&self) -> [u8; 16];

    /// What was stored last.
    fn mark(&self) -> Result<Mark>;

    /// Commits a batch and stores its version, both or neither.
    ///
    /// It promises what `Engine::commit` does, and gives the same errors. Applying a batch that was applied before,
    /// and all that followed it again, leaves what was there.
    fn apply(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()>;

    /// Refuses a batch that `apply` would refuse for now, such as one that puts while there is no room.
    ///
    /// It is asked before the journal takes the batch, so that a refusal costs nothing.
    fn admit(&self, batch: &Batch) -> Result<()>;

    /// Makes what was applied durable, and these epochs with it in one step: a crash leaves both or neither.
    ///
    /// Up to `synced` the journal is durable. What was applied above may be lost by it still, so an engine that cannot
    /// take all of it in one step leaves that out. Returns the version up to which the engine is durable. Commits may
    /// go on beside it, or wait.
    fn checkpoint(&self, epochs: Epochs, synced: u64) -> Result<u64>;

    /// About how many bytes the next checkpoint has to write: what holds up the commits that meet it.
    fn unsaved_bytes(&self) -> u64;
}

/// What an engine knows of the journal in front of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// The version that was applied last; 0 if none ever was.
    pub version: u64,
    /// The epochs that were stored last.
    pub epochs: Epochs,
}

impl Mark {
    /// What was stored with the last commit and the last checkpoint.
    pub fn new(version: u64, epochs: Epochs) -> Self {
        Mark { version, epochs }
    }
}

/// Which records of a journal an engine may lack: those of these epochs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// The epoch of each of the two files. The records of an older one are all in the engine.
    pub files: [u64; 2],
    /// Whether there must be a journal.
    pub presence: Presence,
}

impl Epochs {
    /// The epochs behind these.
    #[must_use]
    pub fn next(self, presence: Presence) -> Self {
        Epochs { files: self.files.map(|epoch| epoch + 1), presence }
    }
}

/// Whether an engine has a journal in front of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It never had one, or everything that it held was applied.
    #[default]
    Absent,
    /// It has one, and may not be opened without it.
    Present,
}
