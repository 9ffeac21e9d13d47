//! The SQLite engine of the storage layer: one WAL database in a file that other processes and `sqlite3` may open too,
//! or in memory.
//!
//! ```
//! use storage_core::{Database, Keyspace};
//! use storage_sqlite::SqliteEngine;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.db");
//! let db = Database::new(SqliteEngine::open(&path)?)?;
//! let notes = Keyspace::new("notes")?;
//! db.put(notes, "milk", "two litres")?;
//! db.close()?;
//!
//! let db = Database::new(SqliteEngine::open(&path)?)?;
//! assert_eq!(db.get(notes, "milk")?.expect("it was put").as_ref(), b"two litres");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The shell `sqlite3` shows tables with the JSON codec as rows and columns: [`SqliteEngine::create_json_view`].
//!
//! A keyspace is one table, `t_` and its name, with the columns `key`, `stamp` and `value`. One connection writes;
//! readers come from a pool that grows. A row that another program wrote without a stamp is read as unverified.
//!
//! While the database is open, and after a process that ended without closing it, its newest commits stand in
//! `app.db-wal`. Move, copy and restore `app.db` and `app.db-wal` together, or use [`NativeBackup`]. SQLite believes any
//! log; the engine refuses these as `Invalid`, and leaves both files as they are:
//! - the log of another store;
//! - a log beside an older, newer or other copy of its file;
//! - a log whose file is missing or empty.
//!
//! Not noticed are a log that was deleted, since a file that `sqlite3` closed looks the same; a log of which this engine
//! has committed nothing, or only one commit since SQLite began it anew while the file stayed open; and the log of a file
//! beside a copy by `VACUUM INTO` that was not written to since.
//!
//! [`NativeBackup`]: storage_core::engine::NativeBackup

mod backup;
mod commit;
mod connection;
mod cursor;
mod disk;
mod engine;
mod error;
mod header;
mod json_view;
mod lineage;
mod options;
mod pool;
mod powers;
mod row;
mod snapshot;
mod sql;
mod statistics;
mod writer;

pub use cursor::SqliteCursor;
pub use engine::SqliteEngine;
pub use options::{AtClose, Place, Profile, Settings, SqliteOptions, TempStore};
pub use snapshot::SqliteSnapshot;
pub use storage_core::IfMissing;
