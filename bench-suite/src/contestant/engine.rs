//! Ours: the database on an engine, as an application uses it.
//!
//! One implementation serves every engine; what differs is how one is opened and what it is called.

use std::fmt;

use storage_core::{AnyEngine, Database, Durability, Engine};
use storage_mem::MemEngine;

use super::engine_keyspaces::Keyspaces;
use super::{Counters, Subject, Tag};
use crate::failure::Outcome;
use crate::workload::{Class, Place, Setting, Spec};

/// An engine as it is measured: its name and how it is opened.
pub trait Opening: Sized + Send + Sync + 'static {
    /// What is opened.
    type Engine: Engine;
    /// What its rows are called.
    const TAG: Tag;
    /// How its writes are committed.
    const DURABILITY: Durability;

    /// Why it does not run in a row, if it does not.
    fn absence(_: &Spec) -> Option<&'static str> {
        None
    }

    /// Opens the store in a place, an empty one if nothing is there.
    fn open(place: &Place) -> Outcome<Self::Engine>;

    /// Finishes what the engine puts off although its commits are durable.
    fn drain(_: &Self::Engine) -> Outcome<()> {
        Ok(())
    }

    /// The engine's own settings, read back.
    fn settings(_: &Self::Engine) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// The memory engine.
#[derive(Debug)]
pub struct Mem;

impl Opening for Mem {
    type Engine = MemEngine;
    const TAG: Tag = Tag { engine: "mem", mode: None, class: Class::Memory };
    const DURABILITY: Durability = Durability::Sync;

    fn open(_: &Place) -> Outcome<MemEngine> {
        Ok(MemEngine::new())
    }
}

/// The memory engine, its type erased.
#[derive(Debug)]
pub struct AnyMem;

impl Opening for AnyMem {
    type Engine = AnyEngine;
    const TAG: Tag = Tag { engine: "mem", mode: Some("any"), class: Class::Memory };
    const DURABILITY: Durability = Durability::Sync;

    fn open(_: &Place) -> Outcome<AnyEngine> {
        Ok(AnyEngine::new(MemEngine::new()))
    }
}

/// What the rows of a family go to: stores of ours on a database.
pub trait Stores<E: Engine>: Sized + Send + Sync + 'static {
    /// Opens them as a row needs them; their commits are as durable as `durability` says.
    fn open(db: &Database<E>, durability: Durability, spec: &Spec) -> Outcome<Self>;
}

/// A database that is measured, with the stores that a family's rows go to.
pub struct Layer<O: Opening, S = Keyspaces> {
    pub(super) db: Database<O::Engine>,
    pub(super) stores: S,
    /// Goes after the database.
    pub(super) _place: Option<Place>,
}

impl<O: Opening, S> fmt::Debug for Layer<O, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({:?})", self.db)
    }
}

impl<O: Opening, S: Stores<O::Engine>> Subject for Layer<O, S> {
    const TAG: Tag = O::TAG;

    fn absence(spec: &Spec) -> Option<&'static str> {
        O::absence(spec)
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let db = Database::new(O::open(&place)?)?;
        let stores = S::open(&db, O::DURABILITY, &setting.spec)?;
        Ok(Layer { db, stores, _place: Some(place) })
    }

    /// What the engine says of itself.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let capabilities = self.db.capabilities();
        let mut settings = vec![
            ("engine", capabilities.name.to_owned()),
            ("commits", format!("{:?}", O::DURABILITY)),
            ("sync survives", format!("{:?}", capabilities.sync_survives)),
            ("deferred survives", format!("{:?}", capabilities.deferred_survives)),
            ("checksums", format!("{:?}", capabilities.checksums)),
        ];
        settings.extend(O::settings(self.db.engine()));
        settings
    }

    /// Makes deferred commits durable, and finishes what the engine put off.
    fn settle(&self) -> Outcome<()> {
        if O::DURABILITY == Durability::Deferred {
            self.db.sync()?;
        }
        O::drain(self.db.engine())
    }

    fn counters(&self) -> Counters {
        let statistics = self.db.statistics();
        let (conflicts, retries) = (Some(statistics.conflicts), Some(statistics.retries));
        Counters { conflicts, retries, ..Counters::default() }
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.close()?)
    }
}
