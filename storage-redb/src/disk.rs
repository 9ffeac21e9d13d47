//! The file itself: how it is opened, created and made to stay.
//!
//! redb creates a file in several steps, and a file that a crash left between them is not redb's for ever. So a new one
//! is made whole under another name beside it, and then linked to its own. What a crash leaves of the other name is
//! `<file>.<uuid>.new`, which nobody needs.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};
use storage_core::{Access, Error, IfMissing, Kind, Result};
use uuid::Uuid;

use crate::error::{self, NAME};
use crate::newest::File;
use crate::options::Settings;

/// Opens the file as the settings say.
pub(crate) fn open(settings: &Settings) -> Result<File> {
    if settings.access == Access::ReadOnly {
        let opened = builder(settings).open_read_only(&settings.path);
        return opened.map(File::ReadOnly).map_err(|cause| error::failed("open", cause));
    }
    let file = open_or_create(settings).map_err(|cause| error::io("open", cause))?;
    let len = file.metadata().map_err(|cause| error::io("open", cause))?.len();
    if len == 0 && settings.if_missing == IfMissing::Fail {
        return Err(Error::new(Kind::Invalid, "the file is empty").in_engine(NAME).during("open"));
    }
    let backend = FileBackend::new(file).map_err(|cause| error::failed("open", cause))?;
    open_on(backend, settings)
}

/// Creates the file where it is missing and the settings ask for it: `prepare` makes it whole and closes it.
pub(crate) fn create_if_missing(settings: &Settings, prepare: impl FnOnce(File) -> Result<()>) -> Result<()> {
    let missing = fs::metadata(&settings.path).is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound);
    if !missing || settings.if_missing == IfMissing::Fail {
        return Ok(());
    }
    let mut name = settings.path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", Uuid::new_v4()));
    let made = Settings { path: settings.path.with_file_name(name), ..settings.clone() };
    let done = open(&made)
        .and_then(prepare)
        .and_then(|()| link(&made.path, &settings.path).map_err(|cause| error::io("create", cause)));
    // It may not even have been made, and what became of it is told by the error.
    fs::remove_file(&made.path).ok();
    done
}

fn link(made: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(made, path) {
        Ok(()) => sync_directory(path),
        // Another process was first, and its file is opened.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without links: the file is then created under its own name.
        Err(cause)
            if matches!(cause.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) =>
        {
            Ok(())
        }
        Err(cause) => Err(cause),
    }
}

/// Opens what a backend holds, for writing.
pub(crate) fn open_on(backend: impl StorageBackend, settings: &Settings) -> Result<File> {
    let opened = builder(settings).create_with_backend(backend);
    opened.map(File::Writable).map_err(|cause| error::failed("open", cause))
}

/// The bytes that the file takes.
pub(crate) fn len(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|file| file.len()).map_err(|cause| error::io("measure the file", cause))
}

fn builder(settings: &Settings) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(settings.cache_bytes);
    builder
}

fn open_or_create(settings: &Settings) -> io::Result<fs::File> {
    let path = &settings.path;
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && settings.if_missing == IfMissing::Create => {
        }
        opened => return opened,
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Another process that creates it at this moment is served as well: redb's lock tells who has it.
    let file = options.create(true).truncate(false).open(path)?;
    sync_directory(path)?;
    Ok(file)
}

/// Makes the name of a new file survive power loss.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Where directories cannot be opened, the system itself keeps names safe.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
