//! The cases of the task stores on the SQLite engine with every commit deferred, on its own type and erased.

use storage_conformance::{Damageable, Deferred, task_suite};
use storage_sqlite::SqliteEngine;

task_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Deferred(Damageable(move || SqliteEngine::open(directory.path().join("store.db"))))
});
