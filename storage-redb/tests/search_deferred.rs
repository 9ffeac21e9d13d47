//! The cases of the text index on the redb engine with every commit deferred, on its own type and erased.

use storage_conformance::{Damageable, Deferred, search_suite};
use storage_redb::RedbEngine;

search_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Deferred(Damageable(move || RedbEngine::open(directory.path().join("store.redb"))))
});
