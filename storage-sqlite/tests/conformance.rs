//! The suite of storage-conformance on the SQLite engine, on its own type and erased.

use storage_conformance::{Damageable, suite};
use storage_sqlite::SqliteEngine;

suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
});
