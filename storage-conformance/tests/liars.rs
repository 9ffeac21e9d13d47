//! Every liar is caught, and the wrapper that lies is honest without a lie.

use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

use storage_conformance::liars::{Finds, LIARS, Lie, Lying};
use storage_conformance::model::first_divergence;
use storage_conformance::plain::{PlainEngine, PlainStore};
use storage_conformance::{Case, Subject, cases};

/// Histories in which the model must have found a lie, and their seed.
const HISTORIES: u64 = 400;
const SEED: u64 = 20_240_607;

/// A store on which an engine lies, or does not.
fn lying(lie: Option<Lie>) -> impl Subject<Engine = Lying<PlainEngine>> {
    let store = PlainStore::default();
    move || match lie {
        Some(lie) => Lying::new(store.open(), lie),
        None => Lying::honest(store.open()),
    }
}

/// The case of a name, for the subjects of a function.
fn case<S: Subject>(_: &impl Fn(Option<Lie>) -> S, name: &str) -> Option<Case<S>> {
    cases::<S>().into_iter().find(|case| case.name() == name)
}

/// Whether a task panics. What panics in threads without a name is not printed.
fn panics(task: impl FnOnce() + Send) -> bool {
    static SILENT: Once = Once::new();
    SILENT.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name().is_some() {
                print(info);
            }
        }));
    });
    let run = || catch_unwind(AssertUnwindSafe(task)).is_err();
    thread::scope(|scope| scope.spawn(run).join().expect("the panic was caught"))
}

#[test]
fn every_lie_is_caught_by_its_case() {
    let mut uncaught = Vec::new();
    for liar in LIARS {
        let Some(case) = case(&lying, liar.caught_by) else {
            uncaught.push(format!("{:?}: there is no case {}", liar.lie, liar.caught_by));
            continue;
        };
        if !panics(|| case.run(&lying(Some(liar.lie)))) {
            uncaught.push(format!("{:?}: {} holds", liar.lie, liar.caught_by));
        }
        if panics(|| case.run(&lying(None))) {
            uncaught.push(format!("{:?}: {} fails without it", liar.lie, liar.caught_by));
        }
    }
    assert!(uncaught.is_empty(), "{}", uncaught.join("\n"));
}

#[test]
fn every_lie_is_found_by_the_model_unless_explained() {
    let mut wrong = Vec::new();
    for liar in LIARS {
        let mut found = None;
        let panicked = panics(|| found = first_divergence(|| lying(Some(liar.lie)), HISTORIES, SEED));
        match (&liar.model, panicked || found.is_some()) {
            (Finds::Must, false) => wrong.push(format!("{:?} is not found", liar.lie)),
            (Finds::Exempt(reason), true) => wrong.push(format!("{:?} is found, though {reason}", liar.lie)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_a_lie_the_model_finds_nothing() {
    if let Some((number, failure)) = first_divergence(|| lying(None), HISTORIES, SEED) {
        panic!("history {number}: {failure}");
    }
}

#[test]
fn there_are_enough_liars_and_each_lies_in_its_own_way() {
    let lies: BTreeSet<_> = LIARS.iter().map(|liar| format!("{:?}", liar.lie)).collect();
    assert_eq!(lies.len(), LIARS.len());
    assert!(lies.len() >= 25, "{} liars", lies.len());
}
