//! In which ways a contestant on disk commits. Ours and the bare library of one way do the same.

use std::fmt;

use crate::workload::Class;

/// A way to commit.
pub trait Manner: fmt::Debug + Send + Sync + 'static {
    /// Its name, where it is not the library's own way.
    const MODE: Option<&'static str>;
    /// What a finished write survives.
    const CLASS: Class;
    /// When a commit saves what makes opening after a crash quick.
    const REPAIR: Repair;

    /// The same in words, for the settings.
    fn described() -> String {
        let commit = match Self::CLASS {
            Class::PowerLoss => "durable when a write returns",
            _ => "deferred, drained by a sync",
        };
        let repair = match Self::REPAIR {
            Repair::AtSync => "quick repair at a sync",
            Repair::EveryCommit => "quick repair at every commit",
        };
        format!("{commit}, {repair}")
    }
}

/// When a commit saves what makes opening after a crash quick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Only when deferred commits are drained.
    AtSync,
    /// Every time.
    EveryCommit,
}

/// Every write is forced to the disk before it returns.
#[derive(Debug)]
pub struct Durable;

impl Manner for Durable {
    const MODE: Option<&'static str> = None;
    const CLASS: Class = Class::PowerLoss;
    const REPAIR: Repair = Repair::AtSync;
}

/// The same, and every commit saves what makes opening after a crash quick.
#[derive(Debug)]
pub struct QuickRepair;

impl Manner for QuickRepair {
    const MODE: Option<&'static str> = Some("quick-repair");
    const CLASS: Class = Class::PowerLoss;
    const REPAIR: Repair = Repair::EveryCommit;
}

/// Writes are forced to the disk later, together; until then they are lost with the process.
#[derive(Debug)]
pub struct Deferred;

impl Manner for Deferred {
    const MODE: Option<&'static str> = None;
    const CLASS: Class = Class::None;
    const REPAIR: Repair = Repair::AtSync;
}
