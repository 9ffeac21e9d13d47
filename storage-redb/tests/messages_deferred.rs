//! The cases of the message store on the redb engine with every commit deferred, on its own type and erased.

use storage_conformance::{Damageable, Deferred, message_suite};
use storage_redb::RedbEngine;

message_suite!({
    let directory = tempfile::tempdir().expect("a directory can be made");
    Deferred(Damageable(move || RedbEngine::open(directory.path().join("store.redb"))))
});
