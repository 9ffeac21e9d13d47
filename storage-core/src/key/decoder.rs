//! Reads elements back from a key's bytes.
//!
//! The bytes come from storage, so that every way in which they can be wrong is `Corrupt`. Only the one
//! canonical form of each value is accepted: two keys that read alike would otherwise be two records.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::key::tuple::{Level, code};

/// Takes elements from the front of a key.
#[derive(Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    len: usize,
    level: Level,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Decoder { rest: bytes, len: bytes.len(), level: Level::Top }
    }

    /// The bytes that are left: the first tells what the next element is.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether no element is left, in the nested tuple if inside one.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        match self.level {
            Level::Top => self.rest.is_empty(),
            Level::Nested => !self.rest.starts_with(&[code::NULL, code::ESCAPE]) && !self.has_value(),
        }
    }

    /// Checks that nothing is left. `Corrupt` otherwise.
    #[inline]
    pub fn finish(self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(self.corrupt(format_args!("{more} bytes follow its last element"))),
        }
    }

    /// Takes a null, and says whether there was one.
    #[inline]
    pub fn take_null(&mut self) -> bool {
        let null: &[u8] = match self.level {
            Level::Top => &[code::NULL],
            Level::Nested => &[code::NULL, code::ESCAPE],
        };
        match self.rest.strip_prefix(null) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a truth value.
    #[inline]
    pub fn take_bool(&mut self) -> Result<bool> {
        let value = match self.rest.first() {
            Some(&code::FALSE) => false,
            Some(&code::TRUE) => true,
            _ => return Err(self.unexpected("a truth value")),
        };
        self.rest = &self.rest[1..];
        Ok(value)
    }

    /// Takes an integer of 0 to 2^64 - 1.
    #[inline]
    pub fn take_u64(&mut self) -> Result<u64> {
        match self.rest.first() {
            Some(&found @ code::INTEGER_ZERO..=code::INTEGER_MAX) => self.positive(found),
            _ => Err(self.unexpected("an unsigned integer of 64 bits")),
        }
    }

    /// Takes an integer of -2^63 to 2^63 - 1.
    #[inline]
    pub fn take_i64(&mut self) -> Result<i64> {
        let value = match self.rest.first() {
            Some(&found @ code::INTEGER_ZERO..=code::INTEGER_MAX) => {
                0_i64.checked_add_unsigned(self.positive(found)?)
            }
            Some(&found @ code::INTEGER_MIN..code::INTEGER_ZERO) => {
                0_i64.checked_sub_unsigned(self.negative(found)?)
            }
            _ => return Err(self.unexpected("an integer of 64 bits")),
        };
        value.ok_or_else(|| self.corrupt("the integer before is over 64 bits"))
    }

    /// Takes an integer of 0 to 2^128 - 1.
    pub fn take_u128(&mut self) -> Result<u128> {
        match self.rest.first() {
            Some(&found @ code::INTEGER_ZERO..=code::INTEGER_MAX) => self.positive(found).map(u128::from),
            Some(&code::POSITIVE_LONG) => self.positive_long(),
            _ => Err(self.unexpected("an unsigned integer")),
        }
    }

    /// Takes an integer of -2^127 to 2^127 - 1.
    pub fn take_i128(&mut self) -> Result<i128> {
        let value = match self.rest.first() {
            Some(&found @ code::INTEGER_ZERO..=code::INTEGER_MAX) => Some(self.positive(found)?.into()),
            Some(&found @ code::INTEGER_MIN..code::INTEGER_ZERO) => Some(-i128::from(self.negative(found)?)),
            Some(&code::POSITIVE_LONG) => 0_i128.checked_add_unsigned(self.positive_long()?),
            Some(&code::NEGATIVE_LONG) => 0_i128.checked_sub_unsigned(self.negative_long()?),
            _ => return Err(self.unexpected("an integer")),
        };
        value.ok_or_else(|| self.corrupt("the integer before is over 128 bits"))
    }

    /// Takes a float.
    #[inline]
    pub fn take_f32(&mut self) -> Result<f32> {
        self.code(code::FLOAT, "a float")?;
        let sortable = u32::from_be_bytes(*self.body()?);
        Ok(f32::from_bits(if sortable >> 31 == 1 { sortable & !(1 << 31) } else { !sortable }))
    }

    /// Takes a double.
    #[inline]
    pub fn take_f64(&mut self) -> Result<f64> {
        self.code(code::DOUBLE, "a double")?;
        let sortable = u64::from_be_bytes(*self.body()?);
        Ok(f64::from_bits(if sortable >> 63 == 1 { sortable & !(1 << 63) } else { !sortable }))
    }

    /// Takes a string, without a copy unless it holds a NUL.
    #[inline]
    pub fn take_str(&mut self) -> Result<Cow<'a, str>> {
        self.code(code::STRING, "a string")?;
        match self.terminated()? {
            Cow::Borrowed(bytes) => match str::from_utf8(bytes) {
                Ok(string) => Ok(Cow::Borrowed(string)),
                Err(error) => Err(self.corrupt("the string before is not UTF-8").caused_by(error)),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(string) => Ok(Cow::Owned(string)),
                Err(error) => {
                    Err(self.corrupt("the string before is not UTF-8").caused_by(error.utf8_error()))
                }
            },
        }
    }

    /// Takes a byte string, without a copy unless it holds a zero.
    #[inline]
    pub fn take_bytes(&mut self) -> Result<Cow<'a, [u8]>> {
        self.code(code::BYTES, "a byte string")?;
        self.terminated()
    }

    /// Takes a UUID.
    #[inline]
    pub fn take_uuid(&mut self) -> Result<Uuid> {
        self.code(code::UUID, "a UUID")?;
        self.body().map(|bytes| Uuid::from_bytes(*bytes))
    }

    /// Takes a nested tuple, all of whose elements `read` must take.
    pub fn take_nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.code(code::NESTED, "a nested tuple")?;
        let outer = mem::replace(&mut self.level, Level::Nested);
        let read = read(self).and_then(|value| self.nested_end().map(|()| value));
        self.level = outer;
        read
    }

    fn nested_end(&mut self) -> Result<()> {
        if self.take_null() || self.has_value() {
            return Err(self.corrupt("the nested tuple has more elements than expected"));
        }
        self.body::<1>().map(|_| ())
    }

    /// Whether an element other than null is next.
    fn has_value(&self) -> bool {
        self.rest.first().is_some_and(|&found| found != code::NULL)
    }

    #[inline]
    fn code(&mut self, expected: u8, name: &'static str) -> Result<()> {
        match self.rest.split_first() {
            Some((&found, rest)) if found == expected => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(self.unexpected(name)),
        }
    }

    #[inline]
    fn body<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        match self.rest.split_first_chunk() {
            Some((body, rest)) => {
                self.rest = rest;
                Ok(body)
            }
            None => Err(self.truncated()),
        }
    }

    #[inline]
    fn positive(&mut self, found: u8) -> Result<u64> {
        let mut bytes = [0; 8];
        self.integer(found - code::INTEGER_ZERO, &mut bytes, 0)?;
        Ok(u64::from_be_bytes(bytes))
    }

    #[inline]
    fn negative(&mut self, found: u8) -> Result<u64> {
        let mut bytes = [0xff; 8];
        self.integer(code::INTEGER_ZERO - found, &mut bytes, 0xff)?;
        Ok(!u64::from_be_bytes(bytes))
    }

    /// Takes the code and the last `len` bytes of a number, the first of which must not be the `pad` before
    /// them.
    #[inline]
    fn integer(&mut self, len: u8, bytes: &mut [u8], pad: u8) -> Result<()> {
        let len = usize::from(len);
        let Some(body) = self.rest.get(1..=len) else {
            return Err(self.truncated());
        };
        if body.first() == Some(&pad) {
            return Err(self.corrupt("the integer has a byte too many"));
        }
        let start = bytes.len() - len;
        bytes[start..].copy_from_slice(body);
        self.rest = &self.rest[len + 1..];
        Ok(())
    }

    fn positive_long(&mut self) -> Result<u128> {
        let mut bytes = [0; 16];
        self.long_integer(0, &mut bytes)?;
        Ok(u128::from_be_bytes(bytes))
    }

    fn negative_long(&mut self) -> Result<u128> {
        let mut bytes = [0xff; 16];
        self.long_integer(0xff, &mut bytes)?;
        Ok(!u128::from_be_bytes(bytes))
    }

    /// Takes an integer whose length follows its code, flipped like the rest if it is negative.
    fn long_integer(&mut self, pad: u8, bytes: &mut [u8; 16]) -> Result<()> {
        let Some(&len) = self.rest.get(1) else {
            return Err(self.truncated());
        };
        match len ^ pad {
            len @ 9..=16 => {
                self.rest = &self.rest[1..];
                self.integer(len, bytes, pad)
            }
            len @ 0..=8 => Err(self.corrupt(format_args!("the integer has the long form for {len} bytes"))),
            len => Err(self.corrupt(format_args!("the integer is {len} bytes, longest is 16"))),
        }
    }

    #[inline]
    fn terminated(&mut self) -> Result<Cow<'a, [u8]>> {
        let body = self.rest;
        let Some(end) = body.iter().position(|&byte| byte == 0) else {
            return Err(self.truncated());
        };
        if body.get(end + 1) == Some(&code::ESCAPE) {
            return self.escaped().map(Cow::Owned);
        }
        self.rest = &body[end + 1..];
        Ok(Cow::Borrowed(&body[..end]))
    }

    #[cold]
    fn escaped(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.rest.len());
        loop {
            let Some(end) = self.rest.iter().position(|&byte| byte == 0) else {
                return Err(self.truncated());
            };
            bytes.extend_from_slice(&self.rest[..end]);
            let rest = &self.rest[end + 1..];
            match rest.split_first() {
                Some((&code::ESCAPE, rest)) => {
                    bytes.push(0);
                    self.rest = rest;
                }
                _ => {
                    self.rest = rest;
                    return Ok(bytes);
                }
            }
        }
    }

    #[cold]
    fn unexpected(&self, expected: &'static str) -> Error {
        match self.rest.first() {
            Some(found) => self.corrupt(format_args!("expected {expected}, found type code 0x{found:02x}")),
            None => self.corrupt(format_args!("expected {expected}, found its end")),
        }
    }

    #[cold]
    fn truncated(&self) -> Error {
        self.corrupt("it ends inside an element")
    }

    #[cold]
    pub(super) fn corrupt(&self, what: impl fmt::Display) -> Error {
        let offset = self.len - self.rest.len();
        Error::new(
            Kind::Corrupt,
            format!("key of {} bytes is not the expected tuple: at byte {offset} {what}", self.len),
        )
    }
}
