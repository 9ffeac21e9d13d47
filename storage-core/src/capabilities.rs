//! What an engine can do, as facts that a caller can act on.

use crate::codec::Codec;

/// What happens where an engine finds no store to open: an option of each engine whose stores stand on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IfMissing {
    /// It is created, readable by its owner alone.
    #[default]
    Create,
    /// Opening fails with `Invalid`.
    Fail,
}

/// What a commit outlives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Survives {
    /// Nothing: it is gone with the process, also after a clean close.
    Memory,
    /// A clean close; a crash of the process may lose it.
    Close,
    /// A crash of the process; a power cut may lose it.
    ProcessCrash,
    /// A power cut.
    PowerLoss,
}

/// The facts about an engine. Conformance proves each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Its short name, such as `mem` or `redb`; errors carry it.
    pub name: &'static str,
    /// What a commit with `Durability::Sync` outlives.
    pub sync_survives: Survives,
    /// What a commit with `Durability::Deferred` outlives before the next `sync`.
    pub deferred_survives: Survives,
    /// Whether core seals records with checksums and verifies them on every read.
    pub checksums: Checksums,
    /// Whether it can be written.
    pub access: Access,
    /// Who else may write what it stores.
    pub sharing: Sharing,
    /// How the values of a table are stored that names no codec.
    pub codec: Codec,
}

/// Who else may write what an engine stores, while it is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sharing {
    /// Nobody: one handle has it alone.
    #[default]
    Alone,
    /// Other handles, of this process or of others. A commit that finds another's before it is
    /// [`Kind::ForeignCommit`](crate::Kind::ForeignCommit).
    Processes,
}

/// Whether an engine can be written, as it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// It is read and written.
    #[default]
    ReadWrite,
    /// It is only read: core refuses every write with `Invalid`, and calls neither `commit` nor `sync`.
    ReadOnly,
}

/// Whether core verifies what it reads from an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksums {
    /// Every record is sealed when written and verified when read.
    Verified,
    /// The records never leave the process's memory, so that there is nothing to verify.
    Skipped,
}

impl Capabilities {
    /// The facts about an engine that stores: both levels survive power loss and records are verified.
    pub const fn durable(name: &'static str) -> Self {
        Capabilities {
            name,
            sync_survives: Survives::PowerLoss,
            deferred_survives: Survives::PowerLoss,
            checksums: Checksums::Verified,
            access: Access::ReadWrite,
            sharing: Sharing::Alone,
            codec: Codec::Bincode,
        }
    }

    /// The facts about an engine that keeps everything in memory.
    pub const fn memory(name: &'static str) -> Self {
        Capabilities {
            name,
            sync_survives: Survives::Memory,
            deferred_survives: Survives::Memory,
            checksums: Checksums::Skipped,
            access: Access::ReadWrite,
            sharing: Sharing::Alone,
            codec: Codec::Bincode,
        }
    }

    /// The same with another survival of deferred commits.
    #[must_use]
    pub const fn with_deferred(mut self, survives: Survives) -> Self {
        self.deferred_survives = survives;
        self
    }

    /// The same with another access.
    #[must_use]
    pub const fn with_access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// The same with others who may write.
    #[must_use]
    pub const fn with_sharing(mut self, sharing: Sharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// The same with another codec for tables that name none.
    #[must_use]
    pub const fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// The same with checksums or without.
    #[must_use]
    pub const fn with_checksums(mut self, checksums: Checksums) -> Self {
        self.checksums = checksums;
        self
    }

    /// Whether what is stored is there after closing and opening again.
    pub fn reopens(&self) -> bool {
        self.sync_survives > Survives::Memory
    }

    /// Whether a call may wait for a device or a network: not where everything is gone with the process.
    ///
    /// Such an engine takes processor time only. The async face runs its calls without a hop to another thread, also
    /// where a whole database library keeps its pages in memory.
    pub fn waits(&self) -> bool {
        self.reopens()
    }

    /// Whether deferred commits need a later `sync` to survive what `Sync` ones do.
    pub fn needs_sync(&self) -> bool {
        self.deferred_survives < self.sync_survives
    }
}
