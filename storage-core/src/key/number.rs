//! Numbers and times that a transaction uses before its commit has decided them.
//!
//! Both are fields of keys and of values alike. Until the commit they stand for a hole in the bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::codec::recorder;
use crate::error::Result;
use crate::key::decoder::Decoder;
use crate::key::template::Slot;
use crate::key::tuple::{Element, Encoder, FromTuple, ToTuple};

/// A number of a sequence: one that is known, or one that the commit will draw.
///
/// What is read from storage is always known.
///
/// ```
/// use storage_core::Number;
/// use storage_core::key::{Slot, Template};
///
/// let entry = Template::of(&("log", Number::Drawn(0)));
/// let key = entry.fill(|slot| match slot {
///     Slot::Number(0) => 258,
///     _ => unreachable!(),
/// });
/// assert_eq!(key.unpack::<(String, Number)>()?, ("log".to_owned(), Number::Known(258)));
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Number {
    /// This number.
    Known(u64),
    /// The number of this ticket, counted from zero in the transaction.
    Drawn(u32),
}

impl Number {
    /// The number, unless it waits for the commit.
    pub fn known(self) -> Option<u64> {
        match self {
            Number::Known(number) => Some(number),
            Number::Drawn(_) => None,
        }
    }
}

/// A time: one that is known, or that of the commit.
///
/// Times of commits never step back in the order of the commits. What is read from storage is always known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommitTime {
    /// This time.
    Known(Timestamp),
    /// The time at which the transaction commits.
    AtCommit,
}

impl CommitTime {
    /// The time, unless it waits for the commit.
    pub fn known(self) -> Option<Timestamp> {
        match self {
            CommitTime::Known(time) => Some(time),
            CommitTime::AtCommit => None,
        }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Number::Known(number)
    }
}

impl From<Timestamp> for CommitTime {
    fn from(time: Timestamp) -> Self {
        CommitTime::Known(time)
    }
}

impl Element for Number {}

impl ToTuple for Number {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        match *self {
            Number::Known(number) => to.put_u64(number),
            Number::Drawn(ticket) => to.put_slot(Slot::Number(ticket)),
        }
    }
}

impl FromTuple for Number {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        from.take_u64().map(Number::Known)
    }
}

impl Element for CommitTime {}

impl ToTuple for CommitTime {
    #[inline]
    fn pack(&self, to: &mut Encoder<'_>) {
        match *self {
            CommitTime::Known(time) => time.pack(to),
            CommitTime::AtCommit => to.put_slot(Slot::CommitTime),
        }
    }
}

impl FromTuple for CommitTime {
    #[inline]
    fn unpack(from: &mut Decoder<'_>) -> Result<Self> {
        Timestamp::unpack(from).map(CommitTime::Known)
    }
}

impl Serialize for Number {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Number::Known(number) => serializer.serialize_u64(number),
            Number::Drawn(ticket) => recorder::serialize_slot(Slot::Number(ticket), serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Number::Known)
    }
}

impl Serialize for CommitTime {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            CommitTime::Known(time) => serializer.serialize_u64(time.as_nanos()),
            CommitTime::AtCommit => recorder::serialize_slot(Slot::CommitTime, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CommitTime {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(|nanos| CommitTime::Known(Timestamp::from_nanos(nanos)))
    }
}
