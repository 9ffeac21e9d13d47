//! The cases of the message store on the SQLite engine, in a file and in memory.

use storage_conformance::message_suite;
use storage_sqlite::SqliteEngine;

mod file {
    use super::*;

    message_suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        storage_conformance::Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
    });
}

mod memory {
    use super::*;

    message_suite!(storage_conformance::Damageable(SqliteEngine::memory), lacks: [Reopen]);
}
