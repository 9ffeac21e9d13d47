//! The SQLite engine of the storage layer: one file that survives power loss and that every tool reads.
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
//! A keyspace `notes` is a table `t_notes` with the columns `key`, `stamp` and `value`, so that the `sqlite3` shell shows
//! what is stored: `SELECT CAST(value AS TEXT) FROM t_notes`, or, for a table with the JSON codec,
//! `SELECT json_extract(CAST(value AS TEXT), '$.city') FROM t_people`. The file is in WAL mode: readers and the one
//! writer never wait for each other.

mod commit;
mod connect;
mod cursor;
mod engine;
mod error;
mod header;
mod options;
mod pool;
mod powers;
mod snapshot;
mod sql;
mod stored;

pub use cursor::SqliteCursor;
pub use engine::SqliteEngine;
pub use options::{AtClose, IfMissing, Place, Profile, Settings, SqliteOptions, TempStore};
pub use snapshot::SqliteSnapshot;
