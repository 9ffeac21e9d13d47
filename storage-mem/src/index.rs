//! The ordered index of a keyspace: a map of leaves that readers walk without a lock.
//!
//! A reader takes the lock only to find a leaf and share it; a writer changes a leaf in place while no reader shares
//! it, and a copy otherwise. So no reader ever sees a leaf change, and none waits for a writer but to find a leaf. What
//! a reader's snapshot can see is in every leaf it is given, since the records of a live snapshot are not removed.

mod leaf;
mod order;
mod tree;
mod walk;

use storage_core::{Direction, KeyRange};

use tree::Tree;

use crate::sync::RwLock;

pub(crate) use leaf::Slot;
pub(crate) use order::{Keyed, Prefix};
pub(crate) use tree::Fate;
pub(crate) use walk::Walk;

/// An ordered map from keys to slots.
#[derive(Debug)]
pub(crate) struct Index<S>(RwLock<Tree<S>>);

impl<S: Slot> Index<S> {
    pub(crate) fn new() -> Self {
        Index(RwLock::new(Tree::new()))
    }

    /// What `read` makes of the slot of a key, under the lock.
    pub(crate) fn read<T>(&self, key: &[u8], read: impl FnOnce(&S) -> T) -> Option<T> {
        self.0.read().find(key).map(read)
    }

    /// Changes the slot of a key by `value`, or puts the one that `make` makes of it where there is none.
    pub(crate) fn upsert<V>(
        &self,
        key: &[u8],
        value: V,
        change: impl FnOnce(&mut S, V),
        make: impl FnOnce(V) -> S,
    ) {
        self.0.write().upsert(key, value, change, make);
    }

    /// Changes the slot of a key, if there is one, and returns it if it had to go.
    pub(crate) fn edit(&self, key: &[u8], change: impl FnOnce(&mut S) -> Fate) -> Option<S> {
        self.0.write().edit(key, change)
    }

    /// Shows every slot in a range, in order.
    pub(crate) fn visit(&self, range: &KeyRange, mut visit: impl FnMut(&S)) {
        let Some(mut walk) = Walk::new(self, range, Direction::Forward) else { return };
        while let Some(at) = walk.step() {
            visit(&walk.slots()[at]);
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A slot that is nothing but its key, in leaves so small that every test splits and joins them.
    #[derive(Clone, Debug, PartialEq)]
    struct Bare(Vec<u8>);

    impl Keyed for Bare {
        fn prefix(&self) -> Prefix {
            Prefix::of(&self.0)
        }

        fn key(&self) -> &[u8] {
            &self.0
        }
    }

    impl Slot for Bare {
        const LEAF_LEN: usize = 4;
    }

    fn insert(index: &Index<Bare>, key: &[u8]) {
        index.upsert(key, (), |_, ()| {}, |()| Bare(key.to_vec()));
    }

    fn remove(index: &Index<Bare>, key: &[u8]) -> bool {
        index.edit(key, |_| Fate::Remove).is_some()
    }

    fn walk<'a>(index: &'a Index<Bare>, range: &KeyRange, direction: Direction) -> Keys<'a> {
        Keys(Walk::new(index, range, direction))
    }

    struct Keys<'a>(Option<Walk<'a, Bare>>);

    impl Iterator for Keys<'_> {
        type Item = Vec<u8>;

        fn next(&mut self) -> Option<Vec<u8>> {
            let walk = self.0.as_mut()?;
            let at = walk.step()?;
            Some(walk.slots()[at].key().to_vec())
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Vec<u8>),
        Remove(Vec<u8>),
        /// Removes all keys from one on, at most so many.
        Drain(Vec<u8>, usize),
        Read(Vec<u8>, Vec<u8>),
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (0..600_u16).prop_map(|number| number.to_be_bytes().to_vec()),
            (0..600_u16).prop_map(|number| [[b'x'; 18].as_slice(), &number.to_be_bytes()].concat()),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => key().prop_map(Step::Insert),
            2 => key().prop_map(Step::Remove),
            1 => (key(), 0..200_usize).prop_map(|(key, len)| Step::Drain(key, len)),
            1 => (key(), key()).prop_map(|(one, other)| Step::Read(one.clone().min(other.clone()), one.max(other))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn an_index_holds_what_a_sorted_set_holds(
            first in prop::collection::vec(key(), 0..900),
            steps in prop::collection::vec(step(), 1..120),
        ) {
            let index = Index::new();
            let mut model = BTreeSet::new();
            for step in first.into_iter().map(Step::Insert).chain(steps) {
                match step {
                    Step::Insert(key) => {
                        insert(&index, &key);
                        model.insert(key);
                    }
                    Step::Remove(key) => prop_assert_eq!(remove(&index, &key), model.remove(&key)),
                    Step::Drain(from, len) => {
                        let going: Vec<_> = model.range(from..).take(len).cloned().collect();
                        for key in going {
                            prop_assert!(remove(&index, &key));
                            model.remove(&key);
                        }
                    }
                    Step::Read(start, end) => {
                        let range = KeyRange::of(&*start..&*end).unwrap();
                        let forward: Vec<_> = walk(&index, &range, Direction::Forward).collect();
                        let expected: Vec<_> = model.range(start.clone()..end).cloned().collect();
                        prop_assert_eq!(&forward, &expected);
                        let mut reverse: Vec<_> = walk(&index, &range, Direction::Reverse).collect();
                        reverse.reverse();
                        prop_assert_eq!(reverse, expected);
                        prop_assert_eq!(index.read(&start, Bare::clone), model.get(&start).cloned().map(Bare));
                    }
                }
            }
            let all: Vec<_> = walk(&index, &KeyRange::all(), Direction::Forward).collect();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }

        /// Between two steps of a walk the leaves around it split, join and go. The keys that stay are all met.
        #[test]
        fn a_walk_meets_every_key_that_stays(
            staying in prop::collection::btree_set(key(), 1..120),
            noise in prop::collection::vec((key(), any::<bool>()), 0..800),
            reverse in any::<bool>(),
        ) {
            let index = Index::new();
            staying.iter().for_each(|key| insert(&index, key));
            let direction = if reverse { Direction::Reverse } else { Direction::Forward };
            let mut noise = noise.into_iter().filter(|(key, _)| !staying.contains(key));
            let mut met = Vec::new();
            for key in walk(&index, &KeyRange::all(), direction) {
                met.push(key);
                for (key, comes) in noise.by_ref().take(9) {
                    if comes {
                        insert(&index, &key);
                    } else {
                        remove(&index, &key);
                    }
                }
            }
            if reverse { met.reverse() }
            prop_assert!(met.windows(2).all(|pair| pair[0] < pair[1]));
            met.retain(|key| staying.contains(key));
            prop_assert_eq!(met, staying.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_in_order_leave_full_leaves() {
        let index = Index::new();
        (0..400_u16).for_each(|number| insert(&index, &number.to_be_bytes()));
        let mut walk = Walk::new(&index, &KeyRange::all(), Direction::Forward).unwrap();
        let mut leaves = Vec::new();
        while let Some(stretch) = walk.stretch(usize::MAX) {
            leaves.push(stretch.len());
        }
        assert_eq!(leaves, [Bare::LEAF_LEN; 100]);
    }
}
