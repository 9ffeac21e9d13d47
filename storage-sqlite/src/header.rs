//! The header: a table that no keyspace can be called like, by which a file is known as the layer's.
//!
//! | row | holds |
//! |---|---|
//! | `format` | the version of what the tables hold: an integer |
//! | `store` | the random id of the store: the sixteen bytes of a UUID |
//! | `log` | what the log and the file know each other by: [`crate::lineage`] |
//! | `syncs` | a number that `sync` counts up, so that there is something to make durable |
//!
//! The file's `application_id` is [`APPLICATION`], which tools such as `file` show; its `user_version` is the format too.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use storage_core::{Access, Error, Result};
use uuid::Uuid;

use crate::connection::{run, value};
use crate::options::Settings;
use crate::{error, lineage, sql};

/// "STOR", as the id of the application that a file belongs to.
const APPLICATION: i64 = 0x5354_4f52;

const FORMAT: &str = "format";
const STORE: &str = "store";

/// The version of what the tables hold: a stamp of 24 bytes beside each value.
const FORMAT_VERSION: i64 = 1;

/// How often the change to a log is tried, while other processes open the same new file.
const TRIES_MAX: u32 = 100;

/// Reads the header of a database, and writes it into an empty one. Its store id.
///
/// `Invalid` for a newer format, for a file whose tables somebody else made, and for one that is not in WAL mode.
pub(crate) fn open(connection: &Connection, path: &Path, settings: &Settings) -> Result<Uuid> {
    if is_empty(connection)? {
        if settings.access == Access::ReadOnly {
            return Err(error::invalid("open", "the file holds no store"));
        }
        lineage::check_empty(connection, path)?;
        return create(connection, settings);
    }
    let store = read(connection)?;
    let mode: String = value(connection, "PRAGMA journal_mode").map_err(failed)?;
    match mode.as_str() {
        "wal" => Ok(store),
        other => Err(error::invalid("open", format!("the journal mode of the file is `{other}`, not `wal`"))),
    }
}

fn is_empty(connection: &Connection) -> Result<bool> {
    let tables: i64 = value(connection, sql::SCHEMA_LEN).map_err(failed)?;
    let application: i64 = value(connection, "PRAGMA application_id").map_err(failed)?;
    Ok(tables == 0 && matches!(application, 0 | APPLICATION))
}

fn create(connection: &Connection, settings: &Settings) -> Result<Uuid> {
    // It takes effect where the file has no page yet.
    connection.execute_batch(&format!("PRAGMA page_size = {}", settings.page_bytes)).map_err(failed)?;
    use_log(connection)?;
    run(connection, sql::BEGIN_WRITE).map_err(failed)?;
    let written = write(connection);
    let ended = match &written {
        Ok(_) => run(connection, sql::COMMIT).map_err(error::commit),
        Err(_) => run(connection, sql::ROLLBACK).map_err(failed),
    };
    written.and_then(|store| ended.map(|()| store))
}

fn use_log(connection: &Connection) -> Result<()> {
    let mut tries = 0;
    loop {
        match value::<String>(connection, "PRAGMA journal_mode = WAL") {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let message = format!("the file stays in the journal mode `{mode}`: it cannot be shared");
                return Err(error::invalid("open", message));
            }
            Err(cause) if error::is_busy(&cause) && tries < TRIES_MAX => {
                tries += 1;
                std::thread::yield_now();
            }
            Err(cause) => return Err(failed(cause)),
        }
    }
}

/// Another process may have been faster: then its header stands.
fn write(connection: &Connection) -> Result<Uuid> {
    if !is_empty(connection)? {
        return read(connection);
    }
    let store = Uuid::new_v4();
    let write = || {
        connection.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT_VERSION}"
        ))?;
        connection.execute_batch(sql::CREATE_HEADER)?;
        connection.execute(sql::PUT_HEADER, (FORMAT, FORMAT_VERSION))?;
        connection.execute(sql::PUT_HEADER, (STORE, store.as_bytes().as_slice()))?;
        connection.execute(sql::PUT_HEADER, ("syncs", 0))?;
        lineage::mark(connection, None)
    };
    write().map(|_| store).map_err(failed)
}

fn read(connection: &Connection) -> Result<Uuid> {
    let has_header =
        connection.query_row(sql::HAS_TABLE, [sql::HEADER], |_| Ok(())).optional().map_err(failed)?.is_some();
    if !has_header {
        return Err(error::invalid("open", "the file holds tables of another program"));
    }
    match row(connection, FORMAT)? {
        Some(Value::Integer(FORMAT_VERSION)) => {}
        Some(Value::Integer(newer)) if newer > FORMAT_VERSION => {
            let message = format!("format {newer} is newer than {FORMAT_VERSION}, which this version writes");
            return Err(error::invalid("open", message));
        }
        _ => return Err(damaged()),
    }
    match row(connection, STORE)? {
        Some(Value::Blob(id)) => Uuid::from_slice(&id).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

fn row(connection: &Connection, name: &str) -> Result<Option<Value>> {
    connection.query_row(sql::GET_HEADER, [name], |row| row.get(0)).optional().map_err(failed)
}

/// Where a statement on the header cannot be made although it stands there, its table is not what was created.
fn failed(cause: rusqlite::Error) -> Error {
    match error::is_about_the_statement(&cause) {
        true => damaged().caused_by(cause),
        false => error::failed("open", cause),
    }
}

fn damaged() -> Error {
    error::corrupt("open", "the header of the file is damaged")
}
