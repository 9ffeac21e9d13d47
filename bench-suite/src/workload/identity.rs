//! What a row is: the names and sizes that make two figures comparable.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contestant::Tag;

/// A chapter of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Family {
    /// The rows of the task store's published table.
    Tasks,
    /// The rows of the message store's published table.
    Messages,
    /// The rows of the session store's published table.
    Sessions,
    /// Single operations of an engine.
    Engine,
    /// Several writers at once.
    Concurrency,
    /// One operation at several sizes.
    Growth,
}

impl Family {
    /// Every family, in the order of a report.
    pub const ALL: [Family; 6] = [
        Family::Tasks,
        Family::Messages,
        Family::Sessions,
        Family::Engine,
        Family::Concurrency,
        Family::Growth,
    ];

    /// The name in reports and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::Tasks => "tasks",
            Family::Messages => "messages",
            Family::Sessions => "sessions",
            Family::Engine => "engine",
            Family::Concurrency => "concurrency",
            Family::Growth => "growth",
        }
    }
}

/// Which reading of a published row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// What the original really measures.
    Faithful,
    /// What the row's name says.
    Honest,
}

impl Variant {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Variant::Faithful => "faithful",
            Variant::Honest => "honest",
        }
    }
}

/// What a finished write survives. Results are compared only inside one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Never leaves memory.
    Memory,
    /// Goes to disk, and is lost with the process.
    None,
    /// Survives the end of the process, not of the machine's power.
    ProcessCrash,
    /// Survives power loss.
    PowerLoss,
}

impl Class {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Memory => "memory",
            Class::None => "none",
            Class::ProcessCrash => "process-crash",
            Class::PowerLoss => "power-loss",
        }
    }
}

/// How much a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Up to 10^5 records, a few minutes in all.
    Quick,
    /// Up to 10^7 records, as long as it takes.
    Full,
    /// Every row once, no figures.
    Smoke,
}

/// How many operations a batch has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ops {
    /// As many as fill the time that the row is given.
    Free,
    /// The same, but no more than this.
    AtMost(u64),
    /// Exactly this many in all, because the figure depends on the number.
    Fixed(u64),
}

/// One row, before anyone in particular runs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The chapter.
    pub family: Family,
    /// The row's name.
    pub workload: &'static str,
    /// Which reading, where the row comes from a published table.
    pub variant: Option<Variant>,
    /// Workers side by side.
    pub threads: u32,
    /// How many records the store holds; for a row that fills an empty store, when it is done.
    pub records: u64,
    /// The size of a value, where all have one.
    pub value_bytes: Option<u64>,
    /// How many operations a batch has.
    pub ops: Ops,
    /// Rows that differ only in `records` are measured against each other, in one group.
    pub sizes_together: bool,
}

impl Spec {
    /// Whether `other` is measured in the same interleaved run.
    #[must_use]
    pub fn shares_group_with(&self, other: &Spec) -> bool {
        self.family == other.family
            && self.together_with() == other.together_with()
            && self.variant == other.variant
            && self.threads == other.threads
            && self.value_bytes == other.value_bytes
            && (self.records == other.records || (self.sizes_together && other.sizes_together))
    }

    /// The workload among whose contestants this one is measured.
    fn together_with(&self) -> &'static str {
        match self.workload {
            // The same work, done without what the row is about.
            "one-commit-each" => "put",
            "write-message-one-commit-each" => "write-message",
            "append-indexed" => "append-1-to-100",
            other => other,
        }
    }
}

/// The identity of a row: two figures with the same are the same measurement at two times.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowId {
    /// The chapter.
    pub family: Family,
    /// The row's name.
    pub workload: String,
    /// Which reading, where the row comes from a published table.
    pub variant: Option<Variant>,
    /// Who did it.
    pub engine: String,
    /// In which of its ways.
    pub mode: Option<String>,
    /// What a finished write survives.
    pub class: Class,
    /// Workers side by side.
    pub threads: u32,
    /// How many records the store holds.
    pub records: u64,
    /// The size of a value, where all have one.
    pub value_bytes: Option<u64>,
}

impl RowId {
    /// The row that `tag` fills for `spec`.
    #[must_use]
    pub fn new(spec: &Spec, tag: &Tag) -> Self {
        RowId {
            family: spec.family,
            workload: spec.workload.to_owned(),
            variant: spec.variant,
            engine: tag.engine.to_owned(),
            mode: tag.mode.map(str::to_owned),
            class: tag.class,
            threads: spec.threads,
            records: spec.records,
            value_bytes: spec.value_bytes,
        }
    }

    /// The engine with its mode, as tables show it.
    #[must_use]
    pub fn contestant(&self) -> String {
        match &self.mode {
            Some(mode) => format!("{} {mode}", self.engine),
            None => self.engine.clone(),
        }
    }

    /// The row without its contestant, as tables show it.
    #[must_use]
    pub fn title(&self) -> String {
        let mut title = self.workload.clone();
        if let Some(variant) = self.variant {
            title.push_str(&format!(", {}", variant.name()));
        }
        if self.threads > 1 {
            title.push_str(&format!(", {} threads", self.threads));
        }
        title
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.family.name(), self.title())?;
        write!(f, ", {} records", self.records)?;
        if let Some(bytes) = self.value_bytes {
            write!(f, " of {bytes} B")?;
        }
        write!(f, ", {}, {}", self.contestant(), self.class.name())
    }
}
