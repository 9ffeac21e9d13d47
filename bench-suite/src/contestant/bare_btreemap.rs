//! `bare-btreemap`: an ordered map behind one lock, as people write it by hand when ranges are needed.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};

use super::{Appends, Entry, Points, Ranges, Snapshots, Subject, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
use crate::workload::{Class, Setting};

type Map = BTreeMap<Box<[u8]>, Arc<[u8]>>;

/// A `BTreeMap` of bytes, and one of numbers for the sequence.
#[derive(Debug)]
pub struct BareBtreemap {
    map: RwLock<Map>,
    sequence: RwLock<BTreeMap<u64, Arc<[u8]>>>,
}

impl Subject for BareBtreemap {
    const TAG: Tag = Tag { engine: "bare-btreemap", mode: None, class: Class::Memory };

    fn open(_: &Setting) -> Outcome<Self> {
        Ok(BareBtreemap { map: RwLock::default(), sequence: RwLock::default() })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("library", "std".to_owned()), ("lock", "parking_lot::RwLock".to_owned())]
    }
}

fn put_into(map: &mut Map, key: &[u8], value: Arc<[u8]>) {
    match map.get_mut(key) {
        Some(place) => *place = value,
        None => {
            map.insert(Box::from(key), value);
        }
    }
}

impl Points for BareBtreemap {
    type Value = Arc<[u8]>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Self::Value>> {
        Ok(self.map.read().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let value = Arc::from(value);
        put_into(&mut self.map.write(), key, value);
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        Ok(self.map.write().remove(key).is_some())
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        let mut map = self.map.write();
        for entry in entries {
            put_into(&mut map, &entry.key, Arc::from(&entry.value[..]));
        }
        Ok(())
    }

    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        let mut map = self.map.write();
        for entry in entries {
            map.insert(Box::from(&entry.key[..]), Arc::from(&entry.value[..]));
        }
        Ok(())
    }
}

impl Ranges for BareBtreemap {
    /// Under the read lock: writers wait until the range is walked.
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize> {
        let map = self.map.read();
        let mut count = 0;
        match walk {
            Walk::Up => {
                for (key, value) in
                    map.range::<[u8], _>((Bound::Included(start), Bound::Unbounded)).take(limit)
                {
                    visit(key, value);
                    count += 1;
                }
            }
            Walk::Down => {
                let down = map.range::<[u8], _>((Bound::Unbounded, Bound::Included(start))).rev();
                for (key, value) in down.take(limit) {
                    visit(key, value);
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}

impl Snapshots for BareBtreemap {
    /// The read lock: the state cannot change, because nobody can write.
    type Snapshot<'a> = RwLockReadGuard<'a, Map>;

    fn snapshot(&self) -> Outcome<Self::Snapshot<'_>> {
        Ok(self.map.read())
    }

    fn get_in(snapshot: &Self::Snapshot<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool> {
        Ok(snapshot.get(key).map(|value| visit(value)).is_some())
    }
}

impl Transfers for BareBtreemap {
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()> {
        let mut map = self.map.write();
        let (Some(giver), Some(taker)) = (map.get(from), map.get(to)) else {
            return Err(Failure::new("an account is missing"));
        };
        let (giver, taker) = moved(giver, taker, amount)?;
        put_into(&mut map, from, Arc::from(giver));
        put_into(&mut map, to, Arc::from(taker));
        Ok(())
    }
}

impl Appends for BareBtreemap {
    fn append(&self, value: &[u8]) -> Outcome<u64> {
        let value = Arc::from(value);
        let mut sequence = self.sequence.write();
        let number = sequence.last_key_value().map_or(1, |(last, _)| last + 1);
        sequence.insert(number, value);
        Ok(number)
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        Ok(self.sequence.read().keys().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{
        points_hold_what_was_put, ranges_go_both_ways, sequence_has_no_gap, transfers_move_the_amount,
    };
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareBtreemap>();
    }

    #[test]
    fn appends_without_a_gap() {
        sequence_has_no_gap::<BareBtreemap>();
    }

    #[test]
    fn ranges_begin_with_the_start_and_go_both_ways() {
        ranges_go_both_ways::<BareBtreemap>();
    }

    #[test]
    fn a_transfer_moves_the_amount() {
        transfers_move_the_amount::<BareBtreemap>();
    }
}
