//! What the journal asks of a disk: a few calls on the files of one directory, so that a simulated one can stand in.

use std::fmt;
use std::io;

/// The files of one directory, by their names.
///
/// Nothing that it does is durable by itself: the bytes and the length of a file are after
/// [`DiskFile::sync_data`], its being there and its name after [`Disk::sync_directory`].
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file to read and write it; `None` if there is none. Of one that may only be read, each write fails.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn DiskFile>>>;

    /// Creates an empty file, readable by its owner alone. One that has the name is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name. One that had it goes, in the same step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Nothing happens if there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of its files, in any order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes what was created, renamed and removed survive power loss.
    fn sync_directory(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;

    /// Reads from `offset` on until `into` is full or the file ends. How many bytes were read.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts it, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes what was written to it, and its length, survive power loss.
    fn sync_data(&self) -> io::Result<()>;
}
