//! Records: a value and the stamp that core puts beside it.
//!
//! The stamp carries everything core must know of a record before it may believe its value: two checksums, the expiry,
//! how the value is encoded. Engines keep it beside the value and never look inside.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crc32fast::Hasher;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::keyspace::Keyspace;

/// A stored value and its stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<V> {
    /// What core keeps beside the value.
    pub stamp: Stamp,
    /// The stored bytes.
    pub value: V,
}

/// The length of a stamp in bytes.
pub const STAMP_LEN: usize = 24;

/// What core keeps beside a value: [`STAMP_LEN`] bytes that an engine stores and returns unchanged.
///
/// | bytes | hold |
/// |---|---|
/// | 0-3 | CRC-32 (IEEE) over keyspace, key and the rest of the stamp |
/// | 4-7 | CRC-32 (IEEE) over the value as stored |
/// | 8-15 | expiry in nanoseconds since 1970, 0 for never |
/// | 16 | flags: 1 compressed with lz4, 2 counter, 4 checksums present |
/// | 17 | the user byte |
/// | 18-19 | the schema version of a table's value |
/// | 20 | codec: 0 raw, 1 bincode, 2 JSON |
/// | 21-23 | zero; `ext` for a row that another program wrote |
///
/// All numbers are little-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; STAMP_LEN]);

const FLAG_LZ4: u8 = 1;
const FLAG_COUNTER: u8 = 2;
const FLAG_CHECKED: u8 = 4;

impl Stamp {
    /// The stamp of a raw value that never expires, not sealed.
    pub(crate) const fn new() -> Self {
        Stamp([0; STAMP_LEN])
    }

    /// The stamp of a row that another program wrote: nothing about it can be verified.
    pub const fn unverified() -> Self {
        let mut bytes = [0; STAMP_LEN];
        bytes[21] = b'e';
        bytes[22] = b'x';
        bytes[23] = b't';
        Stamp(bytes)
    }

    /// The stamp of these stored bytes.
    ///
    /// Core verifies it when the record is read, so an engine hands over what it found.
    pub const fn from_bytes(bytes: [u8; STAMP_LEN]) -> Self {
        Stamp(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; STAMP_LEN] {
        &self.0
    }

    /// When the record stops being visible; `None` if never.
    #[inline]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.expiry_nanos() {
            0 => None,
            nanos => Some(Timestamp::from_nanos(nanos)),
        }
    }

    /// Whether the record is visible at `now`: it expires at its expiry, not after it.
    #[inline]
    pub fn is_live(&self, now: impl FnOnce() -> Timestamp) -> bool {
        match self.expiry_nanos() {
            0 => true,
            nanos => now().as_nanos() < nanos,
        }
    }

    /// The byte that the application keeps beside the value; 0 unless it was set.
    pub fn user_byte(&self) -> u8 {
        self.0[17]
    }

    #[inline]
    fn expiry_nanos(&self) -> u64 {
        u64::from_le_bytes(self.0[8..16].try_into().expect("eight bytes"))
    }

    pub(crate) fn codec(&self) -> u8 {
        self.0[20]
    }

    /// The schema version of a table's value; 0 for any other.
    #[inline]
    pub(crate) fn schema(&self) -> u16 {
        u16::from_le_bytes([self.0[18], self.0[19]])
    }

    #[inline]
    pub(crate) fn is_compressed(&self) -> bool {
        self.0[16] & FLAG_LZ4 != 0
    }

    pub(crate) fn is_counter(&self) -> bool {
        self.0[16] & FLAG_COUNTER != 0
    }

    #[must_use]
    pub(crate) fn with_expiry(mut self, at: Option<Timestamp>) -> Self {
        self.0[8..16].copy_from_slice(&at.map_or(0, Timestamp::as_nanos).to_le_bytes());
        self
    }

    #[must_use]
    pub(crate) fn with_user_byte(mut self, byte: u8) -> Self {
        self.0[17] = byte;
        self
    }

    #[must_use]
    pub(crate) fn with_codec(mut self, id: u8) -> Self {
        self.0[20] = id;
        self
    }

    #[must_use]
    pub(crate) fn with_schema(mut self, version: u16) -> Self {
        self.0[18..20].copy_from_slice(&version.to_le_bytes());
        self
    }

    #[must_use]
    pub(crate) fn compressed(mut self) -> Self {
        self.0[16] |= FLAG_LZ4;
        self
    }

    #[must_use]
    pub(crate) fn counter(mut self) -> Self {
        self.0[16] |= FLAG_COUNTER;
        self
    }

    /// The same stamp with both checksums.
    #[must_use]
    pub(crate) fn sealed(mut self, keyspace: Keyspace, key: &[u8], value: &[u8]) -> Self {
        self.0[16] |= FLAG_CHECKED;
        self.0[4..8].copy_from_slice(&crc32fast::hash(value).to_le_bytes());
        let head = self.head_checksum(keyspace, key);
        self.0[0..4].copy_from_slice(&head.to_le_bytes());
        self
    }

    /// Checks that this is the stamp of this record, and that the value is the one it was made for.
    ///
    /// Core does so whenever it reads; this is for an engine that checks what it stores. `Corrupt` if anything differs.
    /// A row that another program wrote without a stamp passes.
    pub fn verify(&self, keyspace: Keyspace, key: &[u8], value: &[u8]) -> Result<()> {
        self.verify_head(keyspace, key)?;
        self.verify_value(value).map_err(|error| error.at(keyspace, key))
    }

    /// Checks the stamp itself, before its expiry or flags are believed.
    pub(crate) fn verify_head(&self, keyspace: Keyspace, key: &[u8]) -> Result<()> {
        if *self == Stamp::unverified() || self.0[0..4] == self.head_checksum(keyspace, key).to_le_bytes() {
            return Ok(());
        }
        Err(Error::new(Kind::Corrupt, "checksum of the record's stamp differs").at(keyspace, key))
    }

    /// Checks the value against the stamp, whose head was verified.
    pub(crate) fn verify_value(&self, value: &[u8]) -> Result<()> {
        if self.0[16] & FLAG_CHECKED == 0 || self.0[4..8] == crc32fast::hash(value).to_le_bytes() {
            return Ok(());
        }
        Err(Error::new(Kind::Corrupt, "checksum of the value differs"))
    }

    fn head_checksum(&self, keyspace: Keyspace, key: &[u8]) -> u32 {
        let mut hasher = Hasher::new_with_initial(keyspace.name_checksum());
        let mut room = [0; HEAD_LEN_USUAL];
        // One run over both is faster than two.
        match room.get_mut(..key.len() + STAMP_LEN - 4) {
            Some(head) => {
                head[..key.len()].copy_from_slice(key);
                head[key.len()..].copy_from_slice(&self.0[4..]);
                hasher.update(head);
            }
            None => {
                hasher.update(key);
                hasher.update(&self.0[4..]);
            }
        }
        hasher.finalize()
    }
}

/// Most keys are so short that they fit here with the rest of a stamp.
const HEAD_LEN_USUAL: usize = 96;

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp")
            .field("expires_at", &self.expires_at())
            .field("flags", &self.0[16])
            .field("user_byte", &self.user_byte())
            .field("codec", &self.codec())
            .finish_non_exhaustive()
    }
}

/// Stored bytes as an engine returns them.
pub trait Value: AsRef<[u8]> {
    /// The place beside the bytes for their decoded form, on engines that keep one; `None` elsewhere.
    fn memo(&self) -> Option<&Memo>;
}

impl Value for &[u8] {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl Value for Vec<u8> {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl Value for Payload {
    fn memo(&self) -> Option<&Memo> {
        Some(&self.0.header)
    }
}

impl Value for &Payload {
    fn memo(&self) -> Option<&Memo> {
        Some(&self.0.header)
    }
}

/// A decoded value of any type, shared by all who read the same bytes.
pub type Decoded = Arc<dyn Any + Send + Sync>;

/// A place for one decoded value, filled once.
#[derive(Default)]
pub struct Memo(OnceLock<Decoded>);

impl Memo {
    /// The decoded value, if one of this type is there.
    #[inline]
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::downcast(self.decoded()?).ok()
    }

    /// The decoded value, if one is there.
    #[inline]
    pub fn decoded(&self) -> Option<Decoded> {
        self.0.get().cloned()
    }

    /// Keeps a decoded value, unless one is there already.
    pub fn set<T: Any + Send + Sync>(&self, value: Arc<T>) {
        // Another reader decoded the same bytes first: its value serves as well.
        drop(self.0.set(value));
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Memo(set)" } else { "Memo(empty)" })
    }
}

/// Immutable bytes in one shared allocation, with a place for their decoded form.
///
/// A batch carries its values so; an engine that keeps values in memory can keep this very allocation.
#[derive(Clone)]
pub struct Payload(triomphe::Arc<triomphe::HeaderSlice<Memo, [u8]>>);

impl Payload {
    /// A copy of `bytes`, without a decoded form.
    pub fn new(bytes: &[u8]) -> Self {
        Payload(triomphe::Arc::from_header_and_slice(Memo::default(), bytes))
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0.slice
    }
}

impl AsRef<[u8]> for Payload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes, {:?})", self.len(), self.0.header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_sealed_record_is_found() {
        let keyspace = Keyspace::new("stamped").unwrap();
        let (key, value) = (b"key".as_slice(), b"value".as_slice());
        let stamp = Stamp::new().with_expiry(Some(Timestamp::from_nanos(7))).sealed(keyspace, key, value);
        stamp.verify_head(keyspace, key).unwrap();
        stamp.verify_value(value).unwrap();
        for bit in 0..STAMP_LEN * 8 {
            let mut bytes = *stamp.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Stamp::from_bytes(bytes).verify_head(keyspace, key).is_err(), "bit {bit}");
        }
        for bit in 0..value.len() * 8 {
            let mut bytes = value.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(stamp.verify_value(&bytes).is_err(), "bit {bit}");
        }
        assert!(stamp.verify_head(keyspace, b"kez").is_err());
        assert!(stamp.verify_head(Keyspace::new("elsewhere").unwrap(), key).is_err());
    }

    #[test]
    fn a_record_expires_at_its_expiry() {
        let stamp = Stamp::new().with_expiry(Some(Timestamp::from_nanos(10)));
        assert!(stamp.is_live(|| Timestamp::from_nanos(9)));
        assert!(!stamp.is_live(|| Timestamp::from_nanos(10)));
        assert!(Stamp::new().is_live(|| Timestamp::MAX));
    }

    #[test]
    fn a_memo_is_shared_by_the_clones_of_a_payload() {
        let payload = Payload::new(b"abc");
        let clone = payload.clone();
        payload.memo().unwrap().set(Arc::new(3_u32));
        assert_eq!(clone.memo().unwrap().get::<u32>().as_deref(), Some(&3));
        assert!(clone.memo().unwrap().get::<u64>().is_none());
    }
}
