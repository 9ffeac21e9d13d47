//! The checker held against the definition: small histories, and every order in which they could have
//! happened.

use std::collections::BTreeMap;

use super::check;
use crate::history::{Attempt, History, Operation, Outcome, Random};

const KEYS: u64 = 2;
const ATTEMPTS_MAX: u64 = 6;
const OPERATIONS_MAX: u64 = 3;

type Lists = BTreeMap<u64, Vec<u64>>;

/// Whether some order explains the history. Of the attempts of unknown outcome, any may have taken effect.
fn is_explained(history: &History) -> bool {
    let of_outcome = |outcome| {
        let places =
            history.attempts.iter().enumerate().filter(move |(_, attempt)| attempt.outcome == outcome);
        places.map(|(place, _)| place).collect::<Vec<usize>>()
    };
    let unknown = of_outcome(Outcome::Unknown);
    (0..1_u32 << unknown.len()).any(|choice| {
        let mut waiting = of_outcome(Outcome::Committed);
        waiting.extend(
            unknown.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1).map(|(_, place)| place),
        );
        has_order(history, &waiting, &Lists::new())
    })
}

/// Whether the waiting attempts can follow one another from this state.
fn has_order(history: &History, waiting: &[usize], lists: &Lists) -> bool {
    waiting.is_empty()
        || waiting.iter().any(|&next| {
            let attempt = &history.attempts[next];
            let must_wait = waiting.iter().any(|&other| {
                let other = &history.attempts[other];
                other.outcome == Outcome::Committed && other.ended < attempt.began
            });
            let rest: Vec<usize> = waiting.iter().copied().filter(|&other| other != next).collect();
            !must_wait && run(attempt, lists).is_some_and(|lists| has_order(history, &rest, &lists))
        })
}

/// The state after the attempt, if all its reads are true.
fn run(attempt: &Attempt, lists: &Lists) -> Option<Lists> {
    let mut lists = lists.clone();
    for operation in &attempt.operations {
        match operation {
            Operation::Append { key, value } => lists.entry(*key).or_default().push(*value),
            Operation::Read { key, observed } => {
                if lists.get(key).map_or(&[][..], Vec::as_slice) != observed {
                    return None;
                }
            }
        }
    }
    Some(lists)
}

/// A history that happened in the order of its attempts, more or less: stamps overlap, some reads miss
/// something or see an attempt that has no effect.
fn nearly_right(random: &mut Random) -> History {
    let mut lists = Lists::new();
    let mut history = History::default();
    let mut value = 0;
    let stretch = 1 + random.below(40);
    for place in 0..2 + random.below(ATTEMPTS_MAX - 1) {
        let mut after = lists.clone();
        let operations = (0..1 + random.below(OPERATIONS_MAX)).map(|_| {
            let key = random.below(KEYS);
            let list = after.entry(key).or_default();
            if random.one_in(2) {
                value += 1;
                list.push(value);
                return Operation::Append { key, value };
            }
            let mut observed = list.clone();
            if random.one_in(3) {
                observed.pop();
            }
            Operation::Read { key, observed }
        });
        let operations = operations.collect();
        let outcome =
            [Outcome::Committed, Outcome::Committed, Outcome::Committed, Outcome::Unknown, Outcome::Aborted]
                [random.place(5)];
        if (outcome != Outcome::Aborted && !random.one_in(10)) || random.one_in(20) {
            lists = after;
        }
        let began = 10 * place + random.below(stretch);
        let ended = began + 1 + random.below(stretch);
        history.attempts.push(Attempt { process: place, began, ended, operations, outcome });
    }
    history
}

#[test]
fn the_checker_agrees_with_trying_every_order() {
    let mut verdicts = [0; 2];
    for seed in 0..20_000 {
        let history = nearly_right(&mut Random::new(seed));
        let explained = is_explained(&history);
        let verdict = check(&history);
        assert_eq!(verdict.is_ok(), explained, "seed {seed}: {verdict:#?}\n{history:#?}");
        verdicts[usize::from(explained)] += 1;
    }
    assert!(verdicts.iter().all(|&count| count > 4_000), "too one-sided to prove much: {verdicts:?}");
}
