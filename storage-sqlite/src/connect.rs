//! Opening connections, and the file before that.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use storage_core::{Access, Kind, Result};
use tempfile::TempDir;

use crate::error;
use crate::options::{IfMissing, Place, Settings, TempStore};

/// So many statements are kept prepared in each connection.
const STATEMENTS_KEPT: usize = 256;

/// Where the file is, and what keeps it to this process.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) path: PathBuf,
    /// Locked until it is dropped; `None` where nobody else can come, or nothing is written.
    _lock: Option<fs::File>,
    /// Removed with everything in it.
    _directory: Option<TempDir>,
}

/// Finds the file, or makes an empty one, and keeps others from it.
pub(crate) fn hold(settings: &Settings) -> Result<Held> {
    let path = match &settings.place {
        Place::File(path) => path,
        Place::Memory => {
            let directory = private_directory().map_err(|cause| error::io("create", cause))?;
            let path = directory.path().join("memory.db");
            return Ok(Held { path, _lock: None, _directory: Some(directory) });
        }
    };
    let opened = |cause| error::io("open", cause);
    match fs::metadata(path) {
        Ok(file) if file.is_dir() => return Err(opened(io::ErrorKind::IsADirectory.into())),
        Ok(_) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && settings.if_missing == IfMissing::Create => {
            create(path).map_err(opened)?;
        }
        Err(cause) => return Err(opened(cause)),
    }
    let lock = match settings.access {
        Access::ReadWrite => Some(lock(path)?),
        _ => None,
    };
    Ok(Held { path: path.clone(), _lock: lock, _directory: None })
}

/// Core's memory of recent commits is this process's, so that no other may write beside it.
fn lock(path: &Path) -> Result<fs::File> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push("-lock");
    let opened = owned_by_one().open(path.with_file_name(name));
    let file = opened.map_err(|cause| error::io("open", cause))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(error::refused(Kind::Busy, "open", "the file is open elsewhere".into()))
        }
        Err(fs::TryLockError::Error(cause)) => Err(error::io("open", cause)),
    }
}

fn owned_by_one() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// An empty file is an empty database, and SQLite gives what it puts beside it the same permissions.
fn create(path: &Path) -> io::Result<()> {
    owned_by_one().open(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn private_directory() -> io::Result<TempDir> {
    let in_memory = Path::new("/dev/shm");
    match tempfile::Builder::new().prefix("storage-sqlite-").tempdir_in(in_memory) {
        Ok(directory) => Ok(directory),
        Err(_) => tempfile::Builder::new().prefix("storage-sqlite-").tempdir(),
    }
}

/// The connection that writes; on a database that is open read-only it never does.
pub(crate) fn writer(path: &Path, settings: &Settings) -> Result<Connection> {
    let flags = match settings.access {
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = connect(path, flags, settings)?;
    let pages = settings.autocheckpoint_pages;
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", pages, |_| Ok(()))
        .map_err(|cause| error::failed("open", cause))?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) fn reader(path: &Path, settings: &Settings) -> Result<Connection> {
    // Not read-only: where the log has to be recovered, a reader must be able to.
    let flags = match settings.access {
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = connect(path, flags, settings)?;
    connection.pragma_update(None, "query_only", true).map_err(|cause| error::failed("open", cause))?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags, settings: &Settings) -> Result<Connection> {
    let failed = |cause| error::failed("open", cause);
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    tune(&connection, settings).map_err(failed)?;
    Ok(connection)
}

fn tune(connection: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    connection.busy_timeout(settings.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let kib = i64::try_from(settings.cache_bytes / 1024).unwrap_or(i64::MAX);
    connection.pragma_update(None, "cache_size", -kib)?;
    let mapped = i64::try_from(settings.mmap_bytes).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "mmap_size", mapped, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", temp_store(settings.temp_store))
}

fn temp_store(place: TempStore) -> i64 {
    match place {
        TempStore::File => 1,
        TempStore::Memory => 2,
    }
}

/// The settings as SQLite has them.
pub(crate) fn read_back(connection: &Connection, asked: &Settings) -> rusqlite::Result<Settings> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let positive = |number: i64| u64::try_from(number).unwrap_or(0);
    let small = |number: i64| u32::try_from(number).unwrap_or(0);
    let page_bytes = number("page_size")?;
    let cache = number("cache_size")?;
    Ok(Settings {
        cache_bytes: if cache < 0 { positive(-cache) * 1024 } else { positive(cache) * positive(page_bytes) },
        mmap_bytes: positive(number("mmap_size")?),
        page_bytes: small(page_bytes),
        temp_store: if number("temp_store")? == 1 { TempStore::File } else { TempStore::Memory },
        busy_timeout: Duration::from_millis(positive(number("busy_timeout")?)),
        autocheckpoint_pages: small(number("wal_autocheckpoint")?),
        ..asked.clone()
    })
}
