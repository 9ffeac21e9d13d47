//! Cursors: a range in pieces of growing size.
//!
//! A statement that is being stepped borrows its connection in a way that no cursor could keep. So a range is read
//! some rows at a time, each piece from behind the last key.

use rusqlite::{OptionalExtension, params};
use storage_core::engine::Cursor;
use storage_core::{Direction, Error, Key, KeyRange, Keyspace, Kind, Payload, Result, Stamp, Value};

use crate::error;
use crate::snapshot::SqliteSnapshot;
use crate::sql::Statements;
use crate::stored;

/// The rows of the first piece: enough for a short page,
const ROWS_FIRST: u32 = 16;
/// and those of the largest.
const ROWS_MAX: u32 = 512;

/// A position in a range of a snapshot.
#[derive(Debug)]
pub struct SqliteCursor<'a> {
    snapshot: &'a SqliteSnapshot,
    keyspace: Keyspace,
    direction: Direction,
    /// What is not read yet; `None` at its end.
    rest: Option<KeyRange>,
    rows: Vec<Entry>,
    /// The row behind the one here.
    next: usize,
    rows_max: u32,
    failed: Option<Kind>,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    stamp: Stamp,
    /// `None` for a long one that nobody has asked for.
    value: Option<Payload>,
}

impl<'a> SqliteCursor<'a> {
    pub(crate) fn new(
        snapshot: &'a SqliteSnapshot,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Self {
        let rest = (!range.is_empty()).then(|| range.clone());
        let (rows, next, rows_max, failed) = (Vec::new(), 0, ROWS_FIRST, None);
        SqliteCursor { snapshot, keyspace, direction, rest, rows, next, rows_max, failed }
    }

    /// Reads the next piece of `range`.
    fn read(&mut self, range: &KeyRange) -> rusqlite::Result<()> {
        self.rows.clear();
        self.next = 0;
        let sql = Statements::of(self.keyspace).range(self.direction, range.end().is_some());
        let Some(mut statement) = self.snapshot.statement(self.keyspace, sql)? else {
            self.rest = None;
            return Ok(());
        };
        let start = range.start().as_slice();
        let mut rows = match range.end() {
            Some(end) => statement.query(params![self.rows_max, start, end.as_slice()])?,
            None => statement.query(params![self.rows_max, start])?,
        };
        while let Some(row) = rows.next()? {
            let key = Key::from(stored::bytes(row, 0)?);
            self.rows.push(Entry { key, stamp: stored::stamp(row, 1)?, value: stored::payload(row, 2)? });
        }
        self.rest = match self.rows.last() {
            Some(last) if self.rows.len() == self.rows_max as usize => Some(match self.direction {
                Direction::Forward => range.after(&last.key),
                Direction::Reverse => range.before(&last.key),
            }),
            _ => None,
        };
        self.rows_max = (self.rows_max * 2).min(ROWS_MAX);
        Ok(())
    }

    fn here(&self) -> Option<&Entry> {
        self.rows.get(self.next.checked_sub(1)?)
    }
}

impl Cursor for SqliteCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        if let Some(kind) = self.failed {
            return Err(error::refused(kind, "range", "the range failed before".into()));
        }
        while self.next == self.rows.len() {
            let Some(range) = self.rest.take().filter(|range| !range.is_empty()) else {
                self.rows.clear();
                self.next = 0;
                return Ok(false);
            };
            if let Err(cause) = self.read(&range) {
                let error = error::failed("range", cause).in_keyspace(self.keyspace);
                self.failed = Some(error.kind());
                return Err(error);
            }
        }
        self.next += 1;
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        self.here().map_or(&[], |entry| &entry.key)
    }

    fn stamp(&self) -> Stamp {
        self.here().map_or(Stamp::unverified(), |entry| entry.stamp)
    }

    fn value(&mut self) -> Result<&dyn Value> {
        let (snapshot, keyspace) = (self.snapshot, self.keyspace);
        let Some(entry) = self.next.checked_sub(1).and_then(|here| self.rows.get_mut(here)) else {
            return Err(error::refused(Kind::Internal, "range", "the cursor stands at no record".into()));
        };
        match &mut entry.value {
            Some(value) => Ok(value),
            missing => Ok(missing.insert(long_value(snapshot, keyspace, &entry.key)?)),
        }
    }
}

/// The value of a record that is in the snapshot.
fn long_value(snapshot: &SqliteSnapshot, keyspace: Keyspace, key: &Key) -> Result<Payload> {
    let read = || {
        let Some(mut statement) = snapshot.statement(keyspace, &Statements::of(keyspace).value)? else {
            return Ok(None);
        };
        statement.query_row([key.as_slice()], |row| stored::payload(row, 0)).optional()
    };
    let value: Option<Option<Payload>> =
        read().map_err(|cause: rusqlite::Error| error::failed("range", cause).at(keyspace, key))?;
    value.flatten().ok_or_else(|| -> Error {
        error::refused(Kind::Corrupt, "range", "the record has no value".into()).at(keyspace, key)
    })
}
