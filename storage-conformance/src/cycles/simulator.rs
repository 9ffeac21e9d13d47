//! A store in memory that exists to be wrong: multi-version snapshots, checked at commit, with one seeded
//! fault.
//!
//! It shows that the checker finds what it is for. Everything runs on one thread: a seed decides which client
//! takes the next step, so a history is the same on every machine.

use std::collections::BTreeMap;

use crate::history::{Attempt, History, Operation, Outcome, Random, Workload};

/// Few enough that every transaction meets others, enough that three can form a circle.
const CLIENTS: usize = 6;
/// Keys in use at a time.
const KEYS: u64 = 4;
const OPERATIONS_MAX: u64 = 5;
/// How many steps late publishing, and the exchange between the two halves of a fork, are on average.
const STEPS_LATE: u64 = 12;
/// How many of the newest commits a forgetful conflict check still knows.
const COMMITS_REMEMBERED: u64 = 1;
/// One transaction in so many is dropped by its client or loses its answer; one commit in so many meets a
/// fault that comes and goes.
const RARELY: u64 = 10;

/// Which promise the simulated store breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// None: it is strictly serializable.
    Correct,
    /// Reads see what other open transactions have written.
    ReadUncommitted,
    /// A snapshot follows the newest commit, and only what came after the last read is checked.
    MovingSnapshot,
    /// Keys that a transaction writes are not checked for other writes.
    LostUpdate,
    /// Keys that a transaction only reads are not checked: snapshot isolation.
    WriteSkew,
    /// Reads that found nothing are not checked.
    Phantom,
    /// A dropped transaction leaves one of its writes.
    AbortedLeak,
    /// A commit is acknowledged before later transactions can see it.
    LatePublish,
    /// Half of a commit is visible first.
    TornCommit,
    /// The commit right after a transaction's label is not checked.
    LabelOffByOne,
    /// Snapshots are one commit old.
    SnapshotBehind,
    /// Two halves of the clients see their own commits at once, and the others' later.
    LongFork,
    /// Some commits are applied twice.
    AppliedTwice,
    /// Some commits are acknowledged and never applied.
    LostCommit,
    /// A transaction does not see its own writes.
    OwnWritesHidden,
    /// Old commits are forgotten while transactions that must be checked against them still run.
    ForgottenWindow,
}

impl Mode {
    /// Every mode that is wrong.
    pub const FAULTY: [Mode; 15] = [
        Mode::ReadUncommitted,
        Mode::MovingSnapshot,
        Mode::LostUpdate,
        Mode::WriteSkew,
        Mode::Phantom,
        Mode::AbortedLeak,
        Mode::LatePublish,
        Mode::TornCommit,
        Mode::LabelOffByOne,
        Mode::SnapshotBehind,
        Mode::LongFork,
        Mode::AppliedTwice,
        Mode::LostCommit,
        Mode::OwnWritesHidden,
        Mode::ForgottenWindow,
    ];
}

/// Runs about `attempts` transactions, then one that reads every key.
pub fn simulate(mode: Mode, seed: u64, attempts: usize) -> History {
    let mut simulation = Simulation {
        mode,
        random: Random::new(seed ^ 0x5EED_0F5C_4ED0_1E55),
        workload: Workload::new(seed, KEYS, OPERATIONS_MAX),
        cells: Cells::default(),
        clients: (0..CLIENTS).map(|_| Client::Idle).collect(),
        stamp: 0,
        history: History::default(),
    };
    while simulation.history.attempts.len() < attempts {
        let process = simulation.random.place(CLIENTS);
        simulation.step(process);
    }
    simulation.finish()
}

/// One state of a key.
#[derive(Debug)]
struct Version {
    number: u64,
    /// Who committed it, for the fork.
    half: usize,
    list: Vec<u64>,
}

/// The committed state.
#[derive(Debug, Default)]
struct Cells {
    chains: BTreeMap<u64, Vec<Version>>,
    newest: u64,
    /// New snapshots see commits up to here.
    published: u64,
    /// New snapshots see the other half's commits up to here. Differs from `published` in a fork only.
    exchanged: u64,
}

/// What a snapshot sees: by the half of the clients that committed it, up to which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Label([u64; 2]);

impl Label {
    fn covers(self, version: &Version) -> bool {
        version.number <= self.0[version.half]
    }

    fn behind(self, commits: u64) -> Label {
        Label(self.0.map(|number| number.saturating_sub(commits)))
    }
}

impl Cells {
    fn label(&self, half: usize) -> Label {
        let mut label = Label([self.exchanged; 2]);
        label.0[half] = self.published;
        label
    }

    fn read(&self, key: u64, label: Label) -> Vec<u64> {
        let chain = self.chains.get(&key).map_or(&[][..], Vec::as_slice);
        chain
            .iter()
            .rfind(|version| label.covers(version))
            .map_or_else(Vec::new, |version| version.list.clone())
    }

    fn newest_of(&self, key: u64) -> Option<&Version> {
        self.chains.get(&key).and_then(|chain| chain.last())
    }

    fn install(&mut self, key: u64, half: usize, list: Vec<u64>) {
        self.chains.entry(key).or_default().push(Version { number: self.newest, half, list });
    }
}

/// What a client is doing.
#[derive(Debug)]
enum Client {
    Idle,
    Running(Running),
    /// The store has decided, the client does not know yet.
    Answering(Attempt),
    /// The client got no answer and wrote the attempt down; the commit is still on its way.
    Adrift(Running),
}

#[derive(Debug)]
struct Running {
    half: usize,
    attempt: Attempt,
    /// How many operations have run.
    done: usize,
    label: Label,
    /// The keys that it read, and whether there was anything.
    reads: BTreeMap<u64, Found>,
    /// The lists as they will be.
    writes: BTreeMap<u64, Vec<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Something,
    Nothing,
}

/// What becomes of a transaction whose operations have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Commit,
    CommitUnanswered,
    AnswerBeforeCommit,
    Drop,
}

#[derive(Debug)]
struct Simulation {
    mode: Mode,
    random: Random,
    workload: Workload,
    cells: Cells,
    clients: Vec<Client>,
    stamp: u64,
    history: History,
}

impl Simulation {
    fn stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    fn step(&mut self, process: usize) {
        self.publish_in_time();
        let client = std::mem::replace(&mut self.clients[process], Client::Idle);
        self.clients[process] = match client {
            Client::Idle => Client::Running(self.begin(process)),
            Client::Running(mut running) if running.done < running.attempt.operations.len() => {
                self.operate(&mut running);
                Client::Running(running)
            }
            Client::Running(running) => self.end(running),
            Client::Answering(attempt) => {
                self.answer(attempt);
                Client::Idle
            }
            Client::Adrift(running) => {
                self.commit(&running);
                self.publish_acknowledged();
                Client::Idle
            }
        };
    }

    fn begin(&mut self, process: usize) -> Running {
        let half = process % 2;
        let began = self.stamp();
        let newest = self.cells.label(half);
        Running {
            half,
            attempt: Attempt {
                process: process as u64,
                began,
                ended: began,
                operations: self.workload.plan(),
                outcome: Outcome::Unknown,
            },
            done: 0,
            label: if self.mode == Mode::SnapshotBehind { newest.behind(1) } else { newest },
            reads: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }

    fn operate(&mut self, running: &mut Running) {
        if self.mode == Mode::MovingSnapshot {
            running.label = self.cells.label(running.half);
        }
        let mut operation = running.attempt.operations[running.done].clone();
        match &mut operation {
            Operation::Read { key, observed } => {
                *observed = self.visible(running, *key);
                let found = if observed.is_empty() { Found::Nothing } else { Found::Something };
                running.reads.entry(*key).or_insert(found);
            }
            Operation::Append { key, value } => {
                let mut list = match running.writes.remove(key) {
                    Some(list) => list,
                    None => self.visible(running, *key),
                };
                list.push(*value);
                running.writes.insert(*key, list);
            }
        }
        running.attempt.operations[running.done] = operation;
        running.done += 1;
    }

    fn visible(&self, running: &Running, key: u64) -> Vec<u64> {
        if let Some(list) = running.writes.get(&key).filter(|_| self.mode != Mode::OwnWritesHidden) {
            return list.clone();
        }
        if self.mode == Mode::ReadUncommitted {
            let uncommitted = self.clients.iter().find_map(|client| match client {
                Client::Running(other) => other.writes.get(&key),
                _ => None,
            });
            if let Some(list) = uncommitted {
                return list.clone();
            }
        }
        self.cells.read(key, running.label)
    }

    fn end(&mut self, mut running: Running) -> Client {
        running.attempt.outcome = match self.ending() {
            Ending::Drop => {
                self.drop_writes(&running);
                Outcome::Aborted
            }
            Ending::Commit => self.commit(&running),
            Ending::CommitUnanswered => {
                self.commit(&running);
                Outcome::Unknown
            }
            Ending::AnswerBeforeCommit => {
                self.answer(running.attempt.clone());
                return Client::Adrift(running);
            }
        };
        Client::Answering(running.attempt)
    }

    fn ending(&mut self) -> Ending {
        if !self.random.one_in(RARELY) {
            return Ending::Commit;
        }
        [Ending::CommitUnanswered, Ending::AnswerBeforeCommit, Ending::Drop, Ending::Drop]
            [self.random.place(4)]
    }

    fn answer(&mut self, mut attempt: Attempt) {
        self.publish_acknowledged();
        attempt.ended = self.stamp();
        self.history.attempts.push(attempt);
    }

    fn drop_writes(&mut self, running: &Running) {
        if self.mode != Mode::AbortedLeak || self.conflicts(running) {
            return;
        }
        if let Some((key, list)) = running.writes.first_key_value() {
            self.cells.newest += 1;
            self.cells.install(*key, running.half, list.clone());
            self.publish_decided();
        }
    }

    fn commit(&mut self, running: &Running) -> Outcome {
        if running.writes.is_empty() {
            // A snapshot is a state that was: reading it needs no check.
            return Outcome::Committed;
        }
        if self.conflicts(running) {
            return Outcome::Aborted;
        }
        if self.mode == Mode::LostCommit && self.random.one_in(RARELY) {
            return Outcome::Committed;
        }
        let twice = self.mode == Mode::AppliedTwice && self.random.one_in(RARELY);
        self.cells.newest += 1;
        let first_half = running.writes.len() / 2;
        for (place, (key, list)) in running.writes.iter().enumerate() {
            if self.mode == Mode::TornCommit && place > 0 && place == first_half {
                self.publish_decided();
                self.cells.newest += 1;
            }
            let mut list = list.clone();
            if twice {
                list.extend(list.last().copied());
            }
            self.cells.install(*key, running.half, list);
        }
        if self.mode != Mode::TornCommit {
            self.publish_decided();
        }
        Outcome::Committed
    }

    fn conflicts(&self, running: &Running) -> bool {
        let written = running.writes.keys().filter(|_| self.mode != Mode::LostUpdate);
        let read = running.reads.iter().filter(|(key, found)| match self.mode {
            Mode::LostUpdate => !running.writes.contains_key(*key),
            Mode::WriteSkew => false,
            Mode::Phantom => **found == Found::Something,
            _ => true,
        });
        written.chain(read.map(|(key, _)| key)).any(|key| self.conflicts_on(running.label, *key))
    }

    fn conflicts_on(&self, label: Label, key: u64) -> bool {
        let Some(version) = self.cells.newest_of(key).filter(|version| !label.covers(version)) else {
            return false;
        };
        match self.mode {
            Mode::LabelOffByOne => version.number > label.0[version.half] + 1,
            Mode::ForgottenWindow => version.number + COMMITS_REMEMBERED > self.cells.newest,
            _ => true,
        }
    }

    /// Right after the decision. The late ones wait.
    fn publish_decided(&mut self) {
        if self.mode != Mode::LatePublish {
            self.cells.published = self.cells.newest;
        }
        if self.mode != Mode::LongFork {
            self.cells.exchanged = self.cells.published;
        }
    }

    /// Before the answer: the second half of a torn commit.
    fn publish_acknowledged(&mut self) {
        if self.mode == Mode::TornCommit {
            self.publish_decided();
        }
    }

    /// Some time after the answer.
    fn publish_in_time(&mut self) {
        if self.random.one_in(STEPS_LATE) && matches!(self.mode, Mode::LatePublish | Mode::LongFork) {
            self.publish_all();
        }
    }

    fn publish_all(&mut self) {
        self.cells.published = self.cells.newest;
        self.cells.exchanged = self.cells.newest;
    }

    /// Lets every client come to its end, then reads all.
    fn finish(mut self) -> History {
        for process in 0..CLIENTS {
            while !matches!(self.clients[process], Client::Idle) {
                self.step(process);
            }
        }
        self.publish_all();
        let began = self.stamp();
        let label = self.cells.label(0);
        let mut operations = self.workload.closing();
        for operation in &mut operations {
            if let Operation::Read { key, observed } = operation {
                *observed = self.cells.read(*key, label);
            }
        }
        let ended = self.stamp();
        let process = CLIENTS as u64;
        self.history.attempts.push(Attempt {
            process,
            began,
            ended,
            operations,
            outcome: Outcome::Committed,
        });
        self.history
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cycles::{AnomalyKind, check};

    const ATTEMPTS: usize = 100;
    /// Within so many histories, every fault is found, and the anomaly that it is named for is among the
    /// findings.
    const HISTORIES_MAX: u64 = 20;

    /// What each fault is known for. Others may be found as well: a fault has many faces.
    const EXPECTED: [(Mode, AnomalyKind); 15] = [
        (Mode::ReadUncommitted, AnomalyKind::AbortedRead),
        (Mode::MovingSnapshot, AnomalyKind::ReadSkew),
        (Mode::LostUpdate, AnomalyKind::LostUpdate),
        (Mode::WriteSkew, AnomalyKind::WriteSkew),
        (Mode::Phantom, AnomalyKind::WriteSkew),
        (Mode::AbortedLeak, AnomalyKind::AbortedRead),
        (Mode::LatePublish, AnomalyKind::StaleRead),
        (Mode::TornCommit, AnomalyKind::ReadSkew),
        (Mode::LabelOffByOne, AnomalyKind::LostUpdate),
        (Mode::SnapshotBehind, AnomalyKind::StaleRead),
        (Mode::LongFork, AnomalyKind::WriteSkew),
        (Mode::AppliedTwice, AnomalyKind::DuplicateElement),
        (Mode::LostCommit, AnomalyKind::LostAppend),
        (Mode::OwnWritesHidden, AnomalyKind::Internal),
        (Mode::ForgottenWindow, AnomalyKind::WriteSkew),
    ];

    fn kinds_found(mode: Mode, seed: u64) -> BTreeSet<AnomalyKind> {
        let found = check(&simulate(mode, seed, ATTEMPTS));
        found.err().into_iter().flatten().map(|anomaly| anomaly.kind).collect()
    }

    #[test]
    fn every_fault_is_found_by_its_name() {
        assert_eq!(EXPECTED.map(|(mode, _)| mode), Mode::FAULTY);
        for (mode, expected) in EXPECTED {
            let mut first_failure = None;
            let mut first_named = None;
            let mut kinds = BTreeSet::new();
            for seed in 0..HISTORIES_MAX {
                let found = kinds_found(mode, seed);
                first_failure = first_failure.or((!found.is_empty()).then_some(seed));
                first_named = first_named.or(found.contains(&expected).then_some(seed));
                kinds.extend(found);
            }
            println!(
                "{mode:?}: failed at seed {first_failure:?}, {expected:?} at {first_named:?}, in all {kinds:?}"
            );
            assert!(
                first_named.is_some(),
                "{mode:?}: no {expected:?} in {HISTORIES_MAX} histories, but {kinds:?}"
            );
            assert!(!kinds.contains(&AnomalyKind::Malformed), "{mode:?}");
        }
    }

    #[test]
    fn the_correct_store_passes() {
        let mut outcomes = [0; 3];
        for seed in 0..400 {
            let history = simulate(Mode::Correct, seed, ATTEMPTS);
            for attempt in &history.attempts {
                outcomes[attempt.outcome as usize] += 1;
            }
            if let Err(anomalies) = check(&history) {
                panic!("seed {seed}: {}", anomalies[0]);
            }
        }
        // It would prove little if nothing committed, nothing conflicted, or every outcome were known.
        let [committed, aborted, unknown] = outcomes;
        assert!(committed > 20_000 && aborted > 4_000 && unknown > 1_000, "{outcomes:?}");
    }

    #[test]
    fn dirty_reads_of_a_snapshot_store_are_told_apart_from_skew() {
        for seed in 0..HISTORIES_MAX {
            let milder = kinds_found(Mode::WriteSkew, seed);
            assert!(!milder.contains(&AnomalyKind::AbortedRead), "seed {seed}: {milder:?}");
            assert!(!milder.contains(&AnomalyKind::ReadSkew), "seed {seed}: {milder:?}");
            assert!(!milder.contains(&AnomalyKind::LostUpdate), "seed {seed}: {milder:?}");
            assert!(!milder.contains(&AnomalyKind::IncompatibleOrders), "seed {seed}: {milder:?}");
        }
    }

    #[test]
    fn the_seed_decides_the_history() {
        assert_eq!(simulate(Mode::Correct, 5, ATTEMPTS), simulate(Mode::Correct, 5, ATTEMPTS));
        assert_ne!(simulate(Mode::Correct, 5, ATTEMPTS), simulate(Mode::Correct, 6, ATTEMPTS));
    }
}
