//! The one connection that writes: who has it, how durable its commits are, and what others did meanwhile.
//!
//! Whoever writes takes the connection out of its place and puts it back. So a transaction that shuts others out can be
//! a snapshot that moves between threads. Waits are bounded by the busy timeout, as those for other processes are.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use storage_core::{Batch, Durability, Error, Kind, Result};

use crate::commit::apply;
use crate::connection::{Role, is_idle, kept_value, run};
use crate::disk::{Log, Salts};
use crate::error::{self, NAME};
use crate::pool::Pool;
use crate::{lineage, sql};

/// How far SQLite makes a commit go before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nowhere: the database is gone with its process.
    Off,
    /// Into the log, in order, with no wait for the disk.
    Normal,
    /// Into the log, forced to the disk with everything before it.
    Full,
}

impl From<Durability> for Level {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Sync => Level::Full,
            Durability::Deferred => Level::Normal,
        }
    }
}

/// Whether other processes may write the file too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    MayWrite,
    AreShutOut,
}

/// The connection that writes, and what is known of the file through it.
pub(crate) struct Writer {
    connection: Connection,
    level: Option<Level>,
    /// Whether commits may be lost in a power cut.
    unsynced: bool,
    /// Tells the last state that was seen apart from one that another connection has committed since. `None` where
    /// nothing was seen yet.
    mark: Option<i64>,
    /// The log, once a commit looked at it.
    log: Option<Log>,
    /// The log of which the header is known to know.
    marked: Option<Salts>,
}

impl Writer {
    fn new(connection: Connection) -> Self {
        Writer { connection, level: None, unsynced: false, mark: None, log: None, marked: None }
    }

    fn log_salts(&mut self, path: &Path) -> Result<Option<Salts>> {
        let failed = |cause| error::io("look at the log", cause);
        if self.log.is_none() {
            self.log = Log::open(path).map_err(failed)?;
        }
        self.log.as_ref().map_or(Ok(None), Log::salts).map_err(failed)
    }
}

/// The place of the writer.
pub(crate) struct Place {
    held: Mutex<Held>,
    freed: Condvar,
    wait: Duration,
    others: Others,
    /// Opens the connection anew.
    pool: Arc<Pool>,
}

enum Held {
    Free(Box<Writer>),
    Taken,
    Closed,
    /// Something was wrong with it: it must be opened again.
    GivenUp,
}

impl Place {
    pub(crate) fn new(
        connection: Connection,
        pool: Arc<Pool>,
        wait: Duration,
        others: Others,
    ) -> Result<Self> {
        let mark = Some(mark(&connection)?);
        let writer = Box::new(Writer { mark, ..Writer::new(connection) });
        Ok(Place { held: Mutex::new(Held::Free(writer)), freed: Condvar::new(), wait, others, pool })
    }

    /// The writer, once nobody else has it. `Busy` if that takes too long.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Lease> {
        let deadline = Instant::now() + self.wait;
        let mut held = self.held.lock();
        loop {
            match std::mem::replace(&mut *held, Held::Taken) {
                Held::Free(writer) => return Ok(Lease { writer: Some(writer), place: Arc::clone(self) }),
                Held::Taken => {
                    if self.freed.wait_until(&mut held, deadline).timed_out() && matches!(*held, Held::Taken)
                    {
                        return Err(busy());
                    }
                }
                ended @ (Held::Closed | Held::GivenUp) => {
                    let error = match ended {
                        Held::Closed => error::closed(),
                        _ => error::given_up(),
                    };
                    *held = ended;
                    return Err(error);
                }
            }
        }
    }

    /// Begins a transaction that writes.
    ///
    /// `ForeignCommit` if another process has committed since the last call, which then saw it.
    pub(crate) fn begin(self: &Arc<Self>, level: Level) -> Result<Writing> {
        let mut writing = self.begin_aside(level)?;
        if self.others == Others::MayWrite {
            writing.compare_mark()?;
        }
        Ok(writing)
    }

    /// The same for what no caller of the engine takes part in: other processes' commits are noticed by the next call.
    pub(crate) fn begin_aside(self: &Arc<Self>, level: Level) -> Result<Writing> {
        let mut lease = self.take()?;
        lease.set_level(level)?;
        run(&lease.writer().connection, sql::BEGIN_WRITE)
            .map_err(|cause| error::failed("begin a commit", cause))?;
        Ok(Writing(lease))
    }

    /// Makes every commit durable, by one that changes a row: nothing else makes SQLite write and sync.
    pub(crate) fn sync(self: &Arc<Self>) -> Result<()> {
        if self.others == Others::AreShutOut {
            return Ok(());
        }
        self.take()?.sync()
    }

    /// Makes everything durable and closes the connection, after `last` was done with it.
    pub(crate) fn close(self: &Arc<Self>, last: impl FnOnce(&Connection) -> Result<()>) -> Result<()> {
        let mut lease = self.take()?;
        let synced = match lease.writer().unsynced {
            true => lease.sync(),
            false => Ok(()),
        };
        let done = last(&lease.writer().connection);
        let writer = lease.writer.take().expect("nobody has taken it");
        let closed = writer.connection.close().map_err(|(_, cause)| error::failed("close", cause));
        self.put(Held::Closed);
        synced.and(done).and(closed)
    }

    /// Lets go of the connection: what the commits so far made is no longer certain.
    pub(crate) fn give_up(&self, mut lease: Lease) {
        drop(lease.writer.take());
        self.put(Held::GivenUp);
    }

    fn put(&self, held: Held) {
        *self.held.lock() = held;
        self.freed.notify_one();
    }
}

#[cold]
fn busy() -> Error {
    Error::new(Kind::Busy, "somebody else writes for longer than it waits").in_engine(NAME)
}

fn mark(connection: &Connection) -> Result<i64> {
    kept_value(connection, sql::MARK).map_err(|cause| error::failed("look for other commits", cause))
}

/// The writer, for as long as somebody has it.
pub(crate) struct Lease {
    /// Gone once it was closed.
    writer: Option<Box<Writer>>,
    place: Arc<Place>,
}

impl Lease {
    fn writer(&self) -> &Writer {
        self.writer.as_deref().expect("it is taken out only at the end")
    }

    fn writer_mut(&mut self) -> &mut Writer {
        self.writer.as_deref_mut().expect("it is taken out only at the end")
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.writer().connection
    }

    /// Sets how far commits go. SQLite allows it between transactions only.
    pub(crate) fn set_level(&mut self, level: Level) -> Result<()> {
        let level = match self.place.others {
            Others::MayWrite => level,
            Others::AreShutOut => Level::Off,
        };
        if self.writer().level == Some(level) {
            return Ok(());
        }
        let text = match level {
            Level::Off => "PRAGMA synchronous = OFF",
            Level::Normal => "PRAGMA synchronous = NORMAL",
            Level::Full => "PRAGMA synchronous = FULL",
        };
        self.connection().execute_batch(text).map_err(|cause| error::failed("set the durability", cause))?;
        self.writer_mut().level = Some(level);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let failed = |cause| error::failed("sync", cause);
        self.set_level(Level::Full)?;
        let connection = self.connection();
        run(connection, sql::BEGIN_WRITE).map_err(failed)?;
        let done =
            run(connection, sql::COUNT_SYNC).and_then(|()| run(connection, sql::COMMIT)).map_err(failed);
        match done {
            Ok(()) => self.writer_mut().unsynced = false,
            Err(_) => self.roll_back(),
        }
        done
    }

    /// Ends a transaction whose changes are not wanted. SQLite ends some by itself when they fail.
    fn roll_back(&mut self) {
        let connection = self.connection();
        if !connection.is_autocommit()
            && run(connection, sql::ROLLBACK).is_err()
            && !connection.is_autocommit()
        {
            drop(self.writer.take());
            self.place.put(Held::GivenUp);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut writer) = self.writer.take() else { return };
        if !is_idle(&writer.connection) {
            // Marks of two connections cannot be compared, so the next commit goes again.
            let Ok(connection) = self.place.pool.open(Role::Write) else {
                self.place.put(Held::GivenUp);
                return;
            };
            *writer = Writer { unsynced: writer.unsynced, ..Writer::new(connection) };
        }
        self.place.put(Held::Free(writer));
    }
}

/// A transaction that may write: no other connection commits until it ends. Dropping it rolls it back.
pub(crate) struct Writing(Lease);

impl Writing {
    #[inline]
    pub(crate) fn connection(&self) -> &Connection {
        self.0.connection()
    }

    fn compare_mark(&mut self) -> Result<()> {
        let now = mark(self.connection())?;
        let writer = self.0.writer_mut();
        if writer.mark == Some(now) {
            return Ok(());
        }
        writer.mark = Some(now);
        // They may have committed without waiting for the disk.
        writer.unsynced = true;
        Err(error::foreign())
    }

    /// Commits a batch, or nothing of it.
    pub(crate) fn commit_batch(mut self, batch: &Batch) -> Result<()> {
        let done = self.mark_log().and_then(|marked| {
            apply(self.connection(), batch).and_then(|()| self.end())?;
            self.0.writer_mut().marked = marked;
            Ok(())
        });
        if done.is_err() {
            // Some may be on a table that is gone with the transaction that made it.
            self.connection().flush_prepared_statement_cache();
        }
        done
    }

    /// Has the header know the log that there is now, before anything is written: a large batch begins another.
    fn mark_log(&mut self) -> Result<Option<Salts>> {
        let place = Arc::clone(&self.0.place);
        if place.others == Others::AreShutOut {
            return Ok(None);
        }
        let writer = self.0.writer_mut();
        let salts = writer.log_salts(place.pool.path())?;
        if salts.is_none() || salts != writer.marked {
            lineage::mark(&writer.connection, salts).map_err(|cause| error::failed("commit", cause))?;
        }
        Ok(salts)
    }

    /// Commits what was written.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let (level, unsynced) = (self.0.writer().level, self.0.writer().unsynced);
        let is_synced = level == Some(Level::Full);
        if is_synced && unsynced {
            // The changes may change nothing, and SQLite then writes and syncs nothing.
            run(self.connection(), sql::COUNT_SYNC).map_err(|cause| error::failed("commit", cause))?;
        }
        run(self.connection(), sql::COMMIT).map_err(error::commit)?;
        self.0.writer_mut().unsynced = level == Some(Level::Normal);
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.0.writer.is_some() {
            self.0.roll_back();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("wait", &self.wait)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}
