//! What can be set when a file is opened.

use std::fmt;
use std::path::PathBuf;

use storage_core::journal::{Journal, JournalOptions};
use storage_core::{Access, Error, IfMissing, Kind, Result};

use crate::engine::RedbEngine;
use crate::error::NAME;
use crate::journalled;

/// When a commit also saves which pages are in use, so that opening after a crash need not find out.
///
/// Without it, opening after a crash reads the whole file: half a second for 500 MiB. With it, a durable commit of one
/// record takes about twice as long.
///
/// It also decides what becomes of a file whose newest commit is found damaged after a crash. A commit without it may
/// have been cut off, so the file is taken back to the commit before; one with it was whole, so opening is `Corrupt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuickRepair {
    /// At `sync`, which is called for deferred commits, but not at each durable commit.
    #[default]
    AtSync,
    /// At every durable commit.
    EveryCommit,
}

/// How a file was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Where the file is.
    pub path: PathBuf,
    /// The most bytes of pages that are kept in memory.
    pub cache_bytes: usize,
    /// When a commit saves what makes opening after a crash quick.
    pub quick_repair: QuickRepair,
    /// Whether it can be written.
    pub access: Access,
    /// What happens where there is no file.
    pub if_missing: IfMissing,
}

/// What redb itself starts with. Memory is taken only for pages that were read or written.
const CACHE_BYTES: usize = 1 << 30;

/// What can be set when a file is opened.
///
/// ```
/// use storage_redb::{QuickRepair, RedbOptions};
///
/// # let directory = tempfile::tempdir()?;
/// let engine = RedbOptions::at(directory.path().join("app.redb"))
///     .cache_bytes(64 << 20)
///     .quick_repair(QuickRepair::EveryCommit)
///     .open()?;
/// assert_eq!(engine.settings().cache_bytes, 64 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedbOptions {
    settings: Settings,
    journal: JournalOptions,
}

impl RedbOptions {
    /// The file at `path`: read and written, created if it is missing, quick repair at `sync`, a cache of 1 GiB.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let settings = Settings {
            path: path.into(),
            cache_bytes: CACHE_BYTES,
            quick_repair: QuickRepair::default(),
            access: Access::default(),
            if_missing: IfMissing::default(),
        };
        RedbOptions { settings, journal: JournalOptions::default() }
    }

    /// Keeps at most so many bytes of pages in memory.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.settings.cache_bytes = bytes;
        self
    }

    /// Chooses when a commit saves what makes opening after a crash quick.
    #[must_use]
    pub fn quick_repair(mut self, when: QuickRepair) -> Self {
        self.settings.quick_repair = when;
        self
    }

    /// Fails where there is no file.
    #[must_use]
    pub fn must_exist(mut self) -> Self {
        self.settings.if_missing = IfMissing::Fail;
        self
    }

    /// Only reads. Others may read the file meanwhile; nobody can have it open for writing.
    ///
    /// The file must exist, and must have been closed: `Unavailable` after a crash, until it was opened for writing.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.settings.access = Access::ReadOnly;
        self.must_exist()
    }

    /// Chooses what [`journalled`](Self::journalled) opens.
    #[must_use]
    pub fn journal(mut self, options: JournalOptions) -> Self {
        self.journal = options;
        self
    }

    #[cfg(test)]
    pub(crate) fn into_settings(self) -> Settings {
        self.settings
    }

    /// Opens the file. What a journal holds that it was written with is applied, and the journal removed.
    ///
    /// `Busy` if it is open elsewhere; `Invalid` if it is missing and may not be created, is no file, belongs to
    /// another program, has a newer format, or lies beside the journal of another store or of a newer copy of itself;
    /// `Corrupt` if it or its journal is damaged, or the journal is missing; `Full` or `Unavailable` if the disk fails.
    pub fn open(self) -> Result<RedbEngine> {
        let path = &self.settings.path;
        let opened = RedbEngine::with_settings(&self.settings)
            .and_then(|engine| journalled::retire(&engine).map(|()| engine));
        opened.map_err(|error| error.about(path.display()))
    }

    /// Opens the file with a journal in front of it, in two files beside it that have its name and `.journal-0` and
    /// `.journal-1` behind it.
    ///
    /// A durable commit then costs one sync of a preallocated file, and a deferred one survives the process. Copy or
    /// move the three files together, and only while none is open. It fails as [`open`](Self::open) does, and is
    /// `Invalid` for a file that is only read.
    pub fn journalled(self) -> Result<Journal<RedbEngine>> {
        if self.settings.access == Access::ReadOnly {
            let message = "a file that is only read takes no journal";
            return Err(Error::new(Kind::Invalid, message).in_engine(NAME).during("open"));
        }
        let opened = RedbEngine::with_settings(&self.settings)
            .and_then(|engine| journalled::open(engine, self.journal));
        opened.map_err(|error| error.about(self.settings.path.display()))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { path, cache_bytes, quick_repair, access, if_missing } = self;
        write!(f, "path {}, cache of {cache_bytes} bytes", path.display())?;
        f.write_str(match quick_repair {
            QuickRepair::AtSync => ", quick repair at sync",
            QuickRepair::EveryCommit => ", quick repair at every commit",
        })?;
        f.write_str(match (access, if_missing) {
            (Access::ReadOnly, _) => ", read-only",
            (_, IfMissing::Create) => ", created if missing",
            (_, IfMissing::Fail) => ", must exist",
        })
    }
}
