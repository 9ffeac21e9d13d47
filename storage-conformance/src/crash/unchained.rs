//! A disk that makes a journal's checksums worthless: each record is verified by itself, whatever stands before it.
//!
//! It remembers every record that was ever written whole, and seals what is read anew wherever one of them stands. So
//! the journal behind it reads as one would whose checksums are not chained.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::journal::{Disk, DiskFile, Header, RECORDS_AT, SLOT_LEN, Slot, frame};

use super::disk::SimDisk;

/// The records that were ever written, without their checksums.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<HashSet<Vec<u8>>>>);

/// A disk whose records need no predecessor.
#[derive(Debug)]
pub struct UnchainedDisk {
    disk: SimDisk,
    written: Written,
}

impl UnchainedDisk {
    /// The same disk, on which what was `written` before is believed too.
    pub fn new(disk: SimDisk, written: Written) -> Self {
        UnchainedDisk { disk, written }
    }

    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(UnchainedFile { file, written: self.written.clone() })
    }
}

impl Disk for UnchainedDisk {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
        Ok(self.disk.open(name)?.map(|file| self.wrap(file)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(self.disk.create(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.disk.names()
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

#[derive(Debug)]
struct UnchainedFile {
    file: Box<dyn DiskFile>,
    written: Written,
}

/// Where the part of a record begins that is not its checksum.
const BEHIND_SEAL: usize = 4;

impl UnchainedFile {
    /// The whole file, every record sealed behind the one before it.
    fn sealed(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.file.len_bytes()?).map_err(io::Error::other)?];
        self.file.read_at(&mut bytes, 0)?;
        let slots = bytes.chunks_exact(SLOT_LEN).take(2).filter_map(<[u8]>::first_chunk);
        let headers = slots.filter_map(|slot| match Header::from_slot(slot) {
            Slot::Holds(header) => Some(header),
            _ => None,
        });
        let Some(header) = headers.max_by_key(|header| header.epoch) else { return Ok(bytes) };
        let mut chain = frame::Chain::begin(header.salt);
        let mut at = RECORDS_AT as usize;
        while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let end = at + frame::len(head) as usize;
            let Some(record) = bytes.get_mut(at..end) else { break };
            if !self.written.0.lock().contains(&record[BEHIND_SEAL..]) {
                break;
            }
            chain = chain.seal(record);
            at = end;
        }
        Ok(bytes)
    }
}

impl DiskFile for UnchainedFile {
    fn len_bytes(&self) -> io::Result<u64> {
        self.file.len_bytes()
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset < RECORDS_AT {
            return self.file.read_at(into, offset);
        }
        let bytes = self.sealed()?;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let len = into.len().min(rest.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if offset >= RECORDS_AT && bytes.len() >= frame::FRAME_LEN && frame::kind(bytes).is_some() {
            self.written.0.lock().insert(bytes[BEHIND_SEAL..].to_vec());
        }
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
