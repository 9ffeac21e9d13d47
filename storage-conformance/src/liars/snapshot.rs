//! The lies about what a reader sees: of which moment, in which order, and how far.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::engine::{Cursor, Intent, Snapshot};
use storage_core::{Direction, Engine, Key, KeyRange, Keyspace, Payload, Record, Result, Stamp, Value};

use super::lie::Lie;
use super::stored::{key_of, keyspace_of, told, with_end};

/// A snapshot of the engine below that several of a liar share.
pub(super) type Held<E> = Arc<Mutex<<E as Engine>::Snapshot>>;

/// The moment that a snapshot shows.
pub(super) enum View<E: Engine> {
    Pinned(Held<E>),
    /// The newest.
    Moving(Arc<E>),
    /// That of its first read.
    Lazy(Arc<E>, Mutex<Option<Held<E>>>),
    /// An older one for some records, a newer one for the others.
    Torn {
        older: Held<E>,
        newer: Held<E>,
    },
    /// An older one for ranges, a newer one for the rest.
    StaleRange {
        older: Held<E>,
        newer: Held<E>,
    },
}

/// A snapshot of an engine with a lie.
pub struct LyingSnapshot<E: Engine> {
    lie: Option<Lie>,
    view: View<E>,
}

/// The records that a page of a liar holds.
const PAGE_LEN: usize = 4;

impl<E: Engine> LyingSnapshot<E> {
    pub(super) fn new(lie: Option<Lie>, view: View<E>) -> Self {
        LyingSnapshot { lie, view }
    }

    /// The state in which a key is read.
    fn state(&self, key: &[u8]) -> Result<Held<E>> {
        let pin = |engine: &Arc<E>| Ok(Arc::new(Mutex::new(engine.snapshot(Intent::Read)?)));
        match &self.view {
            View::Pinned(state) => Ok(Arc::clone(state)),
            View::Moving(engine) => pin(engine),
            View::Lazy(engine, pinned) => {
                let mut pinned = pinned.lock();
                match &*pinned {
                    Some(state) => Ok(Arc::clone(state)),
                    None => Ok(Arc::clone(pinned.insert(pin(engine)?))),
                }
            }
            View::Torn { older, newer } => Ok(Arc::clone(if is_torn_off(key) { older } else { newer })),
            View::StaleRange { newer, .. } => Ok(Arc::clone(newer)),
        }
    }

    fn record(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        let key = key_of(self.lie, key);
        let record = record::<E>(&self.state(&key)?, keyspace_of(self.lie, keyspace), &key)?;
        Ok(record.filter(|record| told(self.lie, record)))
    }

    fn records(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<Vec<Entry>> {
        let keyspace = keyspace_of(self.lie, keyspace);
        let (older, newer) = match &self.view {
            View::Torn { older, newer } => (older, newer),
            View::StaleRange { older, .. } => return records::<E>(older, keyspace, range, direction),
            _ => return records::<E>(&self.state(&[])?, keyspace, range, direction),
        };
        let mut entries = records::<E>(older, keyspace, range, direction)?;
        entries.retain(|(key, _)| is_torn_off(key));
        let newer = records::<E>(newer, keyspace, range, direction)?;
        entries.extend(newer.into_iter().filter(|(key, _)| !is_torn_off(key)));
        entries.sort_by(|(one, _), (other, _)| ordered(one.cmp(other), direction));
        Ok(entries)
    }
}

impl<E: Engine> Snapshot for LyingSnapshot<E> {
    type Value<'a> = Payload;
    type Cursor<'a> = LyingCursor;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        self.record(keyspace, key)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Payload>>>> {
        let mut keys = keys.to_vec();
        if self.lie == Some(Lie::ManyInKeyOrder) {
            keys.sort_unstable();
        }
        let once = self.lie == Some(Lie::ManyWithoutRepeats);
        let answer = |(place, key): (usize, &&[u8])| match once && keys[..place].contains(key) {
            true => Ok(None),
            false => self.record(keyspace, key),
        };
        keys.iter().enumerate().map(answer).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<LyingCursor> {
        let reverse = direction == Direction::Reverse;
        let read = match (self.lie, range.end()) {
            (Some(Lie::RangeWithItsEnd), Some(end)) => with_end(range.start(), end)?,
            (Some(Lie::MirroredBounds), Some(end)) if reverse => with_end(range.start(), end)?,
            _ => range.clone(),
        };
        let from = if self.lie == Some(Lie::ReverseIsForward) { Direction::Forward } else { direction };
        let mut entries = self.records(keyspace, &read, from)?;
        entries.retain(|(_, record)| told(self.lie, record));
        match self.lie {
            Some(Lie::SwappedNeighbours) => entries.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1)),
            Some(Lie::SignedOrder) => {
                let signed = |key: &Key| key.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>();
                entries.sort_by(|(one, _), (other, _)| ordered(signed(one).cmp(&signed(other)), direction));
            }
            Some(Lie::RangeWithoutItsStart) => entries.retain(|(key, _)| key != range.start()),
            Some(Lie::MirroredBounds) if reverse => entries.retain(|(key, _)| key != range.start()),
            Some(Lie::OpenRangeStopsAt255) if range.end().is_none() => {
                entries.retain(|(key, _)| key[0] < 255);
            }
            Some(Lie::RepeatsAtPages) => {
                let pages = entries.chunks(PAGE_LEN);
                entries = pages.flat_map(|page| page.iter().chain(page.last()).cloned()).collect();
            }
            _ => {}
        }
        Ok(LyingCursor { lie: self.lie, entries, here: 0, next: 0 })
    }
}

impl<E: Engine> fmt::Debug for LyingSnapshot<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LyingSnapshot({:?})", self.lie)
    }
}

/// A record with its key.
type Entry = (Key, Record<Payload>);

/// A position in a range of an engine with a lie.
#[derive(Debug)]
pub struct LyingCursor {
    lie: Option<Lie>,
    entries: Vec<Entry>,
    here: usize,
    next: usize,
}

impl Cursor for LyingCursor {
    fn advance(&mut self) -> Result<bool> {
        let found = self.next < self.entries.len();
        (self.here, self.next) = match (found, self.lie) {
            (true, _) => (self.next, self.next + 1),
            (false, Some(Lie::WrapsAround)) => (0, 0),
            (false, _) => (self.here, self.next),
        };
        Ok(found)
    }

    fn key(&self) -> &[u8] {
        &self.entries[self.here].0
    }

    fn stamp(&self) -> Stamp {
        self.entries[self.here].1.stamp
    }

    fn value(&mut self) -> Result<&dyn Value> {
        if self.lie == Some(Lie::SkipsAfterValue) {
            self.next = self.here + 2;
        }
        Ok(&self.entries[self.here].1.value)
    }
}

/// Whether a record is one of those that a torn snapshot shows as they were before.
fn is_torn_off(key: &[u8]) -> bool {
    key.last().is_some_and(|byte| byte % 2 == 1)
}

fn ordered(order: Ordering, direction: Direction) -> Ordering {
    match direction {
        Direction::Forward => order,
        Direction::Reverse => order.reverse(),
    }
}

/// The record of a key in a state.
pub(super) fn record<E: Engine>(
    state: &Held<E>,
    keyspace: Keyspace,
    key: &[u8],
) -> Result<Option<Record<Payload>>> {
    Ok(state.lock().get(keyspace, key)?.map(|record| owned(&record)))
}

/// The records of a range in a state.
pub(super) fn records<E: Engine>(
    state: &Held<E>,
    keyspace: Keyspace,
    range: &KeyRange,
    direction: Direction,
) -> Result<Vec<Entry>> {
    let state = state.lock();
    let mut cursor = state.range(keyspace, range, direction)?;
    let mut entries = Vec::new();
    while cursor.advance()? {
        let (key, stamp) = (Key::from(cursor.key()), cursor.stamp());
        let value = Payload::new(cursor.value()?.as_ref());
        entries.push((key, Record { stamp, value }));
    }
    Ok(entries)
}

/// A record that outlives what it was read from.
pub(super) fn owned<V: AsRef<[u8]>>(record: &Record<V>) -> Record<Payload> {
    Record { stamp: record.stamp, value: Payload::new(record.value.as_ref()) }
}
