//! The cases of the message store on the redb engine, on its own type and erased.

use storage_conformance::{Damageable, message_suite};
use storage_redb::RedbEngine;

message_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || RedbEngine::open(directory.path().join("store.redb")))
});
