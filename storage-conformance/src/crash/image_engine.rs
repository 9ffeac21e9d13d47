//! The smallest engine that a journal can stand in front of: a map in memory, written out whole at a checkpoint.
//!
//! It shows what the power asks, and is the journal's partner where crashes are tried by the thousand. Told to lie, it
//! shows that the harness can fail.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use storage_core::engine::{Commit, Cursor, Intent, Journalled, Snapshot};
use storage_core::journal::{self, Disk, Epochs, Mark, Presence};
use storage_core::{
    Batch, Capabilities, Change, Decoded, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace,
    Kind, Payload, Record, Result, Stamp, Survives, Write,
};

use crate::plain::{PlainEngine, PlainSnapshot, PlainStore};

const NAME: &str = "image";
const FILE: &str = "image";
const NEW_FILE: &str = "image.new";

/// What an engine does not do as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageLie {
    /// It is right.
    #[default]
    None,
    /// Of what a journal applies when it is opened, it takes only every second version, and says that it has all.
    SkipsReplay,
    /// It says to have one version less than it has, so that a journal applies it again.
    RepeatsReplay,
    /// It says that a checkpoint is durable before it is.
    CheckpointsUnsynced,
    /// It says that deferred commits survive the process, and has them in memory.
    ForgetsWithProcess,
}

/// An engine whose state is one file, which is replaced by every checkpoint.
pub struct ImageEngine {
    plain: PlainEngine,
    disk: Arc<dyn Disk>,
    store: [u8; 16],
    mark: Mutex<Mark>,
    opening: Mutex<Opening>,
    unsaved: AtomicU64,
    lie: ImageLie,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    UnderWay,
    Over,
}

impl ImageEngine {
    /// Opens what `disk` holds, or creates it.
    pub fn open(disk: Arc<dyn Disk>, lie: ImageLie) -> Result<Self> {
        let plain = PlainStore::default().open();
        let (store, mark) = match disk.open(FILE).map_err(failed)? {
            None => (journal::Header::new_salt(), Mark::default()),
            Some(file) => {
                let mut bytes = vec![0; usize::try_from(file.len_bytes().map_err(failed)?).unwrap_or(0)];
                let read = file.read_at(&mut bytes, 0).map_err(failed)?;
                let (store, mark, batch) = parse(&bytes[..read])
                    .ok_or_else(|| Error::new(Kind::Corrupt, "the image is damaged").in_engine(NAME))?;
                plain.commit(Commit::new(&batch, Durability::Sync))?;
                (store, mark)
            }
        };
        let engine = ImageEngine {
            plain,
            disk,
            store,
            mark: Mutex::new(mark),
            opening: Mutex::new(Opening::UnderWay),
            unsaved: AtomicU64::new(0),
            lie,
        };
        if mark == Mark::default() {
            engine.save(&mark)?;
        }
        Ok(engine)
    }

    /// Writes everything out under another name, and gives it its own.
    fn save(&self, mark: &Mark) -> Result<()> {
        let bytes = self.image(mark)?;
        self.replace(&bytes).map_err(failed)?;
        self.unsaved.store(0, Ordering::SeqCst);
        Ok(())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let file = self.disk.create(NEW_FILE)?;
        file.write_at(bytes, 0)?;
        if self.lie == ImageLie::CheckpointsUnsynced {
            return self.disk.rename(NEW_FILE, FILE);
        }
        file.sync_data()?;
        self.disk.rename(NEW_FILE, FILE)?;
        self.disk.sync_directory()
    }

    fn image(&self, mark: &Mark) -> Result<Vec<u8>> {
        let mut batch = Batch::default();
        let snapshot = self.plain.snapshot(Intent::Read)?;
        let mut keyspaces = self.plain.keyspaces()?;
        keyspaces.sort();
        for keyspace in keyspaces {
            let mut cursor = snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?;
            while cursor.advance()? {
                let (key, stamp) = (Key::from(cursor.key()), cursor.stamp());
                let value = Payload::new(cursor.value()?.as_ref());
                batch.writes.push(Write { keyspace, key, change: Change::Put(Record { stamp, value }) });
            }
        }
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&self.store);
        for number in [mark.version, mark.epochs.files[0], mark.epochs.files[1]] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.push(u8::from(mark.epochs.presence == Presence::Present));
        journal::encode(&batch, &mut bytes);
        let sum = crc32fast::hash(&bytes[4..]);
        bytes[..4].copy_from_slice(&sum.to_le_bytes());
        Ok(bytes)
    }
}

fn parse(bytes: &[u8]) -> Option<([u8; 16], Mark, Batch)> {
    let (sum, rest) = bytes.split_first_chunk::<4>()?;
    if *sum != crc32fast::hash(rest).to_le_bytes() {
        return None;
    }
    let (store, rest) = rest.split_first_chunk::<16>()?;
    let (version, rest) = rest.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (second, rest) = rest.split_first_chunk::<8>()?;
    let (presence, rest) = rest.split_first()?;
    let presence = if *presence == 1 { Presence::Present } else { Presence::Absent };
    let epochs = Epochs { files: [u64::from_le_bytes(*first), u64::from_le_bytes(*second)], presence };
    Some((*store, Mark::new(u64::from_le_bytes(*version), epochs), journal::decode(rest)?))
}

fn failed(cause: io::Error) -> Error {
    let kind = if cause.kind() == io::ErrorKind::StorageFull { Kind::Full } else { Kind::Unavailable };
    Error::new(kind, "the image cannot be read or written").in_engine(NAME).caused_by(cause)
}

impl Engine for ImageEngine {
    type Snapshot = PlainSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        let deferred = match self.lie {
            ImageLie::ForgetsWithProcess => Survives::ProcessCrash,
            _ => Survives::Close,
        };
        Capabilities::durable(NAME).with_deferred(deferred)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        self.plain.get(keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.plain.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<PlainSnapshot> {
        self.plain.snapshot(intent)
    }

    fn commit(&self, commit: Commit<'_, PlainSnapshot>) -> Result<()> {
        let durability = commit.durability;
        self.plain.commit(commit)?;
        if durability == Durability::Sync { self.sync() } else { Ok(()) }
    }

    fn sync(&self) -> Result<()> {
        self.save(&self.mark.lock())
    }

    fn close(&self) -> Result<()> {
        self.sync()
    }
}

impl Journalled for ImageEngine {
    fn store_id(&self) -> [u8; 16] {
        self.store
    }

    fn mark(&self) -> Result<Mark> {
        let mark = *self.mark.lock();
        match self.lie {
            ImageLie::RepeatsReplay if *self.opening.lock() == Opening::UnderWay => {
                Ok(Mark::new(mark.version.saturating_sub(1), mark.epochs))
            }
            _ => Ok(mark),
        }
    }

    fn apply(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        let mut mark = self.mark.lock();
        let skips = self.lie == ImageLie::SkipsReplay
            && *self.opening.lock() == Opening::UnderWay
            && version.is_multiple_of(2);
        if !skips {
            self.plain.commit(Commit::new(batch, Durability::Deferred))?;
        }
        mark.version = version;
        self.unsaved.fetch_add(batch.len_bytes() as u64, Ordering::SeqCst);
        if durability == Durability::Sync {
            // It cannot be taken back, and may be on the disk.
            self.save(&mark).map_err(|cause| {
                Error::new(Kind::CommitUnknown, "the image may be written").in_engine(NAME).caused_by(cause)
            })?;
        }
        Ok(())
    }

    fn admit(&self, _: &Batch) -> Result<()> {
        Ok(())
    }

    fn checkpoint(&self, epochs: Epochs, _: u64) -> Result<u64> {
        let mut mark = self.mark.lock();
        let saved = Mark::new(mark.version, epochs);
        self.save(&saved)?;
        *mark = saved;
        *self.opening.lock() = Opening::Over;
        Ok(saved.version)
    }

    fn unsaved_bytes(&self) -> u64 {
        self.unsaved.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for ImageEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageEngine").field("mark", &*self.mark.lock()).finish_non_exhaustive()
    }
}
