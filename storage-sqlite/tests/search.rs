//! The cases of the text index on the SQLite engine, in a file and in memory.

use storage_conformance::search_suite;
use storage_sqlite::SqliteEngine;

mod file {
    use super::*;

    search_suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        storage_conformance::Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
    });
}

mod memory {
    use super::*;

    search_suite!(storage_conformance::Damageable(SqliteEngine::memory), lacks: [Reopen]);
}
