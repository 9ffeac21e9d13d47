//! The suite of storage-conformance on the SQLite engine with every commit deferred, on its own type and erased.

use storage_conformance::{Damageable, Deferred, suite};
use storage_sqlite::SqliteEngine;

suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Deferred(Damageable(move || SqliteEngine::open(directory.path().join("store.db"))))
});
