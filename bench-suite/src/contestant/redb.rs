//! Ours on a file: the engine of storage-redb.

use std::marker::PhantomData;

use storage_core::Durability;
use storage_redb::{QuickRepair, RedbEngine, RedbOptions};

use super::Tag;
use super::engine::Opening;
use super::manner::{Manner, Repair};
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

#[cfg(test)]
mod tests {
    use super::super::engine::Layer;
    use super::super::engine_tasks::TaskLayer;
    use super::super::manner::{Deferred, Durable, QuickRepair};
    use super::super::tests::{points_hold_what_was_put, task_rows_mean_what_they_say};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Redb<Durable>>>();
        points_hold_what_was_put::<Layer<Redb<QuickRepair>>>();
        points_hold_what_was_put::<Layer<Redb<Deferred>>>();
    }

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Redb<Durable>>>();
        task_rows_mean_what_they_say::<TaskLayer<Redb<Deferred>>>();
    }
}
