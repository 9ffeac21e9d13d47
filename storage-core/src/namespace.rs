//! Namespaces: parts of a keyspace that cannot reach each other, as for tenants of one application.
//!
//! The name is packed as the first element of a tuple, and a byte that never follows an element's end by chance closes
//! it: no name with any key behind it reads as another name.

use std::fmt;

use crate::attributes::Attributes;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::found::Found;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::limits::{KEY_LEN_MAX, check_key_len};
use crate::options::TransactOptions;
use crate::range::{Direction, KeyRange};
use crate::read::{Get, Read};
use crate::scan::Range;
use crate::transaction::Transaction;

/// Closes a packed name. Behind a NUL inside a name stands 0xff, so this can be any other byte.
const CLOSING: u8 = 0x01;

/// A part of a keyspace under a name: its keys go in and come out as if they were alone.
///
/// Any bytes name one, and none can be escaped from: whatever the keys, `a` holds nothing of `ab` or of `a\0`. A key
/// and its prefix together stay within the limit of keys: the prefix is the name, a byte more for each NUL in it, and
/// three. Errors name keys as they stand in the keyspace.
///
/// Typed tables need none: a tuple key that begins with the name does the same, and [`KeyRange::within`] is its part.
///
/// ```
/// use storage_core::{Database, Direction, KeyRange, Keyspace, Namespace};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let notes = Keyspace::new("notes")?;
/// let (ann, bob) = (Namespace::new(notes, "ann")?, Namespace::new(notes, "bob")?);
/// db.transact(|txn| {
///     ann.put(txn, "today", "buy milk")?;
///     bob.put(txn, "today", "sell milk")
/// })?;
/// assert_eq!(&*ann.get(&db, "today")?.expect("it was put"), b"buy milk");
/// db.transact(|txn| ann.delete_all(txn))?;
/// let snapshot = db.snapshot()?;
/// assert!(ann.range(&snapshot, &KeyRange::all(), Direction::Forward)?.keys()?.is_empty());
/// assert_eq!(bob.range(&snapshot, &KeyRange::all(), Direction::Forward)?.keys()?[0].as_slice(), b"today");
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    keyspace: Keyspace,
    prefix: Key,
}

impl Namespace {
    /// The part of a keyspace under a name. `Invalid` for an empty name, `TooLarge` for one that leaves no place for
    /// keys.
    pub fn new(keyspace: Keyspace, name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::invalid("namespace name is empty, shortest is 1 byte").in_keyspace(keyspace));
        }
        let mut prefix = Key::of(name)?;
        prefix.push(CLOSING);
        match prefix.len() < KEY_LEN_MAX {
            true => Ok(Namespace { keyspace, prefix }),
            false => Err(too_long(prefix.len() + 1).in_keyspace(keyspace)),
        }
    }

    /// The keyspace of which it is a part.
    pub fn keyspace(&self) -> Keyspace {
        self.keyspace
    }

    /// A key of it as it stands in the keyspace, for the calls that are not here: counters, sequences, templates.
    ///
    /// `Invalid` for an empty key, `TooLarge` where the prefix makes it longer than keys can be.
    pub fn key(&self, key: impl AsRef<[u8]>) -> Result<Key> {
        let key = key.as_ref();
        check_key_len(self.keyspace, key.len())?;
        let full = self.prefixed(key);
        check_key_len(self.keyspace, full.len())
            .map_err(|_| too_long(full.len()).in_keyspace(self.keyspace))?;
        Ok(full)
    }

    /// A range of it as it stands in the keyspace, such as a watch takes.
    pub fn key_range(&self, range: &KeyRange) -> Result<KeyRange> {
        let start = self.prefixed(range.start());
        match range.end() {
            Some(end) => KeyRange::of(start..self.prefixed(end)),
            None => KeyRange::of(start..self.end()),
        }
    }

    /// The key in it that a key of the keyspace stands for; `None` for a key that is not in it.
    pub fn cut<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        key.strip_prefix(self.prefix.as_slice())
    }

    /// The value of a key; `None` if there is none or it has expired.
    pub fn get<'f, G: Get>(&self, from: &'f G, key: impl AsRef<[u8]>) -> Result<Option<Found<G::Value<'f>>>> {
        from.get_record(self.keyspace, &self.key(key)?)
    }

    /// The records of a range, with their keys as they are in it.
    pub fn range<'r, R: Read>(
        &self,
        from: &'r R,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Range<'r, <R::Engine as Engine>::Snapshot>> {
        let records = from.read_range(self.keyspace, self.key_range(range)?, direction)?;
        Ok(records.cutting(self.prefix.len()))
    }

    /// Puts a value, whether the key has one or not. It never expires.
    pub fn put<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.put_with(txn, key, value, Attributes::new())
    }

    /// Puts a value with what is kept beside it.
    pub fn put_with<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<()> {
        txn.put_with(self.keyspace, self.key(key)?, value, attributes)
    }

    /// Puts a value at once, as a transaction of its own.
    pub fn put_now<E: Engine>(
        &self,
        db: &Database<E>,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: impl Into<TransactOptions>,
    ) -> Result<()> {
        db.put_with(self.keyspace, self.key(key)?, value, Attributes::new(), options)
    }

    /// Deletes a record. Nothing happens if it is not there.
    pub fn delete<E: Engine>(&self, txn: &mut Transaction<'_, E>, key: impl AsRef<[u8]>) -> Result<()> {
        txn.delete(self.keyspace, self.key(key)?)
    }

    /// Deletes a record at once, durably. Nothing happens if it is not there.
    pub fn delete_now<E: Engine>(&self, db: &Database<E>, key: impl AsRef<[u8]>) -> Result<()> {
        db.delete(self.keyspace, self.key(key)?)
    }

    /// Deletes every record of a range. An empty range touches nothing.
    pub fn delete_range<E: Engine>(&self, txn: &mut Transaction<'_, E>, range: &KeyRange) -> Result<()> {
        txn.delete_range(self.keyspace, self.key_range(range)?)
    }

    /// Deletes every record in it.
    pub fn delete_all<E: Engine>(&self, txn: &mut Transaction<'_, E>) -> Result<()> {
        self.delete_range(txn, &KeyRange::all())
    }

    fn prefixed(&self, key: &[u8]) -> Key {
        let mut full = self.prefix.clone();
        full.extend_from_slice(key);
        full
    }

    /// The first key behind all of its own.
    fn end(&self) -> Key {
        let mut end = self.prefix.clone();
        end.truncate(end.len() - 1);
        end.push(CLOSING + 1);
        end
    }
}

fn too_long(len: usize) -> Error {
    Error::new(
        Kind::TooLarge,
        format!("key is {len} bytes with the prefix of its namespace, limit is {KEY_LEN_MAX}"),
    )
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({}, {:?})", self.keyspace.name(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_begins_another() {
        let keyspace = Keyspace::new("notes").unwrap();
        let mut names = vec![vec![]];
        for _ in 0..3 {
            let longer = names.iter().flat_map(|name: &Vec<u8>| {
                [0, 1, 2, b'a', 0xfe, 0xff].map(|byte| [name.as_slice(), &[byte]].concat())
            });
            names = names.iter().cloned().chain(longer).collect();
            names.sort();
            names.dedup();
        }
        let spaces: Vec<_> = names[1..].iter().map(|name| Namespace::new(keyspace, name).unwrap()).collect();
        for (at, one) in spaces.iter().enumerate() {
            for (other_at, other) in spaces.iter().enumerate() {
                assert!(at == other_at || !one.prefix.starts_with(&other.prefix), "{one:?} {other:?}");
            }
        }
        assert!(
            spaces.is_sorted_by(|one, next| one.prefix < next.prefix),
            "they stand in the order of names"
        );
    }
}
