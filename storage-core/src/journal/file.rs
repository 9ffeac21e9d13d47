//! One of the two files: made whole before it has its name, begun anew for every epoch, read from its beginning.

use std::io;

use super::disk::{Disk, DiskFile};
use super::frame::{self, Chain, FRAME_LEN};
use super::header::{Header, RECORDS_AT, SLOT_LEN, Slot};

/// The names of the two files.
pub const NAMES: [&str; 2] = ["journal-0", "journal-1"];
/// The names under which they are made.
const NEW_NAMES: [&str; 2] = ["journal-0.new", "journal-1.new"];

/// How much is written at a time into a new file, and read at a time from an old one.
const CHUNK_LEN: usize = 256 << 10;

/// A file of the journal.
#[derive(Debug)]
pub struct JournalFile {
    file: Box<dyn DiskFile>,
    len: u64,
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Neither header is whole.
    Damaged,
    /// It has a format that a later version of this code wrote.
    Newer(u32),
    /// It has this header.
    Holds(Header),
}

impl JournalFile {
    /// Makes a file of zeros with a header, and gives it its name. It is durable once the directory is synced.
    ///
    /// The zeros are written, so that an append changes nothing but bytes. A file that has the name goes.
    pub fn create(disk: &dyn Disk, header: Header) -> io::Result<Self> {
        let (name, made) = (NAMES[header.index], NEW_NAMES[header.index]);
        let done = fill(disk, made, header).and_then(|file| {
            disk.rename(made, name)?;
            Ok(file)
        });
        if done.is_err() {
            // It may not even have been made, and what went wrong is told by the error.
            disk.remove(made).ok();
        }
        done
    }

    /// Opens a file; `None` if there is none.
    pub fn open(disk: &dyn Disk, index: usize) -> io::Result<Option<Self>> {
        let Some(file) = disk.open(NAMES[index])? else { return Ok(None) };
        let len = file.len_bytes()?;
        Ok(Some(JournalFile { file, len }))
    }

    /// Removes both files. It is durable once the directory is synced.
    pub fn remove_both(disk: &dyn Disk) -> io::Result<()> {
        NAMES.into_iter().chain(NEW_NAMES).try_for_each(|name| disk.remove(name))
    }

    /// Removes what a crash left of files that were being made.
    pub fn remove_unfinished(disk: &dyn Disk) -> io::Result<()> {
        NEW_NAMES.into_iter().try_for_each(|name| disk.remove(name))
    }

    /// Its length in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// The newer of its headers.
    pub fn read_header(&self) -> io::Result<Found> {
        let slots = [self.read_slot(0)?, self.read_slot(SLOT_LEN as u64)?];
        let newest = slots.into_iter().max_by_key(|slot| match slot {
            Slot::Damaged => (0, 0),
            Slot::Holds(header) => (1, header.epoch),
            Slot::Newer(format) => (2, u64::from(*format)),
        });
        Ok(match newest {
            Some(Slot::Holds(header)) => Found::Holds(header),
            Some(Slot::Newer(format)) => Found::Newer(format),
            Some(Slot::Damaged) | None => Found::Damaged,
        })
    }

    fn read_slot(&self, at: u64) -> io::Result<Slot> {
        let mut slot = [0; SLOT_LEN];
        match self.file.read_at(&mut slot, at)? {
            SLOT_LEN => Ok(Header::from_slot(&slot)),
            _ => Ok(Slot::Damaged),
        }
    }

    /// Begins an epoch. What the file held of an earlier one is gone.
    ///
    /// The first slot is synced before the second is written, so that one of them is whole at any time; once both are,
    /// losing one loses nothing.
    pub fn begin(&self, header: Header) -> io::Result<()> {
        let slot = header.to_slot();
        for at in [0, SLOT_LEN as u64] {
            self.file.write_at(&slot, at)?;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Writes a sealed record.
    pub fn write(&self, frame: &[u8], at: u64) -> io::Result<()> {
        self.file.write_at(frame, at)
    }

    /// Makes every record written so far durable.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Makes certain that there is no record at `at`, where one may have been written in part.
    pub fn withdraw(&self, at: u64) -> io::Result<()> {
        self.file.write_at(&[0; FRAME_LEN], at)?;
        self.file.sync_data()
    }

    /// Its records of the epoch of `header`, from the first on.
    pub fn frames(&self, header: &Header) -> Frames<'_> {
        Frames {
            file: self,
            chain: Chain::begin(header.salt),
            at: RECORDS_AT,
            room: Vec::new(),
            room_at: RECORDS_AT,
            last: None,
        }
    }
}

fn fill(disk: &dyn Disk, name: &str, header: Header) -> io::Result<JournalFile> {
    let file = disk.create(name)?;
    let zeros = vec![0; CHUNK_LEN.min(usize::try_from(header.len).unwrap_or(CHUNK_LEN))];
    let mut at = 0;
    while at < header.len {
        let part = zeros.len().min(usize::try_from(header.len - at).unwrap_or(zeros.len()));
        file.write_at(&zeros[..part], at)?;
        at += part as u64;
    }
    let slot = header.to_slot();
    file.write_at(&slot, 0)?;
    file.write_at(&slot, SLOT_LEN as u64)?;
    file.sync_data()?;
    Ok(JournalFile { file, len: header.len })
}

/// The records of an epoch, one after the other, up to the first that is not whole.
#[derive(Debug)]
pub struct Frames<'a> {
    file: &'a JournalFile,
    chain: Chain,
    at: u64,
    /// Bytes of the file from `room_at` on, the record that was returned last among them.
    room: Vec<u8>,
    room_at: u64,
    last: Option<(u64, Chain)>,
}

impl Frames<'_> {
    /// Reads the next record; `None` where there is no more.
    pub fn read(&mut self) -> io::Result<Option<&[u8]>> {
        if let Some((end, chain)) = self.last.take() {
            (self.at, self.chain) = (end, chain);
        }
        let Some(head) = self.bytes(FRAME_LEN as u64)? else { return Ok(None) };
        let len = frame::len(head.first_chunk().expect("as many bytes as a head has"));
        let chain = self.chain;
        let Some(frame) = self.bytes(len)? else { return Ok(None) };
        let Some(next) = chain.verify(frame) else { return Ok(None) };
        self.last = Some((self.at + len, next));
        self.bytes(len)
    }

    /// So many bytes from the position on; `None` if the file ends before.
    fn bytes(&mut self, len: u64) -> io::Result<Option<&[u8]>> {
        let end = self.at + len;
        if end > self.file.len {
            return Ok(None);
        }
        if end > self.room_at + self.room.len() as u64 {
            let wanted = usize::try_from(len).map_err(io::Error::other)?.max(CHUNK_LEN);
            let left = usize::try_from(self.file.len - self.at).unwrap_or(wanted);
            self.room.resize(wanted.min(left), 0);
            let read = self.file.file.read_at(&mut self.room, self.at)?;
            self.room.truncate(read);
            self.room_at = self.at;
        }
        let from = usize::try_from(self.at - self.room_at).map_err(io::Error::other)?;
        let to = from + usize::try_from(len).map_err(io::Error::other)?;
        Ok(self.room.get(from..to))
    }
}
