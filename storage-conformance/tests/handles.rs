//! The suite on handles that share a store, and what it says of those that do not look at each other.

use std::panic::{AssertUnwindSafe, catch_unwind};

use storage_conformance::handles::SharedStore;
use storage_conformance::{cases, suite};

suite!({
    let store = SharedStore::default();
    move || Ok(store.open())
}, lacks: [Damage, Checksums]);

#[test]
fn handles_that_do_not_look_are_caught() {
    for name in [
        "reader_that_another_handle_overtook_runs_again",
        "watch_lags_where_another_handle_committed",
        "table_of_another_handle_is_not_written_past_its_definition",
        "engine_refuses_the_first_commit_after_another_handles",
    ] {
        let store = SharedStore::default();
        let blind = move || Ok(store.open_blind());
        fn case<S: storage_conformance::Subject>(_: &S, name: &str) -> storage_conformance::Case<S> {
            cases().into_iter().find(|case| case.name() == name).expect("the case is in the list")
        }
        let ran = catch_unwind(AssertUnwindSafe(|| case(&blind, name).run(&blind)));
        assert!(ran.is_err(), "{name} holds for handles that do not look");
    }
}
