//! Typed keys: tuples packed so that the order of the bytes is the order of the tuples.
//!
//! The format is that of the FoundationDB tuple layer, byte for byte: a type code, then a form of the value
//! that sorts as it does and tells its own end. So a tuple's bytes start with those of every shorter tuple
//! that it starts with.

use uuid::Uuid;

use crate::error::Result;
use crate::key::Key;
use crate::key::decoder::Decoder;
use crate::key::template::{Form, Holes, Slot};

/// The type codes of the tuple layer. Those missing are deprecated, reserved, or versionstamps, which a
/// commit fills in otherwise here.
pub(super) mod code {
    pub const NULL: u8 = 0x00;
    pub const BYTES: u8 = 0x01;
    pub const STRING: u8 = 0x02;
    pub const NESTED: u8 = 0x05;
    /// A negative integer of more than eight bytes.
    pub const NEGATIVE_LONG: u8 = 0x0b;
    /// Zero. `n` more is a positive integer of `n` bytes, `n` less a negative one.
    pub const INTEGER_ZERO: u8 = 0x14;
    pub const INTEGER_MIN: u8 = INTEGER_ZERO - 8;
    pub const INTEGER_MAX: u8 = INTEGER_ZERO + 8;
    /// A positive integer of more than eight bytes.
    pub const POSITIVE_LONG: u8 = 0x1d;
    pub const FLOAT: u8 = 0x20;
    pub const DOUBLE: u8 = 0x21;
    pub const FALSE: u8 = 0x26;
    pub const TRUE: u8 = 0x27;
    pub const UUID: u8 = 0x30;
    /// Follows a zero byte that does not end a string or a nested tuple. It is no type code.
    pub const ESCAPE: u8 = 0xff;
}

/// What can be packed into a key: a single value, or a tuple of them.
///
/// A tuple inside a tuple is flattened: `((1, 2), 3)` packs as `(1, 2, 3)`. [`Nested`](crate::key::Nested)
/// keeps it together. The unit packs into nothing, the prefix of every key.
///
/// ```
/// use storage_core::key::{Element, Encoder, Key, ToTuple};
///
/// struct UserId(u64);
///
/// impl Element for UserId {}
///
/// impl ToTuple for UserId {
///     fn pack(&self, to: &mut Encoder<'_>) {
///         to.put_u64(self.0);
///     }
/// }
///
/// assert!(Key::of(&(UserId(9), "z"))? < Key::of(&(UserId(10), "a"))?);
/// # Ok::<(), storage_core::Error>(())
/// ```
pub trait ToTuple {
    /// Adds its elements at the encoder's end.
    fn pack(&self, to: &mut Encoder<'_>);
}

/// What can be read back from a key.
pub trait FromTuple: Sized {
    /// Takes its elements from the decoder's front. `Corrupt` if they are not there.
    fn unpack(from: &mut Decoder<'_>) -> Result<Self>;
}

/// A value that packs into exactly one element, and never into a null.
///
/// Only these can be optional: anything else could not be told from its absence.
pub trait Element {}

/// The tuple, or single value, that was packed into `bytes`.
///
/// `Corrupt` if the bytes are not exactly one such tuple.
///
/// ```
/// use storage_core::key::unpack;
///
/// assert_eq!(unpack::<(bool, i64)>(b"\x27\x13\xfe")?, (true, -1));
/// assert!(unpack::<(bool, i64)>(b"\x27").is_err());
/// # Ok::<(), storage_core::Error>(())
/// ```
#[inline]
pub fn unpack<T: FromTuple>(bytes: &[u8]) -> Result<T> {
    let mut decoder = Decoder::new(bytes);
    let value = T::unpack(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// Adds elements at the end of a key.
#[derive(Debug)]
pub struct Encoder<'a> {
    bytes: &'a mut Key,
    holes: &'a mut Holes,
    level: Level,
}

/// Where an element stands. Inside a nested tuple, a null must not look like its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Top,
    Nested,
}

impl<'a> Encoder<'a> {
    /// An encoder that adds to `bytes`, which may hold a prefix, and notes in `holes` what the commit must
    /// fill in.
    #[inline]
    pub fn new(bytes: &'a mut Key, holes: &'a mut Holes) -> Self {
        Encoder { bytes, holes, level: Level::Top }
    }

    /// Adds a null, which sorts before everything else.
    #[inline]
    pub fn put_null(&mut self) {
        match self.level {
            Level::Top => self.bytes.push(code::NULL),
            Level::Nested => self.bytes.extend_from_slice(&[code::NULL, code::ESCAPE]),
        }
    }

    /// Adds a truth value. False sorts before true.
    #[inline]
    pub fn put_bool(&mut self, value: bool) {
        self.bytes.push(if value { code::TRUE } else { code::FALSE });
    }

    /// Adds an unsigned integer. All integers sort together by value, whatever their width.
    #[inline]
    pub fn put_u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(PackedInteger::positive(value).as_slice());
    }

    /// Adds an integer. All integers sort together by value, whatever their width.
    #[inline]
    pub fn put_i64(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.put_u64(value),
            Err(_) => self.put_negative(value.unsigned_abs()),
        }
    }

    /// Adds an unsigned integer. All integers sort together by value, whatever their width.
    pub fn put_u128(&mut self, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.put_u64(value),
            Err(_) => {
                let len = long_len(value);
                self.bytes.extend_from_slice(&[code::POSITIVE_LONG, len as u8]);
                self.bytes.extend_from_slice(&value.to_be_bytes()[16 - len..]);
            }
        }
    }

    /// Adds an integer. All integers sort together by value, whatever their width.
    pub fn put_i128(&mut self, value: i128) {
        if let Ok(value) = u128::try_from(value) {
            return self.put_u128(value);
        }
        let magnitude = value.unsigned_abs();
        match u64::try_from(magnitude) {
            Ok(magnitude) => self.put_negative(magnitude),
            Err(_) => {
                let len = long_len(magnitude);
                self.bytes.extend_from_slice(&[code::NEGATIVE_LONG, !(len as u8)]);
                self.bytes.extend_from_slice(&(!magnitude).to_be_bytes()[16 - len..]);
            }
        }
    }

    /// Adds a float. Floats sort by IEEE total order: -0.0 before 0.0, NaNs at the ends.
    #[inline]
    pub fn put_f32(&mut self, value: f32) {
        let bits = value.to_bits();
        let sortable = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        self.bytes.push(code::FLOAT);
        self.bytes.extend_from_slice(&sortable.to_be_bytes());
    }

    /// Adds a double. Doubles sort by IEEE total order, and after all floats.
    #[inline]
    pub fn put_f64(&mut self, value: f64) {
        let bits = value.to_bits();
        let sortable = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
        self.bytes.push(code::DOUBLE);
        self.bytes.extend_from_slice(&sortable.to_be_bytes());
    }

    /// Adds a string. Strings sort by their UTF-8, which is the order of their code points.
    #[inline]
    pub fn put_str(&mut self, value: &str) {
        self.bytes.push(code::STRING);
        self.put_terminated(value.as_bytes());
    }

    /// Adds a byte string.
    #[inline]
    pub fn put_bytes(&mut self, value: &[u8]) {
        self.bytes.push(code::BYTES);
        self.put_terminated(value);
    }

    /// Adds a UUID. UUIDs sort by their bytes, those of version 7 so by time.
    #[inline]
    pub fn put_uuid(&mut self, value: Uuid) {
        self.bytes.push(code::UUID);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// Adds, as one element, the tuple of those that `fill` adds.
    pub fn put_nested(&mut self, fill: impl FnOnce(&mut Encoder<'_>)) {
        self.bytes.push(code::NESTED);
        fill(&mut Encoder { bytes: self.bytes, holes: self.holes, level: Level::Nested });
        self.bytes.push(code::NULL);
    }

    /// Adds an integer that only the commit knows.
    #[inline]
    pub fn put_slot(&mut self, slot: Slot) {
        self.holes.push(self.bytes.len(), slot, Form::TupleInteger);
    }

    #[inline]
    fn put_negative(&mut self, magnitude: u64) {
        self.bytes.extend_from_slice(PackedInteger::negative(magnitude).as_slice());
    }

    #[inline]
    fn put_terminated(&mut self, bytes: &[u8]) {
        if bytes.contains(&0) {
            self.put_escaped(bytes);
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        self.bytes.push(code::NULL);
    }

    #[cold]
    fn put_escaped(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == 0) {
            self.bytes.extend_from_slice(part);
            if part.last() == Some(&0) {
                self.bytes.push(code::ESCAPE);
            }
        }
    }
}

/// How many bytes an integer above 64 bits takes: 9 to 16.
fn long_len(magnitude: u128) -> usize {
    16 - magnitude.leading_zeros() as usize / 8
}

/// The one form of an integer of up to eight bytes: a code that says how many, then as few as hold it.
pub(super) struct PackedInteger {
    bytes: [u8; 9],
    start: u8,
}

impl PackedInteger {
    /// The longest form.
    pub(super) const LEN_MAX: usize = 9;

    #[inline]
    pub(super) fn positive(value: u64) -> Self {
        let len = PackedInteger::len(value);
        PackedInteger::new(value, code::INTEGER_ZERO + len, len)
    }

    #[inline]
    fn negative(magnitude: u64) -> Self {
        let len = PackedInteger::len(magnitude);
        PackedInteger::new(!magnitude, code::INTEGER_ZERO - len, len)
    }

    #[inline]
    fn len(magnitude: u64) -> u8 {
        8 - magnitude.leading_zeros() as u8 / 8
    }

    #[inline]
    fn new(body: u64, code: u8, len: u8) -> Self {
        let mut bytes = [0; 9];
        bytes[1..].copy_from_slice(&body.to_be_bytes());
        let start = 8 - len;
        bytes[usize::from(start)] = code;
        PackedInteger { bytes, start }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}
