//! Transactions: read, decide, write, all serializable.
//!
//! A transaction is a snapshot, the pending writes laid over it, and the keys and ranges that it read. It reaches the
//! engine only as one batch, at commit; dropping it does nothing.

mod discard;
mod merge;
mod touch;

use std::cell::{Cell, OnceCell};
use std::fmt;

use crate::attributes::Attributes;
use crate::batch::{Change, Write};
use crate::clock::Timestamp;
use crate::commit::member::{Awaiting, CommitTimeWrites, Member, Sequence};
use crate::database::Shared;
use crate::derived::{Changes, Definition, Entries, Fresh, Scope, replace};
use crate::engine::{Cursor as _, Durability, Engine, Snapshot as _};
use crate::error::{Error, Result};
use crate::found::{Admission, Found};
use crate::key::{Key, Number, Slot, Template};
use crate::keyspace::Keyspace;
use crate::limits::{check_key, check_key_len, check_key_read};
use crate::moment::Moment;
use crate::overlay::{Overlay, Pending, Seen};
use crate::range::{Direction, KeyRange};
use crate::reads::Reads;
use crate::record::{Memo, Payload, Record, Stamp};
use crate::scan::{Liveness, Range};
use crate::watch::Cause;

/// A serializable transaction, as the closure of [`Database::transact`](crate::Database::transact) receives it.
pub struct Transaction<'db, E: Engine> {
    shared: &'db Shared<E>,
    snapshot: E::Snapshot,
    label: Label<'db, E>,
    /// Read when it is first asked for, where no record expires.
    now: OnceCell<Timestamp>,
    cause: Cause,
    tables_opened: u64,
    reads: Reads,
    overlay: Overlay,
    tickets: Vec<Sequence>,
    awaiting: Vec<Awaiting>,
}

/// Holds the transaction's label until it is dropped or handed to the leader.
pub(crate) struct Label<'db, E: Engine> {
    shared: &'db Shared<E>,
    version: Cell<Option<u64>>,
}

impl<'db, E: Engine> Label<'db, E> {
    pub(crate) fn register(shared: &'db Shared<E>) -> Self {
        Label { shared, version: Cell::new(Some(shared.pipeline.labels.register())) }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.get().unwrap_or_default()
    }
}

impl<E: Engine> Drop for Label<'_, E> {
    fn drop(&mut self) {
        if let Some(version) = self.version.take() {
            self.shared.pipeline.labels.release(version);
        }
    }
}

/// A transaction that has ended well: what is left to commit, if anything.
pub(crate) enum Ended<S> {
    ReadOnly { version: u64 },
    Commit(Box<Member>, S),
}

type EngineValue<'a, E> = <<E as Engine>::Snapshot as crate::engine::Snapshot>::Value<'a>;

impl<'db, E: Engine> Transaction<'db, E> {
    /// The label must have been registered before the snapshot was taken.
    pub(crate) fn begin(
        shared: &'db Shared<E>,
        label: Label<'db, E>,
        moment: Moment<E::Snapshot>,
        cause: Cause,
    ) -> Self {
        Transaction {
            shared,
            snapshot: moment.snapshot,
            label,
            now: moment.now.map_or_else(OnceCell::new, OnceCell::from),
            cause,
            tables_opened: shared.tables_opened(),
            reads: Reads::default(),
            overlay: Overlay::default(),
            tickets: Vec::new(),
            awaiting: Vec::new(),
        }
    }

    /// The time of the transaction. It is read once and does not change.
    pub fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.shared.now())
    }

    /// The value of a key, as this transaction sees it; `None` if there is none or it has expired.
    ///
    /// `Invalid` for a record of this transaction whose value waits for the commit.
    pub fn get(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<Found<EngineValue<'_, E>>>> {
        let key = key.as_ref();
        self.shared.check_open()?;
        check_key_read(keyspace, key)?;
        match self.overlay.seen(keyspace, key) {
            Seen::RangeDeleted | Seen::Pending(Pending::Delete) => Ok(None),
            Seen::Pending(Pending::Put(record)) => self.own(record.clone()).map(Some),
            Seen::Pending(Pending::Merge(merge)) => {
                self.merged(keyspace, key, *merge).map(|counter| Some(Found::own(counter)))
            }
            Seen::Pending(Pending::Awaits) => {
                Err(Error::invalid("the record waits for a value that only the commit knows")
                    .at(keyspace, key))
            }
            Seen::Untouched => match self.stored(keyspace, key)? {
                Some(record) if record.stamp.is_live(|| self.now()) => {
                    self.reads.note_expiry(record.stamp.expires_at());
                    self.shared.admission().admit(keyspace, key, record).map(Some)
                }
                _ => Ok(None),
            },
        }
        .map(|found| found.filter(|found| found.stamp().is_live(|| self.now())))
    }

    fn own(&self, record: Record<Payload>) -> Result<Found<EngineValue<'_, E>>> {
        let unpacked = Admission::unsealed().unpack(&record.stamp, &record.value)?;
        let value = unpacked.map_or(record.value, |bytes| Payload::new(&bytes));
        Ok(Found::own(Record { stamp: record.stamp, value }))
    }

    /// The values of several keys, in the order asked; `None` for each that is not there.
    pub fn get_many<K: AsRef<[u8]>>(
        &self,
        keyspace: Keyspace,
        keys: &[K],
    ) -> Result<Vec<Option<Found<EngineValue<'_, E>>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    /// The records of a range, as this transaction sees them.
    ///
    /// What is read counts up to the last record returned, or the whole range once it ended. Records of this
    /// transaction that wait for the commit are not among them.
    pub fn range(
        &self,
        keyspace: Keyspace,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Range<'_, E::Snapshot>> {
        self.shared.check_open()?;
        let sight = self.shared.sight(Liveness::At(self.now()));
        let records = Range::over(&self.snapshot, keyspace, &range, direction, sight)?;
        Ok(records.tracked(&self.overlay, range, &self.reads))
    }

    /// Puts a value, whether the key has one or not. It never expires.
    pub fn put(&mut self, keyspace: Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.put_with(keyspace, key, value, Attributes::new())
    }

    /// Puts a value with what is kept beside it.
    pub fn put_with(
        &mut self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<()> {
        let value = value.as_ref();
        self.shared.limits().check_value(value.len())?;
        let record = Record { stamp: attributes.stamp()?, value: Payload::new(value) };
        self.put_record(keyspace, key.as_ref(), record, None)
    }

    /// Puts a record whose stamp is not sealed, with its derived entries where they are known already.
    pub(crate) fn put_record(
        &mut self,
        keyspace: Keyspace,
        key: &[u8],
        record: Record<Payload>,
        entries: Option<Entries>,
    ) -> Result<()> {
        let definition = self.writable(keyspace)?;
        check_key(keyspace, key)?;
        if record.stamp.expires_at().is_some() {
            self.shared.note_expiring();
        }
        let key = Key::from(key);
        let fresh = Fresh { record, entries };
        let changes = replace(self, definition, keyspace, &key, Some(fresh))?;
        self.apply(changes)
    }

    /// Deletes a record. Nothing happens if it is not there.
    pub fn delete(&mut self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<()> {
        let definition = self.writable(keyspace)?;
        check_key(keyspace, key.as_ref())?;
        let key = Key::from(key.as_ref());
        let changes = replace(self, definition, keyspace, &key, None)?;
        self.apply(changes)
    }

    /// Deletes every record of a range. An empty range touches nothing.
    ///
    /// In a table with indexes each record is read, since its entries go with it. `Invalid` after a put in the same
    /// keyspace whose key waits for the commit.
    pub fn delete_range(&mut self, keyspace: Keyspace, range: KeyRange) -> Result<()> {
        let definition = self.writable(keyspace)?;
        if range.is_empty() {
            return Ok(());
        }
        if self.awaiting.iter().any(|other| other.keyspace == keyspace && !other.key.is_complete()) {
            let message = "a range cannot be deleted after a put whose key waits for the commit";
            return Err(Error::invalid(message).in_keyspace(keyspace));
        }
        let changes = match definition {
            Some(definition) => self.entries_in(definition, keyspace, &range)?,
            None => Changes::new(),
        };
        let len = range.start().len() + range.end().map_or(0, Key::len);
        self.shared.limits().check_transaction(self.overlay.len_bytes() + len)?;
        self.apply(changes)?;
        self.awaiting.retain(|other| other.keyspace != keyspace || !range.contains(other.key.bytes()));
        self.overlay.delete_range(keyspace, range);
        Ok(())
    }

    /// Deletes every record of a keyspace, whatever it holds and whoever writes it. The caller takes what is derived from
    /// them along, and has every other committer shut out. It counts for no limit.
    pub(crate) fn empty(&mut self, keyspace: Keyspace) {
        self.overlay.delete_range(keyspace, KeyRange::all());
    }

    /// Whether the engine holds any record in a keyspace, readable or not. It is not noted as a read.
    pub(crate) fn is_occupied(&self, keyspace: Keyspace) -> Result<bool> {
        self.snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?.advance()
    }

    /// The changes that delete the derived entries of every record in a range, expired ones included.
    fn entries_in(&self, definition: &Definition, keyspace: Keyspace, range: &KeyRange) -> Result<Changes> {
        let mut changes = Changes::new();
        let sight = self.shared.sight(Liveness::Any);
        let records = Range::over(&self.snapshot, keyspace, range, Direction::Forward, sight)?;
        let mut records = records.tracked(&self.overlay, range.clone(), &self.reads);
        while let Some(entry) = records.next()? {
            let key = Key::from(entry.key());
            let removed = replace(self, Some(definition), keyspace, &key, None)?;
            changes.extend(removed.into_iter().filter(|write| write.keyspace != keyspace));
        }
        Ok(changes)
    }

    /// Draws the next number of a sequence when the transaction commits.
    ///
    /// The number stands for a hole in keys and values until then, and
    /// [`Outcome::number`](crate::Outcome::number) tells it afterwards. Numbers are consecutive in commit order; a
    /// transaction that fails burns none. Drawing never conflicts.
    pub fn next(&mut self, sequence: &Sequence) -> Result<Number> {
        self.countable(sequence.keyspace)?;
        let ticket = u32::try_from(self.tickets.len())
            .map_err(|_| Error::invalid("a transaction draws at most 2^32 numbers"))?;
        let len = sequence.key.len() + size_of::<i64>();
        self.shared.limits().check_transaction(self.overlay.len_bytes() + len)?;
        self.overlay.count_bytes(len);
        self.tickets.push(sequence.clone());
        Ok(Number::Drawn(ticket))
    }

    /// Puts a record whose key or value has holes that the commit fills.
    ///
    /// Limits are checked against the longest that they can become. Within the transaction the record cannot be read.
    pub fn put_template(
        &mut self,
        keyspace: Keyspace,
        key: Template<Key>,
        value: Template<Vec<u8>>,
        attributes: Attributes,
    ) -> Result<()> {
        self.put_template_as(keyspace, key, value, attributes.stamp()?)
    }

    pub(crate) fn put_template_as(
        &mut self,
        keyspace: Keyspace,
        key: Template<Key>,
        value: Template<Vec<u8>>,
        stamp: Stamp,
    ) -> Result<()> {
        if key.is_complete() && value.is_complete() {
            let record = Record { stamp, value: Payload::new(value.bytes()) };
            self.shared.limits().check_value(record.value.len())?;
            return self.put_record(keyspace, key.bytes(), record, None);
        }
        let definition = self.writable(keyspace)?;
        if stamp.expires_at().is_some() {
            self.shared.note_expiring();
        }
        let (key_len, value_len) = (key.longest_len(), value.longest_len());
        check_key_len(keyspace, key_len)?;
        self.shared.limits().check_value(value_len)?;
        self.shared.limits().check_transaction(self.overlay.len_bytes() + key_len + value_len)?;
        let unknown = |slot| matches!(slot, Slot::Number(ticket) if ticket as usize >= self.tickets.len());
        if key.holes().as_slice().iter().chain(value.holes().as_slice()).any(|hole| unknown(hole.slot)) {
            return Err(Error::invalid("a number was not drawn in this transaction").in_keyspace(keyspace));
        }
        if key.is_complete() {
            // The record below goes with its entries now; the commit puts the new one in its place.
            let replaced = Key::from(key.bytes());
            let changes = replace(self, definition, keyspace, &replaced, None)?;
            self.apply(changes)?;
            self.overlay.set(keyspace, replaced, Pending::Awaits);
        }
        self.overlay.count_bytes(key_len + value_len);
        self.awaiting.push(Awaiting { keyspace, key, value, stamp });
        Ok(())
    }

    /// Applies changes to the pending writes, if the transaction stays within its limit.
    pub(crate) fn apply(&mut self, changes: Changes) -> Result<()> {
        let len: usize = changes.iter().map(Write::len_bytes).sum();
        self.shared.limits().check_transaction(self.overlay.len_bytes() + len)?;
        for Write { keyspace, key, change } in changes {
            self.forget_awaiting(keyspace, &key);
            let pending = match change {
                Change::Put(record) => Pending::Put(record),
                Change::Delete => Pending::Delete,
            };
            self.overlay.set(keyspace, key, pending);
        }
        Ok(())
    }

    /// Forgets an earlier put of the same key that waits for the commit: the later write replaces it.
    fn forget_awaiting(&mut self, keyspace: Keyspace, key: &[u8]) {
        if matches!(self.overlay.seen(keyspace, key), Seen::Pending(Pending::Awaits)) {
            self.awaiting.retain(|other| {
                other.keyspace != keyspace || !other.key.is_complete() || other.key.bytes() != key
            });
        }
    }

    /// The definition under which a keyspace is written. `Invalid` for one that only core writes.
    fn writable(&self, keyspace: Keyspace) -> Result<Option<&'db Definition>> {
        self.shared.check_open()?;
        self.shared.check_data(keyspace)?;
        self.shared.definition(keyspace)
    }

    fn countable(&self, keyspace: Keyspace) -> Result<()> {
        match self.writable(keyspace)? {
            None => Ok(()),
            Some(_) => {
                Err(Error::invalid("counters cannot stand in a table's keyspace").in_keyspace(keyspace))
            }
        }
    }

    /// The stored record of a key, expired or not. It is a read, whatever it finds.
    pub(crate) fn stored(
        &self,
        keyspace: Keyspace,
        key: &[u8],
    ) -> Result<Option<Record<EngineValue<'_, E>>>> {
        self.reads.note_key(keyspace, key);
        let record = self.snapshot.get(keyspace, key)?;
        if let Some(record) = &record {
            self.shared.admission().check_stamp(keyspace, key, &record.stamp)?;
        }
        Ok(record)
    }

    /// Whether a keyspace holds any record, expired ones included. It is a read of its whole range.
    pub(crate) fn holds_any(&self, keyspace: Keyspace) -> Result<bool> {
        let (range, sight) = (KeyRange::all(), self.shared.sight(Liveness::Any));
        let records = Range::over(&self.snapshot, keyspace, &range, Direction::Forward, sight)?;
        let mut records = records.tracked(&self.overlay, range, &self.reads);
        Ok(records.next()?.is_some())
    }

    /// A version that it shows.
    pub(crate) fn version(&self) -> u64 {
        self.label.version()
    }

    /// What the parts of core need that work through a transaction.
    pub(crate) fn shared(&self) -> &'db Shared<E> {
        self.shared
    }

    /// The engine's snapshot, read past the pending writes and past what is noted of reads.
    pub(crate) fn pinned(&self) -> &E::Snapshot {
        &self.snapshot
    }

    /// Deletes a key of a keyspace that only core writes.
    pub(crate) fn delete_derived(&mut self, keyspace: Keyspace, key: &[u8]) -> Result<()> {
        self.apply(Changes::from_iter([Write { keyspace, key: Key::from(key), change: Change::Delete }]))
    }

    /// Puts a record into a keyspace that only core writes.
    pub(crate) fn put_system(&mut self, keyspace: Keyspace, key: &[u8], value: &[u8]) -> Result<()> {
        let key = Key::from(key);
        let fresh =
            Fresh { record: Record { stamp: Stamp::new(), value: Payload::new(value) }, entries: None };
        let changes = replace(self, None, keyspace, &key, Some(fresh))?;
        self.apply(changes)
    }

    pub(crate) fn end(self, durability: Durability) -> Ended<E::Snapshot> {
        let late_is_empty = self.tickets.is_empty() && self.awaiting.is_empty();
        if self.overlay.is_empty() && late_is_empty {
            return Ended::ReadOnly { version: self.label.version() };
        }
        let len_bytes = self.overlay.len_bytes();
        let (batch, merges) = self.overlay.into_batch();
        let member = Member {
            label: self.label.version.take(),
            reads: self.reads.into_set(),
            batch,
            late: CommitTimeWrites { merges, tickets: self.tickets, awaiting: self.awaiting },
            tables_opened: self.tables_opened,
            durability,
            cause: self.cause,
            len_bytes,
        };
        Ended::Commit(Box::new(member), self.snapshot)
    }
}

impl<E: Engine> Scope for Transaction<'_, E> {
    fn look(
        &self,
        keyspace: Keyspace,
        key: &[u8],
        show: &mut (dyn FnMut(Option<(Stamp, &[u8], Option<&Memo>)>) -> Result<()> + '_),
    ) -> Result<()> {
        match self.overlay.seen(keyspace, key) {
            // What is stored below a waiting record was deleted when that was put.
            Seen::RangeDeleted | Seen::Pending(Pending::Delete | Pending::Awaits) => show(None),
            Seen::Pending(Pending::Put(record)) => {
                let found = self.own(record.clone())?;
                show(Some((found.stamp(), &found, found.memo())))
            }
            Seen::Pending(Pending::Merge(_)) => {
                Err(Error::invalid("the record is a counter").at(keyspace, key))
            }
            Seen::Untouched => match self.stored(keyspace, key)? {
                None => show(None),
                Some(record) => {
                    let found = self.shared.admission().admit(keyspace, key, record)?;
                    show(Some((found.stamp(), &found, found.memo())))
                }
            },
        }
    }

    fn now(&self) -> Timestamp {
        Transaction::now(self)
    }

    fn note_expiry(&self, expires_at: Option<Timestamp>) {
        self.reads.note_expiry(expires_at);
    }

    fn admission(&self) -> Admission {
        self.shared.admission()
    }
}

impl<E: Engine> fmt::Debug for Transaction<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("label", &self.label.version())
            .field("now", &self.now.get())
            .finish()
    }
}
