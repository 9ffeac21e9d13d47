//! What is in the store, in memory: every key, its stamp, and where its value is.
//!
//! A state is never changed while anybody else has it: a commit makes the next one, which shares what did not change.
//! So a snapshot is a pointer, and no reader waits for a writer. A value moves behind the cell that all of them share.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;
use parking_lot::RwLock;
use storage_core::{Key, Keyspace, Memo, Payload, Result, Stamp, Value};

use crate::disk::{Identity, Tree};
use crate::error::{self, OnPath};
use crate::files::{self, Extension};
use crate::line::{self, Form};
use crate::segment::Segment;

/// The records of one keyspace.
pub(crate) type Records = OrdMap<Key, Arc<Cell>>;

/// The records of every keyspace, by the keyspace's dense id.
#[derive(Clone, Default)]
pub(crate) struct State(Vec<Option<(Keyspace, Records)>>);

impl State {
    pub(crate) fn records(&self, keyspace: Keyspace) -> Option<&Records> {
        self.0.get(keyspace.id())?.as_ref().map(|(_, records)| records)
    }

    pub(crate) fn records_mut(&mut self, keyspace: Keyspace) -> &mut Records {
        if self.0.len() <= keyspace.id() {
            self.0.resize(keyspace.id() + 1, None);
        }
        &mut self.0[keyspace.id()].get_or_insert_with(|| (keyspace, Records::new())).1
    }

    /// The same records in maps that share nothing with these: so every holder of a cell counts.
    pub(crate) fn apart(&self) -> Self {
        let copied = |(keyspace, records): &(Keyspace, Records)| {
            (*keyspace, records.iter().map(|(key, cell)| (key.clone(), Arc::clone(cell))).collect())
        };
        State(self.0.iter().map(|records| records.as_ref().map(copied)).collect())
    }

    pub(crate) fn get(&self, keyspace: Keyspace, key: &[u8]) -> Option<&Arc<Cell>> {
        self.records(keyspace)?.get(key)
    }

    pub(crate) fn keyspaces(&self) -> impl Iterator<Item = (Keyspace, &Records)> {
        self.0.iter().flatten().map(|(keyspace, records)| (*keyspace, records))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.keyspaces().map(|(keyspace, records)| (keyspace, records.len()))).finish()
    }
}

/// A record: its stamp, and its value wherever that is.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) stamp: Stamp,
    place: RwLock<Place>,
}

/// Where a value is: in memory, on the disk, or both.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Always there until it was written.
    pub(crate) kept: Option<Payload>,
    pub(crate) disk: Option<OnDisk>,
}

/// The line of a record, and where its value is.
#[derive(Clone, Debug)]
pub(crate) struct OnDisk {
    pub(crate) segment: Arc<Segment>,
    pub(crate) line_at: u64,
    pub(crate) line_len: u32,
    pub(crate) value: Where,
}

/// Where a value stands on the disk.
#[derive(Clone, Debug)]
pub(crate) enum Where {
    /// In the line, from this byte on.
    Line { form: Form, at: u32, len: u32 },
    /// In the file of the record.
    File { extension: Extension, identity: Identity },
    /// In a file of the record's that has been replaced since.
    Aside { file: Arc<Aside>, len: u64 },
}

/// A file that only snapshots still read. It goes with the last of them.
#[derive(Debug)]
pub(crate) struct Aside {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) path: String,
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What is left is removed when the store is opened.
        self.tree.remove(&self.path).ok();
    }
}

impl Cell {
    /// A record that was just committed.
    pub(crate) fn pending(stamp: Stamp, value: Payload) -> Self {
        Cell { stamp, place: RwLock::new(Place { kept: Some(value), disk: None }) }
    }

    /// A record that was found on the disk.
    pub(crate) fn loaded(stamp: Stamp, disk: OnDisk) -> Self {
        Cell { stamp, place: RwLock::new(Place { kept: None, disk: Some(disk) }) }
    }

    /// The length of its line; 0 while it has none.
    pub(crate) fn line_len(&self) -> u64 {
        self.place.read().disk.as_ref().map_or(0, |disk| u64::from(disk.line_len))
    }

    /// The length of the value that is kept in memory.
    pub(crate) fn kept_len(&self) -> usize {
        self.place.read().kept.as_ref().map_or(0, |value| value.len())
    }

    /// The value of a record that is still to be written.
    pub(crate) fn kept_value(&self) -> Payload {
        self.place.read().kept.clone().expect("a value is kept until it was written")
    }

    pub(crate) fn place(&self) -> Place {
        self.place.read().clone()
    }

    /// Notes where it stands on the disk now.
    pub(crate) fn moved(&self, disk: OnDisk) {
        self.place.write().disk = Some(disk);
    }

    /// Keeps a value in memory, unless one is kept.
    pub(crate) fn keep(&self, value: Payload) {
        self.place.write().kept.get_or_insert(value);
    }

    /// Lets go of the value in memory. It is on the disk.
    pub(crate) fn forget(&self) {
        let mut place = self.place.write();
        if place.disk.is_some() {
            place.kept = None;
        }
    }

    /// Lets `set_aside` give the file of the record another name before it is replaced, with nobody reading meanwhile.
    pub(crate) fn set_aside(&self, set_aside: impl FnOnce() -> Result<Arc<Aside>>) -> Result<()> {
        let mut place = self.place.write();
        if let Some(OnDisk { value: value @ Where::File { .. }, .. }) = &mut place.disk {
            let Where::File { identity, .. } = value else { return Ok(()) };
            let len = identity.len;
            *value = Where::Aside { file: set_aside()?, len };
        }
        Ok(())
    }

    /// The value.
    pub(crate) fn value(&self, tree: &dyn Tree, keyspace: Keyspace, key: &[u8]) -> Result<FsValue> {
        let place = self.place.read();
        if let Some(kept) = &place.kept {
            return Ok(FsValue::Shared(kept.clone()));
        }
        drop(place);
        self.read_disk(tree, keyspace, key)
    }

    /// The value as it stands on the disk, also where it is kept in memory.
    pub(crate) fn read_disk(&self, tree: &dyn Tree, keyspace: Keyspace, key: &[u8]) -> Result<FsValue> {
        // Held while a file is opened, so that it is not replaced before.
        let place = self.place.read();
        let disk = place.disk.as_ref().expect("a value that is not kept is on the disk");
        let read = match &disk.value {
            Where::Line { form, at, len } => {
                let (segment, at, len) = (Arc::clone(&disk.segment), disk.line_at + u64::from(*at), *len);
                let form = *form;
                // A segment that is removed can still be read.
                drop(place);
                read_line(&segment, form, at, len)
            }
            Where::File { extension, identity } => {
                let path = files::path(keyspace, key, *extension);
                read_file(tree, &path, identity.len).and_then(|value| {
                    // Core would find it as well, and not know what can be done.
                    self.stamp.verify(keyspace, key, &value).map(|()| value).map_err(|_| error::edited(&path))
                })
            }
            Where::Aside { file, len } => read_file(tree, &file.path, *len),
        };
        read.map(FsValue::Owned).map_err(|error| error.at(keyspace, key))
    }
}

fn read_line(segment: &Segment, form: Form, at: u64, len: u32) -> Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| error::corrupt("read", "a value is too long"))?;
    let text = segment.read(at, len)?;
    line::value(form, text)
        .ok_or_else(|| error::corrupt("read", format!("{} is damaged in a value", segment.path)))
}

fn read_file(tree: &dyn Tree, path: &str, len: u64) -> Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| error::corrupt("read", "a value is too long"))?;
    use std::io::ErrorKind;
    tree.read(path, len).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            error::edited(path).caused_by(cause)
        }
        _ => error::io("read", path, cause),
    })
}

/// A stored value: shared with the engine where it keeps it, owned where it was read.
#[derive(Clone, Debug)]
pub enum FsValue {
    /// In memory.
    Shared(Payload),
    /// Read from the disk.
    Owned(Vec<u8>),
}

impl AsRef<[u8]> for FsValue {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            FsValue::Shared(value) => value,
            FsValue::Owned(value) => value,
        }
    }
}

impl Value for FsValue {
    fn memo(&self) -> Option<&Memo> {
        match self {
            FsValue::Shared(value) => value.memo(),
            FsValue::Owned(_) => None,
        }
    }
}

/// Reads what a path holds now, whoever wrote it.
pub(crate) fn read_now(tree: &dyn Tree, path: &str, identity: Identity) -> Result<Vec<u8>> {
    let len = usize::try_from(identity.len).map_err(|_| error::corrupt("read", "a file is too long"))?;
    tree.read(path, len).on("read", path)
}
