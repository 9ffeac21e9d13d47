//! What SQLite can do beyond the contract: check its file, compact it, and have a record damaged for tests.

use std::time::Duration;

use rusqlite::Connection;
use storage_core::engine::{Check, Checked, Compact, Compacted, Damage};
use storage_core::{Access, Error, Keyspace, Kind, Result};

use crate::connection::{prepare_in, value};
use crate::engine::SqliteEngine;
use crate::error::NAME;
use crate::snapshot::get;
use crate::writer::Level;
use crate::{disk, error, sql};

/// It reads the whole file. Readers, and writers of other processes, go on beside it.
impl Check for SqliteEngine {
    fn check(&self) -> Result<Checked> {
        let bytes = disk::len(self.path())?;
        if self.settings().access == Access::ReadOnly {
            check(self.pool().begin()?.connection()).inspect_err(|error| self.give_up_after(error))?;
            return Ok(Checked { bytes });
        }
        let place = self.writer()?;
        let lease = place.take()?;
        let checked = check(lease.connection());
        if let Err(error) = &checked {
            self.give_up_after(error);
            if error.kind() == Kind::Corrupt {
                place.give_up(lease);
            }
        }
        checked.map(|()| Checked { bytes })
    }
}

fn check(connection: &Connection) -> Result<()> {
    let found: String = value(connection, sql::CHECK).map_err(|cause| error::failed("check", cause))?;
    match found.as_str() {
        "ok" => Ok(()),
        damage => Err(error::corrupt("check", format!("the file is damaged: {}", damage.escape_debug()))),
    }
}

impl SqliteEngine {
    fn give_up_after(&self, error: &Error) {
        if error.kind() == Kind::Corrupt {
            self.pool().give_up();
        }
    }
}

/// It makes deferred commits durable. It waits for nobody: `Busy` while a snapshot is held, here or in another process.
impl Compact for SqliteEngine {
    fn compact(&self) -> Result<Compacted> {
        let failed = |cause| error::failed("compact", cause);
        let mut lease = self.writer()?.take()?;
        lease.set_level(Level::Full)?;
        let connection = lease.connection();
        let bytes_before = disk::len(self.path())?;
        connection.busy_timeout(Duration::ZERO).map_err(failed)?;
        let done = move_log(connection)
            .and_then(|()| connection.execute_batch(sql::VACUUM).map_err(failed))
            .and_then(|()| move_log(connection));
        connection.busy_timeout(self.settings().busy_timeout).map_err(failed)?;
        done?;
        Ok(Compacted { bytes_before, bytes_after: disk::len(self.path())? })
    }
}

/// Moves the whole log into the file and cuts it off. `Busy` while somebody still reads from it.
fn move_log(connection: &Connection) -> Result<()> {
    let is_in_use: bool =
        value(connection, sql::CHECKPOINT).map_err(|cause| error::failed("compact", cause))?;
    match is_in_use {
        false => Ok(()),
        true => {
            let message = "snapshots are still held, or another process reads";
            Err(Error::new(Kind::Busy, message).in_engine(NAME).during("compact"))
        }
    }
}

impl Damage for SqliteEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        const DOING: &str = "damage a record";
        let writing = self.writer()?.begin_aside(Level::Full)?;
        let connection = writing.connection();
        let texts = sql::of(keyspace);
        let Some(mut statement) = prepare_in(connection, DOING, keyspace, &texts.get)? else {
            return Ok(false);
        };
        let Some(record) = get(&mut statement, keyspace, key)? else { return Ok(false) };
        drop(statement);
        let mut value = record.value;
        change(&mut value);
        connection
            .execute(&texts.replace_value, (key, value))
            .map_err(|cause| error::failed(DOING, cause))?;
        writing.commit().map(|()| true)
    }
}
