//! The suite of storage-conformance on the SQLite engine in memory, on its own type and erased.

use storage_conformance::{Damageable, suite};
use storage_sqlite::SqliteEngine;

suite!(Damageable(SqliteEngine::memory), lacks: [Reopen]);
