//! Every number that the project has set itself, as a plain table.
//!
//! The wording is the one of the issue that set the goal. What is measured stands beside it; [`judge`] turns
//! the rounds of a run into a verdict.

pub mod judge;

use crate::workload::{Family, RowId, Variant};

/// A goal.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// A short name.
    pub id: &'static str,
    /// What was promised.
    pub wording: &'static str,
    /// The row in which it is measured.
    pub place: Place,
    /// Whose time is judged.
    pub ours: Who,
    /// What it must keep.
    pub bound: Bound,
}

/// A row without its contestant.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The chapter.
    pub family: Family,
    /// The row's name.
    pub workload: &'static str,
    /// Which reading.
    pub variant: Option<Variant>,
    /// Workers side by side.
    pub threads: u32,
    /// How many records the store holds; `None` where the workload's name says all.
    pub records: Option<u64>,
}

/// A contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The engine.
    pub engine: &'static str,
    /// In which of its ways.
    pub mode: Option<&'static str>,
}

/// What a goal bounds.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// The time over another contestant's in the same rounds.
    Ratio {
        /// The other.
        against: Who,
        /// The largest ratio.
        at_most: f64,
    },
    /// The time beyond another contestant's in the same rounds, in nanoseconds.
    MoreNs {
        /// The other.
        against: Who,
        /// The most.
        at_most: f64,
    },
    /// The time itself, in nanoseconds.
    Ns {
        /// The most.
        at_most: f64,
    },
    /// The time over the same contestant's at another size, in the same rounds.
    Size {
        /// The other size.
        records: u64,
        /// The largest ratio.
        at_most: f64,
    },
    /// The time over the original's figure on its machine in nanoseconds, scaled by the CPU probe: at most 1.
    Original {
        /// Wall time x threads / operations.
        figure_ns: f64,
    },
}

impl Place {
    /// Whether a row is at this place.
    #[must_use]
    pub fn holds(&self, id: &RowId) -> bool {
        id.family == self.family
            && id.workload == self.workload
            && id.variant == self.variant
            && id.threads == self.threads
            && self.records.is_none_or(|records| records == id.records)
    }

    /// The same place at another size.
    #[must_use]
    pub fn at(self, records: u64) -> Place {
        Place { records: Some(records), ..self }
    }
}

impl Who {
    /// Whether a row is this contestant's.
    #[must_use]
    pub fn fills(&self, id: &RowId) -> bool {
        id.engine == self.engine && id.mode.as_deref() == self.mode
    }
}

const MEM: Who = Who { engine: "mem", mode: None };
const MEM_ANY: Who = Who { engine: "mem", mode: Some("any") };
const MEM_READ_WRITE: Who = Who { engine: "mem", mode: Some("read-write") };
const DASHMAP: Who = Who { engine: "bare-dashmap", mode: None };
const PORT: Who = Who { engine: "port-tasks-memory", mode: None };

const fn growth(workload: &'static str, records: u64) -> Place {
    Place { family: Family::Growth, workload, variant: None, threads: 1, records: Some(records) }
}

const fn tasks(workload: &'static str, threads: u32) -> Place {
    Place { family: Family::Tasks, workload, variant: Some(Variant::Faithful), threads, records: None }
}

const fn ratio(at_most: f64) -> Bound {
    Bound::Ratio { against: DASHMAP, at_most }
}

const fn port(at_most: f64) -> Bound {
    Bound::Ratio { against: PORT, at_most }
}

const fn goal(id: &'static str, wording: &'static str, place: Place, bound: Bound) -> Goal {
    Goal { id, wording, place, ours: MEM, bound }
}

const GET: &str = "get at most 1.8 x a bare DashMap get (default hasher, Arc clone)";
const PUT: &str = "put at most 8 x a bare DashMap put";
const HOLDS: &str = "the ratios to the bare structures hold at every size";
const PAGE: &str = "a first page of a listing costs the same at each size";
const ORIGINAL: &str = "at least as fast as the original's figure, scaled by the CPU probe";
const SAVES: &str = "saves and lists at most 3 x the port";
const GETS: &str = "gets at most 1.5 x the port";

/// How much more the same may cost: a page that never leaves the cache still has a taller tree above it.
const THE_SAME: f64 = 1.25;

/// The goals.
///
/// The originals' concurrent rows were published as wall time / operations with two workers; here a time is
/// wall time x threads / operations, so those figures are doubled.
pub const GOALS: &[Goal] = &[
    goal("get-10k", GET, growth("get", 10_000), ratio(1.8)),
    goal(
        "get-1m",
        "get at most 1.3 x a bare DashMap get at 10^6 records",
        growth("get", 1_000_000),
        ratio(1.3),
    ),
    goal("put-10k", PUT, growth("put", 10_000), ratio(8.0)),
    goal(
        "range-1m",
        "a range of 100 at 10^6 records under 30 us on a 2-core guest",
        growth("range-100", 1_000_000),
        Bound::Ns { at_most: 30_000.0 },
    ),
    Goal {
        id: "any-engine",
        wording: "a get through AnyEngine at most 30 ns more",
        place: growth("get", 10_000),
        ours: MEM_ANY,
        bound: Bound::MoreNs { against: MEM, at_most: 30.0 },
    },
    goal("get-1k", HOLDS, growth("get", 1_000), ratio(1.8)),
    goal("get-100k", HOLDS, growth("get", 100_000), ratio(1.8)),
    goal("put-1k", HOLDS, growth("put", 1_000), ratio(8.0)),
    goal("put-100k", HOLDS, growth("put", 100_000), ratio(8.0)),
    goal("put-1m", HOLDS, growth("put", 1_000_000), ratio(8.0)),
    goal("page-10k", PAGE, growth("list-page", 10_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal("page-100k", PAGE, growth("list-page", 100_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal("page-1m", PAGE, growth("list-page", 1_000_000), Bound::Size { records: 1_000, at_most: THE_SAME }),
    goal(
        "append-64",
        "64 threads appending to one sequence (gaps fail the run): 5 x the rate of read-and-write ones",
        Place { family: Family::Concurrency, workload: "append", variant: None, threads: 64, records: None },
        Bound::Ratio { against: MEM_READ_WRITE, at_most: 0.2 },
    ),
    goal("save-task", ORIGINAL, tasks("save-task", 1), Bound::Original { figure_ns: 1_860.0 }),
    goal("get-task", ORIGINAL, tasks("get-task", 1), Bound::Original { figure_ns: 84.0 }),
    goal("list-pending", ORIGINAL, tasks("list-pending-1000", 1), Bound::Original { figure_ns: 18_500.0 }),
    goal(
        "concurrent-2000",
        ORIGINAL,
        tasks("concurrent-read-write-2000", 2),
        Bound::Original { figure_ns: 2.0 * 8_400.0 },
    ),
    goal(
        "concurrent-10000",
        ORIGINAL,
        tasks("concurrent-read-write-10000", 2),
        Bound::Original { figure_ns: 2.0 * 46_000.0 },
    ),
    goal("save-config", ORIGINAL, tasks("save-operator-set-config", 1), Bound::Original { figure_ns: 355.0 }),
    goal("save-performer", ORIGINAL, tasks("save-performer", 1), Bound::Original { figure_ns: 1_450.0 }),
    goal(
        "list-performers",
        ORIGINAL,
        tasks("list-performers-100", 1),
        Bound::Original { figure_ns: 12_200.0 },
    ),
    goal("save-task-port", SAVES, tasks("save-task", 1), port(3.0)),
    goal("get-task-port", GETS, tasks("get-task", 1), port(1.5)),
    goal("list-pending-port", SAVES, tasks("list-pending-1000", 1), port(3.0)),
    goal("concurrent-2000-port", SAVES, tasks("concurrent-read-write-2000", 2), port(3.0)),
    goal("concurrent-10000-port", SAVES, tasks("concurrent-read-write-10000", 2), port(3.0)),
    goal("save-config-port", SAVES, tasks("save-operator-set-config", 1), port(3.0)),
    goal("save-performer-port", SAVES, tasks("save-performer", 1), port(3.0)),
    goal("list-performers-port", SAVES, tasks("list-performers-100", 1), port(3.0)),
    goal("large-dataset-port", SAVES, tasks("large-dataset", 1), port(3.0)),
];

impl Goal {
    /// Whether the goal needs this row.
    #[must_use]
    pub fn needs(&self, id: &RowId) -> bool {
        let ours = self.place.holds(id) && self.ours.fills(id);
        let theirs = match self.bound {
            Bound::Ratio { against, .. } | Bound::MoreNs { against, .. } => {
                self.place.holds(id) && against.fills(id)
            }
            Bound::Size { records, .. } => self.place.at(records).holds(id) && self.ours.fills(id),
            Bound::Ns { .. } | Bound::Original { .. } => false,
        };
        ours || theirs
    }
}
