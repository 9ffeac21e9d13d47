//! What a case is run on: a store that can be opened, closed and opened again.

use std::fmt;

use storage_core::engine::Damage;
use storage_core::{AnyEngine, Checksums, Engine, Keyspace, Result, Sharing};

/// One store of one engine, empty at first. A suite makes a new one for every case.
///
/// A function that opens an engine is one; [`Damageable`] is one that can be damaged too.
pub trait Subject: Send + Sync + 'static {
    /// The engine under test.
    type Engine: Engine;

    /// Opens the store; after a close, the same one again, with what is durable in it.
    ///
    /// On an engine that keeps nothing past the process, each call opens an empty store.
    fn open(&self) -> Result<Self::Engine>;

    /// The power to damage stored bytes; `None` where the engine has none.
    fn damage(&self) -> Option<DamageRecord<Self::Engine>>;
}

/// Replaces the stored value of a record by what a function makes of it; `false` if there is no such record.
pub type DamageRecord<E> =
    Box<dyn Fn(&E, Keyspace, &[u8], &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> + Send>;

/// What some cases need and some engines cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Power {
    /// What was committed is there after closing and opening again.
    Reopen,
    /// The engine can damage what it stores.
    Damage,
    /// It can damage what it stores, and its records are verified by checksums.
    Checksums,
    /// Two handles of it can have one store at a time. An engine that has its store alone need not state it.
    Shared,
}

impl Power {
    /// Every power, each once.
    pub const ALL: [Power; 4] = [Power::Reopen, Power::Damage, Power::Checksums, Power::Shared];

    /// Whether an engine that lacks it has to say so: what an engine alone with its store lacks is nothing it gave up.
    pub fn is_stated(self) -> bool {
        self != Power::Shared
    }

    /// Whether the engine of a subject has it.
    pub fn is_had_by<S: Subject>(self, subject: &S) -> Result<bool> {
        let capabilities = subject.open()?.capabilities();
        Ok(match self {
            Power::Reopen => capabilities.reopens(),
            Power::Damage => subject.damage().is_some(),
            Power::Shared => capabilities.sharing == Sharing::Processes,
            Power::Checksums => subject.damage().is_some() && capabilities.checksums == Checksums::Verified,
        })
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Power::Reopen => "reopen",
            Power::Damage => "damage",
            Power::Checksums => "checksums",
            Power::Shared => "shared",
        })
    }
}

/// A subject made of a function that opens it. Whatever the function owns (a directory) lives as long as the subject.
impl<E: Engine, F: Fn() -> Result<E> + Send + Sync + 'static> Subject for F {
    type Engine = E;

    fn open(&self) -> Result<E> {
        self()
    }

    fn damage(&self) -> Option<DamageRecord<E>> {
        None
    }
}

/// The same for an engine that can damage what it stores.
#[derive(Clone, Copy, Debug)]
pub struct Damageable<F>(pub F);

impl<E: Damage, F: Fn() -> Result<E> + Send + Sync + 'static> Subject for Damageable<F> {
    type Engine = E;

    fn open(&self) -> Result<E> {
        self.0()
    }

    fn damage(&self) -> Option<DamageRecord<E>> {
        Some(Box::new(|engine, keyspace, key, change| engine.damage(keyspace, key, change)))
    }
}

/// The same store, opened without its engine's type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Erased<S>(pub S);

impl<S: Subject> Subject for Erased<S> {
    type Engine = AnyEngine;

    fn open(&self) -> Result<AnyEngine> {
        self.0.open().map(AnyEngine::new)
    }

    fn damage(&self) -> Option<DamageRecord<AnyEngine>> {
        let damage = self.0.damage()?;
        Some(Box::new(move |engine, keyspace, key, change| {
            let engine = engine.downcast_ref::<S::Engine>().expect("the subject opened it with this type");
            damage(engine, keyspace, key, change)
        }))
    }
}

/// A subject of which nothing but the engine's type is known, so that what runs on it is compiled once an engine.
pub struct SubjectOf<E>(Box<dyn Subject<Engine = E>>);

impl<E: Engine> SubjectOf<E> {
    /// Forgets what else is known of a subject.
    pub fn new(subject: impl Subject<Engine = E>) -> Self {
        SubjectOf(Box::new(subject))
    }
}

/// A subject of which not even that is known.
pub type ErasedSubject = SubjectOf<AnyEngine>;

impl ErasedSubject {
    /// Forgets the engine's type as well.
    pub fn erased(subject: impl Subject) -> Self {
        SubjectOf::new(Erased(subject))
    }
}

impl<E: Engine> Subject for SubjectOf<E> {
    type Engine = E;

    fn open(&self) -> Result<E> {
        self.0.open()
    }

    fn damage(&self) -> Option<DamageRecord<E>> {
        self.0.damage()
    }
}

impl<E> fmt::Debug for SubjectOf<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectOf<{}>", std::any::type_name::<E>())
    }
}
