//! How the one long history is drawn: as the short ones are, and so that one file can answer it.
//!
//! What an engine may decide is left out. A clock that moves while a transaction runs makes the answer depend on how
//! often its body ran, and one that is behind the time at a reopening makes it depend on whether the engine reopens.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::oracle::Oracle;
use super::plan::{CLOCK_START, CLOCK_STEP, step};
use super::step::{Action, Put, Step, Write};

/// How many steps are drawn. One that brings the clock up to the time may come before a reopening.
const STEPS: usize = 700;

/// From what the history follows.
const SEED: [u8; 32] = *b"one history for all the engines.";

/// Draws the steps one by one, and has `go` do each of them on the model that says what time it is.
pub(super) fn draw(oracle: &mut Oracle, mut go: impl FnMut(&mut Oracle, Step)) {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let steps = step();
    for _ in 0..STEPS {
        let tree = steps.new_tree(&mut runner).expect("nothing that is drawn is refused");
        let step = placed(tree.current(), oracle.clock().saturating_sub(CLOCK_START));
        if step == Step::Reopen && oracle.lag() > 0 {
            let lag = oracle.lag();
            go(oracle, Step::ClockForward(lag));
        }
        go(oracle, step);
    }
}

/// The same step at a later time: expiries follow the clock, which stands still while a transaction runs.
fn placed(mut step: Step, later: u64) -> Step {
    let later = later / CLOCK_STEP * CLOCK_STEP;
    match &mut step {
        Step::Put { put, .. } => postpone(put, later),
        Step::Transact { body, .. } => body.iter_mut().for_each(|action| match action {
            Action::Write(write) => postpone_write(write, later),
            Action::PutNumbered { beside, .. } | Action::PutNumber { beside, .. } => {
                postpone_expiry(&mut beside.expires_at, later);
            }
            Action::Meanwhile { advance, writes } => {
                *advance = 0;
                writes.iter_mut().for_each(|write| postpone_write(write, later));
            }
            _ => {}
        }),
        _ => {}
    }
    step
}

fn postpone_write(write: &mut Write, later: u64) {
    match write {
        Write::Put(put) => postpone(put, later),
        Write::Touch { expires_at, .. } => postpone_expiry(expires_at, later),
        _ => {}
    }
}

fn postpone(put: &mut Put, later: u64) {
    postpone_expiry(&mut put.beside.expires_at, later);
}

/// The beginning of time and its end stay where they are.
fn postpone_expiry(expires_at: &mut Option<u64>, later: u64) {
    if let Some(at) = expires_at
        && (CLOCK_START..u64::MAX).contains(at)
    {
        *at += later;
    }
}
