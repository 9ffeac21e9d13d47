//! The cases of the task stores on the redb engine, on its own type and erased.

use storage_conformance::{Damageable, task_suite};
use storage_redb::RedbEngine;

task_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || RedbEngine::open(directory.path().join("store.redb")))
});
