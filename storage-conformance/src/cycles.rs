//! Is a history of list appends strictly serializable? After Kingsbury and Alvaro, "Elle: Inferring Isolation
//! Anomalies from Experimental Observations" (VLDB 2020).
//!
//! Reads of whole lists give the order of the appends to each key; from it follows which transaction must
//! come before which, and a circle among these is an anomaly. Nothing is searched by trial, so time grows
//! with the length of the history.

mod anomaly;
mod evidence;
#[cfg(test)]
mod exhaustive;
mod graph;
mod search;
pub mod simulator;

pub use anomaly::{Anomaly, AnomalyKind, Dependency, Edge};

use crate::history::History;
use evidence::Evidence;
use graph::Graph;

/// Finds in what ways the history is not strictly serializable.
///
/// `Ok` means that what was read can be explained by one order of the committed transactions that agrees with
/// real time. Aborted attempts must have had no effect, and what they read is not judged. An attempt of
/// unknown outcome counts from the moment that one which counts has seen an append of its; it comes before
/// nothing in real time.
///
/// An append that no read could have seen proves nothing: end a history with a read of every key.
///
/// Of the circles that hang together, one is reported, by the worst name that fits; reports of single reads
/// come first.
pub fn check(history: &History) -> Result<(), Vec<Anomaly>> {
    let mut evidence = Evidence::gather(history)?;
    let graph = Graph::of(&evidence);
    let mut anomalies = std::mem::take(&mut evidence.anomalies);
    let mut cycles = search::cycles(history, &graph);
    cycles.retain(|cycle| !anomalies.iter().any(|known| tells_the_same(known, cycle)));
    anomalies.extend(cycles);
    if anomalies.is_empty() { Ok(()) } else { Err(anomalies) }
}

/// A lost update shows by two equal reads, and again as a cycle.
fn tells_the_same(known: &Anomaly, cycle: &Anomaly) -> bool {
    let is_known = |transaction| known.transactions.contains(transaction);
    known.kind == AnomalyKind::LostUpdate
        && cycle.kind == known.kind
        && cycle.transactions.iter().all(is_known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Attempt, Operation, Outcome};

    fn append(key: u64, value: u64) -> Operation {
        Operation::Append { key, value }
    }

    fn read(key: u64, observed: &[u64]) -> Operation {
        Operation::Read { key, observed: observed.to_vec() }
    }

    fn attempt(outcome: Outcome, began: u64, ended: u64, operations: Vec<Operation>) -> Attempt {
        Attempt { process: began, began, ended, operations, outcome }
    }

    /// Committed, and at the same time as all others of its sort.
    fn concurrent(operations: Vec<Operation>) -> Attempt {
        attempt(Outcome::Committed, 0, 100, operations)
    }

    fn committed(began: u64, ended: u64, operations: Vec<Operation>) -> Attempt {
        attempt(Outcome::Committed, began, ended, operations)
    }

    fn found(attempts: Vec<Attempt>) -> Vec<AnomalyKind> {
        let found = check(&History { attempts });
        found.err().into_iter().flatten().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn a_serial_history_passes() {
        assert_eq!(
            found(vec![
                committed(1, 2, vec![read(1, &[]), append(1, 1), read(1, &[1])]),
                committed(3, 4, vec![append(1, 2), append(1, 3), append(2, 1)]),
                committed(5, 6, vec![read(2, &[1]), read(1, &[1, 2, 3])]),
            ]),
            []
        );
        assert_eq!(found(Vec::new()), []);
    }

    #[test]
    fn concurrent_transactions_may_take_any_order() {
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[2]), append(1, 1)]),
                concurrent(vec![append(1, 2), read(2, &[])]),
                concurrent(vec![read(1, &[]), append(2, 1)]),
                concurrent(vec![read(2, &[1]), read(1, &[2, 1])]),
            ]),
            [AnomalyKind::WriteSkew],
            "the third missed the second, which missed the third"
        );
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[2]), append(1, 1)]),
                concurrent(vec![append(1, 2), read(2, &[])]),
                concurrent(vec![read(1, &[2]), append(2, 1)]),
                concurrent(vec![read(2, &[1]), read(1, &[2, 1])]),
            ]),
            []
        );
    }

    #[test]
    fn an_unknown_attempt_may_or_may_not_take_effect() {
        let unknown = attempt(Outcome::Unknown, 1, 2, vec![append(1, 1)]);
        for observed in [&[][..], &[1]] {
            assert_eq!(found(vec![unknown.clone(), committed(3, 4, vec![read(1, observed)])]), []);
        }
    }

    #[test]
    fn an_unknown_attempt_may_take_effect_after_its_end() {
        let unknown = attempt(Outcome::Unknown, 1, 2, vec![append(1, 1)]);
        let history = |last: &[u64]| {
            vec![unknown.clone(), committed(3, 4, vec![read(1, &[])]), committed(5, 6, vec![read(1, last)])]
        };
        assert_eq!(found(history(&[1])), []);
        let mut forgotten = history(&[1]);
        forgotten.push(committed(7, 8, vec![read(1, &[])]));
        assert_eq!(found(forgotten), [AnomalyKind::StaleRead], "once seen it stays");
    }

    #[test]
    fn an_unknown_attempt_that_was_seen_is_judged() {
        assert_eq!(
            found(vec![
                attempt(Outcome::Unknown, 0, 100, vec![append(1, 1), append(2, 1)]),
                concurrent(vec![read(1, &[1]), read(2, &[])]),
            ]),
            [AnomalyKind::ReadSkew]
        );
        let seen_by_itself = vec![append(1, 1), read(1, &[1]), append(2, 1)];
        assert_eq!(
            found(vec![
                attempt(Outcome::Unknown, 1, 2, seen_by_itself),
                committed(3, 4, vec![read(1, &[]), read(2, &[])]),
            ]),
            []
        );
    }

    #[test]
    fn unknown_attempts_are_seen_through_one_another() {
        assert_eq!(
            found(vec![
                attempt(Outcome::Unknown, 0, 100, vec![append(1, 1), append(3, 1)]),
                attempt(Outcome::Unknown, 0, 100, vec![read(1, &[1]), append(2, 1)]),
                concurrent(vec![read(2, &[1]), read(3, &[])]),
            ]),
            [AnomalyKind::ReadSkew],
            "the first took effect, since the second saw it, which the third saw"
        );
    }

    #[test]
    fn aborted_read() {
        assert_eq!(
            found(vec![
                attempt(Outcome::Aborted, 0, 100, vec![append(1, 1)]),
                concurrent(vec![read(1, &[1])]),
                concurrent(vec![read(1, &[1])]),
            ]),
            [AnomalyKind::AbortedRead]
        );
    }

    #[test]
    fn what_an_aborted_attempt_read_is_not_judged() {
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1), append(2, 1)]),
                attempt(Outcome::Aborted, 0, 100, vec![read(1, &[1]), read(2, &[]), read(1, &[])]),
            ]),
            []
        );
    }

    #[test]
    fn intermediate_read() {
        let kinds =
            found(vec![concurrent(vec![append(1, 1), append(1, 2)]), concurrent(vec![read(1, &[1])])]);
        assert_eq!(kinds[0], AnomalyKind::IntermediateRead);
    }

    #[test]
    fn incompatible_orders() {
        let kinds = found(vec![
            concurrent(vec![append(1, 1)]),
            concurrent(vec![append(1, 2)]),
            concurrent(vec![read(1, &[1, 2])]),
            concurrent(vec![read(1, &[2])]),
        ]);
        assert_eq!(kinds, [AnomalyKind::IncompatibleOrders]);
    }

    #[test]
    fn duplicate_element() {
        let kinds = found(vec![concurrent(vec![append(1, 1)]), concurrent(vec![read(1, &[1, 1])])]);
        assert_eq!(kinds, [AnomalyKind::DuplicateElement]);
    }

    #[test]
    fn unwritten_read() {
        let kinds = found(vec![concurrent(vec![append(1, 1)]), concurrent(vec![read(1, &[1, 9])])]);
        assert_eq!(kinds, [AnomalyKind::UnwrittenRead]);
    }

    #[test]
    fn malformed_history() {
        let twice = vec![concurrent(vec![append(1, 1)]), concurrent(vec![append(1, 1)])];
        assert_eq!(found(twice), [AnomalyKind::Malformed]);
        assert_eq!(found(vec![committed(2, 1, Vec::new())]), [AnomalyKind::Malformed]);
    }

    #[test]
    fn a_transaction_contradicts_itself() {
        let other = || concurrent(vec![append(1, 1)]);
        for operations in [
            vec![read(1, &[]), read(1, &[1])],
            vec![append(1, 2), read(1, &[1])],
            vec![append(1, 2), read(1, &[2, 1])],
            vec![read(1, &[]), append(1, 2), read(1, &[1, 2])],
            vec![read(1, &[1, 2]), append(1, 2)],
        ] {
            let kinds = found(vec![other(), concurrent(operations.clone())]);
            assert!(kinds.contains(&AnomalyKind::Internal), "{operations:?}: {kinds:?}");
        }
    }

    #[test]
    fn write_cycle() {
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1), append(2, 1)]),
                concurrent(vec![append(1, 2), append(2, 2)]),
                concurrent(vec![read(1, &[1, 2]), read(2, &[2, 1])]),
            ]),
            [AnomalyKind::WriteCycle]
        );
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1), append(1, 3)]),
                concurrent(vec![append(1, 2)]),
                concurrent(vec![read(1, &[1, 2, 3])]),
            ]),
            [AnomalyKind::WriteCycle],
            "a foreign append in the middle of a transaction's own"
        );
    }

    #[test]
    fn circular_information() {
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1), read(2, &[1])]),
                concurrent(vec![append(2, 1), read(1, &[1])]),
            ]),
            [AnomalyKind::CircularInformation]
        );
    }

    #[test]
    fn lost_update() {
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[]), append(1, 1)]),
                concurrent(vec![read(1, &[]), append(1, 2)]),
                concurrent(vec![read(1, &[1, 2])]),
            ]),
            [AnomalyKind::LostUpdate]
        );
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[]), append(1, 1)]),
                concurrent(vec![read(1, &[]), append(1, 2)]),
                concurrent(vec![read(1, &[2])]),
            ]),
            [AnomalyKind::LostUpdate],
            "the first append was overwritten"
        );
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[]), append(1, 2)]),
                concurrent(vec![append(1, 1)]),
                concurrent(vec![read(1, &[1, 2])]),
            ]),
            [AnomalyKind::LostUpdate],
            "the other one appended without reading"
        );
    }

    #[test]
    fn read_skew() {
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1), append(2, 1)]),
                concurrent(vec![read(1, &[1]), read(2, &[])]),
                concurrent(vec![read(2, &[1])]),
            ]),
            [AnomalyKind::ReadSkew]
        );
    }

    #[test]
    fn write_skew() {
        assert_eq!(
            found(vec![
                concurrent(vec![read(1, &[]), append(2, 1)]),
                concurrent(vec![read(2, &[]), append(1, 1)]),
                concurrent(vec![read(1, &[1]), read(2, &[1])]),
            ]),
            [AnomalyKind::WriteSkew]
        );
    }

    #[test]
    fn read_only_anomaly() {
        let mut attempts = vec![
            concurrent(vec![read(1, &[]), read(2, &[]), append(1, 1)]),
            concurrent(vec![append(2, 1)]),
            concurrent(vec![read(1, &[1]), read(2, &[1])]),
        ];
        assert_eq!(found(attempts.clone()), []);
        attempts.push(concurrent(vec![read(1, &[]), read(2, &[1])]));
        assert_eq!(found(attempts), [AnomalyKind::WriteSkew], "only the reader shows it");
    }

    #[test]
    fn long_fork() {
        assert_eq!(
            found(vec![
                concurrent(vec![append(1, 1)]),
                concurrent(vec![append(2, 1)]),
                concurrent(vec![read(1, &[1]), read(2, &[])]),
                concurrent(vec![read(1, &[]), read(2, &[1])]),
            ]),
            [AnomalyKind::WriteSkew]
        );
    }

    #[test]
    fn stale_read() {
        assert_eq!(
            found(vec![
                committed(1, 2, vec![append(1, 1)]),
                committed(3, 4, vec![read(1, &[1])]),
                committed(5, 6, vec![append(2, 1)]),
                committed(7, 8, vec![read(1, &[])]),
            ]),
            [AnomalyKind::StaleRead]
        );
        let overlapping = vec![
            committed(1, 4, vec![append(1, 1)]),
            committed(2, 6, vec![read(1, &[1])]),
            committed(3, 5, vec![read(1, &[])]),
        ];
        assert_eq!(found(overlapping), []);
    }

    #[test]
    fn equal_stamps_prove_nothing() {
        assert_eq!(found(vec![committed(1, 2, vec![append(1, 1)]), committed(2, 3, vec![read(1, &[])])]), []);
    }

    #[test]
    fn lost_append() {
        assert_eq!(
            found(vec![
                committed(1, 2, vec![append(1, 1)]),
                committed(3, 4, vec![append(1, 2)]),
                committed(5, 6, vec![read(1, &[2])]),
            ]),
            [AnomalyKind::RealTimeOrder],
            "the first append can only come after the second, which began later"
        );
        let alone = vec![committed(1, 2, vec![append(1, 1)]), committed(3, 4, vec![read(1, &[])])];
        assert_eq!(found(alone), [AnomalyKind::LostAppend]);
    }

    #[test]
    fn effect_before_its_cause() {
        assert_eq!(
            found(vec![committed(1, 2, vec![read(1, &[1])]), committed(3, 4, vec![append(1, 1)])]),
            [AnomalyKind::RealTimeOrder]
        );
    }

    #[test]
    fn skew_that_only_real_time_shows() {
        assert_eq!(
            found(vec![
                committed(1, 10, vec![append(1, 1), read(2, &[])]),
                committed(2, 3, vec![append(2, 1)]),
                committed(4, 5, vec![read(1, &[])]),
                committed(11, 12, vec![read(1, &[1]), read(2, &[1])]),
            ]),
            [AnomalyKind::RealTimeSkew]
        );
    }

    #[test]
    fn separate_anomalies_are_all_reported() {
        let kinds = found(vec![
            concurrent(vec![read(1, &[]), append(2, 1)]),
            concurrent(vec![read(2, &[]), append(1, 1)]),
            concurrent(vec![append(3, 1), append(4, 1)]),
            concurrent(vec![append(3, 2), append(4, 2)]),
            concurrent(vec![read(3, &[1, 2]), read(4, &[2, 1])]),
        ]);
        assert_eq!(kinds, [AnomalyKind::WriteCycle, AnomalyKind::WriteSkew]);
    }

    #[test]
    fn a_report_tells_transactions_keys_and_reasons() {
        let attempts = vec![committed(1, 2, vec![append(7, 1)]), committed(3, 4, vec![read(7, &[])])];
        let anomalies = check(&History { attempts }).unwrap_err();
        assert_eq!(
            anomalies[0].to_string(),
            "lost append: a cycle of 2 transactions, each of which must come before the next\n  \
             T1: process 3, 3 to 4, committed: read key 7 = []\n  \
             T0: process 1, 1 to 2, committed: append 1 to key 7\n  \
             T1 before T0: T1 read key 7 as empty, and T0 appended 1, which no read holds (rw)\n  \
             T0 before T1: T0 ended at 2, and T1 began at 3 (real time)"
        );
    }

    #[test]
    fn real_time_is_followed_over_many_transactions() {
        let mut attempts = vec![committed(0, 1, vec![append(1, 1)])];
        attempts.extend((1..10_000).map(|place| committed(2 * place, 2 * place + 1, vec![append(2, place)])));
        attempts.push(committed(20_000, 20_001, vec![read(1, &[])]));
        let anomalies = check(&History { attempts }).unwrap_err();
        assert_eq!(anomalies.len(), 1);
        assert_eq!(anomalies[0].kind, AnomalyKind::LostAppend);
        let places: Vec<usize> = anomalies[0].transactions.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, [10_000, 0], "the way over the others is told as one step");
    }

    #[test]
    fn long_histories_are_decided() {
        use simulator::{Mode, simulate};
        assert_eq!(check(&simulate(Mode::Correct, 1, 10_000)), Ok(()));
        for mode in [Mode::WriteSkew, Mode::LatePublish, Mode::ReadUncommitted] {
            assert!(check(&simulate(mode, 1, 10_000)).is_err(), "{mode:?}");
        }
    }
}
