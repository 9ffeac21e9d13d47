//! What is measured: the rows, and the work behind each, written once for every contestant.
//!
//! A [`Work`] is one workload over some subject. It derives keys and values from the operation's number
//! alone, so that contestants of one round do the same thing in the same order.

pub mod identity;
pub mod keys;
pub mod kill;
pub mod message_data;
pub mod messages;
pub mod opening;
pub mod points;
pub mod ranges;
pub mod rows;
pub mod session_data;
pub mod sessions;
pub mod sharing;
pub mod sustained;
pub mod task_data;
pub mod tasks;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::contestant::Subject;
use crate::failure::{Outcome, Within};
use crate::measure::meter::Meter;
pub use identity::{Class, Family, Ops, Profile, RowId, Spec, Variant};

/// What a contestant is set up with.
#[derive(Debug)]
pub struct Setting {
    /// The row.
    pub spec: Spec,
    /// What keys, values and orders derive from.
    pub seed: u64,
    scratch: PathBuf,
    places: AtomicU64,
}

impl Setting {
    /// A setting whose files, if any, go under `scratch`.
    #[must_use]
    pub fn new(spec: Spec, seed: u64, scratch: PathBuf) -> Self {
        Setting { spec, seed, scratch, places: AtomicU64::new(0) }
    }

    /// A place for one opened store, new at every call.
    pub fn place(&self) -> Place {
        Place::new(self.scratch.join(self.places.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    /// The directory above every place.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }
}

/// The directory of one store. It goes with its owner, which closes the store before.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// A place in which nothing is created yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Place { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, whose directory is there.
    pub fn file(&self, name: &str) -> Outcome<PathBuf> {
        fs::create_dir_all(&self.path).within(|| self.path.display().to_string())?;
        Ok(self.path.join(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.path.exists()
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("warning: {} is left behind: {error}", self.path.display());
        }
    }
}

/// One timed run of operations, the same for every contestant of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Counts the batches of a group, so that no batch repeats the writes of another.
    pub turn: u64,
    /// Workers side by side.
    pub threads: u32,
    /// Operations of each worker.
    pub ops: u64,
}

impl Batch {
    /// The operations of all workers.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ops * u64::from(self.threads)
    }

    /// The share of one worker.
    #[must_use]
    pub fn stint(&self, worker: u32) -> Stint {
        Stint { turn: self.turn, worker, first: u64::from(worker) * self.ops, ops: self.ops }
    }
}

/// The operations of one worker in one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stint {
    /// The batch.
    pub turn: u64,
    /// Which of the batch's workers, from 0.
    pub worker: u32,
    first: u64,
    ops: u64,
}

impl Stint {
    /// The numbers of its operations within the batch; workers do not overlap.
    #[must_use]
    pub fn ops(&self) -> Range<u64> {
        self.first..self.first + self.ops
    }

    /// The numbers of its operations within the whole group; no two batches overlap.
    #[must_use]
    pub fn serials(&self) -> Range<u64> {
        let start = (self.turn << 40) + self.first;
        start..start + self.ops
    }
}

/// One workload on one kind of subject.
///
/// `set_up`, `ready`, `verify` and `into_subject` are outside the timed part. Any error ends the run.
pub trait Work: Sized + Send + Sync + 'static {
    /// Who does the work.
    type Subject: Subject;

    /// The rows that this work fills.
    fn rows(profile: Profile) -> Vec<Spec>;

    /// Opens the subject and brings it to the state in which the row is measured.
    fn set_up(setting: &Setting) -> Outcome<Self>;

    /// Prepares one batch: what an earlier one used up is put back, what is built beforehand is built.
    fn ready(&mut self, _: &Setting, _: &Batch) -> Outcome<()> {
        Ok(())
    }

    /// Does one worker's share, each operation through `meter`. Letting go of what was read is part of
    /// reading it.
    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()>;

    /// Checks that the last batch left behind what it had to.
    fn verify(&self) -> Outcome<()> {
        Ok(())
    }

    /// The subject, for what it counts.
    fn subject(&self) -> &Self::Subject;

    /// The subject, to be closed.
    fn into_subject(self) -> Self::Subject;
}
