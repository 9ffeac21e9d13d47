//! The smallest engine: a sorted map behind a lock, copied when a snapshot needs the old one.
//!
//! The cases run on it too, so that those about reopening, damage and checksums have somewhere to run whatever other
//! engines can do, and so that a failing case can be told from a failing engine. It shows what the contract asks.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::engine::{Commit, Cursor, Damage, Intent, Snapshot};
use storage_core::{
    Capabilities, Change, Decoded, Direction, Engine, Key, KeyRange, Keyspace, Payload, Record, Result,
    Stamp, Value,
};

type Records = BTreeMap<Key, Record<Payload>>;
type Keyspaces = BTreeMap<Keyspace, Arc<Records>>;

/// What outlives the handles on it, as a file does.
#[derive(Clone, Default)]
pub struct PlainStore(Arc<Mutex<Keyspaces>>);

/// A handle on a [`PlainStore`]. It claims to store, so that core seals its records.
#[derive(Debug)]
pub struct PlainEngine(PlainStore);

/// The map as it was.
#[derive(Clone)]
pub struct PlainSnapshot(Keyspaces);

impl PlainStore {
    /// Opens it. Open one handle at a time.
    pub fn open(&self) -> PlainEngine {
        PlainEngine(self.clone())
    }
}

impl Engine for PlainEngine {
    type Snapshot = PlainSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        Capabilities::durable("plain")
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        Ok(self.0.0.lock().get(&keyspace).and_then(|records| records.get(key)).cloned())
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        let keyspaces = self.0.0.lock();
        let held = keyspaces.iter().filter(|(_, records)| !records.is_empty());
        Ok(held.map(|(keyspace, _)| *keyspace).collect())
    }

    fn snapshot(&self, _: Intent) -> Result<PlainSnapshot> {
        Ok(PlainSnapshot(self.0.0.lock().clone()))
    }

    fn commit(&self, commit: Commit<'_, PlainSnapshot>) -> Result<()> {
        let mut keyspaces = self.0.0.lock();
        for (keyspace, range) in &commit.batch.range_deletes {
            let records = Arc::make_mut(keyspaces.entry(*keyspace).or_default());
            let keys: Vec<_> = within(records, range).map(|(key, _)| key.clone()).collect();
            keys.iter().for_each(|key| drop(records.remove(key)));
        }
        for write in &commit.batch.writes {
            let records = Arc::make_mut(keyspaces.entry(write.keyspace).or_default());
            match &write.change {
                Change::Put(record) => records.insert(write.key.clone(), record.clone()),
                Change::Delete => records.remove(&write.key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl Damage for PlainEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        let mut keyspaces = self.0.0.lock();
        let records = Arc::make_mut(keyspaces.entry(keyspace).or_default());
        let Some(record) = records.get_mut(key) else { return Ok(false) };
        let mut value = record.value.to_vec();
        change(&mut value);
        record.value = Payload::new(&value);
        Ok(true)
    }
}

fn within<'a>(records: &'a Records, range: &KeyRange) -> btree_map::Range<'a, Key, Record<Payload>> {
    if range.is_empty() {
        return records.range::<Key, _>((Bound::Included(&Key::new()), Bound::Excluded(&Key::new())));
    }
    let end = range.end().map_or(Bound::Unbounded, Bound::Excluded);
    records.range::<Key, _>((Bound::Included(range.start()), end))
}

impl Snapshot for PlainSnapshot {
    type Value<'a> = &'a Payload;
    type Cursor<'a> = PlainCursor<'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<&Payload>>> {
        let record = self.0.get(&keyspace).and_then(|records| records.get(key));
        Ok(record.map(|record| Record { stamp: record.stamp, value: &record.value }))
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<&Payload>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<PlainCursor<'_>> {
        let records = self.0.get(&keyspace).map(|records| within(records, range)).unwrap_or_default();
        Ok(PlainCursor { records, direction, current: None })
    }
}

/// A position in a [`PlainSnapshot`].
#[derive(Debug)]
pub struct PlainCursor<'a> {
    records: btree_map::Range<'a, Key, Record<Payload>>,
    direction: Direction,
    current: Option<(&'a Key, &'a Record<Payload>)>,
}

impl<'a> PlainCursor<'a> {
    fn here(&self) -> (&'a Key, &'a Record<Payload>) {
        self.current.expect("it is asked for a record only where there is one")
    }
}

impl Cursor for PlainCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        self.current = match self.direction {
            Direction::Forward => self.records.next(),
            Direction::Reverse => self.records.next_back(),
        };
        Ok(self.current.is_some())
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

impl fmt::Debug for PlainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainStore")
    }
}

impl fmt::Debug for PlainSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSnapshot")
    }
}
