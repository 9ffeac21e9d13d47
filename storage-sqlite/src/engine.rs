//! The engine: the contract, on a database that SQLite keeps.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use storage_core::engine::{Commit, Intent};
use storage_core::{
    Access, Capabilities, Checksums, Decoded, Engine, Keyspace, Record, Result, Sharing, Stamp, Survives,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::connection::{LogAtClose, Role, prepare_in, value};
use crate::options::{AtClose, Place, Settings, SqliteOptions, TempStore};
use crate::pool::Pool;
use crate::snapshot::{SqliteSnapshot, get, keyspaces};
use crate::writer::{self, Level, Others, Writing};
use crate::{connection, disk, error, header, lineage, sql};

/// The SQLite engine: everything in one WAL database, which other processes may have open as well.
///
/// A `Sync` commit survives power loss. A `Deferred` one survives a crash of the process, and a power cut once a later
/// `Sync` commit or a `sync` made it durable; core calls `sync` within a second. In memory nothing survives.
///
/// Readers run beside each other and beside the one that writes, in this process and in others. Whoever waits for what
/// another process holds waits for [`Settings::busy_timeout`] at most, and is told `Busy` then.
#[derive(Debug)]
pub struct SqliteEngine {
    pool: Arc<Pool>,
    /// `None` where the database is only read.
    writer: Option<Arc<writer::Place>>,
    store: Uuid,
    settings: Settings,
    path: std::path::PathBuf,
    /// The directory of a database in memory, until it is closed.
    directory: Mutex<Option<TempDir>>,
}

impl SqliteEngine {
    /// Opens the file at `path`, or creates it, with the default options. See [`SqliteOptions::open`] for what can
    /// fail.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::at(path.as_ref()).open()
    }

    /// A new database in memory, with the default options.
    pub fn memory() -> Result<Self> {
        SqliteOptions::memory().open()
    }

    pub(crate) fn with_settings(mut settings: Settings) -> Result<Self> {
        settings.check()?;
        let location = disk::locate(&settings)?;
        disk::wait_for_creation();
        let role = match settings.access {
            Access::ReadOnly => Role::Read,
            _ => Role::Write,
        };
        let first = connection::open(&location.path, &settings, role)?;
        let failed = |cause| error::failed("open", cause);
        // A log that is not the file's must not get into it, whatever is found.
        connection::set_log_at_close(&first, LogAtClose::Left).map_err(failed)?;
        if settings.place != Place::Memory {
            lineage::check(&first, &location.path)?;
        }
        let store = header::open(&first, &location.path, &settings)?;
        if role == Role::Write {
            connection::set_log_at_close(&first, LogAtClose::Moved).map_err(failed)?;
        }
        read_back(&first, &mut settings).map_err(failed)?;
        let pool = Arc::new(Pool::new(location.path.clone(), settings.clone()));
        let others = match settings.place {
            Place::File(_) => Others::MayWrite,
            Place::Memory => Others::AreShutOut,
        };
        let writer = match role {
            Role::Write => {
                Some(Arc::new(writer::Place::new(first, Arc::clone(&pool), settings.busy_timeout, others)?))
            }
            Role::Read => {
                pool.give_back(first);
                None
            }
        };
        let directory = Mutex::new(location.directory);
        Ok(SqliteEngine { pool, writer, store, settings, path: location.path, directory })
    }

    /// How it was opened, read back from SQLite.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The random id that the store was given when it was created.
    pub fn store_id(&self) -> Uuid {
        self.store
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The place of the writer. `Invalid` where the database is only read.
    pub(crate) fn writer(&self) -> Result<&Arc<writer::Place>> {
        let read_only = || error::invalid("write", "the database is open read-only");
        self.writer.as_ref().ok_or_else(read_only)
    }

    fn is_in_memory(&self) -> bool {
        self.settings.place == Place::Memory
    }
}

/// Reads what SQLite took of the settings.
fn read_back(connection: &Connection, settings: &mut Settings) -> rusqlite::Result<()> {
    settings.page_bytes = value(connection, "PRAGMA page_size")?;
    let cache: i64 = value(connection, "PRAGMA cache_size")?;
    settings.cache_bytes = match u64::try_from(cache) {
        Ok(pages) => pages * u64::from(settings.page_bytes),
        Err(_) => cache.unsigned_abs() * 1024,
    };
    // A build without mapping yields no row.
    settings.mmap_bytes = value::<i64>(connection, "PRAGMA mmap_size").map_or(0, i64::unsigned_abs);
    settings.temp_store = match value::<i64>(connection, "PRAGMA temp_store")? {
        2 => TempStore::Memory,
        _ => TempStore::File,
    };
    let wait: u32 = value(connection, "PRAGMA busy_timeout")?;
    settings.busy_timeout = std::time::Duration::from_millis(wait.into());
    settings.autocheckpoint_pages = value(connection, "PRAGMA wal_autocheckpoint")?;
    Ok(())
}

impl Engine for SqliteEngine {
    type Snapshot = SqliteSnapshot;
    type Owned = Vec<u8>;

    fn capabilities(&self) -> Capabilities {
        if self.is_in_memory() {
            // Where there is no file system in memory, the records lie on a disk.
            let mut capabilities = Capabilities::memory(error::NAME);
            capabilities.checksums = Checksums::Verified;
            return capabilities;
        }
        Capabilities::durable(error::NAME)
            .with_deferred(Survives::ProcessCrash)
            .with_access(self.settings.access)
            .with_sharing(Sharing::Processes)
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Vec<u8>>>> {
        let connection = self.pool.reader()?;
        let found = match prepare_in(&connection, "get", keyspace, &sql::of(keyspace).get) {
            Ok(Some(mut statement)) => get(&mut statement, keyspace, key),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        self.pool.give_back(connection);
        found
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        keyspaces(self.pool.begin()?.connection())
    }

    fn snapshot(&self, intent: Intent) -> Result<SqliteSnapshot> {
        if intent == Intent::Exclusive && !self.is_in_memory() {
            // How durable the commit will be is not known yet.
            return self.writer()?.begin(Level::Full).map(SqliteSnapshot::writing);
        }
        self.pool.begin().map(SqliteSnapshot::reading)
    }

    fn commit(&self, commit: Commit<'_, SqliteSnapshot>) -> Result<()> {
        let writing: Writing = match commit.basis.and_then(SqliteSnapshot::into_writing) {
            Some(writing) => writing,
            None => self.writer()?.begin(commit.durability.into())?,
        };
        writing.commit_batch(commit.batch)
    }

    fn sync(&self) -> Result<()> {
        match &self.writer {
            Some(writer) => writer.sync(),
            None => Ok(()),
        }
    }

    fn close(&self) -> Result<()> {
        self.pool.close();
        let closed = match &self.writer {
            Some(writer) => writer.close(|connection| match self.settings.at_close {
                AtClose::Nothing => Ok(()),
                AtClose::Optimize => {
                    connection.execute_batch(sql::OPTIMIZE).map_err(|cause| error::failed("optimize", cause))
                }
            }),
            None => Ok(()),
        };
        let removed = match self.directory.lock().take() {
            Some(directory) => directory.close().map_err(|cause| error::io("remove the directory", cause)),
            None => Ok(()),
        };
        closed.and(removed)
    }
}

#[cfg(test)]
mod tests {
    use storage_core::{Batch, Change, Durability, Key, KeyRange, Payload, Write};

    use super::*;

    fn notes() -> Keyspace {
        Keyspace::new("notes").unwrap()
    }

    fn put(engine: &SqliteEngine, key: &str, durability: Durability) {
        let record = Record { stamp: Stamp::unverified(), value: Payload::new(b"value") };
        let mut batch = Batch::default();
        batch.writes =
            vec![Write { keyspace: notes(), key: Key::from(key.as_bytes()), change: Change::Put(record) }];
        engine.commit(Commit::new(&batch, durability)).unwrap();
    }

    fn syncs(engine: &SqliteEngine) -> i64 {
        let reader = engine.pool.reader().unwrap();
        reader.query_row(sql::GET_HEADER, ["syncs"], |row| row.get(0)).unwrap()
    }

    #[test]
    fn database_in_memory_leaves_no_directory_behind() {
        for close in [true, false] {
            let engine = SqliteEngine::memory().unwrap();
            put(&engine, "a", Durability::Sync);
            let directory = engine.path.parent().unwrap().to_owned();
            assert!(directory.is_dir());
            let snapshot = engine.snapshot(Intent::Read).unwrap();
            if close {
                engine.close().unwrap();
                assert!(!directory.exists());
            }
            drop(engine);
            assert!(!directory.exists());
            drop(snapshot);
            assert!(!directory.exists());
        }
    }

    #[test]
    fn table_that_a_failed_commit_made_is_made_again() {
        let engine = SqliteEngine::memory().unwrap();
        let allow_pages = |count: u32| {
            let lease = engine.writer().unwrap().take().unwrap();
            value::<u32>(lease.connection(), &format!("PRAGMA max_page_count = {count}")).unwrap();
        };
        let put = |len: usize| {
            let record = Record { stamp: Stamp::unverified(), value: Payload::new(&vec![7; len]) };
            let mut batch = Batch::default();
            batch.writes =
                vec![Write { keyspace: notes(), key: Key::from(b"a"), change: Change::Put(record) }];
            engine.commit(Commit::new(&batch, Durability::Sync))
        };
        allow_pages(10);
        assert_eq!(put(1 << 20).unwrap_err().kind(), storage_core::Kind::Full);
        allow_pages(1 << 20);
        put(1).unwrap();
        assert!(engine.get(notes(), b"a").unwrap().is_some());
    }

    #[test]
    fn there_is_a_change_to_sync_wherever_something_waits_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(directory.path().join("store.db")).unwrap();
        put(&engine, "a", Durability::Sync);
        assert_eq!(syncs(&engine), 0, "nothing waits, and the commit changes something");
        put(&engine, "b", Durability::Deferred);
        // It changes nothing, and SQLite would write and sync nothing.
        put(&engine, "b", Durability::Sync);
        assert_eq!(syncs(&engine), 1);
        put(&engine, "b", Durability::Sync);
        assert_eq!(syncs(&engine), 1);
        engine.sync().unwrap();
        assert_eq!(syncs(&engine), 2);
        put(&engine, "c", Durability::Deferred);
        engine.close().unwrap();
        let engine = SqliteEngine::open(directory.path().join("store.db")).unwrap();
        assert_eq!(syncs(&engine), 3);
    }

    #[test]
    fn commits_go_as_far_as_they_are_asked_to() {
        let directory = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(directory.path().join("store.db")).unwrap();
        let level = |engine: &SqliteEngine| {
            let lease = engine.writer().unwrap().take().unwrap();
            value::<i64>(lease.connection(), "PRAGMA synchronous").unwrap()
        };
        for (durability, expected) in
            [(Durability::Sync, 2), (Durability::Deferred, 1), (Durability::Sync, 2)]
        {
            put(&engine, "a", durability);
            assert_eq!(level(&engine), expected);
        }
        let memory = SqliteEngine::memory().unwrap();
        put(&memory, "a", Durability::Sync);
        assert_eq!(level(&memory), 0);
    }

    #[test]
    fn range_that_is_never_ended_keeps_no_connection_in_the_past() {
        use storage_core::Direction::Forward;
        use storage_core::engine::{Cursor, Snapshot};
        let directory = tempfile::tempdir().unwrap();
        let engine = SqliteEngine::open(directory.path().join("store.db")).unwrap();
        ["a", "b"].into_iter().for_each(|key| put(&engine, key, Durability::Sync));
        for intent in [Intent::Read, Intent::Exclusive] {
            let snapshot = engine.snapshot(intent).unwrap();
            let mut cursor = snapshot.range(notes(), &KeyRange::all(), Forward).unwrap();
            assert!(cursor.advance().unwrap());
            std::mem::forget(cursor);
        }
        let refused = engine.commit(Commit::new(&Batch::default(), Durability::Sync)).unwrap_err();
        assert_eq!(refused.kind(), storage_core::Kind::ForeignCommit, "it sees through another connection");
        put(&engine, "c", Durability::Sync);
        assert!(engine.get(notes(), b"c").unwrap().is_some());
    }
}
