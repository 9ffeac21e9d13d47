//! The header: a table that no keyspace can be called like, by which a file is known as the layer's.
//!
//! | row | holds |
//! |---|---|
//! | `format` | the version of what the tables hold: four bytes, little-endian |
//! | `store` | the random id of the store: the sixteen bytes of a UUID |
//! | `version` | the version of the newest commit that came through a journal: eight bytes, little-endian |
//! | `epochs` | the epochs of the two files of the journal, eight bytes each, little-endian; 1 where there is one, or 0 |

use redb::{ReadableTable, TableDefinition, TableError, WriteTransaction};
use storage_core::journal::{Epochs, Mark, Presence};
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
const VERSION: &str = "version";
const EPOCHS: &str = "epochs";

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

/// What the newest commits say of a journal in front of the file.
pub(crate) fn mark(view: &View) -> Result<Mark> {
    let rows = view.transaction().open_table(ROWS).map_err(unreadable)?;
    let row = |name: &str| rows.get_owned(name).map_err(unreadable);
    let version = version_of(row(VERSION)?.as_ref().map(|row| row.value()))?;
    let epochs = match row(EPOCHS)? {
        Some(row) => epochs_of(row.value()).ok_or_else(damaged)?,
        None => Epochs::default(),
    };
    Ok(Mark::new(version, epochs))
}

fn epochs_of(row: &[u8]) -> Option<Epochs> {
    let row: &[u8; 17] = row.try_into().ok()?;
    let epoch = |at: usize| row[at..at + 8].try_into().ok().map(u64::from_le_bytes);
    let presence = match row[16] {
        0 => Presence::Absent,
        1 => Presence::Present,
        _ => return None,
    };
    Some(Epochs { files: [epoch(0)?, epoch(8)?], presence })
}

/// The version that a commit would keep.
pub(crate) fn version(transaction: &WriteTransaction) -> Result<u64> {
    let failed = |cause: redb::Error| error::failed("commit", cause);
    let rows = transaction.open_table(ROWS).map_err(|cause| failed(cause.into()))?;
    let row = rows.get(VERSION).map_err(|cause| failed(cause.into()))?;
    version_of(row.map(|row| row.value().to_vec()).as_deref())
}

fn version_of(row: Option<&[u8]>) -> Result<u64> {
    match row {
        Some(row) => row.try_into().map(u64::from_le_bytes).map_err(|_| damaged()),
        None => Ok(0),
    }
}

/// Stores the version of the commit of which it becomes a part.
pub(crate) fn set_version(transaction: &WriteTransaction, version: u64) -> Result<()> {
    set(transaction, VERSION, &version.to_le_bytes())
}

/// Stores epochs with the commit of which they become a part.
pub(crate) fn set_epochs(transaction: &WriteTransaction, epochs: Epochs) -> Result<()> {
    let [first, second] = epochs.files.map(u64::to_le_bytes);
    let presence = match epochs.presence {
        Presence::Absent => 0,
        Presence::Present => 1,
    };
    set(transaction, EPOCHS, &[&first[..], &second, &[presence]].concat())
}

fn set(transaction: &WriteTransaction, row: &str, value: &[u8]) -> Result<()> {
    let failed = |cause: redb::Error| error::failed("commit", cause);
    let mut rows = transaction.open_table(ROWS).map_err(|cause| failed(cause.into()))?;
    rows.insert(row, value).map(drop).map_err(|cause| failed(cause.into()))
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
