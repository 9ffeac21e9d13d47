//! One workload on one contestant behind a single pointer, so that a group can hold different ones.
//!
//! The indirection is once a batch; the operations below it are generic.

use std::fmt;
use std::path::PathBuf;

use super::{Counters, Subject};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::{Latencies, Unmeasured};
use crate::workload::{Batch, Setting, Spec, Stint, Work};

/// A contestant in one row, as the measurement sees it.
pub trait Contestant: Send + Sync + fmt::Debug {
    /// Opens and fills the store.
    fn set_up(&mut self) -> Outcome<()>;
    /// Prepares one batch.
    fn ready(&mut self, batch: &Batch) -> Outcome<()>;
    /// Does one worker's share of a batch, as fast as it goes.
    fn run(&self, stint: &Stint) -> Outcome<()>;
    /// Does the same, taking the time of each operation.
    fn sample(&self, stint: &Stint, latencies: &mut Latencies) -> Outcome<()>;
    /// Finishes work that was put off.
    fn settle(&self) -> Outcome<()>;
    /// Checks what the last batch left behind.
    fn verify(&self) -> Outcome<()>;
    /// What the store has counted since it was opened.
    fn counters(&self) -> Outcome<Counters>;
    /// The settings, read back from the open store.
    fn settings(&self) -> Outcome<Vec<(&'static str, String)>>;
    /// Bytes on the disk; `None` for a store that has nothing there.
    fn disk_bytes(&self) -> Outcome<Option<u64>>;
    /// Closes the store and removes its files.
    fn tear_down(&mut self) -> Outcome<()>;
}

/// The one implementation of [`Contestant`].
pub struct Runner<W> {
    setting: Setting,
    work: Option<W>,
}

impl<W> fmt::Debug for Runner<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("setting", &self.setting).finish_non_exhaustive()
    }
}

impl<W: Work> Runner<W> {
    /// A runner that has opened nothing yet.
    #[must_use]
    pub fn new(spec: Spec, seed: u64, scratch: PathBuf) -> Self {
        Runner { setting: Setting::new(spec, seed, scratch), work: None }
    }

    fn work(&self) -> Outcome<&W> {
        self.work.as_ref().ok_or_else(not_set_up)
    }
}

fn not_set_up() -> Failure {
    Failure::new("the contestant is not set up")
}

impl<W: Work> Contestant for Runner<W> {
    fn set_up(&mut self) -> Outcome<()> {
        self.work = Some(W::set_up(&self.setting)?);
        Ok(())
    }

    fn ready(&mut self, batch: &Batch) -> Outcome<()> {
        self.work.as_mut().ok_or_else(not_set_up)?.ready(&self.setting, batch)
    }

    fn run(&self, stint: &Stint) -> Outcome<()> {
        self.work()?.run(stint, &mut Unmeasured)
    }

    fn sample(&self, stint: &Stint, latencies: &mut Latencies) -> Outcome<()> {
        self.work()?.run(stint, latencies)
    }

    fn settle(&self) -> Outcome<()> {
        self.work()?.subject().settle()
    }

    fn verify(&self) -> Outcome<()> {
        self.work()?.verify()
    }

    fn counters(&self) -> Outcome<Counters> {
        Ok(self.work()?.subject().counters())
    }

    fn settings(&self) -> Outcome<Vec<(&'static str, String)>> {
        Ok(self.work()?.subject().settings())
    }

    fn disk_bytes(&self) -> Outcome<Option<u64>> {
        let root = self.setting.scratch();
        if root.exists() { crate::measure::process::disk_bytes(root).map(Some) } else { Ok(None) }
    }

    fn tear_down(&mut self) -> Outcome<()> {
        if let Some(work) = self.work.take() {
            work.into_subject().close()?;
        }
        let root = self.setting.scratch();
        if root.exists() {
            std::fs::remove_dir_all(root)?;
        }
        Ok(())
    }
}
