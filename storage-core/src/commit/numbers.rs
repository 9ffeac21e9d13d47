//! Commit-time values: counters, numbers of sequences, and the commit time, resolved by the leader.
//!
//! They read the newest state instead of a snapshot, so they never conflict. A member's numbers count only once its
//! every write is resolved: one that fails burns none.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::batch::{Batch, Change, Write};
use crate::clock::Timestamp;
use crate::commit::member::{Awaiting, CommitTimeWrites, Member};
use crate::counter;
use crate::database::Shared;
use crate::derived::{Changes, Fresh, Scope, replace};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::found::Admission;
use crate::key::{Key, Slot};
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::record::{Memo, Payload, Record, Stamp, Value};
use crate::sorted::Sorted;

/// The members taken so far, merged: range deletes, and the last change of each key.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    range_deletes: Vec<(Keyspace, crate::range::KeyRange)>,
    writes: Sorted<Change>,
}

impl Merged {
    /// Adds a member's changes: its range deletes cover what came before, its writes replace it.
    pub(crate) fn add(&mut self, batch: &Batch) {
        for (keyspace, range) in &batch.range_deletes {
            self.writes.remove_range(*keyspace, range);
            self.range_deletes.push((*keyspace, range.clone()));
        }
        for write in &batch.writes {
            self.set(write.clone());
        }
    }

    fn set(&mut self, write: Write) {
        self.writes.insert(write.keyspace, write.key, write.change);
    }

    /// What it says of a key: its change, `Delete` where a range delete covers it, `None` if it says nothing.
    fn change(&self, keyspace: Keyspace, key: &[u8]) -> Option<&Change> {
        if let Some(change) = self.writes.get(keyspace, key) {
            return Some(change);
        }
        let covers =
            |(other, range): &(Keyspace, crate::range::KeyRange)| *other == keyspace && range.contains(key);
        self.range_deletes.iter().any(covers).then_some(&Change::Delete)
    }

    /// As one sorted batch.
    pub(crate) fn into_batch(self) -> Batch {
        let writes = self.writes.into_vec(|keyspace, key, change| Some(Write { keyspace, key, change }));
        Batch { range_deletes: self.range_deletes, writes }
    }
}

/// A member with every commit-time value decided.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) batch: Batch,
    pub(crate) numbers: Vec<u64>,
}

/// Decides the commit-time values of `member` on top of the newest state and the members taken before it.
pub(crate) fn resolve<E: Engine>(
    shared: &Shared<E>,
    taken: &Merged,
    member: &Member,
    time: Timestamp,
) -> Result<Resolved> {
    let mut own = Merged::default();
    own.add(&member.batch);
    let mut newest = Newest { shared, taken, own, time };
    let numbers = newest.draw(&member.late)?;
    for (keyspace, key, merge) in &member.late.merges {
        let counter = merge.apply(*keyspace, key, newest.counter(*keyspace, key)?)?;
        newest.set_counter(*keyspace, key, counter);
    }
    for awaiting in &member.late.awaiting {
        let changes = newest.fill(awaiting, &numbers)?;
        changes.into_iter().for_each(|write| newest.own.set(write));
    }
    let batch = newest.own.into_batch();
    shared.limits().check_transaction(batch.len_bytes())?;
    Ok(Resolved { batch, numbers })
}

/// The newest state: what is committed, the members taken, and the member's own changes.
struct Newest<'a, E: Engine> {
    shared: &'a Shared<E>,
    taken: &'a Merged,
    own: Merged,
    time: Timestamp,
}

impl<E: Engine> Newest<'_, E> {
    /// The numbers of all tickets, in the order in which they were taken.
    fn draw(&mut self, late: &CommitTimeWrites) -> Result<Vec<u64>> {
        let mut numbers = Vec::with_capacity(late.tickets.len());
        for sequence in &late.tickets {
            let (keyspace, key) = (sequence.keyspace, &sequence.key);
            let last = self.counter(keyspace, key)?;
            let next = match last {
                None => i64::try_from(sequence.first).ok(),
                Some((_, last)) => last.checked_add(1).filter(|next| *next >= 0),
            };
            let next =
                next.ok_or_else(|| Error::invalid("the sequence has no number left").at(keyspace, key))?;
            self.set_counter(keyspace, key, counter::record(last.map(|(stamp, _)| stamp), next));
            numbers.push(next.unsigned_abs());
        }
        Ok(numbers)
    }

    /// What a live counter holds, and its stamp, which whatever takes its place keeps.
    fn counter(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<(Stamp, i64)>> {
        let mut value = None;
        self.look(keyspace, key, &mut |found| {
            if let Some((stamp, bytes, _)) = found
                && stamp.is_live(|| self.time)
            {
                value = Some((stamp, counter::parse(keyspace, key, stamp, bytes)?));
            }
            Ok(())
        })?;
        Ok(value)
    }

    fn set_counter(&mut self, keyspace: Keyspace, key: &Key, counter: Record<Payload>) {
        let Record { stamp, value } = counter;
        let stamp = self.admission().seal(keyspace, key, stamp, &value);
        let change = Change::Put(Record { stamp, value });
        self.own.set(Write { keyspace, key: key.clone(), change });
    }

    /// The changes that put a record whose holes are filled now.
    fn fill(&self, awaiting: &Awaiting, numbers: &[u64]) -> Result<Changes> {
        let number = |slot| match slot {
            Slot::Number(ticket) => numbers[ticket as usize],
            Slot::CommitTime => self.time.as_nanos(),
        };
        let key = awaiting.key.fill(number);
        let value = Payload::new(&awaiting.value.fill(number));
        check_key(awaiting.keyspace, &key)?;
        self.shared.limits().check_value(value.len())?;
        let fresh = Fresh { record: Record { stamp: awaiting.stamp, value }, entries: None };
        let definition = self.shared.definition(awaiting.keyspace)?;
        // The function of the table is the application's code: what it does wrong concerns this member alone.
        let changes = catch_unwind(AssertUnwindSafe(|| {
            replace(self, definition, awaiting.keyspace, &key, Some(fresh))
        }));
        changes.unwrap_or_else(|_| {
            Err(Error::new(Kind::Invalid, "the function of an index panicked").at(awaiting.keyspace, &key))
        })
    }
}

impl<E: Engine> Scope for Newest<'_, E> {
    fn look(
        &self,
        keyspace: Keyspace,
        key: &[u8],
        show: &mut (dyn FnMut(Option<(Stamp, &[u8], Option<&Memo>)>) -> Result<()> + '_),
    ) -> Result<()> {
        check_key(keyspace, key)?;
        let mut show_record = |stamp: Stamp, value: &[u8], memo: Option<&Memo>| {
            let unpacked = self.admission().unpack(&stamp, value);
            match unpacked.map_err(|error| error.at(keyspace, key))? {
                Some(unpacked) => show(Some((stamp, &unpacked, None))),
                None => show(Some((stamp, value, memo))),
            }
        };
        let pending = self.own.change(keyspace, key).or_else(|| self.taken.change(keyspace, key));
        match pending {
            Some(Change::Put(record)) => show_record(record.stamp, &record.value, None),
            Some(Change::Delete) => show(None),
            None => match self.shared.engine().get(keyspace, key)? {
                None => show(None),
                Some(record) => {
                    self.admission().check_stamp(keyspace, key, &record.stamp)?;
                    show_record(record.stamp, record.value.as_ref(), record.value.memo())
                }
            },
        }
    }

    fn now(&self) -> Timestamp {
        self.time
    }

    /// The leader decides now: what it sees cannot expire before.
    fn note_expiry(&self, _: Option<Timestamp>) {}

    fn admission(&self) -> Admission {
        self.shared.admission()
    }
}
