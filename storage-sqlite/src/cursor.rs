//! Cursors: a range in pieces of growing size.
//!
//! A statement that is being stepped borrows its connection in a way that no cursor could keep. So a range is read
//! some rows at a time, each piece from behind the last key.

use rusqlite::{OptionalExtension, Row, params};
use storage_core::engine::Cursor;
use storage_core::{Direction, KeyRange, Keyspace, Kind, Memo, Payload, Result, Stamp, Value};

use crate::error;
use crate::snapshot::SqliteSnapshot;
use crate::sql::Statements;
use crate::stored;

/// The rows of the first piece: enough for a short page,
const ROWS_FIRST: u32 = 32;
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
    piece: Piece,
    rows_max: u32,
    failed: Option<Kind>,
}

/// The rows that were read last, one behind the other in one buffer, and which of them is the one here.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    rows: Vec<Entry>,
    /// The row behind the one here.
    next: usize,
    /// The value here, if it is a long one that was asked for.
    long: Option<Payload>,
}

/// Where a row stands in the buffer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    stamp: Stamp,
    start: usize,
    value: usize,
    /// `None` for a long value, which is not there.
    end: Option<usize>,
}

impl Piece {
    fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.next = 0;
        self.long = None;
    }

    fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(stored::bytes(row, 0)?);
        let value = self.bytes.len();
        let end = stored::bytes_or_null(row, 2)?.map(|bytes| {
            self.bytes.extend_from_slice(bytes);
            self.bytes.len()
        });
        self.rows.push(Entry { stamp: stored::stamp(row, 1)?, start, value, end });
        Ok(())
    }

    fn key_of(&self, row: &Entry) -> &[u8] {
        &self.bytes[row.start..row.value]
    }

    fn here(&self) -> Option<&Entry> {
        self.rows.get(self.next.checked_sub(1)?)
    }
}

/// The value here.
impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        match (&self.long, self.here()) {
            (Some(long), _) => long,
            (None, Some(Entry { value, end: Some(end), .. })) => &self.bytes[*value..*end],
            (None, _) => &[],
        }
    }
}

impl Value for Piece {
    fn memo(&self) -> Option<&Memo> {
        None
    }
}

impl<'a> SqliteCursor<'a> {
    pub(crate) fn new(
        snapshot: &'a SqliteSnapshot,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Self {
        let rest = (!range.is_empty()).then(|| range.clone());
        let (piece, rows_max, failed) = (Piece::default(), ROWS_FIRST, None);
        SqliteCursor { snapshot, keyspace, direction, rest, piece, rows_max, failed }
    }

    /// Reads the next piece of `range`.
    fn read(&mut self, range: &KeyRange) -> rusqlite::Result<()> {
        let piece = &mut self.piece;
        piece.clear();
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
            piece.push(row)?;
        }
        self.rest = match piece.rows.last() {
            Some(last) if piece.rows.len() == self.rows_max as usize => Some(match self.direction {
                Direction::Forward => range.after(piece.key_of(last)),
                Direction::Reverse => range.before(piece.key_of(last)),
            }),
            _ => None,
        };
        self.rows_max = (self.rows_max * 4).min(ROWS_MAX);
        Ok(())
    }
}

impl Cursor for SqliteCursor<'_> {
    fn advance(&mut self) -> Result<bool> {
        if let Some(kind) = self.failed {
            return Err(error::refused(kind, "range", "the range failed before".into()));
        }
        self.piece.long = None;
        while self.piece.next == self.piece.rows.len() {
            let Some(range) = self.rest.take().filter(|range| !range.is_empty()) else {
                self.piece.clear();
                return Ok(false);
            };
            if let Err(cause) = self.read(&range) {
                let error = error::failed("range", cause).in_keyspace(self.keyspace);
                self.failed = Some(error.kind());
                return Err(error);
            }
        }
        self.piece.next += 1;
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        self.piece.here().map_or(&[], |row| self.piece.key_of(row))
    }

    fn stamp(&self) -> Stamp {
        self.piece.here().map_or(Stamp::unverified(), |row| row.stamp)
    }

    fn value(&mut self) -> Result<&dyn Value> {
        let Some(row) = self.piece.here() else {
            return Err(error::refused(Kind::Internal, "range", "the cursor stands at no record".into()));
        };
        if row.end.is_none() && self.piece.long.is_none() {
            let value = long_value(self.snapshot, self.keyspace, self.piece.key_of(row))?;
            self.piece.long = Some(value);
        }
        Ok(&self.piece)
    }
}

/// The value of a record that is in the snapshot.
fn long_value(snapshot: &SqliteSnapshot, keyspace: Keyspace, key: &[u8]) -> Result<Payload> {
    let read = || {
        let Some(mut statement) = snapshot.statement(keyspace, &Statements::of(keyspace).value)? else {
            return Ok(None);
        };
        statement.query_row([key], |row| Ok(Payload::new(stored::bytes(row, 0)?))).optional()
    };
    let value = read().map_err(|cause: rusqlite::Error| error::failed("range", cause).at(keyspace, key))?;
    value.ok_or_else(|| {
        error::refused(Kind::Corrupt, "range", "the record has no value".into()).at(keyspace, key)
    })
}
