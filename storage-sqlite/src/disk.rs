//! The file itself and where it lies: created for its owner alone, made to stay, measured.
//!
//! While a connection lives, nothing here opens or closes the file: on POSIX that would drop the connection's locks.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use storage_core::{Access, IfMissing, Result};
use tempfile::TempDir;

use crate::error;
use crate::options::{Place, Settings};

/// Where the database lies, and the directory that goes with it in memory mode.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) path: PathBuf,
    pub(crate) directory: Option<TempDir>,
}

/// Held while a file is created, so that no connection of this process has it open meanwhile.
static CREATING: Mutex<()> = Mutex::new(());

/// Where memory is a file system, on Linux.
const IN_MEMORY: &str = "/dev/shm";

/// The place of the database, with a file that is there.
pub(crate) fn locate(settings: &Settings) -> Result<Location> {
    let failed = |cause| error::io("open", cause);
    match &settings.place {
        Place::Memory => {
            let directory = private_directory().map_err(failed)?;
            let path = directory.path().join("memory.db");
            create(&path).map_err(failed)?;
            Ok(Location { path, directory: Some(directory) })
        }
        Place::File(path) => {
            // SQLite reads some relative names as something else than a path.
            let path = std::path::absolute(path).map_err(failed)?;
            find_or_create(&path, settings)?;
            Ok(Location { path, directory: None })
        }
    }
}

fn private_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("storage-sqlite-");
    builder.tempdir_in(IN_MEMORY).or_else(|_| builder.tempdir())
}

fn find_or_create(path: &Path, settings: &Settings) -> Result<()> {
    let may_create = settings.if_missing == IfMissing::Create && settings.access == Access::ReadWrite;
    // Looked at first: whoever creates the file meanwhile has it filled before it has a log.
    let has_log = log_len(path) > 0;
    match fs::metadata(path) {
        // SQLite would delete it.
        Ok(file) if file.len() == 0 && has_log => Err(log_alone()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && has_log => Err(log_alone()),
        Ok(file) if !file.is_file() => Err(error::invalid("open", "the path is no file's")),
        Ok(file) if file.len() == 0 && !may_create => Err(error::invalid("open", "the file is empty")),
        // SQLite takes it for an empty one, whatever the byte is, and would write over it.
        Ok(file) if file.len() == 1 => Err(error::invalid("open", "the file is not SQLite's")),
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && may_create => {
            create(path).map_err(|cause| error::io("create", cause))
        }
        Err(cause) => Err(error::io("open", cause)),
    }
}

fn log_alone() -> storage_core::Error {
    error::invalid(
        "open",
        "the file is missing or empty, and its log (`-wal`) is there: put the file back, or move the log away",
    )
}

/// Creates an empty file, which SQLite takes for an empty database. It is left alone if it is there already.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _creating = CREATING.lock();
    match options.open(path) {
        Ok(_) => sync_directory(path),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(cause),
    }
}

/// Waits until no file is being created in this process.
pub(crate) fn wait_for_creation() {
    drop(CREATING.lock());
}

/// The bytes that the database and its log take.
pub(crate) fn len(path: &Path) -> Result<u64> {
    let file = fs::metadata(path).map_err(|cause| error::io("measure the file", cause))?.len();
    Ok(file + log_len(path))
}

/// The bytes that its log takes; none where there is no log.
pub(crate) fn log_len(path: &Path) -> u64 {
    fs::metadata(log_path(path)).map_or(0, |log| log.len())
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What tells a log from the one that overwrites it: SQLite draws it anew whenever it begins at the front.
pub(crate) type Salts = [u8; 8];

/// Where the salts stand in the log's header, and what follows them there.
const SALTS_AT: u64 = 16;
const SALTS_AND_CHECKSUM_LEN: usize = 16;

/// The log beside the file. No lock hangs on it, so it can be opened past SQLite.
#[derive(Debug)]
pub(crate) struct Log(fs::File);

impl Log {
    /// `None` where there is none. It is there, and stays the same file, while a connection lives that has read.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Log>> {
        match fs::File::open(log_path(path)) {
            Ok(file) => Ok(Some(Log(file))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// `None` where it is empty: then the file has everything.
    pub(crate) fn salts(&self) -> io::Result<Option<Salts>> {
        let mut bytes = [0; SALTS_AND_CHECKSUM_LEN];
        let mut file = &self.0;
        file.seek(SeekFrom::Start(SALTS_AT))?;
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes.first_chunk().copied()),
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(cause) => Err(cause),
        }
    }
}

/// Makes the name of a new file survive power loss.
#[cfg(unix)]
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Where directories cannot be opened, the system itself keeps names safe.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives a whole file its name, for good. The bytes that it takes; `AlreadyExists` if the name is taken.
pub(crate) fn publish(made: &Path, path: &Path) -> io::Result<u64> {
    let file = fs::File::open(made)?;
    file.sync_all()?;
    fs::hard_link(made, path)?;
    sync_directory(path)?;
    Ok(file.metadata()?.len())
}
