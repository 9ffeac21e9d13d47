//! Snapshots: a connection in a read transaction, begun and pinned when the snapshot is taken.

use rusqlite::{CachedStatement, Connection, OptionalExtension};
use storage_core::engine::Snapshot;
use storage_core::{Direction, KeyRange, Keyspace, Payload, Record, Result};

use crate::cursor::SqliteCursor;
use crate::error;
use crate::pool::Reader;
use crate::sql::Statements;
use crate::stored;

/// A stable view of everything committed. It keeps the log from being emptied until it is dropped.
#[derive(Debug)]
pub struct SqliteSnapshot {
    reader: Reader,
}

impl SqliteSnapshot {
    /// `BEGIN` pins nothing: the first read does.
    pub(crate) fn pin(reader: Reader) -> Result<Self> {
        let pin = || {
            reader.prepare_cached("BEGIN")?.execute([])?;
            reader.prepare_cached(PIN)?.query_row([], |_| Ok(()))
        };
        pin().map_err(|cause| error::failed("begin to read", cause))?;
        Ok(SqliteSnapshot { reader })
    }

    /// A statement on a keyspace's table; `None` where there is no such table.
    pub(crate) fn statement(
        &self,
        keyspace: Keyspace,
        sql: &str,
    ) -> rusqlite::Result<Option<CachedStatement<'_>>> {
        prepare(&self.reader, keyspace, sql)
    }
}

/// Reads one row that is always there.
const PIN: &str = "SELECT value FROM storage_header WHERE name = 'format'";

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        // A connection that stays in its transaction is not used again, and closing it ends that as well.
        self.reader.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([])).ok();
    }
}

impl Snapshot for SqliteSnapshot {
    type Value<'a> = Payload;
    type Cursor<'a> = SqliteCursor<'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        get(&self.reader, keyspace, key)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<Payload>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<SqliteCursor<'_>> {
        Ok(SqliteCursor::new(self, keyspace, range, direction))
    }
}

/// The record of a key, as a connection sees it.
pub(crate) fn get(
    connection: &Connection,
    keyspace: Keyspace,
    key: &[u8],
) -> Result<Option<Record<Payload>>> {
    let read = || {
        let Some(mut statement) = prepare(connection, keyspace, &Statements::of(keyspace).get)? else {
            return Ok(None);
        };
        let record = |row: &rusqlite::Row<'_>| {
            Ok(Record { stamp: stored::stamp(row, 0)?, value: Payload::new(stored::bytes(row, 1)?) })
        };
        statement.query_row([key], record).optional()
    };
    read().map_err(|cause| error::failed("get", cause).at(keyspace, key))
}

fn prepare<'c>(
    connection: &'c Connection,
    keyspace: Keyspace,
    sql: &str,
) -> rusqlite::Result<Option<CachedStatement<'c>>> {
    match connection.prepare_cached(sql) {
        Ok(statement) => Ok(Some(statement)),
        // That the table is missing has no code of its own. Outside a transaction it may have been made meanwhile.
        Err(_) => match has_table(connection, keyspace)? {
            true => connection.prepare_cached(sql).map(Some),
            false => Ok(None),
        },
    }
}

/// Whether a keyspace has a table.
pub(crate) fn has_table(connection: &Connection, keyspace: Keyspace) -> rusqlite::Result<bool> {
    let table = &Statements::of(keyspace).table;
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([table])
}
