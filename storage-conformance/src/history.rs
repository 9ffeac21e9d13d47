//! Histories of list appends: what clients asked of a store, what they saw, and when.
//!
//! Every key holds a list, every value is appended to a key at most once, and a read returns the whole list.
//! So a read tells the order of all appends before it, which is what [`check`](crate::cycles::check) works
//! from. A history that failed is saved as JSON and replayed from the file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How often a key is appended to before a fresh key takes its place. Longer lists make reads slow to
/// compare, shorter ones leave less time for two transactions to meet on a key.
const APPENDS_PER_KEY_MAX: u64 = 12;

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// Adds a value at the end of a key's list.
    Append {
        /// The list.
        key: u64,
        /// Never appended to this key by any other operation of the history, aborted ones included.
        value: u64,
    },
    /// Returns the whole list of a key.
    Read {
        /// The list.
        key: u64,
        /// What the store returned; empty for an absent key, and in a plan that has not run.
        observed: Vec<u64>,
    },
}

/// What the client knows about the end of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The store said that it is committed.
    Committed,
    /// The store said that it had no effect.
    Aborted,
    /// The store could not say. It may take effect at any time after it began, later than its end too.
    Unknown,
}

/// One run of one transaction's body. A retry is an attempt of its own, with values of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The client, which runs one attempt at a time.
    pub process: u64,
    /// A stamp taken before the transaction was begun.
    pub began: u64,
    /// A stamp taken after the outcome was known. Stamps of one history come from one rising counter, so an
    /// attempt that ended at a smaller stamp than another began at is before it in real time.
    pub ended: u64,
    /// What was done, in order. An attempt that was cut short holds only the operations that returned.
    pub operations: Vec<Operation>,
    /// What the store answered.
    pub outcome: Outcome,
}

/// All attempts of one run, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The attempts; reports name them by their place here.
    pub attempts: Vec<Attempt>,
}

impl History {
    /// Writes the history as JSON, one attempt a line, over whatever the file held.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut separator = "";
        file.write_all(b"{\"attempts\":[")?;
        for attempt in &self.attempts {
            writeln!(file, "{separator}")?;
            serde_json::to_writer(&mut file, attempt)?;
            separator = ",";
        }
        file.write_all(b"\n]}\n")?;
        file.flush()
    }

    /// Reads a history that was saved. A file that is not one is `InvalidData`.
    pub fn load(path: impl AsRef<Path>) -> io::Result<History> {
        Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Append { key, value } => write!(f, "append {value} to key {key}"),
            Operation::Read { key, observed } => write!(f, "read key {key} = {observed:?}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Committed => "committed",
            Outcome::Aborted => "aborted",
            Outcome::Unknown => "outcome unknown",
        })
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}, {} to {}, {}: ", self.process, self.began, self.ended, self.outcome)?;
        for (place, operation) in self.operations.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{operation}")?;
        }
        Ok(())
    }
}

/// Plans transactions by a seed: the same seed gives the same plans.
///
/// One workload serves all clients of a history, since it is what keeps values unique. A few keys are in use
/// at a time; one that was appended to often enough is replaced by a fresh one, so lists stay short.
#[derive(Clone, Debug)]
pub struct Workload {
    random: Random,
    slots: Vec<Slot>,
    keys_used: u64,
    operations_max: u64,
}

/// A key in use, and how many values it was given.
#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    appends: u64,
}

impl Workload {
    /// Plans over `keys` keys at a time, with one to `operations_max` operations a transaction. At least one
    /// of each, whatever is asked.
    pub fn new(seed: u64, keys: u64, operations_max: u64) -> Workload {
        let keys = keys.max(1);
        Workload {
            random: Random::new(seed),
            slots: (0..keys).map(|key| Slot { key, appends: 0 }).collect(),
            keys_used: keys,
            operations_max: operations_max.max(1),
        }
    }

    /// The next transaction: reads have observed nothing yet. A third of them only read.
    ///
    /// A plan is for one attempt. A body that runs again takes a new plan.
    pub fn plan(&mut self) -> Vec<Operation> {
        let operations = 1 + self.random.below(self.operations_max);
        let only_reads = self.random.one_in(3);
        (0..operations)
            .map(|_| if only_reads || self.random.one_in(2) { self.read() } else { self.append() })
            .collect()
    }

    /// A read of every key that any plan named, for a last transaction: without it, an append that was lost
    /// from a key that fell out of use is never missed.
    pub fn closing(&self) -> Vec<Operation> {
        (0..self.keys_used).map(|key| Operation::Read { key, observed: Vec::new() }).collect()
    }

    fn read(&mut self) -> Operation {
        let place = self.random.place(self.slots.len());
        Operation::Read { key: self.slots[place].key, observed: Vec::new() }
    }

    fn append(&mut self) -> Operation {
        let place = self.random.place(self.slots.len());
        let slot = &mut self.slots[place];
        slot.appends += 1;
        let operation = Operation::Append { key: slot.key, value: slot.appends };
        if slot.appends == APPENDS_PER_KEY_MAX {
            *slot = Slot { key: self.keys_used, appends: 0 };
            self.keys_used += 1;
        }
        operation
    }
}

/// Numbers that only depend on the seed (splitmix64, Steele, Lea and Flood 2014), on every platform and for
/// ever: a seed in a bug report must keep its meaning.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// A number under `limit`, which is not zero. The bias is under `limit / 2^64`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A place in a list of `len`, which is not zero.
    pub(crate) fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True once in `times`, on average.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_saved_history_loads_equal() {
        let history = History {
            attempts: vec![
                Attempt {
                    process: 1,
                    began: 2,
                    ended: 5,
                    operations: vec![
                        Operation::Append { key: 1, value: u64::MAX },
                        Operation::Read { key: 1, observed: vec![4, u64::MAX] },
                    ],
                    outcome: Outcome::Unknown,
                },
                Attempt { process: 0, began: 6, ended: 7, operations: Vec::new(), outcome: Outcome::Aborted },
            ],
        };
        let path = std::env::temp_dir().join(format!("history-{}.json", std::process::id()));
        for history in [history, History::default()] {
            history.save(&path).unwrap();
            assert_eq!(History::load(&path).unwrap(), history);
        }
        std::fs::write(&path, "{\"attempts\":[{}]}").unwrap();
        assert_eq!(History::load(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn plans_follow_the_seed() {
        let plans = |seed| {
            let mut workload = Workload::new(seed, 4, 5);
            (0..50).map(|_| workload.plan()).collect::<Vec<_>>()
        };
        assert_eq!(plans(7), plans(7));
        assert_ne!(plans(7), plans(8));
    }

    #[test]
    fn values_are_unique_and_keys_are_replaced() {
        let mut workload = Workload::new(3, 4, 6);
        let mut values = BTreeMap::<u64, BTreeSet<u64>>::new();
        for _ in 0..500 {
            let plan = workload.plan();
            assert!((1..=6).contains(&plan.len()));
            for operation in plan {
                if let Operation::Append { key, value } = operation {
                    assert!(values.entry(key).or_default().insert(value), "value {value} of key {key} twice");
                }
            }
        }
        assert!(values.len() > 20, "only {} keys in 500 plans", values.len());
        assert!(values.values().all(|values| values.len() as u64 <= APPENDS_PER_KEY_MAX));
        let closing = workload.closing();
        let closed = |key| closing.contains(&Operation::Read { key, observed: Vec::new() });
        assert!(values.keys().copied().all(closed));
    }
}
