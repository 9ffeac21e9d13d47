//! The redb engine of the storage layer: one file that survives power loss.
//!
//! ```
//! use storage_core::{Database, Keyspace};
//! use storage_redb::RedbEngine;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("app.redb");
//! let db = Database::new(RedbEngine::open(&path)?)?;
//! let notes = Keyspace::new("notes")?;
//! db.put(notes, "milk", "two litres")?;
//! db.close()?;
//!
//! let db = Database::new(RedbEngine::open(&path)?)?;
//! assert_eq!(db.get(notes, "milk")?.expect("it was put").as_ref(), b"two litres");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A keyspace is one table of raw bytes that has its name; a value is stored behind its stamp. Readers share a view of
//! the newest state with its tables opened, and a commit replaces it. What a read returns is lent from redb's pages,
//! never copied.

#[cfg(test)]
mod backend;
mod commit;
#[cfg(test)]
mod crash;
mod cursor;
mod disk;
mod engine;
mod error;
mod header;
mod journalled;
mod newest;
mod options;
mod powers;
mod snapshot;
mod statistics;
mod stored;
mod view;

pub use cursor::RedbCursor;
pub use engine::RedbEngine;
pub use options::{QuickRepair, RedbOptions, Settings};
pub use snapshot::RedbSnapshot;
pub use storage_core::IfMissing;
pub use stored::{RedbOwned, RedbValue};
