//! The engine: the contract, on a SQLite database in WAL mode.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::engine::{Commit, Intent};
use storage_core::{
    Access, Capabilities, Checksums, Decoded, Engine, Keyspace, Kind, Payload, Record, Result, Stamp,
    Survives,
};
use uuid::Uuid;

use crate::commit::{Durable, Writer};
use crate::connect::{self, Held};
use crate::header::{self, Found};
use crate::options::{AtClose, Place, Settings, SqliteOptions};
use crate::pool::Pool;
use crate::snapshot::{self, SqliteSnapshot};
use crate::{error, sql};

/// The SQLite engine: one connection that writes, and one for each reader.
///
/// A `Sync` commit survives power loss. A `Deferred` one survives a crash of the process, and power loss only once a
/// later `Sync` commit or a `sync` made it durable; core calls `sync` within a second. In memory nothing survives.
///
/// One process at a time has a file open for writing; the `sqlite3` shell may read it meanwhile. Where another program
/// wrote to it all the same, commits are refused with `Unavailable` until it is opened again.
#[derive(Debug)]
pub struct SqliteEngine {
    /// `None` once it is closed.
    open: Mutex<Option<Open>>,
    readers: Arc<Pool>,
    path: PathBuf,
    store: Uuid,
    settings: Settings,
}

/// What is released when it is closed, in this order.
#[derive(Debug)]
struct Open {
    writer: Writer,
    _held: Held,
}

impl SqliteEngine {
    /// Opens the file at `path`, or creates it, with the default options. See [`SqliteOptions::open`] for what can fail.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::at(path.as_ref()).open()
    }

    /// A database in memory, with the default options.
    pub fn memory() -> Result<Self> {
        SqliteOptions::memory().open()
    }

    pub(crate) fn with_settings(asked: &Settings) -> Result<Self> {
        if asked.place == Place::Memory && asked.access == Access::ReadOnly {
            let message = "a database in memory is empty when it is opened: there is nothing to read only";
            return Err(error::refused(Kind::Invalid, "open", message.into()));
        }
        let held = connect::hold(asked)?;
        if asked.place == Place::Memory {
            std::fs::File::create(&held.path).map_err(|cause| error::io("create", cause))?;
        }
        let connection = connect::writer(&held.path, asked)?;
        let store = match header::read(&connection)? {
            Found::Ours(store) => store,
            Found::Empty if asked.access == Access::ReadOnly => {
                return Err(error::refused(Kind::Invalid, "open", "the file is empty".into()));
            }
            Found::Empty => header::create(&connection, asked.page_bytes)?,
        };
        let settings =
            connect::read_back(&connection, asked).map_err(|cause| error::failed("open", cause))?;
        let durable = match asked.place {
            Place::File(_) => Durable::Yes,
            Place::Memory => Durable::InMemory,
        };
        let (writer, path) = (Writer::new(connection, durable)?, held.path.clone());
        let readers = Pool::new(path.clone(), settings.clone());
        let open = Mutex::new(Some(Open { writer, _held: held }));
        Ok(SqliteEngine { open, readers, path, store, settings })
    }

    /// How it was opened, as SQLite says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The random id that the store was given when it was created.
    pub fn store_id(&self) -> Uuid {
        self.store
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn writing<T>(&self, work: impl FnOnce(&mut Writer) -> Result<T>) -> Result<T> {
        match &mut *self.open.lock() {
            Some(open) => work(&mut open.writer),
            None => Err(error::refused(Kind::Closed, "write", "the file is closed".into())),
        }
    }
}

impl Engine for SqliteEngine {
    type Snapshot = SqliteSnapshot;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        let capabilities = match self.settings.place {
            Place::File(_) => Capabilities::durable(error::NAME).with_deferred(Survives::ProcessCrash),
            // Its pages may be written to a file system all the same, so that its records are verified.
            Place::Memory => Capabilities::memory(error::NAME).with_checksums(Checksums::Verified),
        };
        capabilities.with_access(self.settings.access)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        snapshot::get(&*self.readers.reader()?, keyspace, key)
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        let reader = self.readers.reader()?;
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut tables = reader.prepare_cached("SELECT name FROM sqlite_master WHERE type = 'table'")?;
            tables.query_map([], |row| row.get(0))?.collect()
        };
        let tables = read().map_err(|cause| error::failed("list the keyspaces", cause))?;
        let names = tables.iter().filter_map(|table| sql::keyspace_of(table));
        names.map(|name| Keyspace::from_stored(name).map_err(|cause| no_keyspace(name, cause))).collect()
    }

    fn snapshot(&self, _: Intent) -> Result<SqliteSnapshot> {
        SqliteSnapshot::pin(self.readers.reader()?)
    }

    fn commit(&self, commit: Commit<'_, SqliteSnapshot>) -> Result<()> {
        // First, so that the log keeps nothing for it.
        drop(commit.basis);
        self.writing(|writer| writer.commit(commit.batch, commit.durability))
    }

    fn sync(&self) -> Result<()> {
        self.writing(Writer::sync)
    }

    fn close(&self) -> Result<()> {
        let mut open = self.open.lock();
        let Some(Open { mut writer, _held }) = open.take() else { return Ok(()) };
        let synced = if writer.is_unsynced() { writer.sync() } else { Ok(()) };
        if self.settings.at_close == AtClose::Optimize && self.settings.access == Access::ReadWrite {
            // It helps the next who opens the file; one that could not be helped is as good as before.
            writer.connection().execute_batch("PRAGMA optimize").ok();
        }
        self.readers.close();
        // The last connection empties the log into the file, before another process may have it.
        drop(writer);
        synced
    }
}

#[cold]
fn no_keyspace(name: &str, cause: storage_core::Error) -> storage_core::Error {
    let message = format!("the file holds a table of a keyspace {name:?}, which is none");
    error::refused(Kind::Corrupt, "list the keyspaces", message).caused_by(cause)
}
