//! The records of the model: sorted maps, copied whole for every snapshot.

use std::collections::BTreeMap;

use storage_core::Kind;
use storage_core::limits::{DERIVED_KEY_LEN_MAX, KEY_LEN_MAX};

use super::answer::{Found, Refusal, Shown};
use super::plan::VALUE_LEN_MAX;
use super::step::{Beside, Bounds, Bytes, Limit, Order, Place, Span, Values};

/// How many keyspaces the histories use.
pub(super) const KEYSPACES: usize = 2;

/// Everything that is stored at one moment. Expired records are in it until they are swept or replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct State(pub(super) [BTreeMap<Vec<u8>, Entry>; KEYSPACES]);

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Vec<u8>,
    pub(super) beside: Beside,
    pub(super) sort: Sort,
}

/// Whether a record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Plain,
    Counter,
}

impl Entry {
    /// A counter, with what is kept beside the live one in whose place it stands.
    pub(super) fn counter(below: Option<&Entry>, value: i64) -> Self {
        let beside = below.map(|below| below.beside).unwrap_or_default();
        Entry { value: value.to_le_bytes().to_vec(), beside, sort: Sort::Counter }
    }

    pub(super) fn is_live(&self, now: u64) -> bool {
        self.beside.expires_at.is_none_or(|at| now < at)
    }

    /// What it counts; refused for a record that does not count.
    pub(super) fn count(&self) -> Result<i64, Refusal> {
        match (self.sort, <[u8; 8]>::try_from(self.value.as_slice())) {
            (Sort::Counter, Ok(bytes)) => Ok(i64::from_le_bytes(bytes)),
            _ => Err(Refusal::of(Kind::Invalid)),
        }
    }

    pub(super) fn shown(&self) -> Shown {
        Shown {
            value: Bytes(self.value.clone()),
            expires_at: self.beside.expires_at,
            user_byte: self.beside.user_byte,
        }
    }
}

impl State {
    /// The record of a key that is live at a time.
    pub(super) fn live(&self, keyspace: usize, key: &[u8], now: u64) -> Option<&Entry> {
        self.0[keyspace].get(key).filter(|entry| entry.is_live(now))
    }

    pub(super) fn delete_range(&mut self, keyspace: usize, range: &Range) {
        self.0[keyspace].retain(|key, _| !range.contains(key));
    }

    /// Removes the records that ended first, at most `limit` of them, and returns where they were.
    ///
    /// Those that end at the same time go by the names of their keyspaces, then by key.
    pub(super) fn sweep(
        &mut self,
        now: u64,
        limit: usize,
        names: [&str; KEYSPACES],
    ) -> Vec<(usize, Vec<u8>)> {
        let mut ended: Vec<_> = (0..KEYSPACES)
            .flat_map(|keyspace| self.0[keyspace].iter().map(move |(key, entry)| (keyspace, key, entry)))
            .filter(|(_, _, entry)| !entry.is_live(now))
            .map(|(keyspace, key, entry)| (entry.beside.expires_at, names[keyspace], keyspace, key.clone()))
            .collect();
        ended.sort_unstable();
        ended.truncate(limit);
        let swept: Vec<_> = ended.into_iter().map(|(_, _, keyspace, key)| (keyspace, key)).collect();
        for (keyspace, key) in &swept {
            self.0[*keyspace].remove(key);
        }
        swept
    }
}

/// A range that is in order: its start, and its end where it has one.
#[derive(Clone, Debug)]
pub(super) struct Range {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
}

impl Range {
    /// Where a range begins and ends; refused for one that is reversed, and for bounds longer than any key.
    pub(super) fn of(bounds: &Bounds) -> Result<Self, Refusal> {
        let with = |key: &Bytes| -> Vec<u8> { [key.0.as_slice(), &[0]].concat() };
        let range = match bounds {
            Bounds::All => Range { start: Vec::new(), end: None },
            Bounds::Prefix(prefix) => Range { start: prefix.0.clone(), end: past_prefix(&prefix.0) },
            Bounds::Between(first, last) => {
                for limit in [first, last] {
                    if let Limit::With(key) | Limit::Without(key) = limit
                        && key.0.len() > DERIVED_KEY_LEN_MAX
                    {
                        return Err(Refusal::of(Kind::TooLarge));
                    }
                }
                let start = match first {
                    Limit::None => Vec::new(),
                    Limit::With(key) => key.0.clone(),
                    Limit::Without(key) => with(key),
                };
                let end = match last {
                    Limit::None => None,
                    Limit::With(key) => Some(with(key)),
                    Limit::Without(key) => Some(key.0.clone()),
                };
                Range { start, end }
            }
        };
        match &range.end {
            Some(end) if range.start > *end => Err(Refusal::of(Kind::Invalid)),
            _ => Ok(range),
        }
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end.as_ref() == Some(&self.start)
    }
}

/// The first key behind all that start with `prefix`; `None` if there is none.
fn past_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    loop {
        match end.pop()? {
            0xff => {}
            byte => {
                end.push(byte + 1);
                return Some(end);
            }
        }
    }
}

/// What a range shows of a record: a counter that cannot be worked out is refused only where its value is read.
pub(super) struct Seen {
    pub(super) beside: Beside,
    pub(super) value: Result<Vec<u8>, Refusal>,
}

/// The records of a range as a reader sees them: `seen` are all keys with what is to be seen of each, in
/// order.
pub(super) fn listed(
    seen: Vec<(Vec<u8>, Seen)>,
    order: Order,
    values: Values,
    take: Option<usize>,
) -> Vec<Result<Found, Refusal>> {
    let ordered: Box<dyn Iterator<Item = _>> = match order {
        Order::Forward => Box::new(seen.into_iter()),
        Order::Reverse => Box::new(seen.into_iter().rev()),
    };
    let taken = ordered.take(take.unwrap_or(usize::MAX)).enumerate();
    taken
        .map(|(place, (key, seen))| {
            let value = if values.reads(place) { Some(Bytes(seen.value?)) } else { None };
            let Beside { expires_at, user_byte } = seen.beside;
            Ok(Found { key: Bytes(key), value, expires_at, user_byte })
        })
        .collect()
}

impl Values {
    /// Whether the value of the record at this place of a range is read.
    pub(super) fn reads(self, place: usize) -> bool {
        match self {
            Values::Every => true,
            Values::None => false,
            Values::EveryOther => place.is_multiple_of(2),
        }
    }
}

impl Place {
    pub(super) fn index(&self) -> usize {
        usize::from(self.keyspace) % KEYSPACES
    }

    /// Refused for a key that cannot be written.
    pub(super) fn check_written(&self) -> Result<(), Refusal> {
        check_key(&self.key.0, KEY_LEN_MAX)
    }
}

impl Span {
    pub(super) fn index(&self) -> usize {
        usize::from(self.keyspace) % KEYSPACES
    }
}

/// Refused for a key that cannot be read.
pub(super) fn check_read(key: &[u8]) -> Result<(), Refusal> {
    check_key(key, DERIVED_KEY_LEN_MAX)
}

pub(super) fn check_value(len: usize) -> Result<(), Refusal> {
    if len <= VALUE_LEN_MAX { Ok(()) } else { Err(Refusal::of(Kind::TooLarge)) }
}

/// Refused for an expiry that means never where it is stored.
pub(super) fn check_beside(beside: Beside) -> Result<(), Refusal> {
    if beside.expires_at == Some(0) { Err(Refusal::of(Kind::Invalid)) } else { Ok(()) }
}

fn check_key(key: &[u8], len_max: usize) -> Result<(), Refusal> {
    match key.len() {
        0 => Err(Refusal::of(Kind::Invalid)),
        len if len > len_max => Err(Refusal::of(Kind::TooLarge)),
        _ => Ok(()),
    }
}
