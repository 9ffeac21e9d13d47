//! The cases of the async face on the plain engine, which waits for nothing but says that it stores; and on liars.

use storage_conformance::liars::{Lie, Lying};
use storage_conformance::plain::PlainStore;
use storage_conformance::{Subject, async_suite};

async_suite!({
    let store = PlainStore::default();
    move || Ok(store.open())
}, lacks: [Damage, Checksums]);

#[test]
fn engines_that_lie_are_caught() {
    let lies = [
        (Lie::HalfOfABatch, "future_dropped_at_any_poll_leaves_nothing_half_done"),
        (Lie::StaleTransaction, "tasks_of_one_thread_all_commit"),
        (Lie::MovingSnapshot, "read_shows_one_moment"),
    ];
    for (lie, case) in lies {
        let lying = move || Lying::new(PlainStore::default().open(), lie);
        let caught = std::panic::catch_unwind(|| async_suite::run(&lying, case, &[]));
        assert!(caught.is_err(), "{lie:?} passes {case}");
    }
}

#[test]
fn every_case_has_a_name_of_its_own() {
    fn names<S: Subject>(_: S) -> Vec<&'static str> {
        async_suite::cases::<S>().iter().map(|case| case.name()).collect()
    }
    let mut names = names(subject());
    let count = names.len();
    assert!(count >= 37, "{count} cases are listed");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
