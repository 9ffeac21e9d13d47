//! The one history on the engines at hand with every commit deferred, and on engines that lie.
//!
//! As it is, it is a case of the suite, so every engine replays it there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use storage_conformance::liars::{Lie, Lying};
use storage_conformance::model::one_history;
use storage_conformance::plain::PlainStore;
use storage_conformance::{Deferred, Erased, Subject};
use storage_mem::MemEngine;

fn plain() -> impl Subject {
    let store = PlainStore::default();
    move || Ok(store.open())
}

fn mem() -> impl Subject {
    || Ok(MemEngine::new())
}

#[track_caller]
fn is_answered(subject: &impl Subject) {
    if let Err(divergence) = one_history::replay(subject).expect("the names are legal") {
        panic!("{divergence}");
    }
}

#[test]
fn deferred_commits_are_answered_as_on_file() {
    is_answered(&Deferred(plain()));
    is_answered(&Deferred(mem()));
    is_answered(&Erased(Deferred(plain())));
    is_answered(&Erased(Deferred(mem())));
}

#[test]
fn lies_are_told_with_the_step_the_call_and_both_answers() {
    let lies = [
        Lie::HalfOfABatch,
        Lie::LostDelete,
        Lie::RangeDeleteTakesItsEnd,
        Lie::ReverseIsForward,
        Lie::MovingSnapshot,
        Lie::NoExpiry,
        Lie::SyncDoesNothing,
        Lie::ReopenForgetsTheLast,
    ];
    let mut told = 0;
    for lie in lies {
        let store = PlainStore::default();
        let lying = move || Lying::new(store.open(), lie);
        // An engine that lies about cursors or commits may also break what core takes for granted.
        let Ok(replayed) = catch_unwind(AssertUnwindSafe(|| one_history::replay(&lying))) else { continue };
        let divergence = replayed.expect("the names are legal").expect_err("it lies");
        let shown = divergence.to_string();
        assert!(shown.starts_with(&format!("step {}: ", divergence.step)), "{shown}");
        told += 1;
        assert!(shown.contains("\n  expected ") || shown.contains(" was refused: "), "{shown}");
    }
    assert!(told >= 3, "{told} of the lies were told by their step");
}
