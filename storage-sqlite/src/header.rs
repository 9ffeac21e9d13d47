//! The header: by which a file is known as the layer's.
//!
//! `PRAGMA application_id` is 0x53544f52 (`STOR`), `PRAGMA user_version` the version of the format, and the table
//! `storage_header` has the rows `format`, `store` (the random id of the store) and `syncs` (changed by a commit that
//! has others to make durable).

use rusqlite::{Connection, params};
use storage_core::{Error, Kind, Result};
use uuid::Uuid;

use crate::error;

const APPLICATION: i64 = 0x5354_4f52;

/// The version of what the tables hold: keys, stamps of 24 bytes, values.
const FORMAT: i64 = 1;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The layer's.
    Ours(Uuid),
    /// Nobody's yet.
    Empty,
}

/// Looks whose file it is. `Invalid` for a newer format, for another program's, and for one that is not in WAL mode.
pub(crate) fn read(connection: &Connection) -> Result<Found> {
    let failed = |cause| error::failed("open", cause);
    let number = |pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    if number("application_id")? != APPLICATION {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))
            .map_err(failed)?;
        return match tables {
            0 if number("application_id")? == 0 => Ok(Found::Empty),
            _ => Err(invalid("the file belongs to another program".into())),
        };
    }
    match number("user_version")? {
        FORMAT => {}
        newer if newer > FORMAT => {
            let message = format!("format {newer} is newer than {FORMAT}, which this version writes");
            return Err(invalid(message));
        }
        _ => return Err(damaged()),
    }
    let mode: String =
        connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(invalid(format!("the file is in journal mode {mode}, and only WAL will do")));
    }
    let store: Vec<u8> = connection
        .query_row("SELECT value FROM storage_header WHERE name = 'store'", [], |row| row.get(0))
        .map_err(|_| damaged())?;
    Uuid::from_slice(&store).map(Found::Ours).map_err(|_| damaged())
}

/// Makes an empty file the layer's, unless somebody else has just done so.
pub(crate) fn create(connection: &Connection, page_bytes: u32) -> Result<Uuid> {
    let failed = |cause| error::failed("create", cause);
    connection.pragma_update(None, "page_size", page_bytes).map_err(failed)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(error::refused(Kind::Unavailable, "create", format!("the journal mode stays {mode}")));
    }
    connection.execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").map_err(failed)?;
    let created = match read(connection) {
        Ok(Found::Ours(store)) => Ok(store),
        Ok(Found::Empty) => write(connection).map_err(failed),
        Err(error) => Err(error),
    };
    let store = created.inspect_err(|_| {
        // What was refused is told; that the transaction ends is seen to by its connection.
        connection.execute_batch("ROLLBACK").ok();
    })?;
    connection.execute_batch("COMMIT").map_err(failed)?;
    Ok(store)
}

fn write(connection: &Connection) -> rusqlite::Result<Uuid> {
    let store = Uuid::new_v4();
    connection.execute_batch(
        "CREATE TABLE storage_header (name TEXT PRIMARY KEY NOT NULL, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let mut row = connection.prepare("INSERT INTO storage_header (name, value) VALUES (?1, ?2)")?;
    row.execute(params!["format", FORMAT])?;
    row.execute(params!["store", store.as_bytes().as_slice()])?;
    row.execute(params!["syncs", 0])?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(store)
}

fn invalid(message: String) -> Error {
    error::refused(Kind::Invalid, "open", message)
}

fn damaged() -> Error {
    error::refused(Kind::Corrupt, "open", "the header of the file is damaged".into())
}
