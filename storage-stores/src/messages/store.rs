//! The store: what is set about it, and its namespaces.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use storage_core::{
    Attributes, Database, Direction, Durability, Engine, KeyRange, Number, Outcome, Sequence, Snapshot,
    Table, Timestamp, Transaction,
};
use uuid::{NoContext, Uuid};

use super::error::{MessageError, Result};
use super::json::Json;
use super::layout::{self, Layout};
use super::message::{MESSAGE_LEN_MAX, check_len};
use super::namespace::Messages;

/// The longest name of a namespace in bytes.
const NAMESPACE_LEN_MAX: usize = 256;

/// An event store: namespaces, each with streams of messages that are kept for ever in the order of their commits.
///
/// Every change is one transaction, durable when the call returns unless [`with_durability`](Self::with_durability) says
/// otherwise. It is cheap to clone.
///
/// ```
/// use storage_core::Database;
/// use storage_stores::messages::{ExpectedVersion, Json, MessageStore, NewMessage, Query};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let store = MessageStore::open(&db)?;
/// let bank = store.open_namespace("bank")?;
///
/// let deposited = NewMessage::new("Deposited").data(r#"{"amount": 11}"#.parse()?);
/// let written = bank.write("account-123", deposited.clone(), ExpectedVersion::NO_STREAM)?;
/// assert_eq!((written.position, written.global_position), (0, 1));
/// assert!(bank.write("account-123", deposited, ExpectedVersion::NO_STREAM).is_err());
///
/// let page = bank.category("account", &Query::new())?;
/// assert_eq!(page.messages[0].stream, "account-123");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageStore<E: Engine> {
    pub(super) db: Database<E>,
    pub(super) layout: Layout,
    pub(super) namespaces: Table<String, NamespaceRecord>,
    pub(super) durability: Durability,
    pub(super) mode: Mode,
    pub(super) message_len_max: usize,
    pub(super) ids: Ids,
    /// The time of the last message of each namespace, by its number, as it was when this process first wrote there.
    pub(super) floors: Arc<Mutex<HashMap<u64, Timestamp>>>,
}

/// How close the store keeps to Message DB where that is stricter than helpful.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// A message written again under the same id, in the same stream, with the same type and data, is the one that is
    /// there, whatever version is expected. A name without a dash can be read as a stream.
    #[default]
    Idempotent,
    /// As Message DB does it: an id that is taken is `DuplicateId` whatever is written under it, and a name without a
    /// dash is `NotAStreamName` where a stream is read.
    MessageDb,
}

/// Where ids of messages come from that are written without one.
#[derive(Clone)]
pub(super) enum Ids {
    /// Version 7, from the time and the system's random numbers: no two are the same.
    Random,
    Given(Arc<dyn Fn(Timestamp) -> Uuid + Send + Sync>),
}

/// What is stored of a namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NamespaceRecord {
    /// With which the keys of its records begin. None is used twice.
    pub(super) number: Number,
    pub(super) created_at: Timestamp,
    /// No message is written with an earlier time.
    pub(super) time_floor: Timestamp,
    pub(super) times: Times,
    pub(super) description: String,
    pub(super) metadata: Option<String>,
}

/// Whether the times of a namespace follow the order of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Times {
    Ordered,
    /// An import brought some that do not.
    Mixed,
}

impl NamespaceRecord {
    pub(super) fn number(&self) -> u64 {
        self.number.known().expect("what is read from storage is known")
    }
}

/// A namespace about to be created.
#[derive(Clone, Debug, Default)]
pub struct NewNamespace {
    description: String,
    metadata: Option<Json>,
}

impl NewNamespace {
    /// One without description or metadata.
    pub fn new() -> Self {
        NewNamespace::default()
    }

    /// Says what it is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Keeps any JSON beside it.
    #[must_use]
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

/// A namespace, with its counts of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceInfo {
    /// Its name.
    pub name: String,
    /// What it is for; empty where nothing was said.
    pub description: String,
    /// What is kept beside it.
    pub metadata: Option<Json>,
    /// When it was created.
    pub created_at: Timestamp,
    /// How many messages it has.
    pub messages: u64,
    /// How many streams it has.
    pub streams: u64,
    /// When its last message was written; `None` if it has none.
    pub last_activity: Option<Timestamp>,
}

impl<E: Engine> MessageStore<E> {
    /// Opens the store on a database, in keyspaces whose names begin with `message`.
    pub fn open(db: &Database<E>) -> Result<Self> {
        Ok(MessageStore {
            db: db.clone(),
            layout: Layout::new()?,
            namespaces: Table::define("message_namespaces").open(db)?,
            durability: Durability::Sync,
            mode: Mode::Idempotent,
            message_len_max: MESSAGE_LEN_MAX,
            ids: Ids::Random,
            floors: Arc::default(),
        })
    }

    /// The durability of every change from now on: `Sync` unless set.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How close it keeps to Message DB.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The most bytes of type, data and metadata that one message has: [`MESSAGE_LEN_MAX`] unless set lower.
    #[must_use]
    pub fn with_message_len_max(mut self, bytes: usize) -> Self {
        self.message_len_max = bytes.min(MESSAGE_LEN_MAX);
        self
    }

    /// Takes the ids of messages that are written without one from a function of the time: UUIDs of version 7 unless set.
    #[must_use]
    pub fn with_ids(mut self, ids: impl Fn(Timestamp) -> Uuid + Send + Sync + 'static) -> Self {
        self.ids = Ids::Given(Arc::new(ids));
        self
    }

    /// The database that it stands on.
    pub fn database(&self) -> &Database<E> {
        &self.db
    }

    /// Closes the database that it stands on. Every later call fails with `Closed`, except this one.
    pub fn close(&self) -> Result<()> {
        Ok(self.db.close()?)
    }

    /// Creates a namespace. `NamespaceExists` if the name is taken.
    pub fn create_namespace(&self, name: &str, namespace: &NewNamespace) -> Result<Messages<E>> {
        check_namespace(name)?;
        self.transact(|txn| match self.namespaces.contains(txn, name)? {
            true => Err(MessageError::NamespaceExists { name: name.to_owned() }),
            false => self.put_namespace(txn, name, namespace),
        })?;
        Ok(Messages::new(self, name))
    }

    /// A namespace that is there. `NamespaceNotFound` if it is not.
    ///
    /// What is returned stays usable if the namespace is deleted and created again: it names one, and each call looks for
    /// it anew.
    pub fn namespace(&self, name: &str) -> Result<Messages<E>> {
        match self.namespaces.contains(&self.db, name)? {
            true => Ok(Messages::new(self, name)),
            false => Err(not_found(name)),
        }
    }

    /// A namespace, created if it is not there.
    pub fn open_namespace(&self, name: &str) -> Result<Messages<E>> {
        check_namespace(name)?;
        if !self.namespaces.contains(&self.db, name)? {
            self.transact(|txn| match self.namespaces.contains(txn, name)? {
                true => Ok(()),
                false => self.put_namespace(txn, name, &NewNamespace::new()),
            })?;
        }
        Ok(Messages::new(self, name))
    }

    /// Every namespace, by name.
    pub fn namespaces(&self) -> Result<Vec<NamespaceInfo>> {
        let snapshot = self.db.snapshot()?;
        let mut records = self.namespaces.range(&snapshot, KeyRange::all(), Direction::Forward)?;
        let mut found = Vec::new();
        while let Some(mut entry) = records.next()? {
            let name = entry.key()?;
            found.push(self.describe(&snapshot, name, &*entry.value()?)?);
        }
        Ok(found)
    }

    /// One namespace. `NamespaceNotFound` if it is not there.
    pub fn namespace_info(&self, name: &str) -> Result<NamespaceInfo> {
        let snapshot = self.db.snapshot()?;
        let record = self.namespaces.get(&snapshot, name)?.ok_or_else(|| not_found(name))?;
        self.describe(&snapshot, name.to_owned(), &record)
    }

    /// Deletes a namespace with everything in it, and returns how many messages that were. There is no way back.
    ///
    /// `NamespaceNotFound` if it is not there. Created again, it is empty, and begins at global position 1.
    pub fn delete_namespace(&self, name: &str) -> Result<u64> {
        self.transact(|txn| {
            let record = self.record(txn, name)?;
            self.namespaces.delete(txn, name)?;
            self.delete_all(txn, record.number())
        })
    }

    /// Deletes everything in a namespace and keeps it: it begins at global position 1 again. Returns how many messages
    /// it had. Stored positions and leases of consumers go too.
    pub fn clear_namespace(&self, name: &str) -> Result<u64> {
        self.transact(|txn| {
            let record = self.record(txn, name)?;
            let mut emptied = NamespaceRecord::clone(&record);
            // With a new number, whoever began a write before finds its namespace changed.
            emptied.number = txn.next(&self.numbers()?)?;
            emptied.time_floor = Timestamp::default();
            emptied.times = Times::Ordered;
            self.namespaces.put_at_commit(txn, &name.to_owned(), &emptied, Attributes::new())?;
            self.delete_all(txn, record.number())
        })
    }

    fn delete_all(&self, txn: &mut Transaction<'_, E>, number: u64) -> Result<u64> {
        let last = txn.counter(self.layout.index, layout::last_key(number)?)?;
        let missing = txn.counter(self.layout.index, layout::missing_key(number)?)?;
        for keyspace in [self.layout.messages, self.layout.index] {
            txn.delete_range(keyspace, KeyRange::within(&number)?)?;
        }
        Ok((last - missing).unsigned_abs())
    }

    /// Puts the record of a namespace whose name is free.
    fn put_namespace(&self, txn: &mut Transaction<'_, E>, name: &str, new: &NewNamespace) -> Result<()> {
        let record = NamespaceRecord {
            number: txn.next(&self.numbers()?)?,
            created_at: txn.now(),
            time_floor: Timestamp::default(),
            times: Times::Ordered,
            description: new.description.clone(),
            metadata: new.metadata.clone().map(Json::into_string),
        };
        Ok(self.namespaces.put_at_commit(txn, &name.to_owned(), &record, Attributes::new())?)
    }

    /// The sequence of the numbers of namespaces. No namespace has the number 0, under which it stands.
    fn numbers(&self) -> Result<Sequence> {
        Ok(Sequence::new(self.layout.index, &layout::last_key(0)?)?.starting_at(1))
    }

    fn describe(
        &self,
        snapshot: &Snapshot<E>,
        name: String,
        record: &NamespaceRecord,
    ) -> Result<NamespaceInfo> {
        let number = record.number();
        let mut streams = 0;
        let range = layout::category_streams(number)?;
        for key in snapshot.range(self.layout.index, &range, Direction::Forward)?.keys()? {
            streams += snapshot.counter(self.layout.index, &key)?.unsigned_abs();
        }
        Ok(NamespaceInfo {
            name,
            description: record.description.clone(),
            metadata: record.metadata.clone().map(Json::stored),
            created_at: record.created_at,
            messages: self.count(snapshot, number)?,
            streams,
            last_activity: self.last_time(snapshot, number)?,
        })
    }

    /// How many messages a namespace has.
    pub(super) fn count(&self, snapshot: &Snapshot<E>, number: u64) -> Result<u64> {
        let last = snapshot.counter(self.layout.index, layout::last_key(number)?)?;
        let missing = snapshot.counter(self.layout.index, layout::missing_key(number)?)?;
        Ok((last - missing).unsigned_abs())
    }

    /// The time of the last message of a namespace that can be read.
    pub(super) fn last_time(&self, snapshot: &Snapshot<E>, number: u64) -> Result<Option<Timestamp>> {
        let range = layout::log_range(number)?;
        let mut entries = snapshot.range(self.layout.index, &range, Direction::Reverse)?;
        while let Some(mut entry) = entries.next()? {
            let key = layout::Placed::decode(entry.value()?)?.key.to_vec();
            match snapshot.get(self.layout.messages, &key) {
                Ok(Some(found)) => {
                    let (stream, position) = layout::stream_and_position(&key)?;
                    return Ok(Some(layout::message(&stream, position, &found)?.time));
                }
                Ok(None) => {}
                Err(error) if error.kind() == storage_core::Kind::Corrupt => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The record of a namespace as a transaction sees it.
    pub(super) fn record(&self, txn: &Transaction<'_, E>, name: &str) -> Result<Arc<NamespaceRecord>> {
        self.namespaces.get(txn, name)?.ok_or_else(|| not_found(name))
    }

    pub(super) fn transact<T>(&self, body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>) -> Result<T> {
        self.run(body).map(|outcome| outcome.value)
    }

    pub(super) fn run<T>(
        &self,
        body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        self.db.try_transact(self.durability, body)
    }
}

impl Ids {
    /// A new id.
    pub(super) fn next(&self, now: Timestamp) -> Uuid {
        match self {
            Ids::Given(ids) => ids(now),
            Ids::Random => {
                const SECOND: u64 = 1_000_000_000;
                let (seconds, nanos) = (now.as_nanos() / SECOND, now.as_nanos() % SECOND);
                let nanos = u32::try_from(nanos).expect("less than a second");
                Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
            }
        }
    }
}

pub(super) fn not_found(name: &str) -> MessageError {
    MessageError::NamespaceNotFound { name: name.to_owned() }
}

fn check_namespace(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(MessageError::InvalidOptions("the name of a namespace is empty".into()));
    }
    check_len("namespace name", name.len(), NAMESPACE_LEN_MAX)
}

impl<E: Engine> Clone for MessageStore<E> {
    fn clone(&self) -> Self {
        MessageStore {
            db: self.db.clone(),
            layout: self.layout,
            namespaces: self.namespaces.clone(),
            durability: self.durability,
            mode: self.mode,
            message_len_max: self.message_len_max,
            ids: self.ids.clone(),
            floors: Arc::clone(&self.floors),
        }
    }
}

impl<E: Engine> fmt::Debug for MessageStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStore")
            .field("db", &self.db)
            .field("durability", &self.durability)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
