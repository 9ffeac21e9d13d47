//! Values by keyspace and key, in order: what a transaction is about to write.
//!
//! Most transactions write a handful of records, and one sorted vector costs them one allocation; a large one goes on in
//! a tree for each keyspace.

use std::collections::{BTreeMap, btree_map};
use std::ops::Bound;
use std::slice;

use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::KeyRange;

/// Beyond so many, inserting into a vector costs more than a tree.
const FEW_MAX: usize = 24;

/// The first allocation: a record with two index entries and an expiry fits.
const FEW_FIRST: usize = 4;

#[derive(Debug)]
pub(crate) enum Sorted<T> {
    Few(Vec<Slot<T>>),
    Many(BTreeMap<Keyspace, BTreeMap<Key, T>>),
}

#[derive(Debug)]
pub(crate) struct Slot<T> {
    keyspace: Keyspace,
    key: Key,
    value: T,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Sorted::Few(Vec::new())
    }
}

impl<T> Sorted<T> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Sorted::Few(slots) => slots.is_empty(),
            Sorted::Many(trees) => trees.values().all(BTreeMap::is_empty),
        }
    }

    pub(crate) fn get(&self, keyspace: Keyspace, key: &[u8]) -> Option<&T> {
        match self {
            Sorted::Few(slots) => place(slots, keyspace, key).ok().map(|at| &slots[at].value),
            Sorted::Many(trees) => trees.get(&keyspace)?.get(key),
        }
    }

    /// Puts a value in place of the one before.
    pub(crate) fn insert(&mut self, keyspace: Keyspace, key: Key, value: T) {
        match self {
            Sorted::Few(slots) => match place(slots, keyspace, &key) {
                Ok(at) => slots[at].value = value,
                Err(at) if slots.len() < FEW_MAX => {
                    if slots.capacity() == 0 {
                        slots.reserve_exact(FEW_FIRST);
                    }
                    slots.insert(at, Slot { keyspace, key, value });
                }
                Err(_) => {
                    let mut trees = BTreeMap::<_, BTreeMap<_, _>>::new();
                    for slot in slots.drain(..) {
                        trees.entry(slot.keyspace).or_default().insert(slot.key, slot.value);
                    }
                    trees.entry(keyspace).or_default().insert(key, value);
                    *self = Sorted::Many(trees);
                }
            },
            Sorted::Many(trees) => {
                trees.entry(keyspace).or_default().insert(key, value);
            }
        }
    }

    /// Forgets the values in a range.
    pub(crate) fn remove_range(&mut self, keyspace: Keyspace, range: &KeyRange) {
        match self {
            Sorted::Few(slots) => {
                slots.retain(|slot| slot.keyspace != keyspace || !range.contains(&slot.key));
            }
            Sorted::Many(trees) => {
                if let Some(tree) = trees.get_mut(&keyspace) {
                    tree.retain(|key, _| !range.contains(key));
                }
            }
        }
    }

    /// The values in a range, in order from either end. The range is not empty.
    pub(crate) fn range(&self, keyspace: Keyspace, range: &KeyRange) -> Iter<'_, T> {
        match self {
            Sorted::Few(slots) => {
                let start = slots.partition_point(|slot| {
                    (slot.keyspace, slot.key.as_slice()) < (keyspace, range.start().as_slice())
                });
                let inside = |slot: &Slot<T>| slot.keyspace == keyspace && range.is_before_end(&slot.key);
                let end = start + slots[start..].partition_point(inside);
                Iter::Few(slots[start..end].iter())
            }
            Sorted::Many(trees) => match trees.get(&keyspace) {
                None => Iter::Few([].iter()),
                Some(tree) => {
                    let end = range.end().map_or(Bound::Unbounded, Bound::Excluded);
                    Iter::Many(tree.range::<Key, _>((Bound::Included(range.start()), end)))
                }
            },
        }
    }

    /// Takes every value out, by keyspace and key, and keeps what `make` makes of them.
    ///
    /// A few take the room of the values that they are made of.
    pub(crate) fn into_vec<U>(self, mut make: impl FnMut(Keyspace, Key, T) -> Option<U>) -> Vec<U> {
        match self {
            Sorted::Few(slots) => {
                slots.into_iter().filter_map(|slot| make(slot.keyspace, slot.key, slot.value)).collect()
            }
            Sorted::Many(trees) => {
                let mut all = Vec::with_capacity(trees.values().map(BTreeMap::len).sum());
                for (keyspace, tree) in trees {
                    all.extend(tree.into_iter().filter_map(|(key, value)| make(keyspace, key, value)));
                }
                all
            }
        }
    }
}

fn place<T>(slots: &[Slot<T>], keyspace: Keyspace, key: &[u8]) -> Result<usize, usize> {
    slots.binary_search_by(|slot| (slot.keyspace, slot.key.as_slice()).cmp(&(keyspace, key)))
}

/// The values of a range.
#[derive(Debug)]
pub(crate) enum Iter<'a, T> {
    Few(slice::Iter<'a, Slot<T>>),
    Many(btree_map::Range<'a, Key, T>),
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (&'a Key, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Few(slots) => slots.next().map(|slot| (&slot.key, &slot.value)),
            Iter::Many(tree) => tree.next(),
        }
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Few(slots) => slots.next_back().map(|slot| (&slot.key, &slot.value)),
            Iter::Many(tree) => tree.next_back(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyspace(number: u8) -> Keyspace {
        Keyspace::new(&format!("sorted_{number}")).unwrap()
    }

    proptest! {
        #[test]
        fn few_and_many_are_the_same_map(
            steps in prop::collection::vec((0..3_u8, 0..60_u8, any::<bool>()), 0..120),
        ) {
            let mut sorted = Sorted::default();
            let mut model = BTreeMap::new();
            for (at, (space, key, put)) in steps.into_iter().enumerate() {
                if put || key > 3 {
                    sorted.insert(keyspace(space), Key::from(&[key]), at);
                    model.insert((keyspace(space), vec![key]), at);
                } else {
                    let range = KeyRange::of(vec![key]..vec![key + 9]).unwrap();
                    sorted.remove_range(keyspace(space), &range);
                    model.retain(|(other, key), _| *other != keyspace(space) || !range.contains(key));
                }
            }
            for space in 0..3 {
                let range = KeyRange::of(vec![5]..vec![40]).unwrap();
                let inside = |(other, key): &(Keyspace, Vec<u8>)| *other == keyspace(space) && range.contains(key);
                let due: Vec<_> = model.iter().filter(|(key, _)| inside(key)).map(|(_, at)| *at).collect();
                let found: Vec<_> = sorted.range(keyspace(space), &range).map(|(_, at)| *at).collect();
                prop_assert_eq!(&found, &due);
                let mut back: Vec<_> = sorted.range(keyspace(space), &range).rev().map(|(_, at)| *at).collect();
                back.reverse();
                prop_assert_eq!(back, due);
                for key in 0..60 {
                    prop_assert_eq!(sorted.get(keyspace(space), &[key]), model.get(&(keyspace(space), vec![key])));
                }
            }
            let all = sorted.into_vec(|space, key, at| Some(((space, key.into_vec()), at)));
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }
}
