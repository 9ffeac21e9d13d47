//! One connection: how it is opened and set, and how its statements are prepared.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, MAIN_DB, OpenFlags, TransactionState};
use storage_core::{Access, Keyspace, Result};

use crate::error;
use crate::options::{Place, Settings, TempStore};
use crate::sql::{self, HAS_TABLE};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that writes and moves the log into the file.
    Write,
    /// One that only reads. It never touches the log, not even when it is the last to be closed.
    Read,
}

/// What becomes of the log when the last connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogAtClose {
    /// It is moved into the file and removed.
    Moved,
    /// It stays as it is.
    Left,
}

/// Three keyspaces' statements and those of transactions: an application that reads many more prepares some anew.
const STATEMENTS_KEPT: usize = 256;

/// How often a statement is prepared again because others changed the schema meanwhile.
const TRIES_MAX: u32 = 100;

/// SQLite's access to files that no other process has open: locks between connections are taken without the system.
const PROCESS_ALONE: &str = "unix-excl";

/// The log is cut to this once it was moved into the file: a burst must not occupy the disk for ever.
const LOG_BYTES_KEPT: u64 = 64 << 20;

/// Opens a connection to the file at `path`, which is there.
pub(crate) fn open(path: &Path, settings: &Settings, role: Role) -> Result<Connection> {
    let access = match settings.access {
        Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = match (cfg!(unix), &settings.place) {
        (true, Place::Memory) => Connection::open_with_flags_and_vfs(path, flags, PROCESS_ALONE),
        _ => Connection::open_with_flags(path, flags),
    };
    let connection = opened.map_err(|cause| error::failed("open", cause))?;
    if role == Role::Write {
        check_writable(&connection)?;
    }
    configure(&connection, settings, role).map_err(|cause| error::failed("open", cause))?;
    Ok(connection)
}

/// SQLite opens what it may not write to read it, and tells with the first commit.
fn check_writable(connection: &Connection) -> Result<()> {
    match connection.is_readonly(MAIN_DB).map_err(|cause| error::failed("open", cause))? {
        true => Err(error::read_only()),
        false => Ok(()),
    }
}

fn configure(connection: &Connection, settings: &Settings, role: Role) -> rusqlite::Result<()> {
    connection.busy_timeout(settings.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // A file may come from anybody: nothing that stands in its schema is run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    let autocheckpoint_pages = match role {
        Role::Write => settings.autocheckpoint_pages,
        Role::Read => {
            set_log_at_close(connection, LogAtClose::Left)?;
            0
        }
    };
    let temp_store = match settings.temp_store {
        TempStore::File => 1,
        TempStore::Memory => 2,
    };
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{};
         PRAGMA mmap_size = {};
         PRAGMA temp_store = {temp_store};
         PRAGMA wal_autocheckpoint = {autocheckpoint_pages};
         PRAGMA journal_size_limit = {LOG_BYTES_KEPT};
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;",
        settings.cache_bytes.div_ceil(1024),
        settings.mmap_bytes,
    ))?;
    if role == Role::Read {
        connection.execute_batch("PRAGMA query_only = ON")?;
    }
    Ok(())
}

pub(crate) fn set_log_at_close(connection: &Connection, what: LogAtClose) -> rusqlite::Result<()> {
    let is_left = what == LogAtClose::Left;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_left).map(drop)
}

/// Whether a connection is in no transaction, not even by a statement that somebody never ended.
///
/// Such a one would go on seeing an old state. It cannot be ended any more, only the connection be left.
#[inline]
pub(crate) fn is_idle(connection: &Connection) -> bool {
    matches!(connection.transaction_state(None::<&str>), Ok(TransactionState::None))
}

/// One value that a statement yields.
pub(crate) fn value<T: FromSql>(connection: &Connection, text: &str) -> rusqlite::Result<T> {
    connection.query_row(text, [], |row| row.get(0))
}

/// The same by a statement that is kept.
#[inline]
pub(crate) fn kept_value<T: FromSql>(connection: &Connection, text: &str) -> rusqlite::Result<T> {
    connection.prepare_cached(text)?.query_row([], |row| row.get(0))
}

/// Runs a statement that yields nothing, and keeps it.
#[inline]
pub(crate) fn run(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(text)?.raw_execute().map(drop)
}

/// A statement that names no table of a keyspace.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    doing: &'static str,
    text: &str,
) -> Result<CachedStatement<'c>> {
    connection.prepare_cached(text).map_err(|cause| error::failed(doing, cause))
}

/// A statement on the table of a keyspace; `None` if there is no such table.
#[inline]
pub(crate) fn prepare_in<'c>(
    connection: &'c Connection,
    doing: &'static str,
    keyspace: Keyspace,
    text: &str,
) -> Result<Option<CachedStatement<'c>>> {
    match connection.prepare_cached(text) {
        Ok(statement) => Ok(Some(statement)),
        Err(cause) => prepare_anew(connection, doing, keyspace, text, cause),
    }
}

#[cold]
fn prepare_anew<'c>(
    connection: &'c Connection,
    doing: &'static str,
    keyspace: Keyspace,
    text: &str,
    mut cause: rusqlite::Error,
) -> Result<Option<CachedStatement<'c>>> {
    for _ in 0..TRIES_MAX {
        if !error::is_about_the_statement(&cause) && !error::is_about_a_changed_schema(&cause) {
            return Err(error::failed(doing, cause).in_keyspace(keyspace));
        }
        let mut look = prepare(connection, doing, HAS_TABLE)?;
        let is_there =
            look.exists([&*sql::of(keyspace).name]).map_err(|cause| error::failed(doing, cause))?;
        if !is_there {
            return Ok(None);
        }
        // Outside a transaction, another connection may have made the table since.
        cause = match connection.prepare_cached(text) {
            Ok(statement) => return Ok(Some(statement)),
            Err(cause) if error::is_about_a_changed_schema(&cause) => cause,
            Err(cause) => {
                return Err(error::corrupt(doing, "the table of the keyspace has other columns")
                    .in_keyspace(keyspace)
                    .caused_by(cause));
            }
        };
    }
    Err(error::failed(doing, cause).in_keyspace(keyspace))
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::SqliteEngine;

    fn code(done: rusqlite::Result<()>) -> Option<i32> {
        done.err().and_then(|cause| cause.sqlite_error().map(|error| error.extended_code))
    }

    #[test]
    fn connection_that_cannot_write_is_no_writer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = |flags| Connection::open_with_flags(file.path(), flags).unwrap();
        check_writable(&open(OpenFlags::SQLITE_OPEN_READ_WRITE)).unwrap();
        let refused = check_writable(&open(OpenFlags::SQLITE_OPEN_READ_ONLY)).unwrap_err();
        assert_eq!(refused.kind(), storage_core::Kind::Unavailable);
    }

    #[test]
    fn nothing_is_loaded_and_no_schema_is_rewritten() {
        let engine = SqliteEngine::memory().unwrap();
        for role in [Role::Write, Role::Read] {
            let connection = engine.pool().open(role).unwrap();
            let run = |text: &str| code(connection.execute_batch(text));
            assert_eq!(run("SELECT load_extension('anything')"), Some(ffi::SQLITE_ERROR));
            let rewritten = run("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema");
            assert!(rewritten.is_some(), "the schema was written");
        }
        let reader = engine.pool().open(Role::Read).unwrap();
        assert_eq!(code(reader.execute_batch("CREATE TABLE theirs (a)")), Some(ffi::SQLITE_READONLY));
    }
}
