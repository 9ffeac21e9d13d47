//! The memory engine of the storage layer.
//!
//! ```
//! use storage_core::{Database, Keyspace};
//! use storage_mem::MemEngine;
//!
//! let db = Database::new(MemEngine::new())?;
//! let notes = Keyspace::new("notes")?;
//! db.put(notes, "milk", "two litres")?;
//! assert_eq!(db.get(notes, "milk")?.expect("it was put").as_ref(), b"two litres");
//! # Ok::<(), storage_core::Error>(())
//! ```
//!
//! A record's versions stand in one cell; a hash finds it by key and an ordered index by range. A commit adds versions
//! and publishes one number, and a snapshot is such a number: so neither waits for the other, and what a snapshot sees
//! is not copied for it.

mod cell;
mod chain;
mod commit;
mod cursor;
mod engine;
mod index;
mod live;
#[cfg(all(test, shuttle))]
mod schedules;
mod snapshot;
mod space;
mod statistics;
mod sync;

pub use cursor::MemCursor;
pub use engine::MemEngine;
pub use snapshot::MemSnapshot;
pub use statistics::Statistics;
