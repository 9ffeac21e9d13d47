//! The suites of storage-conformance on the SQLite engine: in a file, synced and deferred, and in memory.

use storage_conformance::{Damageable, Deferred, Subject, async_suite, history_tests, store_suites, suite};
use storage_sqlite::SqliteEngine;

fn in_a_file() -> impl Subject<Engine = SqliteEngine> {
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
}

fn in_memory() -> impl Subject<Engine = SqliteEngine> {
    Damageable(SqliteEngine::memory)
}

mod file {
    use super::*;

    suite!(in_a_file());
    store_suites!(in_a_file());
    // A fifth of what engines in memory run: every commit here waits for the disk.
    history_tests!(in_a_file(), model: 200, list_append: 30, seed: 2);
}

mod deferred {
    use super::*;

    suite!(erased: Deferred(in_a_file()));
    store_suites!(erased: Deferred(in_a_file()));
}

mod memory {
    use super::*;

    suite!(in_memory(), lacks: [Reopen]);
    store_suites!(in_memory(), lacks: [Reopen]);
}

mod asynchronous {
    use super::*;

    mod file {
        use super::*;

        async_suite!(in_a_file());
    }

    mod memory {
        use super::*;

        async_suite!(in_memory(), lacks: [Reopen]);
    }
}
