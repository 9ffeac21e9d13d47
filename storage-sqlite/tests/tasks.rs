//! The cases of the task stores on the SQLite engine, on its own type and erased.

use storage_conformance::{Damageable, task_suite};
use storage_sqlite::SqliteEngine;

task_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || SqliteEngine::open(directory.path().join("store.db")))
});
