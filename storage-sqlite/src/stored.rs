//! Records as they stand in a row.

use rusqlite::Row;
use rusqlite::types::ValueRef;
use storage_core::{STAMP_LEN, Stamp};

/// The stamp in a column. A row that another program wrote has none. One of another length gets a stamp of zeros, whose
/// checksum holds for no record, so that core reports that record.
pub(crate) fn stamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Stamp> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Stamp::unverified(),
        ValueRef::Blob(bytes) => {
            bytes.try_into().map_or(Stamp::from_bytes([0; STAMP_LEN]), Stamp::from_bytes)
        }
        _ => Stamp::from_bytes([0; STAMP_LEN]),
    })
}

/// The bytes in a column.
pub(crate) fn bytes<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r [u8]> {
    row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)
}

/// The bytes in a column; `None` where it is null.
pub(crate) fn bytes_or_null<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r [u8]>> {
    row.get_ref(column)?.as_blob_or_null().map_err(rusqlite::Error::from)
}
