//! What the checker reports: which promise is broken, by which transactions, and how one can tell.

use std::fmt;

use crate::history::{Attempt, History};

/// How a history fails. The letters are those of Adya's thesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// The history itself makes no sense (a value appended twice, an end before its beginning). The recorder
    /// is at fault, not the store, and nothing else is checked.
    Malformed,
    /// A read returned a value that nobody appended.
    UnwrittenRead,
    /// A read returned a value twice.
    DuplicateElement,
    /// G1a: a read returned a value whose transaction aborted.
    AbortedRead,
    /// G1b: a read returned a state in the middle of another transaction.
    IntermediateRead,
    /// Two reads of one key, neither of which is the beginning of the other.
    IncompatibleOrders,
    /// A transaction did not see what it had read or appended before.
    Internal,
    /// G0: transactions overwrote one another in a circle.
    WriteCycle,
    /// G1c: each saw the effect of the one before it, in a circle.
    CircularInformation,
    /// A transaction read a key and appended to it, and another one's append came in between.
    LostUpdate,
    /// G-single: a transaction saw one effect of another and missed a different one.
    ReadSkew,
    /// G2: two or more each missed what the next one wrote.
    WriteSkew,
    /// The order of effects goes against real time: an effect seen before its transaction began, for
    /// instance.
    RealTimeOrder,
    /// A read missed an effect that was acknowledged before its transaction began.
    StaleRead,
    /// A committed append is in no read, though one began after it was acknowledged.
    LostAppend,
    /// A circle that needs both real time and two or more missed effects.
    RealTimeSkew,
}

impl AnomalyKind {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            AnomalyKind::Malformed => "malformed history",
            AnomalyKind::UnwrittenRead => "unwritten read",
            AnomalyKind::DuplicateElement => "duplicate element",
            AnomalyKind::AbortedRead => "aborted read (G1a)",
            AnomalyKind::IntermediateRead => "intermediate read (G1b)",
            AnomalyKind::IncompatibleOrders => "incompatible orders",
            AnomalyKind::Internal => "internal inconsistency",
            AnomalyKind::WriteCycle => "write cycle (G0)",
            AnomalyKind::CircularInformation => "circular information flow (G1c)",
            AnomalyKind::LostUpdate => "lost update (G-single on one key)",
            AnomalyKind::ReadSkew => "read skew (G-single)",
            AnomalyKind::WriteSkew => "write skew (G2)",
            AnomalyKind::RealTimeOrder => "order against real time",
            AnomalyKind::StaleRead => "stale read (G-single with real time)",
            AnomalyKind::LostAppend => "lost append",
            AnomalyKind::RealTimeSkew => "skew against real time (G2 with real time)",
        }
    }
}

/// Why one transaction must come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dependency {
    /// ww: its append comes earlier in the key's list.
    WriteWrite {
        /// The list.
        key: u64,
        /// Appended by the first transaction.
        earlier: u64,
        /// Appended by the second one, the next committed value of the list.
        later: u64,
    },
    /// wr: its append was the last that the other one read.
    WriteRead {
        /// The list.
        key: u64,
        /// Appended by the first transaction, read by the second one.
        value: u64,
    },
    /// rw: it read the state just before the other one's append.
    ReadWrite {
        /// The list.
        key: u64,
        /// The last value that the first transaction read, if the list was not empty.
        read: Option<u64>,
        /// Appended next, by the second one.
        next: u64,
    },
    /// rw: it read all that was ever seen of the list, and the other one's append is not in it.
    ReadUnseen {
        /// The list.
        key: u64,
        /// The last value that the first transaction read, if the list was not empty.
        read: Option<u64>,
        /// Appended by the second one, in no read.
        unseen: u64,
    },
    /// rt: it was acknowledged before the other one began.
    RealTime {
        /// The end of the first transaction.
        ended: u64,
        /// The beginning of the second one.
        began: u64,
    },
}

/// A step of a cycle: `from` must come before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The place of the first transaction in the history.
    pub from: usize,
    /// The place of the second transaction in the history.
    pub to: usize,
    /// Why.
    pub dependency: Dependency,
}

/// One way in which a history is not strictly serializable. Printed, it is a report that can be read without
/// the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What is broken.
    pub kind: AnomalyKind,
    /// One sentence: the key, the values, the transactions.
    pub detail: String,
    /// The transactions that show it, with their places in the history.
    pub transactions: Vec<(usize, Attempt)>,
    /// For a cycle, its steps; the last one leads back to the first. Otherwise empty.
    pub cycle: Vec<Edge>,
}

impl Anomaly {
    /// An anomaly that is seen without following a cycle.
    pub(super) fn plain(history: &History, kind: AnomalyKind, places: &[usize], detail: String) -> Anomaly {
        let transactions = places.iter().map(|&place| (place, history.attempts[place].clone())).collect();
        Anomaly { kind, detail, transactions, cycle: Vec::new() }
    }

    /// A cycle; its transactions are told in its own order.
    pub(super) fn cyclic(history: &History, kind: AnomalyKind, cycle: Vec<Edge>) -> Anomaly {
        let places: Vec<usize> = cycle.iter().map(|edge| edge.from).collect();
        let detail =
            format!("a cycle of {} transactions, each of which must come before the next", places.len());
        Anomaly { cycle, ..Anomaly::plain(history, kind, &places, detail) }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)?;
        for (place, attempt) in &self.transactions {
            write!(f, "\n  T{place}: {attempt}")?;
        }
        for edge in &self.cycle {
            write!(f, "\n  {edge}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edge { from, to, dependency } = self;
        write!(f, "T{from} before T{to}: ")?;
        match dependency {
            Dependency::WriteWrite { key, earlier, later } => {
                write!(f, "T{from} appended {earlier} to key {key}, and T{to} appended {later} after it (ww)")
            }
            Dependency::WriteRead { key, value } => {
                write!(f, "T{to} read key {key} up to {value}, which T{from} appended (wr)")
            }
            Dependency::ReadWrite { key, read, next } => {
                let state = state(*read);
                write!(f, "T{from} read key {key} {state}, and T{to} appended the next value {next} (rw)")
            }
            Dependency::ReadUnseen { key, read, unseen } => {
                let state = state(*read);
                write!(
                    f,
                    "T{from} read key {key} {state}, and T{to} appended {unseen}, which no read holds (rw)"
                )
            }
            Dependency::RealTime { ended, began } => {
                write!(f, "T{from} ended at {ended}, and T{to} began at {began} (real time)")
            }
        }
    }
}

/// How a read state is told: by its last value.
fn state(last: Option<u64>) -> String {
    last.map_or_else(|| "as empty".to_owned(), |last| format!("up to {last}"))
}
