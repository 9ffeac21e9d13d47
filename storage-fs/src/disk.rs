//! What the engine asks of a disk: the files below one directory, so that a simulated one can stand in.
//!
//! Nothing here follows a symbolic link, and only regular files are read or written.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage_core::journal::{Disk, DiskFile, OsDisk};

/// The directory of what is the engine's own.
pub(crate) const OWN: &str = ".storage";

/// The files below a root, by their paths from there, whose parts are separated by `/`.
///
/// Nothing that it does is durable by itself: the bytes and the length of a file are after [`DiskFile::sync_data`], its
/// being there and its name after [`Tree::sync_directory`] of the directory that it is in.
pub(crate) trait Tree: fmt::Debug + Send + Sync {
    /// Creates a directory for its owner alone, unless it is there. Its parent is.
    fn create_directory(&self, path: &str) -> io::Result<()>;

    /// The names in a directory, in any order; `None` if there is none.
    fn names(&self, directory: &str) -> io::Result<Option<Vec<String>>>;

    /// Opens a file to read and write it; `None` if there is none.
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>>;

    /// Creates an empty file, readable by its owner alone. One that has the name is emptied.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The whole of a file that ought to have `len` bytes. `InvalidData` if it has not, or is none.
    fn read(&self, path: &str, len: usize) -> io::Result<Vec<u8>>;

    /// What is at a path; `None` if nothing is.
    fn identity(&self, path: &str) -> io::Result<Option<Identity>>;

    /// Gives a file another name. One that had it goes, in the same step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file one more name, which no other has.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Nothing happens if there is none.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes what was created, renamed and removed in a directory survive power loss. Nothing happens if there is none.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;

    /// Makes the bytes and the lengths of these files survive power loss.
    fn sync_files(&self, paths: &[String]) -> io::Result<()>;
}

/// What tells a file that nobody touched from one that somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) kind: FileKind,
    /// The number that the file system gave it; 0 where there is none.
    pub(crate) inode: u64,
    pub(crate) len: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub(crate) changed_nanos: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Regular,
    /// A link, a directory, a pipe.
    Other,
}

/// The place of the journal in a tree.
#[derive(Debug)]
pub(crate) struct JournalDisk(pub(crate) Arc<dyn Tree>);

fn own(name: &str) -> String {
    format!("{OWN}/{name}")
}

impl Disk for JournalDisk {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        self.0.open(&own(name))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.create(&own(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(&own(from), &own(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(&own(name))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.names(OWN)?.unwrap_or_default())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory(OWN)
    }
}

/// So many files are worth a sync of the whole file system rather than one of each.
#[cfg(target_os = "linux")]
const SYNC_ALL_FROM: usize = 12;

/// A directory of the operating system.
#[derive(Debug)]
pub(crate) struct OsTree {
    root: PathBuf,
}

impl OsTree {
    pub(crate) fn new(root: PathBuf) -> Self {
        OsTree { root }
    }

    fn path(&self, path: &str) -> PathBuf {
        match path {
            "" => self.root.clone(),
            path => self.root.join(path),
        }
    }

    /// The directory that a path is in, and the name there.
    fn place(&self, path: &str) -> (OsDisk, String) {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        (OsDisk::within(self.path(directory)), name.to_owned())
    }
}

fn absent<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

impl Tree for OsTree {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        create_directory(&self.path(path))
    }

    fn names(&self, directory: &str) -> io::Result<Option<Vec<String>>> {
        let Some(entries) = absent(fs::read_dir(self.path(directory)))? else { return Ok(None) };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect::<io::Result<Vec<_>>>().map(Some)
    }

    fn open(&self, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        match self.identity(path)? {
            None => Ok(None),
            Some(Identity { kind: FileKind::Other, .. }) => Err(not_regular()),
            Some(_) => {
                let (disk, name) = self.place(path);
                disk.open(&name)
            }
        }
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        if let Some(Identity { kind: FileKind::Other, .. }) = self.identity(path)? {
            return Err(not_regular());
        }
        let (disk, name) = self.place(path);
        disk.create(&name)
    }

    fn read(&self, path: &str, len: usize) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true);
        // Neither waits for who writes a pipe, nor reads what a link names.
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::OFlags;
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
        }
        #[cfg(not(target_os = "linux"))]
        if !fs::symlink_metadata(self.path(path))?.is_file() {
            return Err(not_regular());
        }
        let mut file = options.open(self.path(path)).map_err(not_a_file)?;
        // One byte more tells a longer file.
        let mut bytes = vec![0; len + 1];
        let mut read = 0;
        while read <= len {
            match file.read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(not_a_file(cause)),
            }
        }
        if read != len {
            let message = format!("the file has {} bytes, {len} were written", file.metadata()?.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn identity(&self, path: &str) -> io::Result<Option<Identity>> {
        Ok(absent(fs::symlink_metadata(self.path(path)))?.map(|found| identity_of(&found)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        fs::hard_link(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        absent(fs::remove_file(self.path(path))).map(drop)
    }

    #[cfg(unix)]
    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        absent(File::open(self.path(directory)))?.map_or(Ok(()), |directory| directory.sync_all())
    }

    /// Where directories cannot be opened, the system itself keeps names safe.
    #[cfg(not(unix))]
    fn sync_directory(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_files(&self, paths: &[String]) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if paths.len() >= SYNC_ALL_FROM {
            return Ok(rustix::fs::syncfs(File::open(&self.root)?)?);
        }
        paths.iter().try_for_each(|path| File::open(self.path(path))?.sync_data())
    }
}

/// Creates a directory for its owner alone, unless it is there.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && is_directory(path) => Ok(()),
        done => done,
    }
}

/// Whether there is a directory, and not a link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Makes the name of a new root survive power loss.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    OsTree::new(parent.unwrap_or(Path::new(".")).to_owned()).sync_directory("")
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is no regular file")
}

/// What a link, a directory and a pipe that nobody writes answer with.
fn not_a_file(cause: io::Error) -> io::Error {
    #[cfg(target_os = "linux")]
    let is_link = cause.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(target_os = "linux"))]
    let is_link = false;
    match cause.kind() {
        io::ErrorKind::IsADirectory | io::ErrorKind::WouldBlock => not_regular(),
        _ if is_link => not_regular(),
        _ => cause,
    }
}

fn identity_of(found: &fs::Metadata) -> Identity {
    let changed = found.modified().ok();
    let since = changed.and_then(|changed| changed.duration_since(std::time::UNIX_EPOCH).ok());
    Identity {
        kind: if found.is_file() { FileKind::Regular } else { FileKind::Other },
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(found),
        #[cfg(not(unix))]
        inode: 0,
        len: found.len(),
        changed_nanos: since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
    }
}
