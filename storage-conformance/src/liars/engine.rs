//! An engine with a lie: a wrapper around any engine that is right.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use storage_core::engine::{Commit, Intent};
use storage_core::{
    Batch, Capabilities, Change, Checksums, Decoded, Direction, Durability, Engine, Error, KeyRange,
    Keyspace, Kind, Payload, Record, Result, Stamp, Write,
};

use super::lie::Lie;
use super::snapshot::{Held, LyingSnapshot, View, owned, record, records};
use super::stored::{key_of, keyspace_of, told, written};

/// An engine that is right but for one lie. Without one it is right.
///
/// Its records are not verified by checksums: what a lie changes is to be read, not noticed.
pub struct Lying<E: Engine> {
    engine: Arc<E>,
    lie: Option<Lie>,
    memory: Mutex<Memory<E>>,
}

/// What a liar remembers of earlier commits.
struct Memory<E: Engine> {
    count: u64,
    /// The state before the last one.
    before: Option<Held<E>>,
    /// The state that opening again shows.
    durable: Option<Held<E>>,
    keyspaces: BTreeSet<Keyspace>,
    /// One that was acknowledged and has not taken place.
    waiting: Option<(Batch, Durability)>,
}

/// How often others get a turn while something can be seen that should not be.
const TURNS: usize = 100;

impl<E: Engine> Lying<E> {
    /// `engine` with a lie.
    pub fn new(engine: E, lie: Lie) -> Result<Self> {
        Lying::with(engine, Some(lie))
    }

    /// `engine` as it is: what is wrong with a liar is its lie, if nothing is wrong with this.
    pub fn honest(engine: E) -> Result<Self> {
        Lying::with(engine, None)
    }

    fn with(engine: E, lie: Option<Lie>) -> Result<Self> {
        let (count, before, durable, keyspaces, waiting) = Default::default();
        let memory = Mutex::new(Memory { count, before, durable, keyspaces, waiting });
        let lying = Lying { engine: Arc::new(engine), lie, memory };
        let now = lying.state()?;
        lying.memory.lock().before.clone_from(&now);
        lying.memory.lock().durable = now;
        Ok(lying)
    }

    /// The state now, for a lie that needs it later.
    fn state(&self) -> Result<Option<Held<E>>> {
        match self.lie {
            Some(lie) if lie.needs_earlier_states() => self.pin(Intent::Read).map(Some),
            _ => Ok(None),
        }
    }

    fn pin(&self, intent: Intent) -> Result<Held<E>> {
        Ok(Arc::new(Mutex::new(self.engine.snapshot(intent)?)))
    }

    /// The state before the last commit.
    fn before(&self) -> Result<Held<E>> {
        let before = self.memory.lock().before.clone();
        before.map_or_else(|| self.pin(Intent::Read), Ok)
    }

    /// Commits what was acknowledged before.
    fn catch_up(&self) -> Result<()> {
        let waiting = self.memory.lock().waiting.take();
        waiting.map_or(Ok(()), |(batch, durability)| self.apply(&batch, durability))
    }

    fn apply(&self, batch: &Batch, durability: Durability) -> Result<()> {
        self.engine.commit(Commit::new(batch, durability))
    }

    /// Does with a batch what the lie does with the commit of this number.
    fn apply_falsely(&self, batch: &Batch, durability: Durability, number: u64) -> Result<()> {
        match self.lie {
            Some(Lie::BatchInTwoSteps) => {
                let (mut first, mut second) = (batch.clone(), Batch::default());
                second.writes = first.writes.split_off(batch.writes.len() / 2);
                self.apply(&first, durability)?;
                give_way();
                self.apply(&second, durability)
            }
            Some(Lie::AcknowledgedBeforeVisible) => {
                self.catch_up()?;
                self.memory.lock().waiting = Some((batch.clone(), durability));
                Ok(())
            }
            Some(Lie::DeniedCommit) if number.is_multiple_of(5) => {
                self.apply(batch, durability)?;
                Err(Error::new(Kind::Full, "the medium is full, a liar says"))
            }
            Some(Lie::RevokedCommit) if number.is_multiple_of(5) => {
                let before = self.pin(Intent::Read)?;
                self.apply(batch, durability)?;
                give_way();
                self.restore(&before)?;
                Err(Error::new(Kind::Full, "the medium is full, a liar says"))
            }
            Some(Lie::LostCommit) if durability == Durability::Deferred && number.is_multiple_of(3) => Ok(()),
            _ => self.apply(batch, durability),
        }
    }

    /// Makes the store what it was.
    fn restore(&self, state: &Held<E>) -> Result<()> {
        let keyspaces = self.memory.lock().keyspaces.clone();
        let mut batch = Batch::default();
        for keyspace in keyspaces {
            batch.range_deletes.push((keyspace, KeyRange::all()));
            let records = records::<E>(state, keyspace, &KeyRange::all(), Direction::Forward)?;
            let puts = records.into_iter().map(|(key, record)| (key, Change::Put(record)));
            batch.writes.extend(puts.map(|(key, change)| Write { keyspace, key, change }));
        }
        self.apply(&batch, Durability::Sync)
    }
}

/// Lets other threads see what can be seen now.
fn give_way() {
    (0..TURNS).for_each(|_| thread::yield_now());
}

impl Lie {
    fn needs_earlier_states(self) -> bool {
        matches!(
            self,
            Lie::StaleGet
                | Lie::StaleSnapshot
                | Lie::StaleTransaction
                | Lie::StaleRange
                | Lie::TornSnapshot
                | Lie::SyncDoesNothing
                | Lie::ReopenForgetsTheLast
        )
    }
}

impl<E: Engine> Engine for Lying<E> {
    type Snapshot = LyingSnapshot<E>;
    type Owned = Payload;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.engine.capabilities();
        capabilities.checksums = Checksums::Skipped;
        capabilities
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<Payload>>> {
        if self.lie == Some(Lie::StaleGet) {
            return record::<E>(&self.before()?, keyspace, key);
        }
        let record = self.engine.get(keyspace_of(self.lie, keyspace), &key_of(self.lie, key))?;
        Ok(record.map(|record| owned(&record)).filter(|record| told(self.lie, record)))
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        let mut keyspaces = self.engine.keyspaces()?;
        if self.lie == Some(Lie::HidesAKeyspace) {
            keyspaces.pop();
        }
        Ok(keyspaces)
    }

    fn snapshot(&self, intent: Intent) -> Result<LyingSnapshot<E>> {
        let view = match self.lie {
            Some(Lie::MovingSnapshot) => View::Moving(Arc::clone(&self.engine)),
            Some(Lie::LazySnapshot) => View::Lazy(Arc::clone(&self.engine), Mutex::new(None)),
            Some(Lie::TornSnapshot) => View::Torn { older: self.before()?, newer: self.pin(intent)? },
            Some(Lie::StaleRange) => View::StaleRange { older: self.before()?, newer: self.pin(intent)? },
            Some(Lie::StaleSnapshot) => View::Pinned(self.before()?),
            Some(Lie::StaleTransaction) if intent == Intent::Transact => View::Pinned(self.before()?),
            _ => View::Pinned(self.pin(intent)?),
        };
        Ok(LyingSnapshot::new(self.lie, view))
    }

    fn commit(&self, commit: Commit<'_, LyingSnapshot<E>>) -> Result<()> {
        let before = self.state()?;
        let newest = |keyspace, key: &[u8]| {
            self.engine.get(keyspace, key).map(|found| found.map(|record| owned(&record)))
        };
        let batch = written(self.lie, commit.batch, newest)?;
        let number = {
            let mut memory = self.memory.lock();
            memory.count += 1;
            memory.keyspaces.extend(batch.writes.iter().map(|write| write.keyspace));
            memory.count
        };
        self.apply_falsely(&batch, commit.durability, number)?;
        let now = self.state()?;
        let mut memory = self.memory.lock();
        if self.lie == Some(Lie::ReopenForgetsTheLast) {
            memory.durable.clone_from(&before);
        } else if commit.durability == Durability::Sync {
            memory.durable = now;
        }
        memory.before = before;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.catch_up()?;
        self.engine.sync()
    }

    fn close(&self) -> Result<()> {
        self.catch_up()?;
        let forgets = matches!(self.lie, Some(Lie::SyncDoesNothing | Lie::ReopenForgetsTheLast));
        let durable = self.memory.lock().durable.take();
        if let Some(durable) = durable.filter(|_| forgets) {
            self.restore(&durable)?;
        }
        self.engine.close()
    }
}

impl<E: Engine> fmt::Debug for Lying<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lying({}, {:?})", self.engine.capabilities().name, self.lie)
    }
}
