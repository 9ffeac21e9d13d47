//! The cases of the session store on the plain engine, which has every power.

use storage_conformance::plain::PlainStore;
use storage_conformance::{Damageable, session_suite};

session_suite!({
    let store = PlainStore::default();
    Damageable(move || Ok(store.open()))
});
