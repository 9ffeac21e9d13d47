//! What can be set when a database is opened.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use storage_core::{Access, Result};

use crate::engine::SqliteEngine;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In memory, gone with the engine.
    Memory,
}

/// What happens where there is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IfMissing {
    /// It is created, readable by its owner alone.
    #[default]
    Create,
    /// Opening fails with `Invalid`.
    Fail,
}

/// Where SQLite keeps what a statement sorts or builds on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TempStore {
    /// In memory.
    #[default]
    Memory,
    /// In files of the directory for temporary ones.
    File,
}

/// What is done for the file when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtClose {
    /// Nothing beyond what keeps it safe.
    Nothing,
    /// SQLite looks whether its statistics are worth renewing (`PRAGMA optimize`).
    #[default]
    Optimize,
}

/// Settings that go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// 16 MiB of cache a connection, no memory mapping.
    #[default]
    Balanced,
    /// For small machines: 2 MiB of cache, temporary data in files, a log that stays small.
    Small,
    /// For machines with memory to spare: 64 MiB of cache, up to 1 GiB of the file mapped, a longer log.
    LargeMemory,
}

/// How a database was opened. Read back from SQLite where SQLite decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// Whether it can be written.
    pub access: Access,
    /// What happens where there is no file.
    pub if_missing: IfMissing,
    /// The most bytes of pages that each connection keeps in memory.
    pub cache_bytes: u64,
    /// The most bytes of the file that are mapped into memory.
    pub mmap_bytes: u64,
    /// The bytes of a page. A file keeps those that it was created with.
    pub page_bytes: u32,
    /// Where temporary data goes.
    pub temp_store: TempStore,
    /// How long a call waits for another process.
    pub busy_timeout: Duration,
    /// After so many pages in the log a commit moves them into the file.
    pub autocheckpoint_pages: u32,
    /// What is done when it is closed.
    pub at_close: AtClose,
}

/// What can be set when a database is opened.
///
/// ```
/// use storage_sqlite::{Profile, SqliteOptions};
///
/// # let directory = tempfile::tempdir()?;
/// let engine = SqliteOptions::at(directory.path().join("app.db"))
///     .profile(Profile::Small)
///     .cache_bytes(4 << 20)
///     .open()?;
/// assert_eq!(engine.settings().cache_bytes, 4 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions(Settings);

impl SqliteOptions {
    /// The file at `path`: read and written, created if it is missing, with the balanced profile.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        SqliteOptions::new(Place::File(path.into()))
    }

    /// A database in memory that nobody else sees.
    ///
    /// It is a file all the same, in a private directory and where there is one in memory (`/dev/shm`), because SQLite's
    /// own databases in memory cannot hold a snapshot beside a writer. It is removed when the engine is dropped.
    pub fn memory() -> Self {
        SqliteOptions::new(Place::Memory)
    }

    fn new(place: Place) -> Self {
        let settings = Settings {
            place,
            access: Access::default(),
            if_missing: IfMissing::default(),
            cache_bytes: 16 << 20,
            mmap_bytes: 0,
            // A record of 1 KiB then fits into a page of the tree, which at 4 KiB it does not.
            page_bytes: 8 << 10,
            temp_store: TempStore::default(),
            busy_timeout: Duration::from_secs(5),
            autocheckpoint_pages: 1_000,
            at_close: AtClose::default(),
        };
        SqliteOptions(settings)
    }

    /// Takes the settings of a profile; what is set afterwards counts.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        let (cache, mmap, temp, pages) = match profile {
            Profile::Balanced => (16 << 20, 0, TempStore::Memory, 1_000),
            Profile::Small => (2 << 20, 0, TempStore::File, 250),
            Profile::LargeMemory => (64 << 20, 1 << 30, TempStore::Memory, 4_000),
        };
        self.0.cache_bytes = cache;
        self.0.mmap_bytes = mmap;
        self.0.temp_store = temp;
        self.0.autocheckpoint_pages = pages;
        self
    }

    /// Keeps at most so many bytes of pages in memory, in each connection; rounded up to KiB.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.0.cache_bytes = bytes.div_ceil(1024) * 1024;
        self
    }

    /// Maps at most so many bytes of the file into memory; 0 for none. SQLite has a limit of its own.
    #[must_use]
    pub fn mmap_bytes(mut self, bytes: u64) -> Self {
        self.0.mmap_bytes = bytes;
        self
    }

    /// Creates a file with pages of so many bytes: a power of two from 512 to 65,536. A file that exists keeps its own.
    #[must_use]
    pub fn page_bytes(mut self, bytes: u32) -> Self {
        self.0.page_bytes = bytes;
        self
    }

    /// Chooses where temporary data goes.
    #[must_use]
    pub fn temp_store(mut self, place: TempStore) -> Self {
        self.0.temp_store = place;
        self
    }

    /// Waits at most so long for another process, rounded to milliseconds; `Busy` after that.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.0.busy_timeout = Duration::from_millis(timeout.as_millis().min(i32::MAX as u128) as u64);
        self
    }

    /// Moves the log into the file after so many pages; 0 for never, so that it grows until it is closed.
    #[must_use]
    pub fn autocheckpoint_pages(mut self, pages: u32) -> Self {
        self.0.autocheckpoint_pages = pages.min(i32::MAX as u32);
        self
    }

    /// Chooses what is done when it is closed.
    #[must_use]
    pub fn at_close(mut self, what: AtClose) -> Self {
        self.0.at_close = what;
        self
    }

    /// Fails where there is no file.
    #[must_use]
    pub fn must_exist(mut self) -> Self {
        self.0.if_missing = IfMissing::Fail;
        self
    }

    /// Only reads. The file must exist.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.0.access = Access::ReadOnly;
        self.must_exist()
    }

    /// Opens the database.
    ///
    /// `Busy` if another process has it open; `Invalid` if it is missing and may not be created, is no file, belongs to
    /// another program, is not in WAL mode, or has a newer format; `Corrupt` if it is damaged.
    pub fn open(self) -> Result<SqliteEngine> {
        SqliteEngine::with_settings(&self.0)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "path {}", path.display())?,
            Place::Memory => f.write_str("in memory")?,
        }
        write!(f, ", cache of {} bytes a connection, {} bytes mapped", self.cache_bytes, self.mmap_bytes)?;
        write!(f, ", pages of {} bytes", self.page_bytes)?;
        f.write_str(match self.temp_store {
            TempStore::Memory => ", temporary data in memory",
            TempStore::File => ", temporary data in files",
        })?;
        write!(f, ", waits {} ms", self.busy_timeout.as_millis())?;
        write!(f, ", checkpoint after {} pages", self.autocheckpoint_pages)?;
        f.write_str(match self.at_close {
            AtClose::Nothing => "",
            AtClose::Optimize => ", optimized when closed",
        })?;
        f.write_str(match (self.access, self.if_missing) {
            (Access::ReadOnly, _) => ", read-only",
            (_, IfMissing::Create) => ", created if missing",
            (_, IfMissing::Fail) => ", must exist",
        })
    }
}
