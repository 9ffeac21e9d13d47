//! The suite of storage-conformance on the redb engine, on its own type and erased.

use storage_conformance::{Damageable, suite};
use storage_redb::RedbEngine;

suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || RedbEngine::open(directory.path().join("store.redb")))
});
