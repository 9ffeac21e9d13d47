//! The cases of the session store on the redb engine with every commit deferred, on its own type and erased.

use storage_conformance::{Damageable, Deferred, session_suite};
use storage_redb::RedbEngine;

session_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Deferred(Damageable(move || RedbEngine::open(directory.path().join("store.redb"))))
});
