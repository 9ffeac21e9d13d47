//! The suites on the plain engine, which has every power.

use storage_conformance::plain::PlainStore;
use storage_conformance::{Damageable, Power, Subject, cases, store_suites, suite};

fn plain() -> impl Subject {
    let store = PlainStore::default();
    Damageable(move || Ok(store.open()))
}

suite!(plain());
store_suites!(plain());

#[test]
fn every_case_has_a_name_of_its_own() {
    fn names<S: Subject>(_: S) -> Vec<&'static str> {
        cases::<S>().iter().map(|case| case.name()).collect()
    }
    let mut names = names(subject());
    let count = names.len();
    assert!(count >= 110, "{count} cases are listed");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn wrong_statement_about_powers_fails() {
    let stated_as_lacking = || suite::cover(&subject(), &[Power::Reopen]);
    assert!(std::panic::catch_unwind(stated_as_lacking).is_err());
}

#[test]
fn case_without_its_power_is_not_passed_over_in_silence() {
    let store = PlainStore::default();
    let harmless = move || Ok(store.open());
    let run = |lacks: &[Power]| suite::run(&harmless, "every_flipped_bit_is_found", lacks);
    run(&[Power::Damage, Power::Checksums]);
    let unstated = std::panic::AssertUnwindSafe(|| run(&[Power::Damage]));
    assert!(std::panic::catch_unwind(unstated).is_err());
}
