//! Whatever reads bytes from outside, with bytes that nobody wrote: a second each, or `cargo xtask fuzz` for longer.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::time::Duration;

use storage_conformance::fuzz::{Budget, Target, fuzz, search, targets};

fn run(target: Target) {
    let name = target.name;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    let fuzzed = fuzz(target, Budget::new(), &fixtures).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{name}: {fuzzed}");
    assert!(fuzzed.inputs > 100 && fuzzed.answers > 2, "{fuzzed}");
}

#[test]
fn fuzzed_journal_files_hold_a_state_or_are_refused() {
    run(targets::journal_files());
}

#[test]
fn fuzzed_journal_files_with_right_checksums_are_opened_or_refused() {
    run(targets::resealed_journal_files());
}

#[test]
fn fuzzed_batches_come_back_or_are_none() {
    run(targets::batches());
}

#[test]
fn fuzzed_keys_are_canonical_and_in_order() {
    run(targets::keys());
}

#[test]
fn fuzzed_names_are_those_that_are_allowed() {
    run(targets::names());
}

#[test]
fn fuzzed_values_come_back_or_are_none() {
    run(targets::values());
}

#[test]
fn fuzzed_records_that_nobody_verifies_are_values_or_corrupt() {
    run(targets::stored_records());
}

#[test]
fn fuzzed_records_that_are_verified_are_never_believed() {
    run(targets::verified_records());
}

/// Each failure is found, and the input that is handed over shows it.
#[test]
fn defects_of_every_kind_are_found() {
    let budget = Budget { time: Duration::from_secs(20), seed: 1 };
    let seeds = || vec![b"length \x04\0\0\0 of four".to_vec()];
    let found = |target| search(target, budget, Vec::new()).unwrap_err();
    let broken = Target::new("a number that is believed", seeds(), |input| {
        match input.get(7..11).and_then(|len| <[u8; 4]>::try_from(len).ok()).map(u32::from_le_bytes) {
            Some(len) if len as usize > 1 << 20 => Err("believed".into()),
            _ => Ok("small".into()),
        }
    });
    assert_eq!(found(broken).what, "believed");
    let panics = Target::new("an index past the end", seeds(), |input| Ok(input[7].to_string()));
    let failure = found(panics);
    assert!(failure.what.contains("index out of bounds") && failure.input.len() < 8, "{}", failure.what);
}
