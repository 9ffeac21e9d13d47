//! The cases of the session store on the SQLite engine, in a file and in memory.

use storage_conformance::session_suite;
use storage_sqlite::SqliteEngine;

mod file {
    use super::*;

    session_suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        storage_conformance::Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
    });
}

mod memory {
    use super::*;

    session_suite!(storage_conformance::Damageable(SqliteEngine::memory), lacks: [Reopen]);
}
