//! What a step answers: the same from the model and from a database.

use std::fmt;

use serde::{Deserialize, Serialize};
use storage_core::Kind;

use super::step::Bytes;

/// What a step answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// It was done, and there is nothing to tell.
    Done,
    /// There was nothing to do it on.
    Nothing,
    /// It was refused.
    Refused(Refusal),
    /// A record, if there was one.
    Record(Option<Shown>),
    /// Records, in the order asked.
    Records(Vec<Option<Shown>>),
    /// What a counter held.
    Count(i64),
    /// The records of a range, and what was refused among them.
    Range(Vec<Result<Found, Refusal>>),
    /// The time, in nanoseconds since 1970.
    Time(u64),
    /// The rows of a page, each its key and group, and whether more follow.
    Page(Vec<(u8, u8)>, bool),
    /// How many expired records were removed.
    Swept(usize),
    /// A transaction that committed: what its actions answered, and the numbers that it drew.
    Committed(Vec<Answer>, Vec<u64>),
    /// A transaction that failed: what its actions answered, and why.
    Failed(Vec<Answer>, Refusal),
    /// A transaction whose body panicked.
    Panicked(Vec<Answer>),
}

/// Why something was refused: the kind of the error.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Refusal(String);

impl Refusal {
    /// The refusal of this kind.
    pub fn of(kind: Kind) -> Self {
        Refusal(format!("{kind:?}"))
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: Kind) -> bool {
        *self == Refusal::of(kind)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Its value.
    pub value: Bytes,
    /// When it expires.
    pub expires_at: Option<u64>,
    /// The byte beside it.
    pub user_byte: u8,
}

/// A record of a range as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its key.
    pub key: Bytes,
    /// Its value, where it was read.
    pub value: Option<Bytes>,
    /// When it expires.
    pub expires_at: Option<u64>,
    /// The byte beside it.
    pub user_byte: u8,
}

/// What a watch on a whole keyspace told. Versions are left out: they count commits, which engines may group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A record was put.
    Put(Bytes),
    /// A record was deleted, if it was there.
    Delete(Bytes),
    /// A range was deleted: its start, and its end where it has one.
    DeleteRange(Bytes, Option<Bytes>),
    /// An expired record was removed.
    Expire(Bytes),
    /// Events were lost.
    Lagged,
}
