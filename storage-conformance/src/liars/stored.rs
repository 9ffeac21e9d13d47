//! The lies about what is stored: under which key, with which stamp, and whether at all.

use std::collections::BTreeMap;
use std::ops::Bound;

use storage_core::{
    Batch, Change, Key, KeyRange, Keyspace, KeyspaceKind, Payload, Record, Result, STAMP_LEN, Stamp, Write,
};

use super::lie::Lie;

/// The longest value of a liar that cuts them.
const VALUE_LEN_MAX: usize = 4096;

/// Where the records of a keyspace are kept.
pub(super) fn keyspace_of(lie: Option<Lie>, keyspace: Keyspace) -> Keyspace {
    match lie {
        Some(Lie::OneKeyspace) if keyspace.kind() == KeyspaceKind::Data => {
            Keyspace::new("all_in_one").expect("the name is legal")
        }
        _ => keyspace,
    }
}

/// Under which key a record is kept.
pub(super) fn key_of(lie: Option<Lie>, key: &[u8]) -> Key {
    match lie {
        Some(Lie::KeysEndAtNul) => {
            let end = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
            Key::from(&key[..end.max(1)])
        }
        Some(Lie::KeysFoldCase) => Key::from(key.to_ascii_lowercase()),
        _ => Key::from(key),
    }
}

/// Whether a reader is told of a record.
pub(super) fn told<V: AsRef<[u8]>>(lie: Option<Lie>, record: &Record<V>) -> bool {
    lie != Some(Lie::EmptyIsAbsent) || !record.value.as_ref().is_empty()
}

/// What is written of a batch.
pub(super) fn written(
    lie: Option<Lie>,
    batch: &Batch,
    newest: impl Fn(Keyspace, &[u8]) -> Result<Option<Record<Payload>>>,
) -> Result<Batch> {
    let mut writes = BTreeMap::new();
    let count = match lie {
        Some(Lie::HalfOfABatch) => batch.writes.len().div_ceil(2),
        _ => batch.writes.len(),
    };
    for write in &batch.writes[..count] {
        let place = (keyspace_of(lie, write.keyspace), key_of(lie, &write.key));
        let change = match &write.change {
            Change::Delete if lie == Some(Lie::LostDelete) => continue,
            Change::Delete => Change::Delete,
            Change::Put(record) => {
                let old = if lie == Some(Lie::StickyValue) { newest(place.0, &place.1)? } else { None };
                if old.is_some_and(|old| old.value.len() == record.value.len()) {
                    continue;
                }
                Change::Put(changed(lie, record))
            }
        };
        if lie == Some(Lie::RangeDeletesLast) && is_range_deleted(batch, write) {
            writes.insert(place, Change::Delete);
        } else {
            writes.insert(place, change);
        }
    }
    let mut written = Batch::default();
    written.writes =
        writes.into_iter().map(|((keyspace, key), change)| Write { keyspace, key, change }).collect();
    if lie != Some(Lie::LostRangeDelete) {
        for (keyspace, range) in &batch.range_deletes {
            let range = match (lie, range.end()) {
                (Some(Lie::RangeDeleteTakesItsEnd), Some(end)) => with_end(range.start(), end)?,
                _ => range.clone(),
            };
            written.range_deletes.push((keyspace_of(lie, *keyspace), range));
        }
    }
    Ok(written)
}

/// The range from `start` to `end`, which is in it.
pub(super) fn with_end(start: &Key, end: &Key) -> Result<KeyRange> {
    KeyRange::of::<&[u8]>((Bound::Included(start.as_slice()), Bound::Included(end.as_slice())))
}

fn is_range_deleted(batch: &Batch, write: &Write) -> bool {
    batch
        .range_deletes
        .iter()
        .any(|(keyspace, range)| *keyspace == write.keyspace && range.contains(&write.key))
}

/// A record as it is stored. The places in the stamp are those of its documentation.
fn changed(lie: Option<Lie>, record: &Record<Payload>) -> Record<Payload> {
    let mut stamp: [u8; STAMP_LEN] = *record.stamp.as_bytes();
    match lie {
        Some(Lie::NoExpiry) => stamp[8..16].fill(0),
        Some(Lie::NoUserByte) => stamp[17] = 0,
        Some(Lie::CutValues) => {
            let len = record.value.len().min(VALUE_LEN_MAX);
            return Record { stamp: record.stamp, value: Payload::new(&record.value[..len]) };
        }
        _ => return record.clone(),
    }
    Record { stamp: Stamp::from_bytes(stamp), value: record.value.clone() }
}
