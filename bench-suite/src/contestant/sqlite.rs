//! Ours on SQLite: the engine of storage-sqlite, in a file and in memory.

use std::fmt;
use std::marker::PhantomData;

use storage_core::Durability;
use storage_sqlite::{SqliteEngine, SqliteOptions};

use super::Tag;
use super::engine::Opening;
use crate::failure::Outcome;
use crate::workload::{Class, Place};

/// How far a commit goes before a write returns. Ours and the bare library at one level do the same.
pub trait Level: fmt::Debug + Send + Sync + 'static {
    /// The name of our rows.
    const ENGINE: &'static str;
    /// What a finished write survives.
    const CLASS: Class;
    /// What the bare library sets.
    const SYNCHRONOUS: &'static str;
}

/// Every write is forced to the disk before it returns.
#[derive(Debug)]
pub struct Full;

impl Level for Full {
    const ENGINE: &'static str = FILE;
    const CLASS: Class = Class::PowerLoss;
    const SYNCHRONOUS: &'static str = "FULL";
}

/// Writes reach the system before they return, and the disk later, together.
#[derive(Debug)]
pub struct Normal;

impl Level for Normal {
    const ENGINE: &'static str = FILE;
    const CLASS: Class = Class::ProcessCrash;
    const SYNCHRONOUS: &'static str = "NORMAL";
}

/// The database is in memory.
#[derive(Debug)]
pub struct InMemory;

impl Level for InMemory {
    const ENGINE: &'static str = "sqlite-memory";
    const CLASS: Class = Class::Memory;
    const SYNCHRONOUS: &'static str = "OFF";
}

/// The name of the rows on a file.
pub const FILE: &str = "sqlite";

/// The SQLite engine, committing at one level.
#[derive(Debug)]
pub struct Sqlite<L>(PhantomData<L>);

impl<L: Level> Opening for Sqlite<L> {
    type Engine = SqliteEngine;
    const TAG: Tag = Tag { engine: L::ENGINE, mode: None, class: L::CLASS };
    const DURABILITY: Durability = match L::CLASS {
        Class::PowerLoss => Durability::Sync,
        _ => Durability::Deferred,
    };

    fn open(place: &Place) -> Outcome<SqliteEngine> {
        match L::CLASS {
            Class::Memory => Ok(SqliteEngine::memory()?),
            _ => Ok(SqliteOptions::at(place.file("ours.db")?).open()?),
        }
    }

    fn settings(engine: &SqliteEngine) -> Vec<(&'static str, String)> {
        vec![("database", engine.settings().to_string())]
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Layer;
    use super::super::engine_tasks::TaskLayer;
    use super::super::tests::{points_hold_what_was_put, task_rows_mean_what_they_say};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Sqlite<Full>>>();
        points_hold_what_was_put::<Layer<Sqlite<Normal>>>();
        points_hold_what_was_put::<Layer<Sqlite<InMemory>>>();
    }

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Sqlite<Full>>>();
        task_rows_mean_what_they_say::<TaskLayer<Sqlite<InMemory>>>();
    }
}
