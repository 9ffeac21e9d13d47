//! Bulk loading: any number of records, in commits of bounded size. It is not atomic, and says how far it came.
//!
//! A record that has nothing derived from it goes to the engine as it is; one that has goes through a transaction.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::time::Duration;

use crate::attributes::Attributes;
use crate::batch::{Batch, Change, Write};
use crate::commit::member::Member;
use crate::database::Database;
use crate::derived::Entries;
use crate::engine::{Durability, Engine};
use crate::error::{Error, Kind, Result};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::options::{Deadline, TransactOptions};
use crate::record::{Payload, Record};
use crate::retry;
use crate::table::{Table, TableKey, TableValue};
use crate::transaction::Transaction;
use crate::watch::Cause;

/// A commit of so many records costs an engine little more for each than a larger one would.
const COMMIT_RECORDS: usize = 10_000;

/// What a commit and its copy on the way to the engine may take of the memory.
const COMMIT_LEN: usize = 4 << 20;

/// What can be set about a bulk load.
///
/// ```
/// use storage_core::{BulkOptions, Durability};
///
/// let options = BulkOptions::new().commit_records_max(1_000).durability(Durability::Deferred);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkOptions {
    /// What the whole load is worth once it returns `Ok`. Its commits are deferred; for `Sync` one sync ends it.
    pub durability: Durability,
    /// How long each commit waits for its turn and is tried again after conflicts.
    pub deadline: Duration,
    /// The most records in one commit. There is always one.
    pub commit_records_max: usize,
    /// The most bytes of keys and values in one commit of more than one record, at most what a transaction may write.
    pub commit_len_max: usize,
}

impl BulkOptions {
    /// `Sync` at the end, commits of up to 10,000 records and 4 MiB, each within ten seconds.
    pub const fn new() -> Self {
        BulkOptions {
            durability: Durability::Sync,
            deadline: TransactOptions::new().deadline,
            commit_records_max: COMMIT_RECORDS,
            commit_len_max: COMMIT_LEN,
        }
    }

    /// The same with another durability.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same with another deadline for each commit.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same with another largest number of records in one commit.
    #[must_use]
    pub const fn commit_records_max(mut self, records: usize) -> Self {
        self.commit_records_max = records;
        self
    }

    /// The same with another largest commit in bytes.
    #[must_use]
    pub const fn commit_len_max(mut self, bytes: usize) -> Self {
        self.commit_len_max = bytes;
        self
    }
}

impl Default for BulkOptions {
    fn default() -> Self {
        BulkOptions::new()
    }
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BulkLoaded {
    /// The records taken from the input, those included that a later one of the same key replaced.
    pub records: u64,
    /// The commits that put them.
    pub commits: u64,
}

/// A bulk load that ended early. What it had committed stays.
#[derive(Debug)]
pub struct BulkError {
    loaded: BulkLoaded,
    cause: BulkCause,
}

/// Why a bulk load ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum BulkCause {
    /// The input failed.
    Input(Box<dyn StdError + Send + Sync>),
    /// A record was refused, or a commit failed.
    Storage(Error),
}

impl BulkError {
    /// What is in: the first so many records of the input, and none behind them.
    ///
    /// They are as durable as deferred commits are, until the next sync. After a `CommitUnknown` the commit that
    /// followed them may be in too.
    pub fn loaded(&self) -> BulkLoaded {
        self.loaded
    }

    /// Why it ended.
    pub fn cause(&self) -> &BulkCause {
        &self.cause
    }

    /// The layer's own error, for a caller that has no other; an input that failed is `Invalid`.
    ///
    /// How far the load came is lost.
    pub fn into_error(self) -> Error {
        match self.cause {
            BulkCause::Storage(error) => error,
            BulkCause::Input(cause) => Error::invalid("the input of a bulk load failed").caused_by(cause),
        }
    }

    /// The layer's error, if that ended it.
    pub fn storage(&self) -> Option<&Error> {
        match &self.cause {
            BulkCause::Storage(error) => Some(error),
            BulkCause::Input(_) => None,
        }
    }
}

impl fmt::Display for BulkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.cause {
            BulkCause::Input(_) => "the input failed",
            BulkCause::Storage(_) => "a commit failed",
        };
        write!(f, "bulk load ended after {} records: {what}", self.loaded.records)
    }
}

impl StdError for BulkError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            BulkCause::Input(error) => Some(&**error),
            BulkCause::Storage(error) => Some(error),
        }
    }
}

/// One record of a bulk load's input: a key and a value, with attributes if there are any, or the error instead.
pub trait BulkRecord {
    /// What its key is made of.
    type Key;
    /// What its value is made of.
    type Value;

    /// Its parts, or the error that the input met.
    fn into_parts(self) -> Result<BulkParts<Self::Key, Self::Value>, Box<dyn StdError + Send + Sync>>;
}

/// A key, a value, and what is kept beside it.
pub type BulkParts<K, V> = (K, V, Attributes);

impl<K, V> BulkRecord for (K, V) {
    type Key = K;
    type Value = V;

    fn into_parts(self) -> Result<BulkParts<K, V>, Box<dyn StdError + Send + Sync>> {
        Ok((self.0, self.1, Attributes::new()))
    }
}

impl<K, V> BulkRecord for (K, V, Attributes) {
    type Key = K;
    type Value = V;

    fn into_parts(self) -> Result<BulkParts<K, V>, Box<dyn StdError + Send + Sync>> {
        Ok(self)
    }
}

impl<R: BulkRecord, X: Into<Box<dyn StdError + Send + Sync>>> BulkRecord for Result<R, X> {
    type Key = R::Key;
    type Value = R::Value;

    fn into_parts(self) -> Result<BulkParts<R::Key, R::Value>, Box<dyn StdError + Send + Sync>> {
        self.map_err(Into::into)?.into_parts()
    }
}

impl<E: Engine> Database<E> {
    /// Puts any number of records in commits of bounded size. It is not atomic: others see it grow, and what was
    /// committed before an error stays.
    ///
    /// `Ok` means that all of it is as durable as asked. Of records with the same key the last wins. Records that do
    /// not expire, in a keyspace without indexes, are put without looking at anything stored and without a
    /// transaction; where their keys ascend, they are not sorted either. In a table with indexes, and for records
    /// that expire, each commit is a transaction. `Invalid` inside the body of one.
    ///
    /// ```
    /// use storage_core::{BulkOptions, Database, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let squares = Keyspace::new("squares")?;
    /// let records = (0..50_000_u64).map(|n| (n.to_be_bytes(), (n * n).to_string()));
    /// let loaded = db.bulk_load(squares, records, BulkOptions::new())?;
    /// assert_eq!((loaded.records, loaded.commits), (50_000, 5));
    ///
    /// let broken = [Ok(("a", "1")), Err("line 2 is no record")];
    /// let error = db.bulk_load(squares, broken, BulkOptions::new()).unwrap_err();
    /// assert_eq!(error.loaded().records, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bulk_load<R>(
        &self,
        keyspace: Keyspace,
        records: impl IntoIterator<Item = R>,
        options: BulkOptions,
    ) -> Result<BulkLoaded, BulkError>
    where
        R: BulkRecord<Key: AsRef<[u8]>, Value: AsRef<[u8]>>,
    {
        load(self, keyspace, records, options, |key: R::Key, value: R::Value, attributes| {
            let (key, value) = (key.as_ref(), value.as_ref());
            check_key(keyspace, key)?;
            self.shared().limits().check_value(value.len()).map_err(|error| error.at(keyspace, key))?;
            let record = Record { stamp: attributes.stamp()?, value: Payload::new(value) };
            Ok(Prepared { key: Key::from(key), record, entries: None })
        })
    }
}

impl<K: TableKey, V: TableValue> Table<K, V> {
    /// Puts any number of records in commits of bounded size, as [`Database::bulk_load`] does, with their entries in
    /// the indexes.
    ///
    /// A unique value that is held already ends it with `AlreadyExists`, and nothing of that commit is in.
    ///
    /// ```
    /// use storage_core::{BulkOptions, Database, Index, KeyRange, Table};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let by_len = Index::on("by_len", |_: &u64, word: &String| word.len() as u64);
    /// let words = Table::<u64, String>::define("words").index(&by_len).open(&db)?;
    /// let input = ["tree", "sea"].map(String::from).into_iter().zip(1..).map(|(word, n)| (n, word));
    /// assert_eq!(words.bulk_load(&db, input, BulkOptions::new())?.records, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bulk_load<E: Engine, R>(
        &self,
        db: &Database<E>,
        records: impl IntoIterator<Item = R>,
        options: BulkOptions,
    ) -> Result<BulkLoaded, BulkError>
    where
        R: BulkRecord<Key = K, Value = V>,
    {
        load(db, self.keyspace(), records, options, |key: K, value: V, attributes| {
            let (key, record, entries) = self.prepare(&key, &value, attributes, db.shared().limits())?;
            check_key(self.keyspace(), &key)?;
            Ok(Prepared { key, record, entries: entries.map(Box::new) })
        })
    }
}

/// A record on its way into a commit. Its stamp is not sealed.
struct Prepared {
    key: Key,
    record: Record<Payload>,
    /// Its entries, where the caller has them already. Boxed, since most records have none.
    entries: Option<Box<Entries>>,
}

impl Prepared {
    fn len_bytes(&self) -> usize {
        self.key.len() + self.record.value.len()
    }
}

fn load<E: Engine, R: BulkRecord>(
    db: &Database<E>,
    keyspace: Keyspace,
    records: impl IntoIterator<Item = R>,
    options: BulkOptions,
    prepare: impl Fn(R::Key, R::Value, Attributes) -> Result<Prepared>,
) -> Result<BulkLoaded, BulkError> {
    let mut loader = Loader {
        db,
        keyspace,
        records_max: options.commit_records_max,
        len_max: options.commit_len_max.min(db.shared().limits().transaction_len_max),
        commit: TransactOptions::from(Durability::Deferred).deadline(options.deadline),
        waiting: Vec::new(),
        waiting_len: 0,
        order: Order::Ascending,
        loaded: BulkLoaded::default(),
    };
    let done = loader.run(records, prepare).and_then(|()| match options.durability {
        Durability::Sync if loader.loaded.commits > 0 => db.sync().map_err(BulkCause::Storage),
        _ => Ok(()),
    });
    match done {
        Ok(()) => Ok(loader.loaded),
        Err(cause) => Err(BulkError { loaded: loader.loaded, cause }),
    }
}

/// Whether the keys that wait for a commit came sorted, each once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Ascending,
    Mixed,
}

/// A bulk load under way.
struct Loader<'db, E: Engine> {
    db: &'db Database<E>,
    keyspace: Keyspace,
    records_max: usize,
    len_max: usize,
    commit: TransactOptions,
    waiting: Vec<Prepared>,
    waiting_len: usize,
    order: Order,
    loaded: BulkLoaded,
}

impl<E: Engine> Loader<'_, E> {
    fn run<R: BulkRecord>(
        &mut self,
        records: impl IntoIterator<Item = R>,
        prepare: impl Fn(R::Key, R::Value, Attributes) -> Result<Prepared>,
    ) -> Result<(), BulkCause> {
        let shared = self.db.shared();
        shared.check_outside_body().map_err(BulkCause::Storage)?;
        // An empty input is refused too where nothing can be written.
        let writable = shared.is_plain(self.keyspace).and_then(|_| shared.check_writable());
        writable.map_err(BulkCause::Storage)?;
        for record in records {
            let (key, value, attributes) = record.into_parts().map_err(BulkCause::Input)?;
            let added = prepare(key, value, attributes).and_then(|record| self.add(record));
            added.map_err(BulkCause::Storage)?;
        }
        self.flush().map_err(BulkCause::Storage)
    }

    fn add(&mut self, record: Prepared) -> Result<()> {
        let len = record.len_bytes();
        if self.waiting_len + len > self.len_max {
            self.flush()?;
        }
        if self.waiting.last().is_some_and(|last| last.key >= record.key) {
            self.order = Order::Mixed;
        }
        self.waiting.push(record);
        self.waiting_len += len;
        if self.waiting.len() >= self.records_max { self.flush() } else { Ok(()) }
    }

    /// Commits what waits.
    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let shared = self.db.shared();
        let records = mem::take(&mut self.waiting);
        let order = mem::replace(&mut self.order, Order::Ascending);
        shared.limits().check_transaction(mem::take(&mut self.waiting_len))?;
        let tables_opened = shared.tables_opened();
        let expiring = records.iter().any(|record| record.record.stamp.expires_at().is_some());
        let deadline = Deadline::after(self.commit.deadline);
        if !expiring && shared.is_plain(self.keyspace)? {
            match self.put_plain(&records, order, tables_opened, &deadline) {
                // The table was opened meanwhile; it may have indexes.
                Err(error) if error.kind() == Kind::Conflict => {}
                done => return done,
            }
        }
        self.put_in_transactions(&records, &deadline)
    }

    /// Puts records from which nothing is derived, without reading.
    fn put_plain(
        &mut self,
        records: &[Prepared],
        order: Order,
        tables_opened: u64,
        deadline: &Deadline,
    ) -> Result<()> {
        let (shared, keyspace) = (self.db.shared(), self.keyspace);
        let admission = shared.admission();
        let write = |Prepared { key, record, .. }: &Prepared| {
            let stamp = admission.seal(keyspace, key, record.stamp, &record.value);
            let change = Change::Put(Record { stamp, value: record.value.clone() });
            Write { keyspace, key: key.clone(), change }
        };
        let mut writes: Vec<Write> = records.iter().map(write).collect();
        if order == Order::Mixed {
            writes.sort_by(|one, other| one.key.cmp(&other.key));
            writes.dedup_by(|later, kept| {
                let same = later.key == kept.key;
                if same {
                    mem::swap(later, kept);
                }
                same
            });
        }
        let batch = Batch { range_deletes: Vec::new(), writes };
        let member = Member::blind(batch, tables_opened, self.commit.durability);
        shared.commit(member, deadline)?;
        self.count(records);
        Ok(())
    }

    /// Puts records with what is derived from them. Where the entries are too much for one transaction, in halves.
    fn put_in_transactions(&mut self, records: &[Prepared], deadline: &Deadline) -> Result<()> {
        let keyspace = self.keyspace;
        let mut put = |txn: &mut Transaction<'_, E>| {
            records.iter().try_for_each(|Prepared { key, record, entries }| {
                txn.put_record(keyspace, key, record.clone(), entries.as_deref().cloned())
            })
        };
        match retry::run(self.db.shared(), self.commit, deadline, Cause::Application, &mut put) {
            Ok(_) => {
                self.count(records);
                Ok(())
            }
            Err(error) if error.kind() == Kind::TooLarge && records.len() > 1 => {
                let (first, second) = records.split_at(records.len() / 2);
                self.put_in_transactions(first, &Deadline::after(self.commit.deadline))?;
                self.put_in_transactions(second, &Deadline::after(self.commit.deadline))
            }
            Err(error) => Err(error),
        }
    }

    fn count(&mut self, records: &[Prepared]) {
        self.loaded.records += records.len() as u64;
        self.loaded.commits += 1;
    }
}
