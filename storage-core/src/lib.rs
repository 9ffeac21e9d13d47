//! One storage layer over any engine: serializable transactions, ordered ranges, snapshots, expiry, watches, and typed
//! tables with indexes.
//!
//! An application holds a [`Database`] on an [`Engine`] of its choice. It reads and writes bytes in [`Keyspace`]s, or
//! typed records in [`Table`]s; single calls and [`Snapshot`]s read, [`Database::transact`] decides and writes.
//! Whatever the engine, the guarantees and the errors are the same.
//!
//! ```
//! use storage_core::{Database, Direction, KeyRange, Keyspace};
//! use storage_mem::MemEngine;
//!
//! let db = Database::new(MemEngine::new())?; // the line that chooses the engine
//! let accounts = Keyspace::new("accounts")?;
//! db.put(accounts, "ann", "100")?;
//! db.transact(|txn| {
//!     let balance = txn.get(accounts, "ann")?.map(|found| found.to_vec()).unwrap_or_default();
//!     txn.put(accounts, "bob", balance)?;
//!     txn.delete(accounts, "ann")
//! })?;
//! let names = db.snapshot()?.range(accounts, &KeyRange::all(), Direction::Forward)?.keys()?;
//! assert_eq!(names.len(), 1);
//! # Ok::<(), storage_core::Error>(())
//! ```
//!
//! The feature `tokio` adds `AsyncDatabase`, the same for async code.
//!
//! Whoever writes an engine starts at [`engine`], the whole contract.

pub mod engine;
pub mod journal;
pub mod key;
pub mod limits;

mod attributes;
mod batch;
#[cfg(feature = "tokio")]
mod blocking;
mod bulk;
mod capabilities;
mod clock;
mod codec;
mod commit;
mod copy;
mod counter;
mod database;
mod derived;
mod drops;
mod erased;
mod error;
mod expiry;
mod found;
mod index;
mod keyspace;
mod maintenance;
mod moment;
mod namespace;
mod options;
mod overlay;
mod page;
mod powers;
mod range;
mod read;
mod reads;
mod rebuild;
mod record;
mod records;
mod retry;
mod scan;
mod schema;
mod snapshot;
mod sorted;
mod state;
mod statistics;
mod sync;
mod table;
mod tables;
mod transaction;
mod watch;

pub use attributes::Attributes;
pub use batch::{Batch, Change, Write};
#[cfg(feature = "tokio")]
pub use blocking::{AsyncDatabase, AsyncWatch};
pub use bulk::{BulkCause, BulkError, BulkLoaded, BulkOptions, BulkParts, BulkRecord};
pub use capabilities::{Access, Capabilities, Checksums, IfMissing, Sharing, Survives};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use codec::Codec;
pub use commit::member::Sequence;
pub use copy::Copied;
pub use database::{BodyError, Database};
pub use engine::{Durability, Engine};
pub use erased::{AnyEngine, AnyOwned, AnySnapshot, AnyValue};
pub use error::{Error, Kind, Result, Retry};
pub use expiry::Swept;
pub use found::Found;
pub use index::{Emit, Index};
pub use key::{CommitTime, Key, Number};
pub use keyspace::{Keyspace, KeyspaceKind, KeyspaceMap};
pub use namespace::Namespace;
pub use options::{Options, Outcome, TransactOptions};
pub use page::{Page, PageCursor, PageRequest};
pub use range::{Direction, KeyRange};
pub use read::{Get, Read};
pub use record::{Decoded, Memo, Payload, Record, STAMP_LEN, Stamp, Value};
pub use records::{RecordEntry, Records};
pub use scan::{Entry, Range};
pub use snapshot::Snapshot;
pub use statistics::Statistics;
pub use table::{KeyLike, Table, TableBuilder, TableKey, TableValue};
pub use transaction::Transaction;
pub use watch::{Event, Watch, WatchedChange};
