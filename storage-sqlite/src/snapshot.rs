//! A snapshot: a read transaction on a connection of its own, pinned when it was taken.

use std::fmt;

use rusqlite::{CachedStatement, Connection};
use storage_core::engine::Snapshot;
use storage_core::{Direction, KeyRange, Keyspace, Record, Result};

use crate::connection::{prepare, prepare_in};
use crate::cursor::SqliteCursor;
use crate::error;
use crate::pool::Reading;
use crate::row::record;
use crate::sql;
use crate::writer::Writing;

/// A stable view of a [`SqliteEngine`](crate::SqliteEngine).
///
/// The log of the database cannot be reset while it is held, so what is written meanwhile stays there.
pub struct SqliteSnapshot(View);

enum View {
    Reading(Reading),
    /// The transaction that shuts other processes out, for the commit that rests on it.
    Writing(Writing),
}

impl SqliteSnapshot {
    pub(crate) fn reading(reading: Reading) -> Self {
        SqliteSnapshot(View::Reading(reading))
    }

    pub(crate) fn writing(writing: Writing) -> Self {
        SqliteSnapshot(View::Writing(writing))
    }

    /// The transaction in which a commit that rests on this snapshot goes on, if it is one that may write.
    pub(crate) fn into_writing(self) -> Option<Writing> {
        match self.0 {
            View::Writing(writing) => Some(writing),
            View::Reading(_) => None,
        }
    }

    #[inline]
    fn connection(&self) -> &Connection {
        match &self.0 {
            View::Reading(reading) => reading.connection(),
            View::Writing(writing) => writing.connection(),
        }
    }
}

/// The record of a key, by the statement for it.
#[inline]
pub(crate) fn get(
    statement: &mut CachedStatement<'_>,
    keyspace: Keyspace,
    key: &[u8],
) -> Result<Option<Record<Vec<u8>>>> {
    let failed = |cause| error::failed("get", cause);
    statement.raw_bind_parameter(1, key).map_err(failed)?;
    let mut rows = statement.raw_query();
    match rows.next().map_err(failed)? {
        Some(row) => record(keyspace, key, row).map(Some),
        None => Ok(None),
    }
}

impl Snapshot for SqliteSnapshot {
    type Value<'a> = Vec<u8>;
    type Cursor<'a> = SqliteCursor<'a>;

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Vec<u8>>>> {
        let prepared = prepare_in(self.connection(), "get", keyspace, &sql::of(keyspace).get)?;
        let Some(mut statement) = prepared else { return Ok(None) };
        get(&mut statement, keyspace, key)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Vec<u8>>>>> {
        let prepared = prepare_in(self.connection(), "get", keyspace, &sql::of(keyspace).get)?;
        let Some(mut statement) = prepared else { return Ok(keys.iter().map(|_| None).collect()) };
        keys.iter().map(|key| get(&mut statement, keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<SqliteCursor<'_>> {
        if range.is_empty() {
            return Ok(SqliteCursor::empty(keyspace));
        }
        let texts = sql::of(keyspace);
        let text = match (direction, range.end()) {
            (Direction::Forward, None) => &texts.up_from,
            (Direction::Forward, Some(_)) => &texts.up_between,
            (Direction::Reverse, None) => &texts.down_from,
            (Direction::Reverse, Some(_)) => &texts.down_between,
        };
        let Some(mut statement) = prepare_in(self.connection(), "range", keyspace, text)? else {
            return Ok(SqliteCursor::empty(keyspace));
        };
        bind(&mut statement, range).map_err(|cause| error::failed("range", cause))?;
        Ok(SqliteCursor::new(keyspace, statement))
    }
}

/// Binds the start of a range, and its end if it has one.
pub(crate) fn bind(statement: &mut CachedStatement<'_>, range: &KeyRange) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, range.start().as_slice())?;
    match range.end() {
        Some(end) => statement.raw_bind_parameter(2, end.as_slice()),
        None => Ok(()),
    }
}

/// The keyspaces that hold a record, as a transaction sees them.
pub(crate) fn keyspaces(connection: &Connection) -> Result<Vec<Keyspace>> {
    let failed = |cause| error::failed("list tables", cause);
    let mut statement = prepare(connection, "list tables", sql::TABLES)?;
    let mut rows = statement.raw_query();
    let mut keyspaces = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let name = row.get_ref(0).map_err(failed)?.as_str().unwrap_or_default();
        // What no keyspace can be called is the table of somebody who shares the file.
        if let Ok(Some(keyspace)) = sql::keyspace_of(name)
            && holds_any(connection, keyspace)?
        {
            keyspaces.push(keyspace);
        }
    }
    Ok(keyspaces)
}

fn holds_any(connection: &Connection, keyspace: Keyspace) -> Result<bool> {
    let mut statement = prepare(connection, "list tables", &sql::of(keyspace).any)?;
    statement.exists([]).map_err(|cause| error::failed("list tables", cause))
}

impl fmt::Debug for SqliteSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            View::Reading(_) => "SqliteSnapshot",
            View::Writing(_) => "SqliteSnapshot(exclusive)",
        })
    }
}
