//! The cases of the message store on the plain engine, which has every power.

use storage_conformance::plain::PlainStore;
use storage_conformance::{Damageable, message_suite};

message_suite!({
    let store = PlainStore::default();
    Damageable(move || Ok(store.open()))
});
