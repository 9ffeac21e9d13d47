//! The database: what an application holds.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::attributes::Attributes;
use crate::batch::{Batch, Change, Write};
use crate::capabilities::{Access, Capabilities, Sharing};
use crate::clock::{MonotonicClock, Timestamp};
use crate::commit::Pipeline;
use crate::commit::member::Member;
use crate::copy;
use crate::counter;
use crate::derived::Definition;
use crate::engine::{Durability, Engine, Intent};
use crate::error::{Error, Kind, Result};
use crate::expiry;
use crate::found::{Admission, Found};
use crate::key::Key;
use crate::keyspace::{Keyspace, KeyspaceKind, KeyspaceMap};
use crate::limits::{Limits, check_key, check_key_read};
use crate::maintenance::Maintenance;
use crate::options::{Deadline, Options, Outcome, TransactOptions};
use crate::range::{Direction, KeyRange};
use crate::record::{Decoded, Payload, Record};
use crate::retry;
use crate::scan::{Liveness, Sight};
use crate::snapshot::Snapshot;
use crate::state::{Change as StateChange, State};
use crate::statistics::{Counters, Snapshots, Statistics};
use crate::tables;
use crate::transaction::Transaction;
use crate::watch::{Cause, Ended, Watch, Watches};

/// A database on an engine: a handle that is cheap to clone and used from any thread.
///
/// ```
/// use storage_core::{Database, Keyspace};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let notes = Keyspace::new("notes")?;
/// db.put(notes, "today", "buy milk")?;
/// let done = db.transact(|txn| {
///     let note = txn.get(notes, "today")?.map(|note| note.to_vec());
///     txn.delete(notes, "today")?;
///     Ok(note)
/// })?;
/// assert_eq!(done.value.as_deref(), Some(b"buy milk".as_slice()));
/// # Ok::<(), storage_core::Error>(())
/// ```
pub struct Database<E: Engine>(Arc<Shared<E>>);

/// What all handles of a database share.
pub(crate) struct Shared<E: Engine> {
    pub(crate) myself: Weak<Shared<E>>,
    engine: E,
    pub(crate) capabilities: Capabilities,
    state: State,
    clock: MonotonicClock,
    limits: Limits,
    snapshot_age_max: Option<Duration>,
    definitions: KeyspaceMap<Definition>,
    /// Keyspaces that the store records, or recorded once, as a table's. Those marked are written only through its
    /// definition.
    tables: KeyspaceMap<AtomicBool>,
    pub(crate) pipeline: Pipeline,
    pub(crate) watches: Watches,
    pub(crate) maintenance: Maintenance,
    pub(crate) counters: Counters,
    pub(crate) snapshots: Snapshots,
    /// Held by the one who sweeps.
    pub(crate) sweeping: parking_lot::Mutex<()>,
    /// How many tables were opened. A commit that began before the last of them may lack derived entries.
    tables_opened: AtomicU64,
}

crate::sync::thread_local! {
    /// The databases in whose transactions this thread is.
    static BODIES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl<E: Engine> Database<E> {
    /// A database on `engine`, with the default options.
    pub fn new(engine: E) -> Result<Self> {
        Database::with_options(engine, Options::new())
    }

    /// A database on `engine`.
    pub fn with_options(engine: E, options: Options) -> Result<Self> {
        let capabilities = engine.capabilities();
        copy::check_finished(&engine)?;
        let writable = capabilities.access == Access::ReadWrite;
        let sync_within = Some(options.sync_within).filter(|_| writable && capabilities.needs_sync());
        let sweep_every = options.sweep_every.filter(|_| writable);
        let shared = Arc::new_cyclic(|myself| Shared {
            myself: Weak::clone(myself),
            engine,
            capabilities,
            state: State::open(capabilities.name),
            clock: MonotonicClock::new(options.clock),
            limits: options.limits.clamped(),
            snapshot_age_max: options.snapshot_age_max,
            definitions: KeyspaceMap::new(),
            tables: KeyspaceMap::new(),
            pipeline: Pipeline::new(),
            watches: Watches::new(),
            maintenance: Maintenance::new(sync_within, sweep_every),
            counters: Counters::default(),
            snapshots: Snapshots::default(),
            sweeping: parking_lot::Mutex::new(()),
            tables_opened: AtomicU64::new(0),
        });
        let database = Database(shared);
        let snapshot = database.snapshot()?;
        for keyspace in tables::recorded(&snapshot)? {
            database.0.mark_table(keyspace);
        }
        let mut expiring = snapshot.range(expiry::keyspace(), &KeyRange::all(), Direction::Forward)?;
        // A damaged entry is one all the same. Other processes write records that expire and tell nobody here.
        if capabilities.sharing == Sharing::Processes || !matches!(expiring.next(), Ok(None)) {
            database.0.note_expiring();
        }
        drop(expiring);
        drop(snapshot);
        Ok(database)
    }

    /// The facts about its engine.
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities
    }

    /// Its engine, for the powers that only some have.
    pub fn engine(&self) -> &E {
        &self.0.engine
    }

    /// The time, as its clock tells it; it never steps back.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// What it has counted since it was opened.
    pub fn statistics(&self) -> Statistics {
        let counters = &self.0.counters;
        let now = self.0.now();
        Statistics {
            version: self.0.pipeline.labels.published(),
            conflicts: counters.conflicts.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
            exclusive: counters.exclusive.load(Ordering::Relaxed),
            background_errors: counters.background_errors.load(Ordering::Relaxed),
            waiting: self.0.pipeline.waiting(),
            snapshots: self.0.snapshots.len(),
            oldest_snapshot_age: self.0.snapshots.oldest().map(|at| now.since(at)),
        }
    }

    /// The newest committed value of a key; `None` if there is none or it has expired.
    #[inline]
    pub fn get(&self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Found<E::Owned>>> {
        self.0.get(keyspace, key.as_ref())
    }

    /// What a counter holds; 0 where there is none. `Invalid` for any other record.
    pub fn counter(&self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<i64> {
        let key = key.as_ref();
        match self.get(keyspace, key)? {
            None => Ok(0),
            Some(found) => counter::parse(keyspace, key, found.stamp(), &found),
        }
    }

    /// Puts a value, durably, whether the key has one or not. It never expires.
    pub fn put(&self, keyspace: Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.put_with(keyspace, key, value, Attributes::new(), TransactOptions::new())
    }

    /// Puts a value with what is kept beside it, at a chosen durability: [`Durability::Deferred`], or more
    /// [`TransactOptions`].
    pub fn put_with(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        attributes: Attributes,
        options: impl Into<TransactOptions>,
    ) -> Result<()> {
        let record =
            self.0.record(value.as_ref(), attributes).map_err(|error| error.at(keyspace, key.as_ref()))?;
        self.put_record(keyspace, key.as_ref(), &record, options.into())
    }

    /// Puts a record whose stamp is not sealed.
    pub(crate) fn put_record(
        &self,
        keyspace: Keyspace,
        key: &[u8],
        record: &Record<Payload>,
        options: TransactOptions,
    ) -> Result<()> {
        check_key(keyspace, key)?;
        self.0.limits.check_value(record.value.len())?;
        let deadline = Deadline::after(options.deadline);
        let tables_opened = self.0.tables_opened();
        if self.0.is_plain(keyspace)? && record.stamp.expires_at().is_none() {
            let stamp = self.0.admission().seal(keyspace, key, record.stamp, &record.value);
            let change = Change::Put(Record { stamp, value: record.value.clone() });
            match self.write(keyspace, key, change, tables_opened, options.durability, &deadline) {
                Err(error) if error.kind() == Kind::Conflict => {}
                done => return done,
            }
        }
        let mut put = |txn: &mut Transaction<'_, E>| txn.put_record(keyspace, key, record.clone(), None);
        retry::run(&self.0, options, &deadline, Cause::Application, &mut put).map(drop)
    }

    /// Deletes a record, durably. Nothing happens if it is not there.
    pub fn delete(&self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<()> {
        let key = key.as_ref();
        check_key(keyspace, key)?;
        let options = TransactOptions::new();
        let deadline = Deadline::after(options.deadline);
        let tables_opened = self.0.tables_opened();
        if self.0.is_plain(keyspace)? {
            match self.write(keyspace, key, Change::Delete, tables_opened, options.durability, &deadline) {
                Err(error) if error.kind() == Kind::Conflict => {}
                done => return done,
            }
        }
        let mut delete = |txn: &mut Transaction<'_, E>| txn.delete(keyspace, key);
        retry::run(&self.0, options, &deadline, Cause::Application, &mut delete).map(drop)
    }

    /// Deletes every record of a range, durably. An empty range touches nothing.
    pub fn delete_range(&self, keyspace: Keyspace, range: &KeyRange) -> Result<()> {
        self.transact(|txn| txn.delete_range(keyspace, range.clone())).map(drop)
    }

    /// Commits one write that reads nothing. `Conflict` only if a table was opened meanwhile.
    fn write(
        &self,
        keyspace: Keyspace,
        key: &[u8],
        change: Change,
        tables_opened: u64,
        durability: Durability,
        deadline: &Deadline,
    ) -> Result<()> {
        let write = Write { keyspace, key: Key::from(key), change };
        self.0.limits.check_transaction(write.len_bytes())?;
        let batch = Batch { range_deletes: Vec::new(), writes: vec![write] };
        self.0.check_outside_body()?;
        self.0.commit(Member::blind(batch, tables_opened, durability), deadline).map(drop)
    }

    /// A stable view of everything committed now.
    ///
    /// Where records expire and others commit without a pause it waits for its turn: `Busy` after ten seconds.
    pub fn snapshot(&self) -> Result<Snapshot<E>> {
        self.0.check_open()?;
        let version = self.0.pipeline.labels.published();
        let moment = self.0.moment(Intent::Read, &Deadline::after(TransactOptions::new().deadline))?;
        Ok(Snapshot::new(Arc::clone(&self.0), moment, version))
    }

    /// Runs `body` as one serializable transaction and commits what it wrote, durably.
    ///
    /// After a conflict it runs `body` again, within ten seconds; so let `body` do nothing but read and write. An
    /// error of `body`, or a panic, leaves nothing behind. Writing to the same database from inside `body` other than
    /// through the transaction is `Invalid`.
    pub fn transact<T>(&self, body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>) -> Result<Outcome<T>> {
        self.run(TransactOptions::new(), Cause::Application, body)
    }

    /// The same at a chosen durability and deadline.
    pub fn transact_with<T>(
        &self,
        options: impl Into<TransactOptions>,
        body: impl FnMut(&mut Transaction<'_, E>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        self.run(options.into(), Cause::Application, body)
    }

    /// The same for a body with an error type of its own.
    pub fn try_transact<T, X: BodyError>(
        &self,
        options: impl Into<TransactOptions>,
        body: impl FnMut(&mut Transaction<'_, E>) -> Result<T, X>,
    ) -> Result<Outcome<T>, X> {
        self.run(options.into(), Cause::Application, body)
    }

    pub(crate) fn run<T, X: BodyError>(
        &self,
        options: TransactOptions,
        cause: Cause,
        mut body: impl FnMut(&mut Transaction<'_, E>) -> Result<T, X>,
    ) -> Result<Outcome<T>, X> {
        retry::run(&self.0, options, &Deadline::after(options.deadline), cause, &mut body)
    }

    /// What is committed in a range from now on, in commit order.
    pub fn watch(&self, keyspace: Keyspace, range: KeyRange) -> Result<Watch> {
        self.0.check_open()?;
        self.0.check_data(keyspace)?;
        Ok(self.0.watches.register(keyspace, range))
    }

    /// Makes every commit that returned before the call as durable as `Durability::Sync` ones are.
    pub fn sync(&self) -> Result<()> {
        self.0.check_open()?;
        self.0.sync()
    }

    /// Ends the database: waits for the commit in progress, makes everything durable, and releases what it holds.
    ///
    /// Every later call on any handle fails with `Closed`, except this one, which does nothing more.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<E>> {
        &self.0
    }

    pub(crate) fn from_shared(shared: Arc<Shared<E>>) -> Self {
        Database(shared)
    }
}

impl<E: Engine> Clone for Database<E> {
    fn clone(&self) -> Self {
        Database(Arc::clone(&self.0))
    }
}

impl<E: Engine> fmt::Debug for Database<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.0.pipeline.labels.published();
        f.debug_struct("Database")
            .field("engine", &self.0.capabilities.name)
            .field("version", &version)
            .finish()
    }
}

/// An error that the body of a transaction can return: the layer's own, or one that wraps it.
pub trait BodyError: From<Error> {
    /// The layer's error inside, by which a conflict is known.
    fn storage(&self) -> Option<&Error>;
}

impl BodyError for Error {
    fn storage(&self) -> Option<&Error> {
        Some(self)
    }
}

impl<E: Engine> Shared<E> {
    pub(crate) fn engine(&self) -> &E {
        &self.engine
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The time of the database, which every read goes by.
    pub(crate) fn now(&self) -> Timestamp {
        self.pipeline.standstill.now(|| self.clock.now())
    }

    /// What the clock shows, also while time stands still for others.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn snapshot_age_max(&self) -> Option<Duration> {
        self.snapshot_age_max
    }

    /// A value and what is kept beside it, not sealed.
    pub(crate) fn record(&self, value: &[u8], attributes: Attributes) -> Result<Record<Payload>> {
        self.limits.check_value(value.len())?;
        Ok(Record { stamp: attributes.stamp()?, value: Payload::new(value) })
    }

    #[inline]
    pub(crate) fn admission(&self) -> Admission {
        Admission { checksums: self.capabilities.checksums }
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Found<E::Owned>>> {
        self.check_open()?;
        check_key_read(keyspace, key)?;
        let admission = self.admission();
        let mut ended = None;
        loop {
            let Some(record) = self.engine.get(keyspace, key)? else { return Ok(None) };
            admission.check_stamp(keyspace, key, &record.stamp)?;
            if record.stamp.is_live(|| self.now()) {
                return admission.admit(keyspace, key, record).map(Some);
            }
            // It may have been prolonged between reading it and reading the clock.
            if ended.replace(record.stamp) == Some(record.stamp) {
                return Ok(None);
            }
        }
    }

    /// The decoded value of a live record, where the engine keeps one.
    #[inline]
    pub(crate) fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Decoded>> {
        self.check_open()?;
        check_key_read(keyspace, key)?;
        let kept = self.engine.kept(keyspace, key);
        // One that has ended may have been prolonged since: reading the record tells.
        Ok(kept.and_then(|(stamp, decoded)| stamp.is_live(|| self.now()).then_some(decoded)))
    }

    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        self.state.check_open()
    }

    pub(crate) fn sight(&self, liveness: Liveness) -> Sight<'_> {
        Sight { admission: self.admission(), liveness, state: &self.state }
    }

    /// Stops the database until it is opened again: what it would say is no longer certain.
    pub(crate) fn poison(&self) {
        if self.state.poison() == StateChange::Made {
            self.watches.end(Ended::Poisoned);
        }
    }

    /// `Invalid` on an engine that was opened to be read only.
    #[inline]
    pub(crate) fn check_writable(&self) -> Result<()> {
        match self.capabilities.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => {
                let message = "the database is open read-only: nothing can be written";
                Err(Error::invalid(message).in_engine(self.capabilities.name))
            }
        }
    }

    pub(crate) fn sync(&self) -> Result<()> {
        if self.check_writable().is_err() {
            // Nothing was written that could wait for it.
            return Ok(());
        }
        self.maintenance.syncing();
        self.engine.sync().inspect_err(|error| match error.kind() {
            // Nothing was done: what is not durable yet is synced later.
            Kind::Busy => self.note_commit(Durability::Deferred),
            _ => self.poison(),
        })
    }

    fn close(&self) -> Result<()> {
        self.check_outside_body()?;
        let _lane = self.pipeline.exclusive_lane(&Deadline::after(Duration::MAX))?;
        if self.state.close() == StateChange::NoneNeeded {
            return Ok(());
        }
        self.maintenance.end();
        self.watches.end(Ended::Closed);
        self.engine.close()
    }

    /// The definition of a table's keyspace, `None` for any other. `Invalid` for a table that is not open.
    #[inline]
    pub(crate) fn definition(&self, keyspace: Keyspace) -> Result<Option<&Definition>> {
        match self.definitions.get(keyspace) {
            Some(definition) => Ok(Some(definition)),
            None if !self.is_marked_table(keyspace) => Ok(None),
            None => {
                Err(Error::invalid("the keyspace is a table's: open the table first").in_keyspace(keyspace))
            }
        }
    }

    pub(crate) fn is_table_open(&self, keyspace: Keyspace) -> bool {
        self.definitions.get(keyspace).is_some()
    }

    fn is_marked_table(&self, keyspace: Keyspace) -> bool {
        self.tables.get(keyspace).is_some_and(|marked| marked.load(Ordering::SeqCst))
    }

    fn mark_table(&self, keyspace: Keyspace) {
        self.tables.get_or_init(keyspace, AtomicBool::default).store(true, Ordering::SeqCst);
    }

    /// Marks a table that another process has made. Whoever looked before must look again.
    pub(crate) fn mark_foreign_table(&self, keyspace: Keyspace) {
        if !self.is_marked_table(keyspace) {
            self.mark_table(keyspace);
            self.tables_opened.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Lets anyone write a keyspace that is no table's any more. The caller holds the exclusive lane.
    pub(crate) fn unmark_table(&self, keyspace: Keyspace) {
        self.tables.get_or_init(keyspace, AtomicBool::default).store(false, Ordering::SeqCst);
    }

    /// How many tables were opened so far. A transaction asks before it looks at any definition.
    pub(crate) fn tables_opened(&self) -> u64 {
        self.tables_opened.load(Ordering::SeqCst)
    }

    /// `Invalid` if the table is open already as something else.
    pub(crate) fn check_definition(&self, keyspace: Keyspace, id: &str) -> Result<()> {
        match self.definitions.get(keyspace) {
            Some(open) if open.id != id => Err(open.is_not(id).in_keyspace(keyspace)),
            _ => Ok(()),
        }
    }

    /// The version from which on the indexes of a table are complete.
    pub(crate) fn built(&self, keyspace: Keyspace) -> u64 {
        self.definitions.get(keyspace).map_or(0, |definition| definition.built)
    }

    /// Keeps the definition of a table. The caller holds the exclusive lane and has checked it.
    pub(crate) fn define(&self, keyspace: Keyspace, definition: Definition) {
        // Opening it again changes nothing for anyone.
        if self.definitions.get(keyspace).is_none() {
            self.definitions.get_or_init(keyspace, || definition);
            self.mark_table(keyspace);
            self.tables_opened.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether records of a keyspace are written without anything derived from them.
    pub(crate) fn is_plain(&self, keyspace: Keyspace) -> Result<bool> {
        self.check_open()?;
        self.check_data(keyspace)?;
        Ok(self.definition(keyspace)?.is_none_or(|definition| definition.derive.is_none()))
    }

    /// `Invalid` for a keyspace that only core writes.
    pub(crate) fn check_data(&self, keyspace: Keyspace) -> Result<()> {
        match keyspace.kind() {
            KeyspaceKind::Data => Ok(()),
            _ => Err(Error::invalid("the keyspace is kept by the database itself").in_keyspace(keyspace)),
        }
    }

    /// Marks this thread as being in a transaction of this database, until the mark is dropped.
    pub(crate) fn enter_body(&self) -> Result<Body> {
        self.check_outside_body()?;
        BODIES.with(|bodies| bodies.borrow_mut().push(self.address()));
        Ok(Body(()))
    }

    /// `Invalid` where this thread is in a transaction of this database, which would wait for itself.
    pub(crate) fn check_outside_body(&self) -> Result<()> {
        match BODIES.with(|bodies| bodies.borrow().contains(&self.address())) {
            false => Ok(()),
            true => Err(Error::invalid(
                "inside `transact`, write through the transaction: a write to the database itself would wait for it",
            )),
        }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// The mark of a thread that is in a transaction.
pub(crate) struct Body(());

impl Drop for Body {
    fn drop(&mut self) {
        BODIES.with(|bodies| bodies.borrow_mut().pop());
    }
}

impl<E: Engine> Drop for Shared<E> {
    fn drop(&mut self) {
        self.maintenance.end();
        self.watches.end(Ended::Closed);
        if self.state.close() == StateChange::Made {
            // Nobody is left to be told. Those who want to know call `close`.
            drop(self.engine.close());
        }
    }
}
