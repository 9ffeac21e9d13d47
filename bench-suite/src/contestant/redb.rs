//! Ours on a file: the engine of storage-redb.

use std::marker::PhantomData;

use storage_core::Durability;
use storage_core::journal::Journal;
use storage_redb::{QuickRepair, RedbEngine, RedbOptions};

use super::Tag;
use super::engine::Opening;
use super::manner::{Durable, Manner, Repair};
use crate::failure::Outcome;
use crate::workload::{Class, Place};

/// The name of its rows.
pub const ENGINE: &str = "redb";

/// The redb engine, committing in one manner.
#[derive(Debug)]
pub struct Redb<M>(PhantomData<M>);

impl<M: Manner> Opening for Redb<M> {
    type Engine = RedbEngine;
    const TAG: Tag = Tag { engine: ENGINE, mode: M::MODE, class: M::CLASS };
    const DURABILITY: Durability = match M::CLASS {
        Class::PowerLoss => Durability::Sync,
        _ => Durability::Deferred,
    };

    fn open(place: &Place) -> Outcome<RedbEngine> {
        let repair = match M::REPAIR {
            Repair::AtSync => QuickRepair::AtSync,
            Repair::EveryCommit => QuickRepair::EveryCommit,
        };
        Ok(RedbOptions::at(place.file("ours.redb")?).quick_repair(repair).open()?)
    }

    fn settings(engine: &RedbEngine) -> Vec<(&'static str, String)> {
        let settings = engine.settings();
        vec![
            ("cache bytes", settings.cache_bytes.to_string()),
            ("quick repair", format!("{:?}", settings.quick_repair)),
        ]
    }
}

/// The redb engine with a journal in front of it: every write is durable once the journal has it.
#[derive(Debug)]
pub struct RedbJournal;

impl Opening for RedbJournal {
    type Engine = Journal<RedbEngine>;
    const TAG: Tag = Tag { engine: ENGINE, mode: Some("journal"), class: Class::PowerLoss };
    const DURABILITY: Durability = Durability::Sync;

    fn open(place: &Place) -> Outcome<Journal<RedbEngine>> {
        Ok(RedbOptions::at(place.file("ours.redb")?).journalled()?)
    }

    fn settings(engine: &Journal<RedbEngine>) -> Vec<(&'static str, String)> {
        let mut settings = Redb::<Durable>::settings(engine.engine());
        let options = engine.options();
        settings.push(("journal bytes", (2 * options.file_len).to_string()));
        settings.push(("checkpoint after bytes", options.unsaved_bytes_max.to_string()));
        settings
    }

    /// What the journal holds is brought into the file.
    fn drain(engine: &Journal<RedbEngine>) -> Outcome<()> {
        Ok(engine.checkpoint()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Layer;
    use super::super::engine_tasks::TaskLayer;
    use super::super::manner::{Deferred, QuickRepair};
    use super::super::tests::{points_hold_what_was_put, task_rows_mean_what_they_say};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Redb<Durable>>>();
        points_hold_what_was_put::<Layer<Redb<QuickRepair>>>();
        points_hold_what_was_put::<Layer<Redb<Deferred>>>();
        points_hold_what_was_put::<Layer<RedbJournal>>();
    }

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Redb<Durable>>>();
        task_rows_mean_what_they_say::<TaskLayer<Redb<Deferred>>>();
        task_rows_mean_what_they_say::<TaskLayer<RedbJournal>>();
    }
}
