//! The suites on the SQLite engine in memory, on its own type and erased.

use storage_conformance::{Damageable, async_suite, suite, task_suite};
use storage_sqlite::SqliteEngine;

suite!(Damageable(SqliteEngine::memory), lacks: [Reopen]);

mod tasks {
    use super::*;

    task_suite!(Damageable(SqliteEngine::memory), lacks: [Reopen]);
}

mod asynchronous {
    use super::*;

    async_suite!(SqliteEngine::memory);
}
