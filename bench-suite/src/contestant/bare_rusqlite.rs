//! `bare-rusqlite`: SQLite by hand, in WAL mode, one connection that writes and a few that read, with prepared
//! statements and the settings of ours.
//!
//! Keys and values are blobs in one table without row ids. There is no checksum, nobody looks whether another process
//! has written, and nothing groups the commits of several writers.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension};
use tempfile::TempDir;

use super::sqlite::Level;
use super::{Entry, Points, Ranges, Reopen, Snapshots, Subject, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
use crate::workload::{Class, Place, Setting};

/// The name of its rows.
pub const ENGINE: &str = "bare-rusqlite";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS data (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID";
const GET: &str = "SELECT value FROM data WHERE key = ?1";
const PUT: &str = "REPLACE INTO data (key, value) VALUES (?1, ?2)";
const DELETE: &str = "DELETE FROM data WHERE key = ?1";
const UP: &str = "SELECT key, value FROM data WHERE key >= ?1 ORDER BY key";
const DOWN: &str = "SELECT key, value FROM data WHERE key <= ?1 ORDER BY key DESC";

/// What ours is set to as well.
const SETTINGS: &str = "PRAGMA cache_size = -16384; PRAGMA mmap_size = 268435456; PRAGMA temp_store = 2;";

/// A database and its connections.
pub(super) struct Database {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    path: PathBuf,
    /// Where it lies in memory. It goes after the connections.
    _directory: Option<TempDir>,
}

impl Database {
    /// The database of a level in a place, created if it is missing, with `tables` in it.
    pub(super) fn open<L: Level>(place: &Place, tables: &str) -> Outcome<Self> {
        let (path, directory) = match L::CLASS {
            Class::Memory => {
                let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
                (directory.path().join("bare.db"), Some(directory))
            }
            _ => (place.file("bare.db")?, None),
        };
        let writer = connect(&path)?;
        writer.execute_batch(&format!(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA synchronous = {}; {tables}",
            L::SYNCHRONOUS
        ))?;
        Ok(Database { writer: Mutex::new(writer), readers: Mutex::default(), path, _directory: directory })
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock()
    }

    /// Writes in one transaction, which is gone after an error.
    pub(super) fn write<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let writer = self.writer();
        run(&writer, "BEGIN IMMEDIATE")?;
        match work(&writer) {
            Ok(done) => run(&writer, "COMMIT").map(|()| done),
            Err(error) => {
                run(&writer, "ROLLBACK")?;
                Err(error)
            }
        }
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let reader = self.reader()?;
        let done = work(&reader);
        self.readers.lock().push(reader);
        done
    }

    fn reader(&self) -> Outcome<Connection> {
        match self.readers.lock().pop() {
            Some(reader) => Ok(reader),
            None => connect(&self.path),
        }
    }

    /// Makes deferred commits durable by a commit that changes something, as ours does.
    pub(super) fn settle<L: Level>(&self) -> Outcome<()> {
        if L::CLASS != Class::ProcessCrash {
            return Ok(());
        }
        let writer = self.writer();
        writer.execute_batch(
            "PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS syncs (count);
             INSERT INTO syncs VALUES (1); DELETE FROM syncs; PRAGMA synchronous = NORMAL",
        )?;
        Ok(())
    }
}

/// The library, and the settings that matter, read back from a connection.
pub(super) fn settings(connection: &Connection) -> Vec<(&'static str, String)> {
    let value = |name: &str| {
        // A number or a text.
        let text = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        connection.query_row(&text, [], |row| row.get(0)).unwrap_or_else(|error| error.to_string())
    };
    vec![
        ("library", format!("SQLite {}", rusqlite::version())),
        ("journal", value("journal_mode")),
        ("synchronous", value("synchronous")),
        ("pages", value("page_size")),
        ("cache", value("cache_size")),
        ("mapped", value("mmap_size")),
    ]
}

fn connect(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

fn run(connection: &Connection, text: &str) -> Outcome<()> {
    Ok(connection.prepare_cached(text)?.execute([]).map(drop)?)
}

/// A database with one table.
pub struct BareRusqlite<L> {
    db: Database,
    level: PhantomData<L>,
    /// Goes after the database.
    _place: Option<Place>,
}

impl<L> fmt::Debug for BareRusqlite<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BareRusqlite({})", self.db.path.display())
    }
}

impl<L: Level> Subject for BareRusqlite<L> {
    const TAG: Tag = Tag { engine: ENGINE, mode: None, class: L::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let opened = Self::reopen(&place)?;
        Ok(BareRusqlite { _place: Some(place), ..opened })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.db.writer())
    }

    fn settle(&self) -> Outcome<()> {
        self.db.settle::<L>()
    }
}

impl<L: Level> Reopen for BareRusqlite<L> {
    fn reopen(place: &Place) -> Outcome<Self> {
        Ok(BareRusqlite { db: Database::open::<L>(place, CREATE)?, level: PhantomData, _place: None })
    }
}

fn get(statement: &mut CachedStatement<'_>, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let value = |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_blob()?.to_vec());
    Ok(statement.query_row([key], value).optional()?)
}

impl<L: Level> Points for BareRusqlite<L> {
    type Value = Vec<u8>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        self.db.read(|reader| get(&mut reader.prepare_cached(GET)?, key))
    }

    /// One statement is a transaction of its own.
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.db.writer().prepare_cached(PUT)?.execute((key, value))?;
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        Ok(self.db.writer().prepare_cached(DELETE)?.execute([key])? == 1)
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        self.db.write(|writer| {
            let mut statement = writer.prepare_cached(PUT)?;
            for entry in entries {
                statement.execute((&entry.key[..], &entry.value[..]))?;
            }
            Ok(())
        })
    }

    /// In transactions of a few thousand, as ours does.
    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        entries.chunks(4_096).try_for_each(|chunk| self.put_batch(chunk))
    }
}

impl<L: Level> Ranges for BareRusqlite<L> {
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize> {
        self.db.read(|reader| {
            let mut statement = reader.prepare_cached(match walk {
                Walk::Up => UP,
                Walk::Down => DOWN,
            })?;
            let mut rows = statement.query([start])?;
            let mut count = 0;
            while count < limit
                && let Some(row) = rows.next()?
            {
                visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
                count += 1;
            }
            Ok(count)
        })
    }
}

/// A connection in a transaction that sees one state.
pub struct State<'a> {
    reader: Option<Connection>,
    db: &'a Database,
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        // One that cannot be ended is closed instead.
        if let Some(reader) = self.reader.take()
            && run(&reader, "COMMIT").is_ok()
        {
            self.db.readers.lock().push(reader);
        }
    }
}

impl<L: Level> Snapshots for BareRusqlite<L> {
    type Snapshot<'a> = State<'a>;

    fn snapshot(&self) -> Outcome<State<'_>> {
        let reader = self.db.reader()?;
        run(&reader, "BEGIN")?;
        // The first read holds the state.
        get(&mut reader.prepare_cached(GET)?, b"")?;
        Ok(State { reader: Some(reader), db: &self.db })
    }

    fn get_in(state: &State<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool> {
        let Some(reader) = &state.reader else { return Ok(false) };
        let mut statement = reader.prepare_cached(GET)?;
        let mut rows = statement.query([key])?;
        match rows.next()? {
            Some(row) => visit(row.get_ref(0)?.as_blob()?),
            None => return Ok(false),
        }
        Ok(true)
    }
}

impl<L: Level> Transfers for BareRusqlite<L> {
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()> {
        self.db.write(|writer| {
            let absent = || Failure::new("an account is missing");
            let mut look = writer.prepare_cached(GET)?;
            let giver = get(&mut look, from)?.ok_or_else(absent)?;
            let taker = get(&mut look, to)?.ok_or_else(absent)?;
            let (giver, taker) = moved(&giver, &taker, amount)?;
            let mut put = writer.prepare_cached(PUT)?;
            put.execute((from, giver))?;
            put.execute((to, taker))?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sqlite::{Full, InMemory, Normal};
    use super::super::tests::{points_hold_what_was_put, ranges_go_both_ways, transfers_move_the_amount};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareRusqlite<Full>>();
        points_hold_what_was_put::<BareRusqlite<Normal>>();
        points_hold_what_was_put::<BareRusqlite<InMemory>>();
    }

    #[test]
    fn ranges_begin_with_the_start_and_go_both_ways() {
        ranges_go_both_ways::<BareRusqlite<Normal>>();
    }

    #[test]
    fn a_transfer_moves_the_amount() {
        transfers_move_the_amount::<BareRusqlite<InMemory>>();
    }
}
