//! Every number that the project has set itself, as a plain table.
//!
//! The wording is the one of the issue that set the goal. What is measured stands beside it; [`judge`] turns
//! the rounds of a run into a verdict.

pub mod judge;
mod list;

use crate::failure::{Failure, Outcome};
use crate::workload::{Class, Family, RowId, Variant};
pub use list::GOALS;

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
    /// What its finished writes survive.
    pub class: Class,
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
    /// The latency of that percentile, in nanoseconds.
    Latency {
        /// Which.
        percentile: Percentile,
        /// The most.
        at_most: f64,
    },
    /// The latency of that percentile over another contestant's.
    LatencyRatio {
        /// Which.
        percentile: Percentile,
        /// The other.
        against: Who,
        /// The largest ratio.
        at_most: f64,
    },
    /// The time over the same contestant's at another size, in the same rounds.
    Size {
        /// The other size.
        records: u64,
        /// The largest ratio.
        at_most: f64,
    },
    /// The time over another contestant's in another row, in the same rounds.
    Beside {
        /// The other row.
        workload: &'static str,
        /// The other contestant.
        against: Who,
        /// The largest ratio.
        at_most: f64,
    },
    /// The time over the original's figure on its machine, scaled by a probe.
    Original {
        /// Wall time x threads / operations, in nanoseconds.
        figure_ns: f64,
        /// What decides the time.
        scaled_by: Probe,
        /// The largest ratio.
        at_most: f64,
    },
}

/// A share of the operations, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// Half of them.
    P50,
    /// All but one in a thousand.
    P999,
}

impl Percentile {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Percentile::P50 => "p50",
            Percentile::P999 => "p99.9",
        }
    }
}

/// A probe that was taken on the machine of the originals' figures as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// How fast the CPU is.
    Cpu,
    /// How long it takes to force a block to the disk.
    Fsync,
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

    /// The same place with another row's name.
    #[must_use]
    pub fn named(self, workload: &'static str) -> Place {
        Place { workload, ..self }
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
        id.engine == self.engine && id.mode.as_deref() == self.mode && id.class == self.class
    }
}

/// The goals about one of `engines` whose names are, or begin with, one of `names`; nothing given is everything.
///
/// A name that no goal has is an error that lists those there are.
pub fn chosen(engines: &[String], names: &[String]) -> Outcome<Vec<Goal>> {
    let named = |goal: &Goal, name: &String| goal.id.starts_with(name.as_str());
    let about = |goal: &Goal, engine: &String| goal.ours.engine == engine;
    if let Some(name) = names.iter().find(|name| !GOALS.iter().any(|goal| named(goal, name))) {
        let all: Vec<&str> = GOALS.iter().map(|goal| goal.id).collect();
        return Err(Failure::new(format!("there is no goal `{name}`; there are: {}", all.join(", "))));
    }
    if let Some(engine) = engines.iter().find(|engine| !GOALS.iter().any(|goal| about(goal, engine))) {
        return Err(Failure::new(format!("there is no goal about `{engine}`")));
    }
    let wanted = GOALS.iter().filter(|goal| {
        (engines.is_empty() || engines.iter().any(|engine| about(goal, engine)))
            && (names.is_empty() || names.iter().any(|name| named(goal, name)))
    });
    Ok(wanted.copied().collect())
}

impl Goal {
    /// Whether the goal is about single operations.
    #[must_use]
    pub fn needs_latencies(&self) -> bool {
        matches!(self.bound, Bound::Latency { .. } | Bound::LatencyRatio { .. })
    }

    /// Whether the goal needs this row.
    #[must_use]
    pub fn needs(&self, id: &RowId) -> bool {
        let ours = self.place.holds(id) && self.ours.fills(id);
        let theirs = match self.bound {
            Bound::Ratio { against, .. }
            | Bound::MoreNs { against, .. }
            | Bound::LatencyRatio { against, .. } => self.place.holds(id) && against.fills(id),
            Bound::Beside { workload, against, .. } => {
                self.place.named(workload).holds(id) && against.fills(id)
            }
            Bound::Size { records, .. } => self.place.at(records).holds(id) && self.ours.fills(id),
            Bound::Ns { .. } | Bound::Latency { .. } | Bound::Original { .. } => false,
        };
        ours || theirs
    }
}
