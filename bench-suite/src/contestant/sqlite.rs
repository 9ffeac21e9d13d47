//! Ours on SQLite: the engine of storage-sqlite, in a file and in memory.

use std::marker::PhantomData;

use storage_core::Durability;
use storage_sqlite::{SqliteEngine, SqliteOptions};

use super::Tag;
use super::engine::Opening;
use super::manner::Manner;
use crate::failure::Outcome;
use crate::workload::{Class, Place};

/// The name of its rows.
pub const ENGINE: &str = "sqlite";

/// The SQLite engine on a file, committing in one manner.
#[derive(Debug)]
pub struct Sqlite<M>(PhantomData<M>);

impl<M: Manner> Opening for Sqlite<M> {
    type Engine = SqliteEngine;
    const TAG: Tag = Tag { engine: ENGINE, mode: M::MODE, class: M::CLASS };
    const DURABILITY: Durability = match M::CLASS {
        Class::PowerLoss => Durability::Sync,
        _ => Durability::Deferred,
    };

    fn open(place: &Place) -> Outcome<SqliteEngine> {
        Ok(SqliteOptions::at(place.file("ours.db")?).open()?)
    }

    fn settings(engine: &SqliteEngine) -> Vec<(&'static str, String)> {
        vec![("options", engine.settings().to_string())]
    }
}

/// The same in memory.
#[derive(Debug)]
pub struct SqliteMemory;

impl Opening for SqliteMemory {
    type Engine = SqliteEngine;
    const TAG: Tag = Tag { engine: ENGINE, mode: None, class: Class::Memory };
    const DURABILITY: Durability = Durability::Sync;

    fn open(_: &Place) -> Outcome<SqliteEngine> {
        Ok(SqliteEngine::memory()?)
    }

    fn settings(engine: &SqliteEngine) -> Vec<(&'static str, String)> {
        vec![("options", engine.settings().to_string())]
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Layer;
    use super::super::engine_tasks::TaskLayer;
    use super::super::manner::{DeferredPastTheProcess, Durable};
    use super::super::tests::{points_hold_what_was_put, task_rows_mean_what_they_say};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Sqlite<Durable>>>();
        points_hold_what_was_put::<Layer<Sqlite<DeferredPastTheProcess>>>();
        points_hold_what_was_put::<Layer<SqliteMemory>>();
    }

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Sqlite<Durable>>>();
        task_rows_mean_what_they_say::<TaskLayer<SqliteMemory>>();
    }
}
