//! The cases of the session store on the redb engine, on its own type and erased.

use storage_conformance::{Damageable, session_suite};
use storage_redb::RedbEngine;

session_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || RedbEngine::open(directory.path().join("store.redb")))
});
