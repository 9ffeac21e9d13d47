//! How much room the database takes, and for what.

use rusqlite::Connection;
use storage_core::Result;
use storage_core::engine::{StorageFigures, StorageStatistics};

use crate::connection::value;
use crate::engine::SqliteEngine;
use crate::snapshot::keyspaces;
use crate::{disk, error, sql};

/// It reads every page of the tables but no long value. SQLite does not tell what a snapshot holds back.
impl StorageStatistics for SqliteEngine {
    fn storage_statistics(&self) -> Result<StorageFigures> {
        let reading = self.pool().begin()?;
        let connection = reading.connection();
        let mut live = 0;
        for keyspace in keyspaces(connection)? {
            live += count(connection, &sql::of(keyspace).live_bytes)?;
        }
        let free = count(connection, sql::FREE_BYTES)?;
        let unused = count(connection, sql::UNUSED_BYTES)?;
        let mut figures = StorageFigures::default();
        figures.disk_bytes = Some(disk::len(self.path())?);
        figures.live_bytes = Some(live);
        figures.fragmented_bytes = Some(free + unused + disk::log_len(self.path()));
        Ok(figures)
    }
}

fn count(connection: &Connection, text: &str) -> Result<u64> {
    let counted: i64 =
        value(connection, text).map_err(|cause| error::failed("count what is stored", cause))?;
    Ok(counted.unsigned_abs())
}
