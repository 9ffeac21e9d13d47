//! Connections that read: as many as there are readers, and some kept for the next.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use storage_core::Result;

use crate::connect;
use crate::error;
use crate::options::Settings;

/// So many connections are kept open without a reader.
const IDLE_MAX: usize = 16;

pub(crate) struct Pool {
    path: PathBuf,
    settings: Settings,
    /// `None` once it is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Pool {
    pub(crate) fn new(path: PathBuf, settings: Settings) -> Arc<Self> {
        Arc::new(Pool { path, settings, idle: Mutex::new(Some(Vec::new())) })
    }

    /// A connection, outside any transaction. `Closed` after the end.
    pub(crate) fn reader(self: &Arc<Self>) -> Result<Reader> {
        let idle = match &mut *self.idle.lock() {
            Some(idle) => idle.pop(),
            None => {
                return Err(error::refused(storage_core::Kind::Closed, "read", "the file is closed".into()));
            }
        };
        let connection = match idle {
            Some(connection) => connection,
            None => connect::reader(&self.path, &self.settings)?,
        };
        Ok(Reader { connection: Some(connection), pool: Arc::clone(self) })
    }

    /// Closes the connections that nobody reads with; those in use close when their readers end.
    pub(crate) fn close(&self) {
        drop(self.idle.lock().take());
    }

    /// Takes a connection back, unless it is still in a transaction or enough are there.
    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if let Some(idle) = &mut *idle
            && idle.len() < IDLE_MAX
            && connection.is_autocommit()
        {
            idle.push(connection);
            return;
        }
        // Closing may take a while.
        drop(idle);
        drop(connection);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle.lock().as_ref().map(Vec::len);
        f.debug_struct("Pool").field("path", &self.path).field("idle", &idle).finish()
    }
}

/// A connection that goes back to its pool.
pub(crate) struct Reader {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put_back(connection);
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}
