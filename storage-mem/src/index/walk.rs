//! A walk through a range of an index, leaf by leaf.
//!
//! It goes on where the leaf it was given ended, not where the next leaf was then: what splits, joins or goes in
//! between cannot make it skip a key or meet one twice.

use std::ops::Range;

use storage_core::{Direction, Key, KeyRange};
use triomphe::Arc;

use super::Index;
use super::leaf::{Leaf, Slot};
use super::order::lower;

/// A position in an index.
#[derive(Debug)]
pub(crate) struct Walk<'a, S> {
    index: &'a Index<S>,
    direction: Direction,
    /// Where the range ends in the direction of the walk; only a forward one may be without.
    limit: Option<Key>,
    entered: Entered<S>,
}

/// A leaf and what of it is to be walked.
#[derive(Debug)]
pub(super) struct Entered<S> {
    leaf: Arc<Leaf<S>>,
    /// The slots that were not walked yet.
    rest: Range<usize>,
    /// Where the next leaf begins, or in reverse where it ends; none after the last.
    resume: Option<Key>,
}

impl<'a, S: Slot> Walk<'a, S> {
    /// A walk that begins at one end of a range; none through an empty range.
    pub(crate) fn new(index: &'a Index<S>, range: &KeyRange, direction: Direction) -> Option<Self> {
        if range.is_empty() {
            return None;
        }
        let (limit, entered) = match direction {
            Direction::Forward => {
                let limit = range.end().cloned();
                let entered = index.enter_from(range.start(), limit.as_ref());
                (limit, entered)
            }
            Direction::Reverse => {
                (Some(range.start().clone()), index.enter_before(range.end(), range.start()))
            }
        };
        Some(Walk { index, direction, limit, entered })
    }

    pub(crate) fn direction(&self) -> Direction {
        self.direction
    }

    /// The slots of the leaf that it stands in.
    #[inline]
    pub(crate) fn slots(&self) -> &[S] {
        self.entered.leaf.slots()
    }

    /// The position of the next slot in [`Walk::slots`]; none at the end.
    #[inline]
    pub(crate) fn step(&mut self) -> Option<usize> {
        loop {
            let next = match self.direction {
                Direction::Forward => self.entered.rest.next(),
                Direction::Reverse => self.entered.rest.next_back(),
            };
            if next.is_some() || !self.enter_next() {
                return next;
            }
        }
    }

    /// The positions of the next slots, at most `len` and all of one leaf; none at the end.
    pub(crate) fn stretch(&mut self, len: usize) -> Option<Range<usize>> {
        while self.entered.rest.is_empty() {
            if !self.enter_next() {
                return None;
            }
        }
        let Range { start, end } = self.entered.rest.clone();
        let len = len.min(end - start);
        Some(match self.direction {
            Direction::Forward => {
                self.entered.rest.start += len;
                start..start + len
            }
            Direction::Reverse => {
                self.entered.rest.end -= len;
                end - len..end
            }
        })
    }

    #[cold]
    fn enter_next(&mut self) -> bool {
        let Some(key) = self.entered.resume.take() else { return false };
        let entered = match (self.direction, &self.limit) {
            (Direction::Reverse, Some(start)) => self.index.enter_before(Some(&key), start),
            (_, limit) => self.index.enter_from(&key, limit.as_ref()),
        };
        self.entered = entered;
        true
    }
}

impl<S: Slot> Index<S> {
    /// Enters the leaf where the keys from `start` on begin, up to `end`.
    fn enter_from(&self, start: &Key, end: Option<&Key>) -> Entered<S> {
        let tree = self.0.read();
        let (leaf, next) = tree.leaf_of(start);
        let leaf = Arc::clone(leaf);
        let resume = next.filter(|&next| end.is_none_or(|end| next < end)).cloned();
        drop(tree);
        let slots = leaf.slots();
        let to = match end {
            Some(end) if resume.is_none() => lower(slots, end),
            _ => slots.len(),
        };
        let rest = lower(slots, start)..to;
        Entered { leaf, rest, resume }
    }

    /// Enters the leaf where the keys before `end` end, down to `start`.
    fn enter_before(&self, end: Option<&Key>, start: &Key) -> Entered<S> {
        let leaf = Arc::clone(self.0.read().leaf_before(end.map(Key::as_slice)));
        let resume = Some(leaf.bound()).filter(|&bound| bound > start).cloned();
        let slots = leaf.slots();
        let from = if resume.is_none() { lower(slots, start) } else { 0 };
        let rest = from..end.map_or(slots.len(), |end| lower(slots, end));
        Entered { leaf, rest, resume }
    }
}
