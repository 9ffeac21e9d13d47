//! `port-messages-sqlite`: the storage access of the original message store on SQLite, written anew.
//!
//! One connection and one mutex per namespace. A write is two statements, each a transaction of its own, prepared anew:
//! the largest position of the stream, then the insert. JSON is kept as text and decoded into maps by every read. A page
//! of a category asks for a spelling of the category that its index does not have, without a limit: every row from the
//! position on is looked at, all that match are brought into memory, and what is too many is cut there. On a file it is
//! in WAL mode with SQLite's own `synchronous`, which is FULL; in memory it is a named database with a shared cache.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Row, params};
use storage_stores::messages::{Uuid, parse_id};
use uuid::Timestamp;

use super::bare_rusqlite::settings;
use super::messages::{MessageRows, MessageView};
use super::sqlite::Level;
use super::{Subject, Tag};
use crate::failure::{Failure, Outcome};
use crate::workload::message_data::{Data, Made};
use crate::workload::{Class, Place, Setting, Spec};

/// The name of its rows.
pub const ENGINE: &str = "port-messages-sqlite";

/// A page of a category of a store with more messages takes seconds.
const MESSAGES_MAX: u64 = 100_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        global_position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        stream_name TEXT NOT NULL,
        type TEXT NOT NULL,
        position INTEGER NOT NULL,
        data TEXT,
        metadata TEXT,
        time INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX IF NOT EXISTS messages_id ON messages (id);
    CREATE UNIQUE INDEX IF NOT EXISTS messages_stream ON messages (stream_name, position);
    CREATE INDEX IF NOT EXISTS messages_category ON messages (
        substr(stream_name, 1, instr(stream_name || '-', '-') - 1), global_position
    );
    CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL);
    INSERT OR IGNORE INTO schema_version VALUES (1, 0), (2, 0);";

const VERSION: &str = "SELECT COALESCE(MAX(position), -1) FROM messages WHERE stream_name = ?1";

const INSERT: &str = "
    INSERT INTO messages (id, stream_name, type, position, data, metadata, time)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const STREAM: &str = "
    SELECT id, stream_name, type, position, global_position, data, metadata, time
    FROM messages WHERE stream_name = ?1 AND position >= ?2 ORDER BY position ASC LIMIT ?3";

const CATEGORY: &str = "
    SELECT id, stream_name, type, position, global_position, data, metadata, time
    FROM messages
    WHERE CASE WHEN instr(stream_name, '-') > 0
        THEN substr(stream_name, 1, instr(stream_name, '-') - 1) ELSE stream_name END = ?1
        AND global_position >= ?2
    ORDER BY global_position ASC";

/// A namespace.
#[derive(Debug)]
pub struct PortMessagesSqlite<L> {
    /// The mutex stands for both of the original: the one around writes, and the pool with one connection.
    connection: Mutex<Connection>,
    level: PhantomData<L>,
    /// Goes after the connection.
    _place: Place,
}

/// A message as the original hands it out.
#[derive(Debug)]
pub struct Found {
    /// Its id.
    pub id: Uuid,
    /// Its stream.
    pub stream: String,
    /// Its type.
    pub message_type: String,
    /// Its position in the stream.
    pub position: u64,
    /// Its position in the namespace.
    pub global_position: u64,
    /// What it says.
    pub data: Option<Data>,
    /// What is said about it.
    pub metadata: Option<Data>,
    /// When it was written, in seconds.
    pub time: u64,
}

impl MessageView for Found {
    fn position(&self) -> u64 {
        self.position
    }

    fn global_position(&self) -> u64 {
        self.global_position
    }

    fn number(&self, name: &str) -> Outcome<Option<u64>> {
        Ok(self.data.as_ref().and_then(|data| data.get(name)?.as_u64()))
    }
}

impl<L: Level> Subject for PortMessagesSqlite<L> {
    const TAG: Tag = Tag { engine: ENGINE, mode: None, class: L::CLASS };

    fn absence(spec: &Spec) -> Option<&'static str> {
        (spec.records > MESSAGES_MAX)
            .then_some("a page of a category looks at every message behind its start")
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = match L::CLASS {
            Class::Memory => {
                // Each opened store is another namespace.
                static OPENED: AtomicU64 = AtomicU64::new(0);
                let number = OPENED.fetch_add(1, Ordering::Relaxed);
                let name = format!("file:bench_ns_{number}?mode=memory&cache=shared");
                Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_URI)?
            }
            _ => {
                let connection = Connection::open_with_flags(place.file("bench_ns.db")?, flags)?;
                connection.execute_batch("PRAGMA journal_mode = WAL")?;
                connection
            }
        };
        connection.execute_batch("PRAGMA busy_timeout = 5000")?;
        connection.execute_batch(SCHEMA)?;
        Ok(PortMessagesSqlite { connection: Mutex::new(connection), level: PhantomData, _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings(&self.connection.lock())
    }
}

impl<L: Level> PortMessagesSqlite<L> {
    fn write_on(connection: &Connection, message: Made) -> Outcome<u64> {
        let Made { stream, message_type, data, correlation } = message;
        let version: i64 = connection.query_row(VERSION, [&stream], |row| row.get(0))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let time = Timestamp::from_unix(uuid::NoContext, now.as_secs(), now.subsec_nanos());
        let data = serde_json::to_string(&data)?;
        let metadata = correlation.map(|with| serde_json::json!({ "correlationStreamName": with }));
        connection.execute(
            INSERT,
            params![
                Uuid::new_v7(time).to_string(),
                stream,
                message_type,
                version + 1,
                data,
                metadata.map(|metadata| metadata.to_string()),
                now.as_secs() as i64
            ],
        )?;
        Ok(u64::try_from(connection.last_insert_rowid())?)
    }
}

impl<L: Level> MessageRows for PortMessagesSqlite<L> {
    type Found = Found;

    fn write(&self, message: Made) -> Outcome<u64> {
        Self::write_on(&self.connection.lock(), message)
    }

    fn load(&self, mut messages: impl Iterator<Item = Made>) -> Outcome<()> {
        let connection = self.connection.lock();
        connection.execute_batch("BEGIN")?;
        messages.try_for_each(|message| Self::write_on(&connection, message).map(drop))?;
        Ok(connection.execute_batch("COMMIT")?)
    }

    fn stream(&self, stream: &str, from: u64, batch: u64) -> Outcome<Vec<Found>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare(STREAM)?;
        let mut rows = statement.query(params![stream, i64::try_from(from)?, i64::try_from(batch)?])?;
        let mut page = Vec::with_capacity(usize::try_from(batch)?);
        while let Some(row) = rows.next()? {
            page.push(found(row)?);
        }
        Ok(page)
    }

    fn category(&self, category: &str, from: u64, batch: u64) -> Outcome<Vec<Found>> {
        let connection = self.connection.lock();
        let mut statement = connection.prepare(CATEGORY)?;
        let mut rows = statement.query(params![category, i64::try_from(from)?])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(found(row)?);
        }
        all.truncate(usize::try_from(batch)?);
        Ok(all)
    }

    fn count(&self) -> Outcome<u64> {
        let connection = self.connection.lock();
        let count: i64 = connection.query_row("SELECT COUNT(*) FROM messages", [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }
}

fn found(row: &Row<'_>) -> Outcome<Found> {
    let number = |at: usize| -> Outcome<u64> { Ok(u64::try_from(row.get::<_, i64>(at)?)?) };
    let json = |at: usize| -> Outcome<Option<Data>> {
        let text: Option<String> = row.get(at)?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    };
    let id: String = row.get(0)?;
    Ok(Found {
        id: parse_id(&id).map_err(|error| Failure::new(error.to_string()))?,
        stream: row.get(1)?,
        message_type: row.get(2)?,
        position: number(3)?,
        global_position: number(4)?,
        data: json(5)?,
        metadata: json(6)?,
        time: number(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::messages::tests::message_rows_mean_what_they_say;
    use super::super::sqlite::{Full, InMemory};
    use super::super::tests::opened;
    use super::*;

    #[test]
    fn rows_mean_what_they_say() {
        message_rows_mean_what_they_say::<PortMessagesSqlite<Full>>();
        message_rows_mean_what_they_say::<PortMessagesSqlite<InMemory>>();
    }

    #[test]
    fn a_category_is_read_past_its_index_and_a_stream_by_its_index() {
        let (port, _folder) = opened::<PortMessagesSqlite<InMemory>>();
        let connection = port.connection.lock();
        let plan = |query: &str| -> String {
            let explained = format!("EXPLAIN QUERY PLAN {query}");
            let mut statement = connection.prepare(&explained).unwrap();
            let count = statement.parameter_count();
            for at in 1..=count {
                statement.raw_bind_parameter(at, 1).unwrap();
            }
            let mut rows = statement.raw_query();
            let mut plan = String::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push_str(&row.get::<_, String>(3).unwrap());
            }
            plan
        };
        assert!(plan(CATEGORY).contains("INTEGER PRIMARY KEY"), "{}", plan(CATEGORY));
        assert!(plan(STREAM).contains("messages_stream"), "{}", plan(STREAM));
    }

    #[test]
    fn each_is_set_as_the_original_sets_it() {
        let set = |settings: Vec<(&'static str, String)>| (settings[1].1.clone(), settings[2].1.clone());
        let file = set(opened::<PortMessagesSqlite<Full>>().0.settings());
        assert_eq!(file, ("wal".to_owned(), "2".to_owned()));
        let memory = set(opened::<PortMessagesSqlite<InMemory>>().0.settings());
        assert_eq!(memory.0, "memory");
    }
}
