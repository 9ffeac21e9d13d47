//! A disk in memory that records every call that changes something, and fails where it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::journal::{Disk, DiskFile};

/// What is on a disk: the files of one directory, by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A call that changed something, or made a change durable.
#[derive(Clone, Debug)]
pub enum Call {
    /// A file was created, or the one of that name was emptied: it is another file then.
    Create {
        /// Its name.
        name: String,
        /// By what later calls name it.
        file: usize,
    },
    /// Bytes of a file were replaced; it grows where they reach past its end.
    Write {
        /// The file.
        file: usize,
        /// The place of the first byte.
        at: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file was cut, or lengthened with zeros.
    SetLen {
        /// The file.
        file: usize,
        /// Its length from now on.
        len: u64,
    },
    /// A file was made durable.
    Sync {
        /// The file.
        file: usize,
    },
    /// A sync failed: what was not durable by then never will be, even if a later sync succeeds.
    FailedSync {
        /// The file.
        file: usize,
    },
    /// A file was given another name.
    Rename {
        /// The name that it had.
        from: String,
        /// The name that it has.
        to: String,
    },
    /// A file was given one more name.
    Link {
        /// The file.
        file: usize,
        /// The name.
        to: String,
    },
    /// A file lost its name.
    Remove {
        /// The name.
        name: String,
    },
    /// The names were made durable.
    SyncDirectory,
    /// The names in one directory were: those with this before their last `/`.
    SyncNames {
        /// The directory; the names without a `/` have an empty one.
        directory: String,
    },
}

/// The directory that a name is in. A `/` at its end is part of the name.
pub(super) fn directory_of(name: &str) -> &str {
    name.trim_end_matches('/').rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Which call fails, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its number, counted from 1.
    pub call: u64,
    /// What it fails with.
    pub kind: io::ErrorKind,
    /// Whether those behind it fail as well.
    pub lasts: Lasts,
}

/// Which calls are counted, and so can fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// Those that change something, or make it durable.
    #[default]
    Changes,
    /// Those that only look as well: opening a file, measuring it, reading it.
    All,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// One call fails.
    Once,
    /// Every call from then on fails.
    ForEver,
}

/// The longest file that fits on the disk: what asks for more has read its length from damaged bytes.
const FILE_LEN_MAX: u64 = 64 << 20;

/// A disk in memory. Its clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    start: Image,
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
    calls: Vec<Call>,
    /// How many of the calls that are counted were made, failed ones included.
    tried: u64,
    counted: Counted,
    fault: Option<Fault>,
    deaf_to: Option<&'static str>,
}

impl SimDisk {
    /// A disk that holds `image`, all of it durable.
    pub fn new(image: Image) -> Self {
        let (mut names, mut files) = (BTreeMap::new(), Vec::new());
        for (name, bytes) in &image {
            names.insert(name.clone(), files.len());
            files.push(bytes.clone());
        }
        let calls = Vec::new();
        SimDisk(Arc::new(Mutex::new(State {
            start: image,
            names,
            files,
            calls,
            tried: 0,
            counted: Counted::Changes,
            fault: None,
            deaf_to: None,
        })))
    }

    /// The same, with a fault.
    #[must_use]
    pub fn failing(self, fault: Fault) -> Self {
        self.0.lock().fault = Some(fault);
        self
    }

    /// The same, counting these calls.
    #[must_use]
    pub fn counting(self, counted: Counted) -> Self {
        self.0.lock().counted = counted;
        self
    }

    /// The same, lying: files whose names begin so are said to be synced, and are not.
    #[must_use]
    pub fn deaf_to(self, prefix: &'static str) -> Self {
        self.0.lock().deaf_to = Some(prefix);
        self
    }

    /// What it held at first.
    pub fn start(&self) -> Image {
        self.0.lock().start.clone()
    }

    /// What it holds now, as after the end of the process.
    pub fn content(&self) -> Image {
        let state = self.0.lock();
        state.names.iter().map(|(name, file)| (name.clone(), state.files[*file].clone())).collect()
    }

    /// The calls so far that changed something.
    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// How many calls that change something were made so far.
    pub fn call_count(&self) -> usize {
        self.0.lock().calls.len()
    }

    /// Whether its fault has come.
    pub fn has_failed(&self) -> bool {
        let state = self.0.lock();
        state.fault.is_some_and(|fault| state.tried >= fault.call)
    }

    /// A file by its name, created if it is missing.
    pub fn file(&self, name: &str) -> io::Result<SimFile> {
        match self.find(name) {
            Some(file) => Ok(file),
            None => self.make(name),
        }
    }

    /// Gives a file one more name, which no other has.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.try_call()?;
        let file = state.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.names.insert(to.to_owned(), file);
        state.calls.push(Call::Link { file, to: to.to_owned() });
        Ok(())
    }

    /// Makes the names in one directory survive power loss, and no others.
    pub fn sync_names(&self, directory: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.try_call()?;
        state.calls.push(Call::SyncNames { directory: directory.to_owned() });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<SimFile> {
        let file = self.0.lock().names.get(name).copied()?;
        Some(SimFile { disk: self.clone(), file })
    }

    fn make(&self, name: &str) -> io::Result<SimFile> {
        let mut state = self.0.lock();
        state.try_call()?;
        let file = state.files.len();
        state.files.push(Vec::new());
        state.names.insert(name.to_owned(), file);
        state.calls.push(Call::Create { name: name.to_owned(), file });
        Ok(SimFile { disk: self.clone(), file })
    }
}

impl State {
    /// The same for a call that changes nothing.
    fn try_look(&mut self) -> io::Result<()> {
        match self.counted {
            Counted::Changes => Ok(()),
            Counted::All => self.try_call(),
        }
    }

    /// Counts a call, and fails it if it is to fail.
    fn try_call(&mut self) -> io::Result<()> {
        self.tried += 1;
        let Some(fault) = self.fault else { return Ok(()) };
        let fails = match fault.lasts {
            Lasts::Once => self.tried == fault.call,
            Lasts::ForEver => self.tried >= fault.call,
        };
        if fails { Err(fault.kind.into()) } else { Ok(()) }
    }

    fn write(&mut self, file: usize, bytes: &[u8], at: u64) {
        write_into(&mut self.files[file], bytes, at);
        self.calls.push(Call::Write { file, at, bytes: bytes.to_vec() });
    }

    fn is_deaf_to(&self, file: usize) -> bool {
        let Some(prefix) = self.deaf_to else { return false };
        self.names.iter().any(|(name, named)| *named == file && name.starts_with(prefix))
    }
}

/// Replaces bytes, and lengthens where they reach past the end.
pub(super) fn write_into(content: &mut Vec<u8>, bytes: &[u8], at: u64) {
    let at = usize::try_from(at).expect("files in memory are short");
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

fn fits(len: u64) -> io::Result<()> {
    if len <= FILE_LEN_MAX { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
}

impl Disk for SimDisk {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        self.0.lock().try_look()?;
        Ok(self.find(name).map(|file| Box::new(file) as Box<dyn DiskFile>))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.make(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.try_call()?;
        let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        state.calls.push(Call::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        if !state.names.contains_key(name) {
            return Ok(());
        }
        state.try_call()?;
        state.names.remove(name);
        state.calls.push(Call::Remove { name: name.to_owned() });
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().names.keys().cloned().collect())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        state.try_call()?;
        state.calls.push(Call::SyncDirectory);
        Ok(())
    }
}

/// A file of a [`SimDisk`].
#[derive(Clone)]
pub struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl DiskFile for SimFile {
    fn len_bytes(&self) -> io::Result<u64> {
        let mut state = self.disk.0.lock();
        state.try_look()?;
        Ok(state.files[self.file].len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.try_look()?;
        let content = &state.files[self.file];
        let at = usize::try_from(offset).map_err(io::Error::other)?.min(content.len());
        let len = into.len().min(content.len() - at);
        into[..len].copy_from_slice(&content[at..at + len]);
        Ok(len)
    }

    /// One that fails has written its first half.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        fits(offset.saturating_add(bytes.len() as u64))?;
        let mut state = self.disk.0.lock();
        let tried = state.try_call();
        let written = if tried.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        state.write(self.file, written, offset);
        tried
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        fits(len)?;
        let mut state = self.disk.0.lock();
        state.try_call()?;
        state.files[self.file].resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        state.calls.push(Call::SetLen { file: self.file, len });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let tried = state.try_call();
        if tried.is_err() {
            state.calls.push(Call::FailedSync { file: self.file });
        } else if !state.is_deaf_to(self.file) {
            state.calls.push(Call::Sync { file: self.file });
        }
        tried
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        let files = state.names.iter().map(|(name, file)| (name, state.files[*file].len()));
        f.debug_map().entries(files).finish()
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.file)
    }
}
