//! A row as it stands in a table: the stamp and the value, each in its column.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use storage_core::{Error, Keyspace, Kind, Record, Result, STAMP_LEN, Stamp};

use crate::error::NAME;

/// The stamp in a column; that of an unverified record where another program left none.
///
/// `None` for what is no stamp.
#[inline]
pub(crate) fn stamp(row: &Row<'_>, column: usize) -> Option<Stamp> {
    match row.get_ref(column).ok()? {
        ValueRef::Blob(bytes) => bytes.try_into().ok().map(Stamp::from_bytes),
        ValueRef::Null => Some(Stamp::unverified()),
        _ => None,
    }
}

/// The bytes in a column; `None` where something else stands.
#[inline]
pub(crate) fn bytes<'r>(row: &'r Row<'_>, column: usize) -> Option<&'r [u8]> {
    match row.get_ref(column).ok()? {
        ValueRef::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

/// The record in a row whose first column is a stamp and whose second is a value.
#[inline]
pub(crate) fn record(keyspace: Keyspace, key: &[u8], row: &Row<'_>) -> Result<Record<Vec<u8>>> {
    let stamp = stamp(row, 0).ok_or_else(|| no_stamp(keyspace, key))?;
    let value = bytes(row, 1).ok_or_else(|| no_bytes(keyspace, key))?;
    Ok(Record { stamp, value: value.to_vec() })
}

#[cold]
pub(crate) fn no_stamp(keyspace: Keyspace, key: &[u8]) -> Error {
    let message = format!("the column `stamp` holds something else than {STAMP_LEN} bytes");
    Error::new(Kind::Corrupt, message).in_engine(NAME).at(keyspace, key)
}

#[cold]
pub(crate) fn no_bytes(keyspace: Keyspace, key: &[u8]) -> Error {
    Error::new(Kind::Corrupt, "the column `value` holds something else than bytes")
        .in_engine(NAME)
        .at(keyspace, key)
}
