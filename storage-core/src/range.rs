//! Ranges of keys, half open, in unsigned byte order.

use std::ops::{Bound, RangeBounds};

use crate::error::{Error, Escaped, Kind, Result};
use crate::key::{Key, ToTuple, prefix_end};
use crate::limits;

/// Which end of a range is read first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the smallest key to the largest.
    #[default]
    Forward,
    /// From the largest key to the smallest: the exact mirror.
    Reverse,
}

/// The keys from `start` on, up to `end` and without it; without an end, all that follow.
///
/// ```
/// use storage_core::KeyRange;
///
/// let range = KeyRange::of("a".."c")?;
/// assert!(range.contains(b"a") && range.contains(b"bz") && !range.contains(b"c"));
/// assert!(KeyRange::prefix(b"user:").contains(b"user:7"));
/// assert!(KeyRange::of("c".."a").is_err());
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange {
    start: Key,
    end: Option<Key>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        KeyRange { start: Key::new(), end: None }
    }

    /// The keys between two bounds.
    ///
    /// Empty where they meet; `Invalid` where the first is past the second; `TooLarge` where a bound is longer than
    /// any key can be.
    pub fn of<T: AsRef<[u8]>>(bounds: impl RangeBounds<T>) -> Result<Self> {
        let start = match bounds.start_bound() {
            Bound::Unbounded => Key::new(),
            Bound::Included(key) => bound(key.as_ref())?,
            Bound::Excluded(key) => successor(bound(key.as_ref())?),
        };
        let end = match bounds.end_bound() {
            Bound::Unbounded => None,
            Bound::Included(key) => Some(successor(bound(key.as_ref())?)),
            Bound::Excluded(key) => Some(bound(key.as_ref())?),
        };
        match &end {
            Some(end) if start > *end => Err(Error::invalid(format!(
                "range is reversed: it starts at {} and ends at {}",
                Escaped(&start),
                Escaped(end)
            ))),
            _ => Ok(KeyRange { start, end }),
        }
    }

    /// The keys that start with `prefix`, itself included.
    pub fn prefix(prefix: &[u8]) -> Self {
        KeyRange { start: Key::from(prefix), end: prefix_end(prefix) }
    }

    /// The keys that are tuples starting with `tuple`, itself included.
    ///
    /// It cannot be escaped: `("a",)` holds `("a", 1)`, never `("a\0", 1)` or `("ab", 1)`. `Invalid` for a tuple with a
    /// number that only the commit knows.
    ///
    /// ```
    /// use storage_core::{Key, KeyRange};
    ///
    /// let range = KeyRange::within(&("a",))?;
    /// assert!(range.contains(&Key::of(&("a", 1))?));
    /// assert!(!range.contains(&Key::of(&("a\0", 1))?));
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn within<T: ToTuple + ?Sized>(tuple: &T) -> Result<Self> {
        let start = Key::of(tuple)?;
        if start.is_empty() {
            return Ok(KeyRange::all());
        }
        // Behind a tuple follows a type code, and none is 0xff; what does follow so is an escaped NUL.
        let mut end = start.clone();
        end.push(0xff);
        Ok(KeyRange { start, end: Some(end) })
    }

    /// One key.
    pub fn point(key: &[u8]) -> Self {
        KeyRange { start: Key::from(key), end: Some(successor(Key::from(key))) }
    }

    /// No key.
    pub(crate) fn nothing() -> Self {
        KeyRange { start: Key::new(), end: Some(Key::new()) }
    }

    pub(crate) fn from_parts(start: Key, end: Option<Key>) -> Self {
        KeyRange { start, end }
    }

    /// The smallest key that can be in it; empty for a range that starts at the beginning.
    pub fn start(&self) -> &Key {
        &self.start
    }

    /// The first key behind it; `None` if it has no end.
    pub fn end(&self) -> Option<&Key> {
        self.end.as_ref()
    }

    /// Whether `key` lies in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && self.is_before_end(key)
    }

    /// Whether `key` lies before its end.
    pub fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether a key can lie in both.
    pub fn overlaps(&self, other: &KeyRange) -> bool {
        !self.is_empty()
            && !other.is_empty()
            && self.is_before_end(&other.start)
            && other.is_before_end(&self.start)
    }

    /// The part of it up to `key` and with it.
    #[must_use]
    pub fn through(&self, key: &[u8]) -> Self {
        self.before(&successor(Key::from(key)))
    }

    /// The part of it from `key` on.
    #[must_use]
    pub fn from(&self, key: &[u8]) -> Self {
        self.starting(Key::from(key))
    }

    /// The part from `start` on, which is empty where `start` lies behind the end.
    fn starting(&self, start: Key) -> Self {
        let start = start.max(self.start.clone());
        let start = match &self.end {
            Some(end) if *end < start => end.clone(),
            _ => start,
        };
        KeyRange { start, end: self.end.clone() }
    }

    /// The part of it behind `key`.
    #[must_use]
    pub fn after(&self, key: &[u8]) -> Self {
        self.starting(successor(Key::from(key)))
    }

    /// The part of it before `key`.
    #[must_use]
    pub fn before(&self, key: &[u8]) -> Self {
        let key = Key::from(key);
        let end = match &self.end {
            Some(end) if *end < key => end.clone(),
            _ => key,
        };
        KeyRange { start: self.start.clone(), end: Some(end.max(self.start.clone())) }
    }
}

/// A key at which a range begins or ends. `TooLarge` where it is longer than any key can be.
pub(crate) fn bound(key: &[u8]) -> Result<Key> {
    if key.len() <= limits::DERIVED_KEY_LEN_MAX {
        return Ok(Key::from(key));
    }
    Err(Error::new(
        Kind::TooLarge,
        format!("range bound is {} bytes, limit is {}", key.len(), limits::DERIVED_KEY_LEN_MAX),
    ))
}

/// The smallest key greater than `key`.
fn successor(mut key: Key) -> Key {
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_become_half_open() {
        let range = KeyRange::of::<&str>((Bound::Excluded("a"), Bound::Included("b"))).unwrap();
        assert!(!range.contains(b"a") && range.contains(b"a\0") && range.contains(b"b"));
        assert!(!range.contains(b"b\0"));
        assert!(KeyRange::of("a".."a").unwrap().is_empty());
        assert_eq!(KeyRange::of::<&str>("b".."a").unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn a_prefix_of_ones_has_no_end() {
        assert!(KeyRange::prefix(&[0xff, 0xff]).contains(&[0xff, 0xff, 0xff]));
        assert!(!KeyRange::prefix(&[0xff, 0xff]).contains(&[0xff]));
    }

    #[test]
    fn ranges_overlap_where_a_key_lies_in_both() {
        let range = |start: &str, end: &str| KeyRange::of(start..end).unwrap();
        assert!(range("a", "c").overlaps(&range("b", "d")));
        assert!(!range("a", "b").overlaps(&range("b", "c")));
        assert!(!range("a", "a").overlaps(&KeyRange::all()));
        assert!(KeyRange::all().overlaps(&range("a", "b")));
    }

    #[test]
    fn parts_stay_inside() {
        let range = KeyRange::of("b".."f").unwrap();
        assert_eq!(range.after(b"a"), range);
        assert_eq!(range.before(b"z"), range);
        assert!(!range.after(b"c").contains(b"c") && range.after(b"c").contains(b"c\0"));
        assert!(!range.before(b"c").contains(b"c") && range.before(b"c").contains(b"b"));
        for outside in [range.before(b"a"), range.after(b"z"), range.through(b"a"), range.from(b"z")] {
            assert!(outside.is_empty() && outside.end().is_some_and(|end| end >= outside.start()));
        }
    }
}
