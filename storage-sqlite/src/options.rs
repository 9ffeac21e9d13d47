//! What can be set when a database is opened, and named choices of it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use storage_core::{Access, IfMissing, Result};

use crate::engine::SqliteEngine;

/// Where the database lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a file, with its log beside it.
    File(PathBuf),
    /// In a private directory, in memory where the system has a file system there. It goes with the engine.
    Memory,
}

/// Where SQLite keeps what it sorts or sets aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TempStore {
    /// In temporary files.
    File,
    /// In memory.
    #[default]
    Memory,
}

/// What is done before the database is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtClose {
    /// Nothing more than to make everything durable.
    Nothing,
    /// SQLite looks whether its statistics help the queries of other programs, and renews them (`PRAGMA optimize`).
    #[default]
    Optimize,
}

/// A choice of settings for a kind of machine.
///
/// | | cache of a connection | mapped | checkpoint after | readers kept | temporary data |
/// |---|---|---|---|---|---|
/// | `Balanced` | 16 MiB | 256 MiB | 4,000 pages | 16 | in memory |
/// | `Small` | 1 MiB | nothing | 500 pages | 2 | in files |
/// | `LargeMemory` | 64 MiB | 8 GiB | 16,000 pages | 64 | in memory |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A server or desktop with other things to do.
    #[default]
    Balanced,
    /// A small device: little memory, and a short log.
    Small,
    /// A machine whose memory holds the whole file.
    LargeMemory,
}

/// How a database was opened, as SQLite says it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Where it lies.
    pub place: Place,
    /// The most bytes of pages that each connection keeps in memory.
    pub cache_bytes: u64,
    /// The most bytes of the file that are mapped into memory.
    pub mmap_bytes: u64,
    /// The bytes of a page. It is decided when a file is created.
    pub page_bytes: u32,
    /// Where SQLite keeps what it sorts or sets aside.
    pub temp_store: TempStore,
    /// How long a call waits for what others hold. Then it is `Busy`.
    pub busy_timeout: Duration,
    /// The log is moved into the file once it has so many pages; 0 for never.
    pub autocheckpoint_pages: u32,
    /// How many connections that nobody reads with stay open.
    pub readers_kept: usize,
    /// What is done before it is closed.
    pub at_close: AtClose,
    /// Whether it can be written.
    pub access: Access,
    /// What happens where there is no file.
    pub if_missing: IfMissing,
}

/// At 4 KiB a record of 1 KiB spills to pages of its own, which makes everything six times as slow.
const PAGE_BYTES: u32 = 8 << 10;

const PAGE_BYTES_MIN: u32 = 512;
const PAGE_BYTES_MAX: u32 = 64 << 10;

/// A commit of another process takes milliseconds; one that takes this long hangs.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What can be set when a database is opened.
///
/// ```
/// use std::time::Duration;
/// use storage_sqlite::{Profile, SqliteOptions};
///
/// # let directory = tempfile::tempdir()?;
/// let engine = SqliteOptions::at(directory.path().join("app.db"))
///     .profile(Profile::Small)
///     .cache_bytes(4 << 20)
///     .busy_timeout(Duration::from_secs(1))
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

    /// A database in memory, empty at first, with the balanced profile.
    pub fn memory() -> Self {
        SqliteOptions::new(Place::Memory)
    }

    fn new(place: Place) -> Self {
        SqliteOptions(Settings {
            place,
            cache_bytes: 0,
            mmap_bytes: 0,
            page_bytes: PAGE_BYTES,
            temp_store: TempStore::default(),
            busy_timeout: BUSY_TIMEOUT,
            autocheckpoint_pages: 0,
            readers_kept: 0,
            at_close: AtClose::default(),
            access: Access::default(),
            if_missing: IfMissing::default(),
        })
        .profile(Profile::default())
    }

    /// Sets caches, log and readers as a profile has them. What is set behind it stands.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        let (cache, mmap, pages, readers, temp) = match profile {
            Profile::Balanced => (16 << 20, 256 << 20, 4_000, 16, TempStore::Memory),
            Profile::Small => (1 << 20, 0, 500, 2, TempStore::File),
            Profile::LargeMemory => (64 << 20, 8 << 30, 16_000, 64, TempStore::Memory),
        };
        self.0.temp_store = temp;
        self.0.cache_bytes = cache;
        self.0.mmap_bytes = mmap;
        self.0.autocheckpoint_pages = pages;
        self.0.readers_kept = readers;
        self
    }

    /// Keeps at most so many bytes of pages in memory, for each connection.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.0.cache_bytes = bytes;
        self
    }

    /// Maps at most so many bytes of the file into memory. SQLite maps no more than it was built for.
    #[must_use]
    pub fn mmap_bytes(mut self, bytes: u64) -> Self {
        self.0.mmap_bytes = bytes;
        self
    }

    /// Gives a new file pages of so many bytes: a power of two from 512 to 65,536. An older file keeps its own.
    #[must_use]
    pub fn page_bytes(mut self, bytes: u32) -> Self {
        self.0.page_bytes = bytes;
        self
    }

    /// Chooses where SQLite keeps what it sorts or sets aside.
    #[must_use]
    pub fn temp_store(mut self, store: TempStore) -> Self {
        self.0.temp_store = store;
        self
    }

    /// Waits at most so long for what others hold.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.0.busy_timeout = timeout;
        self
    }

    /// Moves the log into the file once it has so many pages; 0 for never.
    #[must_use]
    pub fn autocheckpoint_pages(mut self, pages: u32) -> Self {
        self.0.autocheckpoint_pages = pages;
        self
    }

    /// Keeps so many connections open that nobody reads with.
    #[must_use]
    pub fn readers_kept(mut self, readers: usize) -> Self {
        self.0.readers_kept = readers;
        self
    }

    /// Chooses what is done before it is closed.
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

    /// Only reads. Others may read and write the file meanwhile. The file must exist.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.0.access = Access::ReadOnly;
        self.must_exist()
    }

    /// Opens the database.
    ///
    /// `Invalid` if the file is missing and may not be created, is no database, belongs to another program, is not in
    /// WAL mode or has a newer format, if the log beside it is not its own, and for settings that SQLite does not take;
    /// `Corrupt` if it is damaged; `Unavailable` if this process may not write it, unless it is only read; `Busy` if others
    /// hold it for longer than the busy timeout.
    pub fn open(self) -> Result<SqliteEngine> {
        let place = self.0.place.clone();
        SqliteEngine::with_settings(self.0).map_err(|error| match place {
            Place::File(path) => error.about(path.display()),
            Place::Memory => error,
        })
    }
}

impl Settings {
    /// `Invalid` for what SQLite would not take, or take for something else.
    pub(crate) fn check(&self) -> Result<()> {
        let Settings { page_bytes, cache_bytes, mmap_bytes, busy_timeout, place, access, .. } = self;
        let invalid = |message: String| Err(crate::error::invalid("open", message));
        if !page_bytes.is_power_of_two() || !(PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(page_bytes) {
            return invalid(format!(
                "a page of {page_bytes} bytes: it is a power of two from {PAGE_BYTES_MIN} to {PAGE_BYTES_MAX}"
            ));
        }
        for (name, bytes) in [("cache", cache_bytes), ("map", mmap_bytes)] {
            // SQLite counts a cache in KiB, by an int.
            if i32::try_from(bytes / 1024).is_err() {
                return invalid(format!("a {name} of {bytes} bytes: the limit is 2 TiB"));
            }
        }
        if i32::try_from(busy_timeout.as_millis()).is_err() {
            return invalid(format!("a busy timeout of {busy_timeout:?}: the limit is 24 days"));
        }
        if *place == Place::Memory && *access == Access::ReadOnly {
            return invalid("a database in memory is empty: it cannot only be read".to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "path {}", path.display())?,
            Place::Memory => f.write_str("in memory")?,
        }
        write!(
            f,
            ", cache of {} bytes a connection, {} bytes mapped, pages of {} bytes, temporary data in {}, \
             waits {} ms, checkpoint after {} pages, {} readers kept",
            self.cache_bytes,
            self.mmap_bytes,
            self.page_bytes,
            match self.temp_store {
                TempStore::File => "files",
                TempStore::Memory => "memory",
            },
            self.busy_timeout.as_millis(),
            self.autocheckpoint_pages,
            self.readers_kept,
        )?;
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
