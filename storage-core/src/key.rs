//! Keys: bytes that order records, short ones without an allocation.
//!
//! A key is plain bytes to every engine. Typed keys are tuples whose byte order is the order of their values;
//! a template is a key, or a value, that waits for a number or a time which only its commit knows.

mod decoder;
mod elements;
mod number;
#[cfg(test)]
mod properties;
mod template;
mod tuple;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use smallvec::SmallVec;

use crate::error::{Error, Escaped, Result};

pub use decoder::Decoder;
pub use elements::{Bytes, Nested};
pub use number::{CommitTime, Number};
pub use template::{Form, Hole, Holes, Slot, Template};
pub use tuple::{Element, Encoder, FromTuple, ToTuple, unpack};

/// Most keys (a UUID and a number, a short name) fit; the key itself stays within one cache line.
const INLINE_LEN: usize = 32;

/// An owned key: bytes, compared byte by byte. Up to 32 of them are kept without an allocation.
///
/// It equals, orders and hashes as its bytes do, so that maps of keys are searched with a `&[u8]`.
///
/// ```
/// use std::collections::BTreeMap;
/// use storage_core::Key;
///
/// let mut map = BTreeMap::new();
/// map.insert(Key::from(b"name".as_slice()), 1);
/// assert_eq!(map.get(b"name".as_slice()), Some(&1));
/// ```
#[derive(Clone, Default)]
pub struct Key(SmallVec<[u8; INLINE_LEN]>);

impl Key {
    /// A key without bytes, to be filled. No engine stores it as it is.
    #[inline]
    pub fn new() -> Self {
        Key(SmallVec::new())
    }

    /// The key that a tuple, or a single value, packs into.
    ///
    /// `Invalid` if it holds a number or a time that only a commit knows: see [`Template`].
    ///
    /// ```
    /// use storage_core::Key;
    ///
    /// let key = Key::of(&("user", 7_u64))?;
    /// assert_eq!(key.as_slice(), b"\x02user\0\x15\x07");
    /// assert_eq!(key.unpack::<(String, u64)>()?, ("user".to_owned(), 7));
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    #[inline]
    pub fn of<T: ToTuple + ?Sized>(tuple: &T) -> Result<Self> {
        let (key, holes) = Template::of(tuple).into_parts();
        if holes.is_empty() {
            return Ok(key);
        }
        Err(Error::invalid("key waits for a number or a time that only its commit knows"))
    }

    /// The tuple, or single value, that was packed into it.
    ///
    /// `Corrupt` if the bytes are not exactly one such tuple.
    #[inline]
    pub fn unpack<T: FromTuple>(&self) -> Result<T> {
        unpack(self)
    }

    /// Its bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a byte at its end.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Adds bytes at its end.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Removes its bytes and keeps the room for them.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Cuts it to `len` bytes. A shorter key stays as it is.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Its bytes as a vector, without copying those of a long key.
    #[inline]
    pub fn into_vec(self) -> Vec<u8> {
        self.0.into_vec()
    }
}

impl Deref for Key {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Key {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Key(SmallVec::from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Key {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Key::from(bytes.as_slice())
    }
}

impl From<Vec<u8>> for Key {
    /// Keeps the vector's allocation if the key is too long to be kept inline.
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_LEN { Key::from(bytes.as_slice()) } else { Key(SmallVec::from_vec(bytes)) }
    }
}

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl PartialEq<[u8]> for Key {
    #[inline]
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(self))
    }
}

/// The smallest key greater than every key that starts with `prefix`: where a range over the prefix ends.
///
/// `None` if there is no such key, because the prefix is empty or all its bytes are `0xff`. The prefix is one
/// of bytes: among tuples, a string's bytes also start another that it extends by a NUL, so that a range over
/// those which start with a tuple is [`KeyRange::within`](crate::KeyRange::within).
///
/// ```
/// use storage_core::key::prefix_end;
///
/// assert_eq!(prefix_end(b"ab").as_deref(), Some(b"ac".as_slice()));
/// assert_eq!(prefix_end(b"a\xff\xff").as_deref(), Some(b"b".as_slice()));
/// assert_eq!(prefix_end(b"\xff\xff"), None);
/// ```
pub fn prefix_end(prefix: &[u8]) -> Option<Key> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = Key::from(&prefix[..last]);
    end.push(prefix[last] + 1);
    Some(end)
}
