//! Any engine, chosen when the program runs.
//!
//! It boxes once a call and once a range, never once a record.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::capabilities::Capabilities;
use crate::engine::{Commit, Cursor, Engine, Intent, Snapshot};
use crate::error::{Error, Kind, Result};
use crate::keyspace::Keyspace;
use crate::range::{Direction, KeyRange};
use crate::record::{Decoded, Memo, Payload, Record, Stamp, Value};

/// An engine whose type is not known to the program that uses it. It is itself an [`Engine`].
///
/// ```
/// use storage_core::{AnyEngine, Database, Keyspace};
///
/// let engine = AnyEngine::new(storage_mem::MemEngine::new());
/// let db = Database::new(engine)?;
/// db.put(Keyspace::new("notes")?, "a", "1")?;
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone)]
pub struct AnyEngine(Arc<dyn DynEngine>);

impl AnyEngine {
    /// The engine without its type.
    pub fn new<E: Engine>(engine: E) -> Self {
        AnyEngine(Arc::new(engine))
    }

    /// The engine with its type, for the powers that only some have; `None` if it is another.
    pub fn downcast_ref<E: Engine>(&self) -> Option<&E> {
        self.0.as_any().downcast_ref()
    }
}

impl fmt::Debug for AnyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyEngine({})", self.0.capabilities().name)
    }
}

/// Stored bytes of any engine.
pub struct AnyValue<'a>(Box<dyn Value + 'a>);

/// Stored bytes of any engine that outlive the call that read them.
pub struct AnyOwned(Owned);

/// What engines in memory return needs no box.
enum Owned {
    Payload(Payload),
    Boxed(Box<dyn Value + Send>),
}

impl AnyOwned {
    #[inline]
    fn new<V: Value + Send + 'static>(value: V) -> Self {
        let mut value = Some(value);
        let payload = (&mut value as &mut dyn Any).downcast_mut::<Option<Payload>>().and_then(Option::take);
        AnyOwned(match (payload, value) {
            (Some(payload), _) => Owned::Payload(payload),
            (None, Some(value)) => Owned::Boxed(Box::new(value)),
            (None, None) => unreachable!("a value is taken as a payload or left"),
        })
    }

    #[inline]
    fn value(&self) -> &dyn Value {
        match &self.0 {
            Owned::Payload(payload) => payload,
            Owned::Boxed(value) => &**value,
        }
    }
}

/// A snapshot of any engine.
pub struct AnySnapshot(Box<dyn DynSnapshot>);

impl Engine for AnyEngine {
    type Snapshot = AnySnapshot;
    type Owned = AnyOwned;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyOwned>>> {
        self.0.get(keyspace, key)
    }

    #[inline]
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.0.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.0.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<AnySnapshot> {
        self.0.snapshot(intent)
    }

    fn commit(&self, commit: Commit<'_, AnySnapshot>) -> Result<()> {
        self.0.commit(commit)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }
}

impl Snapshot for AnySnapshot {
    type Value<'a> = AnyValue<'a>;
    type Cursor<'a> = Box<dyn Cursor + 'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyValue<'_>>>> {
        self.0.get(keyspace, key)
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<AnyValue<'_>>>>> {
        self.0.get_many(keyspace, keys)
    }

    fn range(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>> {
        self.0.range(keyspace, range, direction)
    }
}

/// The contract as methods that can be called without knowing the type.
trait DynEngine: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn capabilities(&self) -> Capabilities;
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyOwned>>>;
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)>;
    fn keyspaces(&self) -> Result<Vec<Keyspace>>;
    fn snapshot(&self, intent: Intent) -> Result<AnySnapshot>;
    fn commit(&self, commit: Commit<'_, AnySnapshot>) -> Result<()>;
    fn sync(&self) -> Result<()>;
    fn close(&self) -> Result<()>;
}

impl<E: Engine> DynEngine for E {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn capabilities(&self) -> Capabilities {
        Engine::capabilities(self)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyOwned>>> {
        let record = Engine::get(self, keyspace, key)?;
        Ok(record.map(|record| Record { stamp: record.stamp, value: AnyOwned::new(record.value) }))
    }

    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        Engine::kept(self, keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        Engine::keyspaces(self)
    }

    fn snapshot(&self, intent: Intent) -> Result<AnySnapshot> {
        Ok(AnySnapshot(Box::new(Engine::snapshot(self, intent)?)))
    }

    fn commit(&self, commit: Commit<'_, AnySnapshot>) -> Result<()> {
        let mut typed = Commit::new(commit.batch, commit.durability);
        if let Some(basis) = commit.basis {
            let basis =
                basis.0.into_any().downcast::<E::Snapshot>().map_err(|_| {
                    Error::new(Kind::Internal, "a commit rests on a snapshot of another engine")
                })?;
            typed = typed.based_on(*basis);
        }
        Engine::commit(self, typed)
    }

    fn sync(&self) -> Result<()> {
        Engine::sync(self)
    }

    fn close(&self) -> Result<()> {
        Engine::close(self)
    }
}

trait DynSnapshot: Send {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyValue<'_>>>>;
    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<AnyValue<'_>>>>>;
    fn range(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>>;
}

impl<S: Snapshot> DynSnapshot for S {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<AnyValue<'_>>>> {
        Ok(Snapshot::get(self, keyspace, key)?.map(any_value))
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<AnyValue<'_>>>>> {
        let records = Snapshot::get_many(self, keyspace, keys)?;
        Ok(records.into_iter().map(|record| record.map(any_value)).collect())
    }

    fn range(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Box<dyn Cursor + '_>> {
        Ok(Box::new(Snapshot::range(self, keyspace, range, direction)?))
    }
}

fn any_value<'a, V: Value + 'a>(record: Record<V>) -> Record<AnyValue<'a>> {
    Record { stamp: record.stamp, value: AnyValue(Box::new(record.value)) }
}

impl AsRef<[u8]> for AnyValue<'_> {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl Value for AnyValue<'_> {
    fn memo(&self) -> Option<&Memo> {
        self.0.memo()
    }
}

impl fmt::Debug for AnyValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyValue({} bytes)", self.as_ref().len())
    }
}

impl AsRef<[u8]> for AnyOwned {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.value().as_ref()
    }
}

impl Value for AnyOwned {
    #[inline]
    fn memo(&self) -> Option<&Memo> {
        self.value().memo()
    }
}

impl fmt::Debug for AnyOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyOwned({} bytes)", self.as_ref().len())
    }
}

impl fmt::Debug for AnySnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnySnapshot")
    }
}
