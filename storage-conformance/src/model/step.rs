//! The steps of a history, as they are drawn, saved and replayed.
//!
//! A step says everything about itself, so that a saved history means the same for ever. Steps that name
//! something which may not be there (a held snapshot, a drawn number) count modulo what is there, so that any
//! part of a history is a history: shrinking may take out whatever it likes.

use serde::{Deserialize, Serialize};

/// One thing that a history does to a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Puts one record by itself.
    Put {
        /// What is put.
        put: Put,
        /// When it counts as done.
        durability: Level,
    },
    /// Deletes one record by itself.
    Delete(Place),
    /// Deletes a range by itself.
    DeleteRange(Span),
    /// Reads what is committed now.
    Look(Look),
    /// Runs a transaction.
    Transact {
        /// What its body does, in order. An action that is refused does not end it.
        body: Vec<Action>,
        /// How its body ends.
        end: End,
        /// When it counts as done.
        durability: Level,
    },
    /// Takes a snapshot and keeps it.
    Hold,
    /// Reads from a snapshot that is kept. Nothing happens if there is none.
    LookBack {
        /// Which one, modulo how many are kept.
        snapshot: usize,
        /// What is read.
        look: Look,
    },
    /// Lets a snapshot go. Nothing happens if there is none.
    Release {
        /// Which one, modulo how many are kept.
        snapshot: usize,
    },
    /// Moves the clock forward by nanoseconds.
    ClockForward(u64),
    /// Moves the clock back by nanoseconds. Time does not follow while the database is open.
    ClockBack(u64),
    /// Removes expired records.
    Sweep {
        /// At most so many; all without it.
        limit: Option<usize>,
    },
    /// Puts a row of the indexed table by itself.
    PutRow {
        /// Its key.
        key: u8,
        /// Its value, by which it is indexed.
        group: u8,
    },
    /// Deletes rows by themselves: one, or a range of keys, which is refused in the wrong order.
    DeleteRows {
        /// The first.
        first: u8,
        /// The last.
        last: u8,
    },
    /// Reads the next page of a listing of the rows: the first one behind the last.
    Page {
        /// The listing.
        listing: Listing,
        /// From which end it is read. Each way goes on by itself.
        order: Order,
        /// The most rows of the page.
        limit: usize,
    },
    /// Makes everything durable.
    Sync,
    /// Closes the database and opens it again. Where nothing outlives that, it only lets all snapshots go.
    Reopen,
}

/// One thing that the body of a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Reads.
    Look(Look),
    /// Writes.
    Write(Write),
    /// Draws a number of a sequence.
    Draw {
        /// The sequence.
        place: Place,
        /// The number that it begins with.
        first: u64,
    },
    /// Puts a record whose key is a name and a number that the commit draws.
    PutNumbered {
        /// The keyspace.
        keyspace: u8,
        /// The name.
        name: char,
        /// Which of the numbers drawn so far, modulo how many there are.
        ticket: u32,
        /// The value.
        value: Bytes,
        /// What is kept beside it.
        beside: Beside,
    },
    /// Puts a record whose key is a name and a number, and whose value is, in digits, one that the commit
    /// draws.
    PutNumber {
        /// The keyspace.
        keyspace: u8,
        /// The name in its key.
        name: char,
        /// The number in its key.
        number: u64,
        /// Which of the numbers drawn so far, modulo how many there are.
        ticket: u32,
        /// What is kept beside it.
        beside: Beside,
    },
    /// Writes to the database past the transaction, which is refused.
    Trespass,
    /// Another thread moves the clock and commits a transaction, the first time that the body runs.
    Meanwhile {
        /// By how many nanoseconds the clock goes forward.
        advance: u64,
        /// What is written.
        writes: Vec<Write>,
    },
}

/// What a transaction writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Write {
    /// Puts a record.
    Put(Put),
    /// Deletes a record.
    Delete(Place),
    /// Deletes a range.
    DeleteRange(Span),
    /// Adds to a counter.
    Add {
        /// The counter.
        place: Place,
        /// What is added.
        delta: i64,
    },
    /// Raises a counter to a value, if it holds less.
    Max {
        /// The counter.
        place: Place,
        /// What it holds at least.
        value: i64,
    },
    /// Lets a record expire at another time, or never.
    Touch {
        /// The record.
        place: Place,
        /// When it expires, in nanoseconds since 1970.
        expires_at: Option<u64>,
    },
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Look {
    /// Reads a record.
    Get(Place),
    /// Reads several records.
    GetMany {
        /// Where they are.
        keyspace: u8,
        /// Their keys, perhaps some twice.
        keys: Vec<Bytes>,
    },
    /// Reads a counter.
    Counter(Place),
    /// Reads a range.
    Range {
        /// Where it begins and ends.
        span: Span,
        /// From which end it is read.
        order: Order,
        /// Of which records the value is read.
        values: Values,
        /// At most so many records; all without it.
        take: Option<usize>,
    },
}

/// A key of one of the keyspaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The keyspace.
    pub keyspace: u8,
    /// The key.
    pub key: Bytes,
}

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// Where.
    pub place: Place,
    /// The value.
    pub value: Bytes,
    /// What is kept beside it.
    pub beside: Beside,
}

/// What is kept beside a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// When it expires, in nanoseconds since 1970.
    pub expires_at: Option<u64>,
    /// The byte of the application's own.
    pub user_byte: u8,
}

/// A range of a keyspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The keyspace.
    pub keyspace: u8,
    /// The range.
    pub bounds: Bounds,
}

/// Where a range begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Bounds {
    /// Every key.
    All,
    /// The keys between two bounds, perhaps in the wrong order.
    Between(Limit, Limit),
    /// The keys that start so.
    Prefix(Bytes),
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Limit {
    /// There is none.
    None,
    /// This key, and it is in the range.
    With(Bytes),
    /// This key, and it is not in the range.
    Without(Bytes),
}

/// A listing of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Listing {
    /// In the order of their keys.
    ByKey,
    /// In the order of their groups, then of their keys.
    ByGroup,
}

/// From which end a range is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// From the smallest key.
    Forward,
    /// From the largest key.
    Reverse,
}

/// Of which records of a range the value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Values {
    /// Of every record.
    Every,
    /// Of none.
    None,
    /// Of the first, the third, and so on.
    EveryOther,
}

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Level {
    /// It survives power loss.
    Sync,
    /// It is atomic and ordered.
    Deferred,
}

/// How the body of a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// Well.
    Commit,
    /// With an error.
    Fail,
    /// With a panic.
    Panic,
}

/// Bytes, which a saved history shows as hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bytes(pub Vec<u8>);

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> String {
        bytes.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(digits: String) -> Result<Self, String> {
        let wrong = || format!("`{digits}` is not pairs of hexadecimal digits");
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        };
        pairs.map(byte).collect::<Option<Vec<u8>>>().map(Bytes).ok_or_else(wrong)
    }
}

/// Bytes longer than this are cut when they are shown: they differ in length, not in what they say.
const SHOWN_LEN_MAX: usize = 40;

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_LEN_MAX)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_saved_as_digits() {
        let bytes = Bytes(vec![0, b'a', 0xff]);
        let saved = serde_json::to_string(&bytes).unwrap();
        assert_eq!(saved, "\"0061ff\"");
        assert_eq!(serde_json::from_str::<Bytes>(&saved).unwrap(), bytes);
        for wrong in ["\"0\"", "\"zz\"", "\"+1\"x", "\"é\""] {
            assert!(serde_json::from_str::<Bytes>(wrong).is_err(), "{wrong}");
        }
    }
}
