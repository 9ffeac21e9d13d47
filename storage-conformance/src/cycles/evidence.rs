//! What the reads of a history prove: which attempts took effect, the order of each key's appends, and the
//! anomalies that one or two reads show by themselves.
//!
//! The longest read of a key is its order. Reads that cannot be true (a value twice, or one never written)
//! are reported and then ignored, so that they do not make up an order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::anomaly::{Anomaly, AnomalyKind};
use crate::history::{Attempt, History, Operation, Outcome};

/// The state of one key that an attempt read, without its own appends.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExternalRead<'h> {
    pub(super) attempt: usize,
    pub(super) observed: &'h [u64],
}

/// What is known of one key.
#[derive(Debug, Default)]
pub(super) struct KeyEvidence<'h> {
    /// The longest read.
    pub(super) order: &'h [u64],
    /// The first read of each attempt, if it is a beginning of the order.
    pub(super) reads: Vec<ExternalRead<'h>>,
    /// Appends that took effect and are in no read, so come after the order: place of the attempt, and value.
    pub(super) unseen: Vec<(usize, u64)>,
    /// The attempt that gave the order, with what it had appended itself.
    witness: Option<usize>,
}

/// All that is known from the reads of a history.
#[derive(Debug)]
pub(super) struct Evidence<'h> {
    pub(super) history: &'h History,
    pub(super) keys: BTreeMap<u64, KeyEvidence<'h>>,
    pub(super) anomalies: Vec<Anomaly>,
    writers: HashMap<(u64, u64), usize>,
    effective: Vec<bool>,
    /// Key and value of all that any of these attempts read.
    seen: HashSet<(u64, u64)>,
    reported: HashSet<(AnomalyKind, u64, u64)>,
}

impl<'h> Evidence<'h> {
    /// Gathers it. A malformed history gives its anomalies instead.
    pub(super) fn gather(history: &'h History) -> Result<Evidence<'h>, Vec<Anomaly>> {
        let writers = writers(history)?;
        let effective = effective(history, &writers);
        let mut evidence = Evidence {
            history,
            keys: BTreeMap::new(),
            anomalies: Vec::new(),
            writers,
            effective,
            seen: HashSet::new(),
            reported: HashSet::new(),
        };
        evidence.judge_reads();
        evidence.judge_orders();
        evidence.find_external_reads();
        evidence.find_unseen_appends();
        Ok(evidence)
    }

    /// Whether the attempt took effect: it is committed, or of unknown outcome and seen by one that took
    /// effect.
    pub(super) fn is_effective(&self, attempt: usize) -> bool {
        self.effective[attempt]
    }

    /// The attempt that appended the value, if it took effect.
    pub(super) fn effective_writer(&self, key: u64, value: u64) -> Option<usize> {
        self.writers.get(&(key, value)).copied().filter(|&writer| self.effective[writer])
    }

    /// The attempts that took effect, with their places. It borrows nothing, so that what is found can be
    /// noted.
    fn effective_attempts(&self) -> impl Iterator<Item = (usize, &'h Attempt)> + use<'h> {
        let effective = self.effective.clone();
        self.history.attempts.iter().enumerate().filter(move |(place, _)| effective[*place])
    }

    /// Reports a fault of one value once, however many reads show it.
    fn report(&mut self, kind: AnomalyKind, (key, value): (u64, u64), places: &[usize], detail: &str) {
        if self.reported.insert((kind, key, value)) {
            let detail = format!("value {value} of key {key} {detail}");
            self.anomalies.push(Anomaly::plain(self.history, kind, places, detail));
        }
    }

    /// Looks at every value of every read, and takes the longest plausible read of each key as its order.
    fn judge_reads(&mut self) {
        let mut in_this_read = HashSet::new();
        for (place, attempt) in self.effective_attempts() {
            for operation in &attempt.operations {
                let Operation::Read { key, observed } = operation else { continue };
                in_this_read.clear();
                let mut plausible = true;
                for &value in observed {
                    self.seen.insert((*key, value));
                    plausible &= self.judge_value(place, (*key, value), in_this_read.insert(value));
                }
                let known = self.keys.entry(*key).or_default();
                if plausible && (known.witness.is_none() || observed.len() > known.order.len()) {
                    known.order = observed;
                    known.witness = Some(place);
                }
            }
        }
    }

    /// Whether the value can stand where it was read.
    fn judge_value(&mut self, reader: usize, named: (u64, u64), first_time: bool) -> bool {
        let Some(&writer) = self.writers.get(&named) else {
            self.report(AnomalyKind::UnwrittenRead, named, &[reader], "was read and never appended");
            return false;
        };
        if self.history.attempts[writer].outcome == Outcome::Aborted {
            let detail = format!("was read by T{reader}, though T{writer}, which appended it, aborted");
            self.report(AnomalyKind::AbortedRead, named, &[reader, writer], &detail);
        }
        if !first_time {
            self.report(AnomalyKind::DuplicateElement, named, &[reader], "is twice in one read");
        }
        first_time
    }

    /// Every plausible read must be a beginning of the longest one. One report a key.
    fn judge_orders(&mut self) {
        let mut judged = HashSet::new();
        for (place, attempt) in self.effective_attempts() {
            for operation in &attempt.operations {
                let Operation::Read { key, observed } = operation else { continue };
                let known = &self.keys[key];
                if known.order.starts_with(observed)
                    || judged.contains(key)
                    || !self.is_plausible(*key, observed)
                {
                    continue;
                }
                judged.insert(*key);
                let witness = known.witness.expect("a plausible read of the key was met before");
                let detail = format!(
                    "key {key}: T{witness} read {:?}, T{place} read {observed:?}, neither begins the other",
                    known.order
                );
                let kind = AnomalyKind::IncompatibleOrders;
                self.anomalies.push(Anomaly::plain(self.history, kind, &[witness, place], detail));
            }
        }
    }

    /// Each value once, and each written. Only asked for reads that do not fit.
    fn is_plausible(&self, key: u64, observed: &[u64]) -> bool {
        let mut seen = HashSet::new();
        observed.iter().all(|&value| seen.insert(value) && self.writers.contains_key(&(key, value)))
    }

    /// Takes the first read of each key in each attempt, and holds the later ones against it.
    fn find_external_reads(&mut self) {
        let mut updates = BTreeMap::<_, Vec<usize>>::new();
        for (place, attempt) in self.effective_attempts() {
            let mut session = Session::default();
            let mut contradiction = None;
            for operation in &attempt.operations {
                if let Err(detail) = session.step(operation) {
                    contradiction = contradiction.or(Some(detail));
                }
            }
            for (key, state) in session.keys {
                let Some(observed) = state.external else { continue };
                if observed.iter().any(|&value| self.writers.get(&(key, value)) == Some(&place)) {
                    contradiction = contradiction.or_else(|| {
                        Some(format!("it read key {key} = {observed:?} before appending one of these"))
                    });
                    continue;
                }
                self.judge_last_value(place, key, observed);
                if !state.appended.is_empty() {
                    updates.entry((key, observed)).or_default().push(place);
                }
                let known = self.keys.entry(key).or_default();
                if known.order.starts_with(observed) {
                    known.reads.push(ExternalRead { attempt: place, observed });
                }
            }
            if let Some(detail) = contradiction {
                self.anomalies.push(Anomaly::plain(self.history, AnomalyKind::Internal, &[place], detail));
            }
        }
        // Whichever came second had to see the first, in whatever order: this holds without knowing the
        // order.
        for ((key, observed), places) in updates.into_iter().filter(|(_, places)| places.len() > 1) {
            let detail =
                format!("{} transactions read key {key} = {observed:?} and appended to it", places.len());
            self.anomalies.push(Anomaly::plain(self.history, AnomalyKind::LostUpdate, &places, detail));
        }
    }

    /// The last value read must be the last that its transaction appended to the key.
    fn judge_last_value(&mut self, reader: usize, key: u64, observed: &[u64]) {
        let Some(&value) = observed.last() else { return };
        let Some(writer) = self.effective_writer(key, value).filter(|&writer| writer != reader) else {
            return;
        };
        let operations = &self.history.attempts[writer].operations;
        let last = operations.iter().rev().find_map(|operation| match operation {
            Operation::Append { key: other, value } if *other == key => Some(*value),
            _ => None,
        });
        if last != Some(value) {
            let detail =
                format!("was the last that T{reader} read, though T{writer} appended more to the key");
            self.report(AnomalyKind::IntermediateRead, (key, value), &[reader, writer], &detail);
        }
    }

    fn find_unseen_appends(&mut self) {
        for (place, attempt) in self.effective_attempts() {
            for operation in &attempt.operations {
                let Operation::Append { key, value } = operation else { continue };
                if !self.seen.contains(&(*key, *value)) {
                    self.keys.entry(*key).or_default().unseen.push((place, *value));
                }
            }
        }
    }
}

/// What one transaction knows of each key while it runs.
#[derive(Debug, Default)]
struct Session<'h> {
    keys: BTreeMap<u64, SessionKey<'h>>,
}

#[derive(Debug, Default)]
struct SessionKey<'h> {
    /// The first read, without the transaction's own appends.
    external: Option<&'h [u64]>,
    appended: Vec<u64>,
}

impl<'h> Session<'h> {
    /// Takes the next operation; an error tells how it contradicts the ones before.
    fn step(&mut self, operation: &'h Operation) -> Result<(), String> {
        match operation {
            Operation::Append { key, value } => {
                self.keys.entry(*key).or_default().appended.push(*value);
                Ok(())
            }
            Operation::Read { key, observed } => self.keys.entry(*key).or_default().read(*key, observed),
        }
    }
}

impl<'h> SessionKey<'h> {
    fn read(&mut self, key: u64, observed: &'h [u64]) -> Result<(), String> {
        let appended = &self.appended;
        let Some(external) = observed.strip_suffix(appended.as_slice()) else {
            return Err(format!("it read key {key} = {observed:?} after appending {appended:?} to it"));
        };
        match self.external {
            None => self.external = Some(external),
            Some(before) if before == external => {}
            Some(before) => {
                return Err(format!(
                    "it read key {key} = {observed:?}, after reading {before:?} and appending {appended:?}"
                ));
            }
        }
        Ok(())
    }
}

/// Who appended each value. Fails if the history makes no sense.
fn writers(history: &History) -> Result<HashMap<(u64, u64), usize>, Vec<Anomaly>> {
    let mut writers = HashMap::new();
    let mut anomalies = Vec::new();
    let mut malformed = |places: &[usize], detail| {
        anomalies.push(Anomaly::plain(history, AnomalyKind::Malformed, places, detail));
    };
    for (place, attempt) in history.attempts.iter().enumerate() {
        if attempt.began > attempt.ended {
            malformed(&[place], format!("T{place} ended before it began"));
        }
        for operation in &attempt.operations {
            let Operation::Append { key, value } = operation else { continue };
            if let Some(other) = writers.insert((*key, *value), place) {
                malformed(&[other, place], format!("value {value} was appended to key {key} twice"));
            }
        }
    }
    if anomalies.is_empty() { Ok(writers) } else { Err(anomalies) }
}

/// Which attempts took effect: the committed ones, and those of unknown outcome that one of these has seen.
fn effective(history: &History, writers: &HashMap<(u64, u64), usize>) -> Vec<bool> {
    let attempts = &history.attempts;
    let mut effective: Vec<bool> =
        attempts.iter().map(|attempt| attempt.outcome == Outcome::Committed).collect();
    let mut unvisited: Vec<usize> = (0..attempts.len()).filter(|&place| effective[place]).collect();
    while let Some(place) = unvisited.pop() {
        for operation in &attempts[place].operations {
            let Operation::Read { key, observed } = operation else { continue };
            for value in observed {
                let Some(&writer) = writers.get(&(*key, *value)) else { continue };
                if attempts[writer].outcome == Outcome::Unknown && !effective[writer] {
                    effective[writer] = true;
                    unvisited.push(writer);
                }
            }
        }
    }
    effective
}
