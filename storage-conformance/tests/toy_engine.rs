//! The toy engine of docs/adding-an-engine.md: what the document shows is this file, and it passes the suite.
//!
//! It keeps everything in memory and writes the whole of it into one file. That is slow, and right.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use storage_conformance::{Damageable, Deferred, Erased, history_tests, model, suite};
use storage_core::engine::{Check, Checked, Commit, Cursor, Damage, Intent, Snapshot};
use storage_core::{
    Batch, Capabilities, Change, Decoded, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace,
    Kind, Payload, Record, Result, STAMP_LEN, Stamp, Survives, Value,
};

/// Every record, by the name of its keyspace and by its key.
type Records = BTreeMap<String, BTreeMap<Key, Record<Payload>>>;

/// An engine that keeps everything in memory and in one file.
#[derive(Debug)]
pub struct ToyEngine {
    path: PathBuf,
    newest: Mutex<Newest>,
}

/// The newest state, and whether the file holds it.
#[derive(Debug)]
struct Newest {
    records: Arc<Records>,
    is_saved: bool,
}

/// Everything as it was when the snapshot was taken.
#[derive(Debug)]
pub struct ToySnapshot(Arc<Records>);

/// A position in a range: the keys that are left, and the record here.
#[derive(Debug)]
pub struct ToyCursor<'a> {
    rest: Vec<(&'a Key, &'a Record<Payload>)>,
    here: Option<(&'a Key, &'a Record<Payload>)>,
}

impl ToyEngine {
    /// Opens the store in a file. A file that is not there is an empty store.
    pub fn open(path: &Path) -> Result<Self> {
        let (records, is_saved) = match fs::read(path) {
            Ok(bytes) => (decode(&bytes).ok_or_else(|| damaged(path))?, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Records::new(), false),
            Err(error) => return Err(io_error("open", error)),
        };
        let newest = Newest { records: Arc::new(records), is_saved };
        Ok(ToyEngine { path: path.to_owned(), newest: Mutex::new(newest) })
    }
}

impl Engine for ToyEngine {
    type Snapshot = ToySnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::durable("toy").with_deferred(Survives::Close);
        capabilities.sync_survives = Survives::ProcessCrash;
        capabilities
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        Ok(find(&self.newest.lock().records, keyspace, key).cloned())
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        let records = Arc::clone(&self.newest.lock().records);
        let held = records.iter().filter(|(_, records)| !records.is_empty());
        held.map(|(name, _)| Keyspace::from_stored(name)).collect()
    }

    fn snapshot(&self, _: Intent) -> Result<ToySnapshot> {
        Ok(ToySnapshot(Arc::clone(&self.newest.lock().records)))
    }

    fn commit(&self, commit: Commit<'_, ToySnapshot>) -> Result<()> {
        let mut newest = self.newest.lock();
        let mut records = Records::clone(&newest.records);
        apply(&mut records, commit.batch);
        let is_saved = commit.durability == Durability::Sync;
        if is_saved {
            save(&self.path, &records)?;
        }
        *newest = Newest { records: Arc::new(records), is_saved };
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let mut newest = self.newest.lock();
        if !newest.is_saved {
            save(&self.path, &newest.records)?;
            newest.is_saved = true;
        }
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.sync()
    }
}

/// The range deletes come first, then the writes.
fn apply(records: &mut Records, batch: &Batch) {
    for (keyspace, range) in &batch.range_deletes {
        if let Some(records) = records.get_mut(keyspace.name()) {
            records.retain(|key, _| !range.contains(key));
        }
    }
    for write in &batch.writes {
        let records = records.entry(write.keyspace.name().to_owned()).or_default();
        match &write.change {
            Change::Put(record) => records.insert(write.key.clone(), record.clone()),
            Change::Delete => records.remove(&write.key),
        };
    }
}

fn find<'a>(records: &'a Records, keyspace: Keyspace, key: &[u8]) -> Option<&'a Record<Payload>> {
    records.get(keyspace.name())?.get(key)
}

impl Snapshot for ToySnapshot {
    type Value<'a> = &'a Payload;
    type Cursor<'a> = ToyCursor<'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<&Payload>>> {
        let record = find(&self.0, keyspace, key);
        Ok(record.map(|record| Record { stamp: record.stamp, value: &record.value }))
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<&Payload>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<ToyCursor<'_>> {
        let mut rest = Vec::new();
        if let (Some(records), false) = (self.0.get(keyspace.name()), range.is_empty()) {
            let end = range.end().map_or(Bound::Unbounded, Bound::Excluded);
            rest.extend(records.range::<Key, _>((Bound::Included(range.start()), end)));
        }
        // The next record is taken from the end.
        if direction == Direction::Forward {
            rest.reverse();
        }
        Ok(ToyCursor { rest, here: None })
    }
}

impl<'a> ToyCursor<'a> {
    fn here(&self) -> (&'a Key, &'a Record<Payload>) {
        self.here.expect("core asks for a record only where `advance` found one")
    }
}

impl Cursor for ToyCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        self.here = self.rest.pop();
        Ok(self.here.is_some())
    }

    fn key(&self) -> &[u8] {
        self.here().0
    }

    fn stamp(&self) -> Stamp {
        self.here().1.stamp
    }

    fn value(&mut self) -> Result<&dyn Value> {
        Ok(&self.here().1.value)
    }
}

/// Writes everything beside the file, then puts it in the file's place, so that the file is whole at any moment.
fn save(path: &Path, records: &Records) -> Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, encode(records)).map_err(|error| io_error("write", error))?;
    fs::rename(&beside, path).map_err(|error| io_error("commit", error))
}

fn io_error(doing: &'static str, error: io::Error) -> Error {
    let (kind, message) = match error.kind() {
        io::ErrorKind::StorageFull => (Kind::Full, "there is no room for the file"),
        io::ErrorKind::NotFound => (Kind::Invalid, "there is no such folder"),
        _ => (Kind::Unavailable, "the file cannot be read or written"),
    };
    Error::new(kind, message).in_engine("toy").during(doing).caused_by(error)
}

fn damaged(path: &Path) -> Error {
    let message = format!("{} is damaged", path.display());
    Error::new(Kind::Corrupt, message).in_engine("toy").during("open")
}

impl Damage for ToyEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        let mut newest = self.newest.lock();
        let mut records = Records::clone(&newest.records);
        let found = records.get_mut(keyspace.name()).and_then(|records| records.get_mut(key));
        let Some(record) = found else { return Ok(false) };
        let mut value = record.value.to_vec();
        change(&mut value);
        record.value = Payload::new(&value);
        *newest = Newest { records: Arc::new(records), is_saved: false };
        Ok(true)
    }
}

impl Check for ToyEngine {
    fn check(&self) -> Result<Checked> {
        self.sync()?;
        let bytes = fs::read(&self.path).map_err(|error| io_error("check", error))?;
        decode(&bytes).ok_or_else(|| damaged(&self.path))?;
        Ok(Checked { bytes: bytes.len() as u64 })
    }
}

/// Each record: its keyspace, key, stamp and value, each behind its length in four bytes.
fn encode(records: &Records) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (keyspace, records) in records {
        for (key, record) in records {
            for part in [keyspace.as_bytes(), key, record.stamp.as_bytes(), &record.value] {
                let len = u32::try_from(part.len()).expect("core keeps keys and values below four GiB");
                bytes.extend_from_slice(&len.to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
    }
    bytes
}

/// `None` where the bytes are not what [`encode`] writes.
fn decode(mut bytes: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    while !bytes.is_empty() {
        let keyspace = str::from_utf8(take(&mut bytes)?).ok()?;
        Keyspace::from_stored(keyspace).ok()?;
        let key = Key::from(take(&mut bytes)?);
        let stamp: [u8; STAMP_LEN] = take(&mut bytes)?.try_into().ok()?;
        let value = Payload::new(take(&mut bytes)?);
        let record = Record { stamp: Stamp::from_bytes(stamp), value };
        records.entry(keyspace.to_owned()).or_default().insert(key, record);
    }
    Some(records)
}

fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *bytes = rest;
    Some(part)
}

suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || ToyEngine::open(&directory.path().join("toy")))
});

/// Deferred: with every commit the toy would write the whole file anew.
mod tasks {
    storage_conformance::task_suite!(erased: storage_conformance::Deferred(super::subject()));
}

history_tests!(subject(), model: 25, list_append: 5, seed: 1);

#[test]
fn deferred_commits_are_answered_like_others() {
    for replayed in [
        model::one_history::replay(&Deferred(subject())),
        model::one_history::replay(&Erased(Deferred(subject()))),
    ] {
        if let Err(divergence) = replayed.expect("the names are legal") {
            panic!("{divergence}");
        }
    }
}

#[test]
fn file_that_is_damaged_is_refused_and_checked() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("toy");
    fs::write(&path, b"\x05\0\0\0note").expect("the file can be written");
    assert_eq!(ToyEngine::open(&path).expect_err("a part is cut off").kind(), Kind::Corrupt);
    fs::remove_file(&path).expect("the file is there");
    let engine = ToyEngine::open(&path).expect("there is no file");
    assert_eq!(engine.check().expect("an empty store is sound").bytes, 0);
}

#[test]
fn the_document_shows_this_file() {
    let document = include_str!("../../docs/adding-an-engine.md");
    let (this, mut shown) = (include_str!("toy_engine.rs"), 0);
    for block in document.split("```rust\n").skip(1) {
        let (code, _) = block.split_once("```").expect("a block ends");
        assert!(this.contains(code.trim_end()), "this is not in tests/toy_engine.rs:\n{code}");
        shown += 1;
    }
    assert!(shown > 5, "{shown} blocks");
}
