//! The cases of the async face on the redb engine, on its own type and erased.

use storage_conformance::async_suite;
use storage_redb::RedbEngine;

async_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    move || RedbEngine::open(directory.path().join("store.redb"))
});
