//! The cases of the text index on the plain engine, which has every power.

use storage_conformance::plain::PlainStore;
use storage_conformance::{Damageable, search_suite};

search_suite!({
    let store = PlainStore::default();
    Damageable(move || Ok(store.open()))
});
