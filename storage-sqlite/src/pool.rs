//! The connections that read. One is opened where none is free, so their number has no limit; some are kept.

use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use storage_core::Result;

use crate::connection::{self, Role, is_idle, kept_value, run};
use crate::options::Settings;
use crate::{error, sql};

/// Connections that read one file.
pub(crate) struct Pool {
    path: PathBuf,
    settings: Settings,
    free: Mutex<Free>,
}

/// The connections that nobody uses, each outside any transaction.
enum Free {
    Open(Vec<Connection>),
    Closed,
    /// The file was found damaged: it must be opened again.
    GivenUp,
}

impl Pool {
    pub(crate) fn new(path: PathBuf, settings: Settings) -> Self {
        Pool { path, settings, free: Mutex::new(Free::Open(Vec::new())) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection outside any transaction: what it reads is the newest.
    #[inline]
    pub(crate) fn reader(&self) -> Result<Connection> {
        match &mut *self.free.lock() {
            Free::Open(free) => {
                if let Some(connection) = free.pop() {
                    return Ok(connection);
                }
            }
            Free::Closed => return Err(error::closed()),
            Free::GivenUp => return Err(error::given_up()),
        }
        self.open(Role::Read)
    }

    /// A new connection to the file.
    pub(crate) fn open(&self, role: Role) -> Result<Connection> {
        connection::open(&self.path, &self.settings, role)
    }

    /// Takes back a connection that is in no transaction.
    #[inline]
    pub(crate) fn give_back(&self, connection: Connection) {
        let mut free = self.free.lock();
        match &mut *free {
            Free::Open(free) if free.len() < self.settings.readers_kept => free.push(connection),
            _ => {
                // Closing it takes longer than others should wait.
                drop(free);
                drop(connection);
            }
        }
    }

    /// A read transaction that sees what is committed now.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<Reading> {
        let connection = self.reader()?;
        let begun = run(&connection, sql::BEGIN_READ)
            // It is the first read that pins a transaction.
            .and_then(|()| kept_value::<i64>(&connection, sql::MARK));
        let reading = Reading { connection: Some(connection), pool: Arc::clone(self) };
        begun.map(|_| reading).map_err(|cause| error::failed("begin to read", cause))
    }

    /// Closes the connections that nobody uses; the others are closed when they are given back.
    pub(crate) fn close(&self) {
        drop(mem::replace(&mut *self.free.lock(), Free::Closed));
    }

    /// The same where the file was found damaged.
    pub(crate) fn give_up(&self) {
        drop(mem::replace(&mut *self.free.lock(), Free::GivenUp));
    }
}

/// A read transaction. Dropping it ends it.
pub(crate) struct Reading {
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Reading {
    #[inline]
    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken out only when it is dropped")
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let connection = self.connection.take().expect("it is dropped once");
        let ended = connection.is_autocommit() || run(&connection, sql::COMMIT).is_ok();
        if ended && is_idle(&connection) {
            self.pool.give_back(connection);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free = match &*self.free.lock() {
            Free::Open(free) => Some(free.len()),
            Free::Closed | Free::GivenUp => None,
        };
        f.debug_struct("Pool").field("path", &self.path).field("free", &free).finish_non_exhaustive()
    }
}
