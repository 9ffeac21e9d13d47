//! A walk through a range of an index, leaf by leaf.
//!
//! It goes on where the leaf it was given ended, not where the next leaf was then: what splits, joins or goes in
//! between cannot make it skip a key or meet one twice.

use std::ops::Range;

use storage_core::{Direction, Key, KeyRange};
use triomphe::Arc;

use super::leaf::{Leaf, Slot};
use super::order::lower;
use super::Index;

/// A position in an index.
#[derive(Debug)]
pub(crate) struct Walk<'a, S> {
    index: &'a Index<S>,
    direction: Direction,
    /// Where the range ends in the direction of the walk.
    limit: Option<Key>,
    /// Where the next leaf begins, or in reverse where it ends; none after the last.
    resume: Option<Key>,
    leaf: Arc<Leaf<S>>,
    /// The slots of the leaf that were not walked yet.
    rest: Range<usize>,
}

impl<'a, S: Slot> Walk<'a, S> {
    /// A walk that begins at one end of a range.
    pub(crate) fn new(index: &'a Index<S>, range: &KeyRange, direction: Direction) -> Self {
        let leaf = Arc::new(Leaf::new(Key::new()));
        let mut walk = Walk { index, direction, limit: None, resume: None, leaf, rest: 0..0 };
        if range.is_empty() {
            return walk;
        }
        match direction {
            Direction::Forward => {
                walk.limit = range.end().cloned();
                walk.enter_from(range.start());
            }
            Direction::Reverse => {
                walk.limit = Some(range.start().clone());
                walk.enter_before(range.end());
            }
        }
        walk
    }

    /// The slots of the leaf that it stands in.
    #[inline]
    pub(crate) fn slots(&self) -> &[S] {
        self.leaf.slots()
    }

    /// The position of the next slot in [`Walk::slots`]; none at the end.
    #[inline]
    pub(crate) fn step(&mut self) -> Option<usize> {
        loop {
            let next = match self.direction {
                Direction::Forward => self.rest.next(),
                Direction::Reverse => self.rest.next_back(),
            };
            if next.is_some() || !self.enter_next() {
                return next;
            }
        }
    }

    /// The positions of the next slots, at most `len` and all of one leaf; none at the end.
    pub(crate) fn stretch(&mut self, len: usize) -> Option<Range<usize>> {
        while self.rest.is_empty() {
            if !self.enter_next() {
                return None;
            }
        }
        let Range { start, end } = self.rest.clone();
        let len = len.min(end - start);
        Some(match self.direction {
            Direction::Forward => {
                self.rest.start += len;
                start..start + len
            }
            Direction::Reverse => {
                self.rest.end -= len;
                end - len..end
            }
        })
    }

    #[cold]
    fn enter_next(&mut self) -> bool {
        let Some(key) = self.resume.take() else { return false };
        match self.direction {
            Direction::Forward => self.enter_from(&key),
            Direction::Reverse => self.enter_before(Some(&key)),
        }
        true
    }

    fn enter_from(&mut self, start: &Key) {
        let tree = self.index.0.read();
        let (leaf, next) = tree.leaf_of(start);
        let leaf = Arc::clone(leaf);
        self.resume = next.filter(|&next| self.limit.as_ref().is_none_or(|limit| next < limit)).cloned();
        drop(tree);
        self.leaf = leaf;
        let slots = self.leaf.slots();
        let end = match &self.limit {
            Some(limit) if self.resume.is_none() => lower(slots, limit),
            _ => slots.len(),
        };
        self.rest = lower(slots, start)..end;
    }

    fn enter_before(&mut self, end: Option<&Key>) {
        let leaf = Arc::clone(self.index.0.read().leaf_before(end.map(Key::as_slice)));
        self.leaf = leaf;
        let bound = self.leaf.bound();
        self.resume = self.limit.as_ref().filter(|&limit| bound > limit).map(|_| bound.clone());
        let slots = self.leaf.slots();
        let start = match &self.limit {
            Some(limit) if self.resume.is_none() => lower(slots, limit),
            _ => 0,
        };
        self.rest = start..end.map_or(slots.len(), |end| lower(slots, end));
    }
}
