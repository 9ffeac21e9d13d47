//! The async face: a [`Database`] for tasks of an async runtime.
//!
//! Engines and the commit pipeline block. So a whole call, a transaction with its retries included, moves to a blocking
//! thread of the tokio runtime: one hop a call, never one a read inside. On an engine in memory nothing is waited for,
//! and calls run where they are awaited.

mod hop;
mod watch;

use std::fmt;

use crate::attributes::Attributes;
use crate::clock::Timestamp;
use crate::database::{BodyError, Database};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::found::Found;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::options::{Outcome, TransactOptions};
use crate::range::KeyRange;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

use hop::{Caller, Place};
pub use watch::AsyncWatch;

/// A database for async code: a handle that is cheap to clone and used from any task.
///
/// It has the calls of [`Database`], with their meaning, their errors and their deadlines. Closures that need stored
/// data run as a whole on a blocking thread of the tokio runtime that polls the call, so they own what they use:
///
/// ```
/// use storage_core::{AsyncDatabase, Database, Keyspace};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> storage_core::Result<()> {
///     let db = AsyncDatabase::new(Database::new(storage_mem::MemEngine::new())?);
///     let accounts = Keyspace::new("accounts")?;
///     db.put(accounts, "ann", "100").await?;
///     let moved = db
///         .transact(move |txn| {
///             let balance = txn.get(accounts, "ann")?.map(|found| found.to_vec()).unwrap_or_default();
///             txn.put(accounts, "bob", &balance)?;
///             txn.delete(accounts, "ann")?;
///             Ok(balance)
///         })
///         .await?;
///     assert_eq!(moved.value, b"100");
///     assert_eq!(db.get(accounts, "bob").await?.as_deref(), Some(b"100".as_slice()));
///     db.close().await
/// }
/// ```
///
/// **A dropped future** leaves nothing half done. A call that has not begun never runs. A transaction that has is asked
/// to stop: its body is not run again, and what it wrote is not committed once the body returns. One that waits for its
/// commit already, and a single call that has begun, goes on to its end, whole or not at all. Either way it gives back
/// whatever it holds. To let a transaction run on without waiting for it, spawn a task for it.
///
/// **In memory**, where nothing outlives the process, calls run on the awaiting task, without a hop and on any
/// runtime. They wait for other threads only while those commit or run alone. A body that computes or reads for long
/// holds up the other tasks of its thread; see [`AsyncDatabase::on_blocking_threads`].
///
/// **On every other engine** a call is `Invalid` outside a tokio runtime, and `Unavailable` where the runtime was shut
/// down before it began, or could start no thread. How many run at a time is the runtime's `max_blocking_threads`; the
/// more of them commit together, the fewer times the engine does. Waiting for a thread does not count towards the
/// deadline of a transaction: a timeout around the call does.
///
/// A panic of a closure goes on in the task that awaits it. A closure must not wait for tasks or other calls of this
/// database: they may be waiting for its thread.
pub struct AsyncDatabase<E: Engine> {
    database: Database<E>,
    place: Place,
}

impl<E: Engine> AsyncDatabase<E> {
    /// The async face of `database`. Handles of both kinds share one database.
    pub fn new(database: Database<E>) -> Self {
        let place = match database.capabilities().waits() {
            true => Place::BlockingThread,
            false => Place::Inline,
        };
        AsyncDatabase { database, place }
    }

    /// The same with a hop for every call, on an engine in memory too: for bodies that take long.
    pub fn on_blocking_threads(database: Database<E>) -> Self {
        AsyncDatabase { database, place: Place::BlockingThread }
    }

    /// The database itself, whose calls block.
    pub fn blocking(&self) -> &Database<E> {
        &self.database
    }

    /// The newest committed value of a key; `None` if there is none or it has expired.
    pub async fn get(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]> + Send,
    ) -> Result<Option<Found<E::Owned>>> {
        let key = Key::from(key.as_ref());
        self.call(move |db| db.get(keyspace, key)).await
    }

    /// What a counter holds; 0 where there is none. `Invalid` for any other record.
    pub async fn counter(&self, keyspace: Keyspace, key: impl AsRef<[u8]> + Send) -> Result<i64> {
        let key = Key::from(key.as_ref());
        self.call(move |db| db.counter(keyspace, key)).await
    }

    /// Puts a value, durably, whether the key has one or not. It never expires.
    ///
    /// The value is copied once, as by [`Database::put`].
    pub async fn put(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]> + Send,
        value: impl AsRef<[u8]> + Send,
    ) -> Result<()> {
        self.put_with(keyspace, key, value, Attributes::new(), TransactOptions::new()).await
    }

    /// Puts a value with what is kept beside it, at a chosen durability.
    pub async fn put_with(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]> + Send,
        value: impl AsRef<[u8]> + Send,
        attributes: Attributes,
        options: impl Into<TransactOptions> + Send,
    ) -> Result<()> {
        let options = options.into();
        let record = self.database.shared().record(value.as_ref(), attributes)?;
        let key = Key::from(key.as_ref());
        self.call(move |db| db.put_record(keyspace, &key, &record, options)).await
    }

    /// Deletes a record, durably. Nothing happens if it is not there.
    pub async fn delete(&self, keyspace: Keyspace, key: impl AsRef<[u8]> + Send) -> Result<()> {
        let key = Key::from(key.as_ref());
        self.call(move |db| db.delete(keyspace, key)).await
    }

    /// Deletes every record of a range, durably. An empty range touches nothing.
    pub async fn delete_range(&self, keyspace: Keyspace, range: KeyRange) -> Result<()> {
        self.call(move |db| db.delete_range(keyspace, &range)).await
    }

    /// Deletes every record whose key starts with `prefix`, durably. An empty prefix is every key's.
    pub async fn delete_prefix(&self, keyspace: Keyspace, prefix: impl AsRef<[u8]> + Send) -> Result<()> {
        self.delete_range(keyspace, KeyRange::prefix(prefix.as_ref())).await
    }

    /// Deletes every record of a keyspace and everything derived from them, as [`Database::drop_keyspace`] does.
    pub async fn drop_keyspace(&self, keyspace: Keyspace) -> Result<()> {
        self.call(move |db| db.drop_keyspace(keyspace)).await
    }

    /// Deletes every record of every keyspace, as [`Database::drop_all`] does.
    pub async fn drop_all(&self) -> Result<()> {
        self.call(|db| db.drop_all()).await
    }

    /// Lets a record expire at another time, or never, durably; whether there is one. [`Database::touch`] says more.
    pub async fn touch(
        &self,
        keyspace: Keyspace,
        key: impl AsRef<[u8]> + Send,
        expiry: Option<Timestamp>,
    ) -> Result<bool> {
        let key = Key::from(key.as_ref());
        self.call(move |db| db.touch(keyspace, key, expiry)).await
    }

    /// Runs `read` on a stable view of everything committed now.
    ///
    /// Tables read from the snapshot as they do from any; `read` returns what is to be kept of it.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot<E>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call(move |db| read(&db.snapshot()?)).await
    }

    /// Runs `body` as one serializable transaction and commits what it wrote, durably.
    ///
    /// Everything about [`Database::transact`] holds: after a conflict `body` is run again, within ten seconds.
    pub async fn transact<T: Send + 'static>(
        &self,
        body: impl FnMut(&mut Transaction<'_, E>) -> Result<T> + Send + 'static,
    ) -> Result<Outcome<T>> {
        self.try_transact(TransactOptions::new(), body).await
    }

    /// The same at a chosen durability and deadline.
    pub async fn transact_with<T: Send + 'static>(
        &self,
        options: impl Into<TransactOptions> + Send,
        body: impl FnMut(&mut Transaction<'_, E>) -> Result<T> + Send + 'static,
    ) -> Result<Outcome<T>> {
        self.try_transact(options, body).await
    }

    /// The same for a body with an error type of its own.
    pub async fn try_transact<T: Send + 'static, X: BodyError + Send + 'static>(
        &self,
        options: impl Into<TransactOptions> + Send,
        mut body: impl FnMut(&mut Transaction<'_, E>) -> Result<T, X> + Send + 'static,
    ) -> Result<Outcome<T>, X> {
        let options = options.into();
        let work = move |db: &Database<E>, caller: &Caller| {
            db.try_transact(options, |txn| {
                caller.check()?;
                let value = body(txn)?;
                // The last moment at which nothing is written yet.
                caller.check()?;
                Ok(value)
            })
        };
        self.run(work).await
    }

    /// What is committed in a range from now on, in commit order. It does not wait.
    pub fn watch(&self, keyspace: Keyspace, range: KeyRange) -> Result<AsyncWatch> {
        self.database.watch(keyspace, range).map(AsyncWatch::new)
    }

    /// Makes every commit that returned before the call as durable as `Durability::Sync` ones are.
    pub async fn sync(&self) -> Result<()> {
        self.call(|db| db.sync()).await
    }

    /// Ends the database, as [`Database::close`] does.
    ///
    /// Dropping the last handle closes it too, on the thread that drops it, and tells nobody how that went.
    pub async fn close(&self) -> Result<()> {
        self.call(|db| db.close()).await
    }

    /// Runs blocking calls on the database in one hop: opening a table, a bulk load, a sweep, a call of a store.
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Database<E>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.try_call(call).await
    }

    /// The same for calls with an error type of their own.
    pub async fn try_call<T: Send + 'static, X: From<Error> + Send + 'static>(
        &self,
        call: impl FnOnce(&Database<E>) -> Result<T, X> + Send + 'static,
    ) -> Result<T, X> {
        self.run(|db, _| call(db)).await
    }

    async fn run<T: Send + 'static, X: From<Error> + Send + 'static>(
        &self,
        work: impl FnOnce(&Database<E>, &Caller) -> Result<T, X> + Send + 'static,
    ) -> Result<T, X> {
        match self.place {
            Place::Inline => hop::inline(|caller| work(&self.database, caller)).await,
            Place::BlockingThread => {
                let database = self.database.clone();
                hop::on_blocking_thread(move |caller| work(&database, caller)).await
            }
        }
    }
}

impl<E: Engine> Clone for AsyncDatabase<E> {
    fn clone(&self) -> Self {
        AsyncDatabase { database: self.database.clone(), place: self.place }
    }
}

impl<E: Engine> fmt::Debug for AsyncDatabase<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncDatabase").field("database", &self.database).field("place", &self.place).finish()
    }
}
