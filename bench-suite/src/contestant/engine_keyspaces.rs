//! Ours, in the rows of keys and values: the database itself, as an application uses it.

use storage_core::key::Template;
use storage_core::{
    Attributes, BodyError, Codec, Database, Direction, Durability, Engine, Error, Found, Key, KeyRange,
    Keyspace, Sequence, Snapshot,
};
use storage_mem::MemEngine;

use super::engine::{Layer, Mem, Opening, Stores};
use super::{Appends, Entry, Points, Ranges, Reopen, Snapshots, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
use crate::workload::{Class, Place, Spec};

/// The keyspaces that rows go to, and the sequence that numbers a log.
#[derive(Debug)]
pub struct Keyspaces {
    data: Keyspace,
    log: Keyspace,
    sequence: Sequence,
}

impl Keyspaces {
    fn new() -> Outcome<Self> {
        let sequence = Sequence::new(Keyspace::new("counters")?, b"log")?.starting_at(1);
        Ok(Keyspaces { data: Keyspace::new("data")?, log: Keyspace::new("log")?, sequence })
    }
}

impl<E: Engine> Stores<E> for Keyspaces {
    fn open(_: &Database<E>, _: Durability, _: &Spec) -> Outcome<Self> {
        Keyspaces::new()
    }
}

impl<O: Opening> Reopen for Layer<O> {
    fn reopen(place: &Place) -> Outcome<Self> {
        Ok(Layer { db: Database::new(O::open(place)?)?, stores: Keyspaces::new()?, _place: None })
    }
}

impl<O: Opening> Points for Layer<O> {
    type Value = Found<<O::Engine as Engine>::Owned>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Self::Value>> {
        Ok(self.db.get(self.stores.data, key)?)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.db.put_with(self.stores.data, key, value, Attributes::new(), O::DURABILITY)?)
    }

    /// Looks first, since a delete does not tell.
    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        let there = self.db.get(self.stores.data, key)?.is_some();
        match O::DURABILITY {
            Durability::Sync => self.db.delete(self.stores.data, key)?,
            deferred => drop(self.db.transact_with(deferred, |txn| txn.delete(self.stores.data, key))?),
        }
        Ok(there)
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        self.db.transact_with(O::DURABILITY, |txn| {
            entries.iter().try_for_each(|entry| txn.put(self.stores.data, entry.key, &entry.value))
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
        let mut records = snapshot.range(self.stores.data, &range, direction)?;
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
        Ok((self.db.snapshot()?, self.stores.data))
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
                &txn.get(self.stores.data, from)?.ok_or_else(absent)?,
                &txn.get(self.stores.data, to)?.ok_or_else(absent)?,
                amount,
            )?;
            txn.put(self.stores.data, from, gives)?;
            txn.put(self.stores.data, to, takes)?;
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
            let number = txn.next(&self.stores.sequence)?;
            let value = Template::from(value.to_vec());
            txn.put_template(self.stores.log, Template::of(&number), value, Attributes::new())?;
            Ok(number)
        })?;
        Ok(done.number(done.value))
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        numbers(&self.db, self.stores.log)
    }
}

/// The numbers that are the keys of a log.
fn numbers<E: Engine>(db: &Database<E>, log: Keyspace) -> Outcome<Vec<u64>> {
    let keys = db.snapshot()?.range(log, &KeyRange::all(), Direction::Forward)?.keys()?;
    Ok(keys.iter().map(Key::unpack).collect::<Result<_, _>>()?)
}

/// The memory engine again, for appends by transactions that read the last number and write the next.
#[derive(Debug)]
pub struct ReadWriteMem;

impl Opening for ReadWriteMem {
    type Engine = MemEngine;
    const TAG: Tag = Tag { engine: "mem", mode: Some("read-write"), class: Class::Memory };
    const DURABILITY: Durability = Durability::Sync;

    fn open(place: &Place) -> Outcome<MemEngine> {
        Mem::open(place)
    }
}

/// A log, and the keyspace of its last number.
#[derive(Debug)]
pub struct ReadWrite {
    log: Keyspace,
    counters: Keyspace,
}

impl<E: Engine> Stores<E> for ReadWrite {
    fn open(_: &Database<E>, _: Durability, _: &Spec) -> Outcome<Self> {
        Ok(ReadWrite { log: Keyspace::new("log")?, counters: Keyspace::new("counters")? })
    }
}

impl Appends for Layer<ReadWriteMem, ReadWrite> {
    fn append(&self, value: &[u8]) -> Outcome<u64> {
        let done = self.db.transact(|txn| {
            let last = match txn.get(self.stores.counters, "log")? {
                Some(last) => Codec::Bincode.decode::<u64>(last.as_ref())?,
                None => 0,
            };
            let mut next = Vec::new();
            Codec::Bincode.encode(&(last + 1), &mut next)?;
            txn.put(self.stores.counters, "log", next)?;
            txn.put(self.stores.log, Key::of(&(last + 1))?.as_slice(), value)?;
            Ok(last + 1)
        })?;
        Ok(done.value)
    }

    fn numbers(&self) -> Outcome<Vec<u64>> {
        numbers(&self.db, self.stores.log)
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::AnyMem;
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
        sequence_has_no_gap::<Layer<ReadWriteMem, ReadWrite>>();
    }
}
