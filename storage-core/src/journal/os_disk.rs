//! The disk of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile};

/// The files of a directory whose names begin with a prefix.
///
/// ```
/// use storage_core::journal::{Disk, OsDisk};
///
/// # let directory = std::env::temp_dir();
/// let disk = OsDisk::beside(&directory.join("app.redb"));
/// assert!(disk.open("journal-0")?.is_none()); // app.redb.journal-0
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OsDisk {
    directory: PathBuf,
    prefix: String,
}

impl OsDisk {
    /// The files of `directory`.
    pub fn within(directory: impl Into<PathBuf>) -> Self {
        OsDisk { directory: directory.into(), prefix: String::new() }
    }

    /// The files whose names begin with that of `file` and a dot, in its directory.
    pub fn beside(file: &Path) -> Self {
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        OsDisk { directory: directory.unwrap_or(Path::new(".")).to_owned(), prefix: format!("{name}.") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}{name}", self.prefix))
    }
}

impl Disk for OsDisk {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        use io::ErrorKind as Io;
        let path = self.path(name);
        let opened = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(cause) if matches!(cause.kind(), Io::PermissionDenied | Io::ReadOnlyFilesystem) => {
                File::open(&path)
            }
            opened => opened,
        };
        match opened {
            Ok(file) => Ok(Some(Box::new(OsFile(file)))),
            Err(cause) if cause.kind() == Io::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(OsFile(options.open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // A name that is no text begins with no prefix that is.
            if let Ok(name) = entry?.file_name().into_string() {
                names.extend(name.strip_prefix(&self.prefix).map(str::to_owned));
            }
        }
        Ok(names)
    }

    #[cfg(unix)]
    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// Where directories cannot be opened, the system itself keeps names safe.
    #[cfg(not(unix))]
    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match read_some(&self.0, &mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(read)
    }

    fn write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match write_some(&self.0, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(unix)]
use std::os::unix::fs::FileExt;

#[cfg(unix)]
fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(into, offset)
}

#[cfg(unix)]
fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

#[cfg(windows)]
use std::os::windows::fs::FileExt;

#[cfg(windows)]
fn read_some(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(into, offset)
}

#[cfg(windows)]
fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}
