//! Counters: records that hold a signed number and are added to without being read.

use crate::error::{Error, Kind, Result};
use crate::keyspace::Keyspace;
use crate::record::{Payload, Record, Stamp};

/// A counter as it is stored: eight little-endian bytes, marked in the stamp, not sealed.
pub(crate) fn record(value: i64) -> Record<Payload> {
    Record { stamp: Stamp::new().counter(), value: Payload::new(&value.to_le_bytes()) }
}

/// What a stored counter holds. `Invalid` for any other record.
pub(crate) fn parse(keyspace: Keyspace, key: &[u8], stamp: Stamp, value: &[u8]) -> Result<i64> {
    if !stamp.is_counter() {
        return Err(Error::invalid("the record is not a counter").at(keyspace, key));
    }
    let bytes = <[u8; 8]>::try_from(value)
        .map_err(|_| Error::new(Kind::Corrupt, "a counter is not eight bytes").at(keyspace, key))?;
    Ok(i64::from_le_bytes(bytes))
}

/// The sum; `Invalid` where it leaves the range of an `i64`.
pub(crate) fn add(keyspace: Keyspace, key: &[u8], value: i64, delta: i64) -> Result<i64> {
    value.checked_add(delta).ok_or_else(|| {
        Error::invalid(format!("counter holds {value}, adding {delta} leaves 64 bits")).at(keyspace, key)
    })
}
