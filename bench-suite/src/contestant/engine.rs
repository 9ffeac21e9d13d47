//! Ours: the database on an engine, as an application uses it.
//!
//! One implementation serves every engine; what differs is how one is opened and what it is called.

use std::fmt;

use storage_core::key::Template;
use storage_core::{
    AnyEngine, Attributes, BodyError, Codec, Database, Direction, Durability, Engine, Error, Found, Key,
    KeyRange, Keyspace, Sequence, Snapshot,
};
use storage_mem::MemEngine;

use super::{Appends, Counters, Entry, Points, Ranges, Reopen, Snapshots, Subject, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
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

/// A database that is measured.
pub struct Layer<O: Opening> {
    db: Database<O::Engine>,
    data: Keyspace,
    log: Keyspace,
    sequence: Sequence,
    /// Goes after the database.
    _place: Option<Place>,
}

impl<O: Opening> Layer<O> {
    fn on(engine: O::Engine, place: Option<Place>) -> Outcome<Self> {
        let log = Keyspace::new("log")?;
        let sequence = Sequence::new(Keyspace::new("counters")?, b"log")?.starting_at(1);
        let (db, data) = (Database::new(engine)?, Keyspace::new("data")?);
        Ok(Layer { db, data, log, sequence, _place: place })
    }
}

impl<O: Opening> fmt::Debug for Layer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({:?})", self.db)
    }
}

impl<O: Opening> Subject for Layer<O> {
    const TAG: Tag = O::TAG;

    fn absence(spec: &Spec) -> Option<&'static str> {
        O::absence(spec)
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        Self::on(O::open(&place)?, Some(place))
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings::<O>(&self.db)
    }

    fn settle(&self) -> Outcome<()> {
        settle::<O>(&self.db)
    }

    fn counters(&self) -> Counters {
        counters(&self.db)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.close()?)
    }
}

impl<O: Opening> Reopen for Layer<O> {
    fn reopen(place: &Place) -> Outcome<Self> {
        Self::on(O::open(place)?, None)
    }
}

/// What an engine says of itself.
pub(super) fn settings<O: Opening>(db: &Database<O::Engine>) -> Vec<(&'static str, String)> {
    let capabilities = db.capabilities();
    let mut settings = vec![
        ("engine", capabilities.name.to_owned()),
        ("commits", format!("{:?}", O::DURABILITY)),
        ("sync survives", format!("{:?}", capabilities.sync_survives)),
        ("deferred survives", format!("{:?}", capabilities.deferred_survives)),
        ("checksums", format!("{:?}", capabilities.checksums)),
    ];
    settings.extend(O::settings(db.engine()));
    settings
}

/// Makes deferred commits durable, and finishes what the engine put off.
pub(super) fn settle<O: Opening>(db: &Database<O::Engine>) -> Outcome<()> {
    if O::DURABILITY == Durability::Deferred {
        db.sync()?;
    }
    O::drain(db.engine())
}

/// What a database has counted.
pub(super) fn counters<E: Engine>(db: &Database<E>) -> Counters {
    let statistics = db.statistics();
    let (conflicts, retries) = (Some(statistics.conflicts), Some(statistics.retries));
    Counters { conflicts, retries, ..Counters::default() }
}

impl<O: Opening> Points for Layer<O> {
    type Value = Found<<O::Engine as Engine>::Owned>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Self::Value>> {
        Ok(self.db.get(self.data, key)?)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.db.put_with(self.data, key, value, Attributes::new(), O::DURABILITY.into())?)
    }

    /// Looks first, since a delete does not tell.
    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        let there = self.db.get(self.data, key)?.is_some();
        match O::DURABILITY {
            Durability::Sync => self.db.delete(self.data, key)?,
            deferred => drop(self.db.transact_with(deferred, |txn| txn.delete(self.data, key))?),
        }
        Ok(there)
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        self.db.transact_with(O::DURABILITY, |txn| {
            entries.iter().try_for_each(|entry| txn.put(self.data, entry.key, &entry.value))
        })?;
        Ok(())
    }

    /// In transactions of a few thousand, each sorted by its batch.
    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        entries.chunks(4_096).try_for_each(|chunk| self.put_batch(chunk))
    }
}

impl<O: Opening> Ranges for Layer<O> {
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize> {
        let snapshot = self.db.snapshot()?;
        let (range, direction) = match walk {
            Walk::Up => (KeyRange::of(start..)?, Direction::Forward),
            Walk::Down => (KeyRange::of(..=start)?, Direction::Reverse),
        };
        let mut records = snapshot.range(self.data, &range, direction)?;
        let mut count = 0;
        while count < limit
            && let Some(mut entry) = records.next()?
        {
            let (key, value) = entry.pair()?;
            visit(key, value);
            count += 1;
        }
        Ok(count)
    }
}

impl<O: Opening> Snapshots for Layer<O> {
    type Snapshot<'a> = (Snapshot<O::Engine>, Keyspace);

    fn snapshot(&self) -> Outcome<Self::Snapshot<'_>> {
        Ok((self.db.snapshot()?, self.data))
    }

    fn get_in((snapshot, data): &Self::Snapshot<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool> {
        match snapshot.get(*data, key)? {
            Some(found) => {
                visit(&found);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

impl<O: Opening> Transfers for Layer<O> {
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()> {
        let absent = || Failure::new("an account is not there");
        self.db.try_transact(O::DURABILITY, |txn| {
            let (gives, takes) = moved(
                &txn.get(self.data, from)?.ok_or_else(absent)?,
                &txn.get(self.data, to)?.ok_or_else(absent)?,
                amount,
            )?;
            txn.put(self.data, from, gives)?;
            txn.put(self.data, to, takes)?;
            Ok::<(), Failure>(())
        })?;
        Ok(())
    }
}

impl BodyError for Failure {
    fn storage(&self) -> Option<&Error> {
        self.cause().downcast_ref()
    }
}

impl<O: Opening> Appends for Layer<O> {
    fn append(&self, value: &[u8]) -> Outcome<u64> {
        let done = self.db.transact_with(O::DURABILITY, |txn| {
            let number = txn.next(&self.sequence)?;
            let value = Template::from(value.to_vec());
            txn.put_template(self.log, Template::of(&number), value, Attributes::new())?;
            Ok(number)
        })?;
        Ok(done.number(done.value))
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        numbers(&self.db, self.log)
    }
}

/// The numbers that are the keys of a log.
fn numbers<E: Engine>(db: &Database<E>, log: Keyspace) -> Outcome<Vec<u64>> {
    let keys = db.snapshot()?.range(log, &KeyRange::all(), Direction::Forward)?.keys()?;
    Ok(keys.iter().map(Key::unpack).collect::<Result<_, _>>()?)
}

/// The memory engine again, appending by transactions that read the last number and write the next.
pub struct ReadWriteAppends {
    db: Database<MemEngine>,
    log: Keyspace,
    counters: Keyspace,
}

impl fmt::Debug for ReadWriteAppends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadWriteAppends({:?})", self.db)
    }
}

impl Subject for ReadWriteAppends {
    const TAG: Tag = Tag { engine: "mem", mode: Some("read-write"), class: Class::Memory };

    fn open(setting: &Setting) -> Outcome<Self> {
        let db = Database::new(Mem::open(&setting.place())?)?;
        Ok(ReadWriteAppends { db, log: Keyspace::new("log")?, counters: Keyspace::new("counters")? })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        settings::<Mem>(&self.db)
    }

    fn settle(&self) -> Outcome<()> {
        settle::<Mem>(&self.db)
    }

    fn counters(&self) -> Counters {
        counters(&self.db)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.db.close()?)
    }
}

impl Appends for ReadWriteAppends {
    fn append(&self, value: &[u8]) -> Outcome<u64> {
        let done = self.db.transact(|txn| {
            let last = match txn.get(self.counters, "log")? {
                Some(last) => Codec::Bincode.decode::<u64>(last.as_ref())?,
                None => 0,
            };
            let mut next = Vec::new();
            Codec::Bincode.encode(&(last + 1), &mut next)?;
            txn.put(self.counters, "log", next)?;
            txn.put(self.log, Key::of(&(last + 1))?.as_slice(), value)?;
            Ok(last + 1)
        })?;
        Ok(done.value)
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        numbers(&self.db, self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{points_hold_what_was_put, sequence_has_no_gap};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Mem>>();
        points_hold_what_was_put::<Layer<AnyMem>>();
    }

    #[test]
    fn appends_without_a_gap() {
        sequence_has_no_gap::<Layer<Mem>>();
        sequence_has_no_gap::<ReadWriteAppends>();
    }
}
