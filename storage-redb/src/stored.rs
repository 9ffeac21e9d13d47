//! What stands in a table: the stamp, and the value behind it. Reading splits the two where they lie.

use std::fmt;

use redb::{AccessGuard, OwnedAccessGuard};
use storage_core::{Error, Key, Keyspace, Kind, Memo, Payload, Record, Result, STAMP_LEN, Stamp, Value};

use crate::error::NAME;

/// The type of keys and values in tables.
pub(crate) type Bytes = &'static [u8];

/// A value lent by a snapshot, in the page where redb keeps it.
pub struct RedbValue<'a>(AccessGuard<'a, Bytes>);

/// A value that outlives the call that read it.
///
/// It is not copied out of redb's page, so as long as it is held, the state that it was read from is kept on disk.
pub struct RedbOwned(OwnedAccessGuard<Bytes>);

/// The record of a lent value. `Corrupt` for one that is shorter than a stamp.
#[inline]
pub(crate) fn lent<'a>(
    keyspace: Keyspace,
    key: &[u8],
    guard: AccessGuard<'a, Bytes>,
) -> Result<Record<RedbValue<'a>>> {
    let stamp = stamp(guard.value()).ok_or_else(|| too_short(keyspace, key, guard.value()))?;
    Ok(Record { stamp, value: RedbValue(guard) })
}

/// The record of an owned value. `Corrupt` for one that is shorter than a stamp.
#[inline]
pub(crate) fn owned(
    keyspace: Keyspace,
    key: &[u8],
    guard: OwnedAccessGuard<Bytes>,
) -> Result<Record<RedbOwned>> {
    let stamp = stamp(guard.value()).ok_or_else(|| too_short(keyspace, key, guard.value()))?;
    Ok(Record { stamp, value: RedbOwned(guard) })
}

/// Puts a record into `room` as it is stored.
pub(crate) fn write_into(room: &mut Vec<u8>, record: &Record<Payload>) {
    room.clear();
    room.extend_from_slice(record.stamp.as_bytes());
    room.extend_from_slice(&record.value);
}

#[inline]
fn stamp(stored: &[u8]) -> Option<Stamp> {
    stored.first_chunk().copied().map(Stamp::from_bytes)
}

#[cold]
fn too_short(keyspace: Keyspace, key: &[u8], stored: &[u8]) -> Error {
    let message = format!("what is stored is {} bytes, a stamp alone is {STAMP_LEN}", stored.len());
    Error::new(Kind::Corrupt, message).in_engine(NAME).at(keyspace, key)
}

/// The entry on which a cursor stands.
pub(crate) struct Entry<'a> {
    key: AccessGuard<'a, Bytes>,
    value: RedbValue<'a>,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn new(key: AccessGuard<'a, Bytes>, value: AccessGuard<'a, Bytes>) -> Self {
        Entry { key, value: RedbValue(value) }
    }

    /// Looks at both once, where redb may still panic: what it lends of a damaged page can reach beyond it.
    #[inline]
    pub(crate) fn touch(&self) {
        self.key.value();
        self.value.0.value();
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.key.value()
    }

    /// Its stamp. One that is too short to have one gets a stamp of zeros, whose checksum holds for no record, so that
    /// core reports that record and the cursor goes on behind it.
    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        stamp(self.value.0.value()).unwrap_or(Stamp::from_bytes([0; STAMP_LEN]))
    }

    #[inline]
    pub(crate) fn value(&self, keyspace: Keyspace) -> Result<&RedbValue<'a>> {
        match self.value.0.value().len() < STAMP_LEN {
            false => Ok(&self.value),
            true => Err(too_short(keyspace, self.key(), self.value.0.value())),
        }
    }
}

/// Who reads the bytes has been given a stamp, so one is there.
const WHOLE: &str = "a value is handed out only behind its stamp";

impl AsRef<[u8]> for RedbValue<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.0.value().get(STAMP_LEN..).expect(WHOLE)
    }
}

impl AsRef<[u8]> for RedbOwned {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.0.value().get(STAMP_LEN..).expect(WHOLE)
    }
}

impl Value for RedbValue<'_> {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl Value for RedbOwned {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl fmt::Debug for RedbValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbValue({} bytes)", self.as_ref().len())
    }
}

impl fmt::Debug for RedbOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedbOwned({} bytes)", self.as_ref().len())
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(key of {} bytes)", self.key().len())
    }
}

/// The bounds of a range as redb takes them. The range is not empty.
pub(crate) fn bounds<'k>(
    start: &'k Key,
    end: Option<&'k Key>,
) -> (std::ops::Bound<&'k [u8]>, std::ops::Bound<&'k [u8]>) {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let start = if start.is_empty() { Unbounded } else { Included(start.as_slice()) };
    (start, end.map_or(Unbounded, |end| Excluded(end.as_slice())))
}
