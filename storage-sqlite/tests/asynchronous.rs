//! The cases of the async face on the SQLite engine, on its own type and erased.

use storage_conformance::async_suite;
use storage_sqlite::SqliteEngine;

async_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    move || SqliteEngine::open(directory.path().join("store.db"))
});
