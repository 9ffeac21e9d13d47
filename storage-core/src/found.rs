//! What a read returns: the bytes of a record that was verified, is live, and is unpacked.

use std::fmt;
use std::ops::Deref;

use crate::capabilities::Checksums;
use crate::clock::Timestamp;
use crate::codec::compress;
use crate::error::Result;
use crate::keyspace::Keyspace;
use crate::limits::VALUE_LEN_MAX;
use crate::record::{Memo, Payload, Record, Stamp, Value};

/// The value of a record and what is kept beside it. It derefs to the bytes that were put.
pub struct Found<V> {
    stamp: Stamp,
    body: Body<V>,
}

enum Body<V> {
    /// As the engine returned it.
    Stored(V),
    /// Written by this transaction, or unpacked.
    Own(Payload),
}

impl<V: Value> Found<V> {
    pub(crate) fn own(record: Record<Payload>) -> Self {
        Found { stamp: record.stamp, body: Body::Own(record.value) }
    }

    /// When the record stops being visible; `None` if never.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.stamp.expires_at()
    }

    /// The byte that the application keeps beside the value; 0 unless it was set.
    pub fn user_byte(&self) -> u8 {
        self.stamp.user_byte()
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    pub(crate) fn memo(&self) -> Option<&Memo> {
        match &self.body {
            Body::Stored(value) => value.memo(),
            Body::Own(payload) => payload.memo(),
        }
    }
}

impl<V: AsRef<[u8]>> Deref for Found<V> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.body {
            Body::Stored(value) => value.as_ref(),
            Body::Own(payload) => payload,
        }
    }
}

impl<V: AsRef<[u8]>> AsRef<[u8]> for Found<V> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<V: AsRef<[u8]>> PartialEq<[u8]> for Found<V> {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl<V: AsRef<[u8]>> fmt::Debug for Found<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({} bytes, {:?})", self.len(), self.stamp)
    }
}

/// What core checks before it believes a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) checksums: Checksums,
}

impl Admission {
    /// For records that this process made and has not stored yet: there is nothing to verify.
    pub(crate) fn unsealed() -> Self {
        Admission { checksums: Checksums::Skipped }
    }

    /// Believes the stamp, or names the record whose stamp is damaged.
    #[inline]
    pub(crate) fn check_stamp(self, keyspace: Keyspace, key: &[u8], stamp: &Stamp) -> Result<()> {
        match self.checksums {
            Checksums::Skipped => Ok(()),
            Checksums::Verified => stamp.verify_head(keyspace, key),
        }
    }

    /// Believes the value of a record whose stamp was checked, and unpacks it.
    #[inline]
    pub(crate) fn admit<V: Value>(
        self,
        keyspace: Keyspace,
        key: &[u8],
        record: Record<V>,
    ) -> Result<Found<V>> {
        let unpacked = self.unpack(&record.stamp, record.value.as_ref());
        let body = match unpacked.map_err(|error| error.at(keyspace, key))? {
            Some(bytes) => Body::Own(Payload::new(&bytes)),
            None => Body::Stored(record.value),
        };
        Ok(Found { stamp: record.stamp, body })
    }

    /// Believes a value that is taken over as it is stored.
    pub(crate) fn check_value(
        self,
        keyspace: Keyspace,
        key: &[u8],
        stamp: &Stamp,
        value: &[u8],
    ) -> Result<()> {
        match self.checksums {
            Checksums::Skipped => Ok(()),
            Checksums::Verified => stamp.verify_value(value).map_err(|error| error.at(keyspace, key)),
        }
    }

    /// The unpacked bytes of a value that is compressed; `None` for one that is stored as it was put.
    ///
    /// The error does not name the record yet.
    #[inline]
    pub(crate) fn unpack(self, stamp: &Stamp, value: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.checksums == Checksums::Verified {
            stamp.verify_value(value)?;
        }
        if !stamp.is_compressed() {
            return Ok(None);
        }
        compress::decompress(value, VALUE_LEN_MAX).map(Some)
    }

    /// The stamp as it is stored: sealed, where the engine's records are verified.
    #[inline]
    pub(crate) fn seal(self, keyspace: Keyspace, key: &[u8], stamp: Stamp, value: &[u8]) -> Stamp {
        match self.checksums {
            Checksums::Skipped => stamp,
            Checksums::Verified => stamp.sealed(keyspace, key, value),
        }
    }
}
