//! The file itself: how it is opened, created and made to stay.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};
use storage_core::{Access, Error, Kind, Result};

use crate::error::{self, NAME};
use crate::newest::File;
use crate::options::{IfMissing, Settings};

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
