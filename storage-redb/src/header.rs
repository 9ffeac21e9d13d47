//! The header: a table that no keyspace can be called like, by which a file is known as the layer's.
//!
//! | row | holds |
//! |---|---|
//! | `format` | the version of what the tables hold: four bytes, little-endian |
//! | `store` | the random id of the store: the sixteen bytes of a UUID |

use redb::{TableDefinition, TableError};
use storage_core::{Durability, Error, Kind, Result};
use uuid::Uuid;

use crate::error::{self, NAME};
use crate::newest::{File, Manner, Newest, begin_write};
use crate::options::{QuickRepair, Settings};
use crate::view::View;

/// The name of the header's table.
pub(crate) const TABLE: &str = "#header";

const ROWS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new(TABLE);
const FORMAT: &str = "format";
const STORE: &str = "store";

/// The version of what the tables hold: stamps of 24 bytes, values behind them.
const FORMAT_VERSION: u32 = 1;

/// Reads the header of a file, and writes it into an empty one. Its store id.
///
/// `Invalid` for a newer format, and for a file whose tables somebody else made.
pub(crate) fn open(file: File, settings: &Settings) -> Result<(Newest, Uuid)> {
    let view = file.begin_read()?;
    let found = read(&view)?;
    let is_empty = found.is_none() && view.transaction().list_tables().map_err(unreadable)?.next().is_none();
    drop(view);
    let store = match found {
        Some(store) => store,
        None if is_empty => write(&file, settings.quick_repair)?,
        None => return Err(invalid("the file holds tables of another program")),
    };
    Ok((Newest::new(file), store))
}

fn read(view: &View) -> Result<Option<Uuid>> {
    let rows = match view.transaction().open_table(ROWS) {
        Ok(rows) => rows,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(cause) => return Err(unreadable(cause)),
    };
    let row = |name: &str| rows.get_owned(name).map_err(unreadable);
    let format = row(FORMAT)?.and_then(|row| row.value().try_into().ok().map(u32::from_le_bytes));
    match format {
        Some(FORMAT_VERSION) => {}
        Some(newer) if newer > FORMAT_VERSION => {
            let message = format!("format {newer} is newer than {FORMAT_VERSION}, which this version writes");
            return Err(invalid(message));
        }
        _ => return Err(damaged()),
    }
    match row(STORE)?.and_then(|row| Uuid::from_slice(row.value()).ok()) {
        Some(store) => Ok(Some(store)),
        None => Err(damaged()),
    }
}

/// A failure is never `CommitUnknown`: nothing but the header was written, and whoever opens the file next finds it or
/// writes it again.
fn write(file: &File, quick_repair: QuickRepair) -> Result<Uuid> {
    let store = Uuid::new_v4();
    let transaction = begin_write(file.writable()?, Manner { durability: Durability::Sync, quick_repair })?;
    let mut rows = transaction.open_table(ROWS).map_err(unreadable)?;
    rows.insert(FORMAT, FORMAT_VERSION.to_le_bytes().as_slice()).map_err(unreadable)?;
    rows.insert(STORE, store.as_bytes().as_slice()).map_err(unreadable)?;
    drop(rows);
    transaction.commit().map_err(unreadable)?;
    Ok(store)
}

fn unreadable(cause: impl Into<redb::Error>) -> Error {
    error::failed("open", cause)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, message).in_engine(NAME).during("open")
}

fn damaged() -> Error {
    Error::new(Kind::Corrupt, "the header of the file is damaged").in_engine(NAME).during("open")
}
