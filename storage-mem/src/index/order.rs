//! Searching sorted slices by key, mostly by the first bytes of the keys alone.
//!
//! A key lies behind a pointer or is long; its prefix lies in the slice that is searched. Only where prefixes are
//! equal are keys looked at, so that most searches miss the cache once instead of at every step.

/// The first sixteen bytes of a key as numbers, zeros behind a shorter one. Where two differ, the keys differ alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix {
    high: u64,
    low: u64,
}

const PREFIX_LEN: usize = 16;

impl Prefix {
    #[inline]
    pub(crate) fn of(key: &[u8]) -> Self {
        let bytes: [u8; PREFIX_LEN] = match key.first_chunk() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; PREFIX_LEN];
                bytes[..key.len()].copy_from_slice(key);
                bytes
            }
        };
        let number = u128::from_be_bytes(bytes);
        Prefix { high: (number >> 64) as u64, low: number as u64 }
    }
}

/// What is sorted by a key.
pub(crate) trait Keyed {
    fn prefix(&self) -> Prefix;
    fn key(&self) -> &[u8];
}

/// How many of `items` lie before `key`.
#[inline]
pub(crate) fn lower<T: Keyed>(items: &[T], key: &[u8]) -> usize {
    search(items, key, |one| one < key)
}

/// How many of `items` lie before `key` or at it.
#[inline]
pub(crate) fn upper<T: Keyed>(items: &[T], key: &[u8]) -> usize {
    search(items, key, |one| one <= key)
}

#[inline]
fn search<T: Keyed>(items: &[T], key: &[u8], is_before: impl Fn(&[u8]) -> bool) -> usize {
    let prefix = Prefix::of(key);
    let from = before(items, prefix);
    let rest = &items[from..];
    match rest.first() {
        Some(item) if item.prefix() == prefix && is_before(item.key()) => {
            let alike = rest.partition_point(|item| item.prefix() == prefix);
            from + rest[..alike].partition_point(|item| is_before(item.key()))
        }
        _ => from,
    }
}

/// How many prefixes are smaller.
///
/// Halving a leaf that is not in the cache waits for memory at nearly every step. Here it waits twice: the loads of one
/// in [`STRIDE`] slots do not depend on each other, nor do those between two of them.
#[inline]
fn before<T: Keyed>(items: &[T], prefix: Prefix) -> usize {
    let is_before = |item: &T| item.prefix() < prefix;
    if items.len() > COUNTED_LEN_MAX {
        return items.partition_point(is_before);
    }
    match items.iter().step_by(STRIDE).filter(|item| is_before(item)).count() {
        0 => 0,
        strides => {
            let start = (strides - 1) * STRIDE + 1;
            let end = items.len().min(start + STRIDE - 1);
            start + items[start..end].iter().filter(|item| is_before(item)).count()
        }
    }
}

/// About the root of the length of a leaf: as many loads in the first step as in the second.
const STRIDE: usize = 8;
/// Counting more than this costs more than the waits.
const COUNTED_LEN_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Keyed for Vec<u8> {
        fn prefix(&self) -> Prefix {
            Prefix::of(self)
        }

        fn key(&self) -> &[u8] {
            self
        }
    }

    /// Keys that often share their first sixteen bytes, or differ by zeros at the end.
    fn keys() -> impl Strategy<Value = Vec<u8>> {
        let tail = prop::collection::vec(prop::sample::select(vec![0, 1, 0xff]), 0..5);
        (prop::sample::select(vec![0, 3, 15, 16, 17]), tail).prop_map(|(len, tail)| {
            let mut key = vec![b'a'; len];
            key.extend(tail);
            key
        })
    }

    proptest! {
        #[test]
        fn searching_by_prefix_finds_what_comparing_keys_finds(
            items in prop::collection::btree_set(keys(), 0..400),
            key in keys(),
        ) {
            let items: Vec<_> = items.into_iter().collect();
            prop_assert_eq!(lower(&items, &key), items.partition_point(|item| *item < key));
            prop_assert_eq!(upper(&items, &key), items.partition_point(|item| *item <= key));
        }
    }
}
