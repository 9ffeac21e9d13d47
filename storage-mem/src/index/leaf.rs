//! A leaf: the slots of a stretch of keys, sorted. Shared with readers, so it changes only while nobody reads it.

use storage_core::Key;

use super::order::{Keyed, Prefix, lower};

/// What an index keeps for a key.
pub(crate) trait Slot: Keyed + Clone {
    /// How many of them a leaf holds before it splits: a few pages' worth, so that moving them stays cheap.
    const LEAF_LEN: usize;
}

/// The slots from `bound` on, up to the bound of the next leaf.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<S> {
    bound: Key,
    slots: Vec<S>,
}

impl<S: Slot> Leaf<S> {
    /// An empty leaf for the keys from `bound` on.
    pub(crate) fn new(bound: Key) -> Self {
        Leaf { bound, slots: Vec::new() }
    }

    /// No key in it is smaller. It need not be a key in it.
    pub(crate) fn bound(&self) -> &Key {
        &self.bound
    }

    pub(crate) fn slots(&self) -> &[S] {
        &self.slots
    }

    /// Where the slot of a key is, or would be.
    pub(crate) fn position(&self, key: &[u8]) -> Result<usize, usize> {
        let at = lower(&self.slots, key);
        match self.slots.get(at) {
            Some(slot) if slot.prefix() == Prefix::of(key) && slot.key() == key => Ok(at),
            _ => Err(at),
        }
    }

    pub(crate) fn slot_mut(&mut self, at: usize) -> &mut S {
        &mut self.slots[at]
    }

    /// Puts a slot where [`Leaf::position`] said. Returns a new leaf that follows this one, if it had to split.
    pub(crate) fn insert(&mut self, at: usize, slot: S) -> Option<Self> {
        let len = self.slots.len();
        if len < S::LEAF_LEN {
            self.slots.insert(at, slot);
            return None;
        }
        // Keys that come in order leave full leaves behind, not halves.
        let middle = if at == 0 || at == len { at } else { len / 2 };
        let mut right = self.slots.split_off(middle);
        if at < middle || middle == 0 {
            self.slots.insert(at, slot);
        } else {
            right.insert(at - middle, slot);
        }
        let left_last = self.slots.last().expect("the slot or the lower half went there").key();
        let right_first = right.first().expect("the slot or the upper half went there").key();
        Some(Leaf { bound: separator(left_last, right_first), slots: right })
    }

    pub(crate) fn remove(&mut self, at: usize) -> S {
        self.slots.remove(at)
    }

    /// Takes over the slots of the leaf behind it.
    pub(crate) fn absorb(&mut self, next: &Leaf<S>) {
        self.slots.extend_from_slice(&next.slots);
    }
}

/// The shortest key that is greater than `left` and not greater than `right`.
fn separator(left: &[u8], right: &[u8]) -> Key {
    let common = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    Key::from(&right[..=common])
}
