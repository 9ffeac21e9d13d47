//! The cases of the task stores on the plain engine, which has every power.

use storage_conformance::plain::PlainStore;
use storage_conformance::{Damageable, task_suite};

task_suite!({
    let store = PlainStore::default();
    Damageable(move || Ok(store.open()))
});
