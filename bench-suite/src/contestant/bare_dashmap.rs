//! `bare-dashmap`: a concurrent hash map with its default hasher, as people write a cache by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::{Appends, Entry, Points, Subject, Tag};
use crate::failure::Outcome;
use crate::workload::{Class, Setting};

/// Its name.
pub const TAG: Tag = Tag { engine: "bare-dashmap", mode: None, class: Class::Memory };

/// A `DashMap` of bytes, and one of numbers for the sequence.
#[derive(Debug)]
pub struct BareDashmap {
    map: DashMap<Box<[u8]>, Arc<[u8]>>,
    sequence: DashMap<u64, Arc<[u8]>>,
    next: AtomicU64,
}

impl Subject for BareDashmap {
    const TAG: Tag = TAG;

    fn open(_: &Setting) -> Outcome<Self> {
        Ok(BareDashmap { map: DashMap::new(), sequence: DashMap::new(), next: AtomicU64::new(1) })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("library", "dashmap".to_owned()),
            ("hasher", std::any::type_name_of_val(self.map.hasher()).to_owned()),
        ]
    }
}

impl Points for BareDashmap {
    type Value = Arc<[u8]>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Self::Value>> {
        Ok(self.map.get(key).map(|found| Arc::clone(found.value())))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let value = Arc::from(value);
        // Most puts meet a record; writing into its place saves the allocation of the key.
        match self.map.get_mut(key) {
            Some(mut place) => *place = value,
            None => {
                self.map.insert(Box::from(key), value);
            }
        }
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        Ok(self.map.remove(key).is_some())
    }

    /// One by one: a reader may see a part.
    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        entries.iter().try_for_each(|entry| self.put(&entry.key, &entry.value))
    }

    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        for entry in entries {
            self.map.insert(Box::from(&entry.key[..]), Arc::from(&entry.value[..]));
        }
        Ok(())
    }
}

impl Appends for BareDashmap {
    /// A reader may see a number before the one below it: the counter and the map are two things.
    fn append(&self, value: &[u8]) -> Outcome<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.sequence.insert(number, Arc::from(value));
        Ok(number)
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        let mut numbers: Vec<u64> = self.sequence.iter().map(|record| *record.key()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{points_hold_what_was_put, sequence_has_no_gap};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareDashmap>();
    }

    #[test]
    fn appends_without_a_gap() {
        sequence_has_no_gap::<BareDashmap>();
    }
}
