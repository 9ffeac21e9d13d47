//! `bare-log`: an append-only log by hand, a write and a sync a change, with a map of what it holds in memory.
//!
//! The file is as long as it will be and full of zeros before the first record, so that a sync writes no metadata.
//! Where it ends it begins anew, as the log of a store whose older records stand elsewhere does; nobody writes them
//! there, so this is less work than any store can do. Each change is forced to the disk by itself, under a lock.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::fs::Way;
use super::{Entry, Points, Subject, Tag};
use crate::failure::{Failure, Outcome};
use crate::workload::{Class, Place, Setting};

/// The name of its rows.
pub const ENGINE: &str = "bare-log";

/// The length of the file: that of a file of our journal.
const LOG_LEN: usize = 16 << 20;
/// What is put together for one write when many records are.
const WRITE_LEN: usize = 1 << 20;
/// The length of a value that is none: the record says that the key is gone.
const GONE: u32 = u32::MAX;

/// A log and its map.
#[derive(Debug)]
pub struct BareLog<W> {
    log: Mutex<Log>,
    records: RwLock<HashMap<Box<[u8]>, Arc<[u8]>>>,
    way: PhantomData<W>,
    /// Goes after the file.
    _place: Place,
}

#[derive(Debug)]
struct Log {
    file: File,
    at: usize,
    /// Where records are put together.
    room: Vec<u8>,
}

impl Log {
    fn create(place: &Place) -> Outcome<Self> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).open(place.file("bare.log")?)?;
        let zeros = vec![0; WRITE_LEN];
        for _ in 0..LOG_LEN / WRITE_LEN {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        file.rewind()?;
        Ok(Log { file, at: 0, room: Vec::new() })
    }

    /// Puts a record behind those that wait to be written.
    fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Outcome<()> {
        let begin = self.room.len();
        let value_len = value.map_or(Ok(GONE), |value| u32::try_from(value.len()))?;
        self.room.extend_from_slice(&[0; 4]);
        self.room.extend_from_slice(&u32::try_from(key.len())?.to_le_bytes());
        self.room.extend_from_slice(&value_len.to_le_bytes());
        self.room.extend_from_slice(key);
        self.room.extend_from_slice(value.unwrap_or_default());
        let sum = crc32fast::hash(&self.room[begin + 4..]);
        self.room[begin..begin + 4].copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    /// Writes those records.
    fn write(&mut self) -> Outcome<()> {
        if self.room.len() > LOG_LEN {
            return Err(Failure::new(format!("the log has no room for {} bytes", self.room.len())));
        }
        if self.at + self.room.len() > LOG_LEN {
            self.file.rewind()?;
            self.at = 0;
        }
        self.file.write_all(&self.room)?;
        self.at += self.room.len();
        self.room.clear();
        Ok(())
    }
}

impl<W: Way> BareLog<W> {
    fn append<'a>(&self, changes: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone) -> Outcome<()> {
        let mut log = self.log.lock();
        for (key, value) in changes.clone() {
            if log.room.len() >= WRITE_LEN {
                log.write()?;
            }
            log.add(key, value)?;
        }
        log.write()?;
        if W::CLASS == Class::PowerLoss {
            log.file.sync_data()?;
        }
        let mut records = self.records.write();
        for (key, value) in changes {
            match value {
                Some(value) => drop(records.insert(Box::from(key), Arc::from(value))),
                None => drop(records.remove(key)),
            }
        }
        Ok(())
    }
}

impl<W: Way> Subject for BareLog<W> {
    const TAG: Tag = Tag { engine: ENGINE, mode: None, class: W::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let log = Mutex::new(Log::create(&place)?);
        Ok(BareLog { log, records: RwLock::default(), way: PhantomData, _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let sync = match W::CLASS {
            Class::PowerLoss => "fdatasync a change",
            _ => "fdatasync at the end",
        };
        vec![("library", "std".to_owned()), ("file bytes", LOG_LEN.to_string()), ("sync", sync.to_owned())]
    }

    fn settle(&self) -> Outcome<()> {
        match W::CLASS {
            Class::PowerLoss => Ok(()),
            _ => Ok(self.log.lock().file.sync_data()?),
        }
    }
}

impl<W: Way> Points for BareLog<W> {
    type Value = Arc<[u8]>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Arc<[u8]>>> {
        Ok(self.records.read().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.append(std::iter::once((key, Some(value))))
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        let there = self.records.read().contains_key(key);
        if there {
            self.append(std::iter::once((key, None)))?;
        }
        Ok(there)
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        self.append(entries.iter().map(|entry| (&entry.key[..], Some(&entry.value[..]))))
    }

    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        self.put_batch(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fs::{DeferredLines, DurableLines};
    use super::super::tests::{opened, points_hold_what_was_put};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareLog<DurableLines>>();
        points_hold_what_was_put::<BareLog<DeferredLines>>();
    }

    #[test]
    fn begins_anew_where_the_file_ends_and_never_grows() {
        let (store, _folder) = opened::<BareLog<DeferredLines>>();
        let value = vec![7; LOG_LEN / 4];
        for _ in 0..5 {
            store.put(b"a", &value).unwrap();
        }
        // Three fit, and what each record says of itself.
        assert!(store.log.lock().at < LOG_LEN / 4 * 3);
        assert_eq!(store.log.lock().file.metadata().unwrap().len(), LOG_LEN as u64);
        assert!(store.put(b"a", &vec![7; LOG_LEN]).is_err());
    }
}
