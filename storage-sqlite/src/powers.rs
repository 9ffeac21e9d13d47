//! What SQLite can do beyond the contract: check and compact its file, tell its size, back it up, damage a record.

use std::fs;
use std::path::Path;

use rusqlite::params;
use storage_core::engine::{Check, Checked, Compact, Compacted, Damage, Figures, StorageStatistics};
use storage_core::{Durability, Keyspace, Kind, Result};

use crate::engine::SqliteEngine;
use crate::error;
use crate::snapshot;
use crate::sql::Statements;

impl SqliteEngine {
    /// Copies the database into a new file, as it is now, while it is read and written.
    ///
    /// The copy is compact, is on the disk when this returns, and opens like any other. `Invalid` if there is a file.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<()> {
        let to = to.as_ref();
        let failed = |cause| error::failed("back up", cause);
        if to.exists() {
            return Err(error::refused(
                Kind::Invalid,
                "back up",
                format!("{} is there already", to.display()),
            ));
        }
        let Some(name) = to.to_str() else {
            return Err(error::refused(Kind::Invalid, "back up", "the path is not UTF-8".into()));
        };
        // A connection of its own, so that commits go on.
        let reader = crate::connect::reader(self.path(), self.settings())?;
        reader.pragma_update(None, "query_only", false).map_err(failed)?;
        reader.execute("VACUUM INTO ?1", [name]).map_err(failed)?;
        // The copy is not in WAL mode yet.
        let copy = rusqlite::Connection::open(to).map_err(failed)?;
        copy.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
        copy.close().map_err(|(_, cause)| failed(cause))?;
        let synced = fs::File::open(to).and_then(|file| file.sync_all());
        synced.map_err(|cause| error::io("back up", cause))
    }

    /// The bytes of the file and of its log.
    fn disk_bytes(&self) -> Result<u64> {
        let file = fs::metadata(self.path()).map_err(|cause| error::io("measure the file", cause))?;
        let mut log = self.path().as_os_str().to_owned();
        log.push("-wal");
        // Where nothing was written since it was opened, there is none.
        Ok(file.len() + fs::metadata(log).map_or(0, |log| log.len()))
    }
}

impl Check for SqliteEngine {
    fn check(&self) -> Result<Checked> {
        let bytes = self.disk_bytes()?;
        self.writing(|writer| {
            let found: String = writer
                .connection()
                .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
                .map_err(|cause| error::failed("check", cause))?;
            match found.as_str() {
                "ok" => Ok(Checked { bytes }),
                found => Err(error::refused(Kind::Corrupt, "check", format!("the file is damaged: {found}"))),
            }
        })
    }
}

/// It makes deferred commits durable.
impl Compact for SqliteEngine {
    fn compact(&self) -> Result<Compacted> {
        self.writing(|writer| {
            let failed = |cause| error::failed("compact", cause);
            let bytes_before = self.disk_bytes()?;
            writer.sync()?;
            writer.connection().execute_batch("VACUUM").map_err(failed)?;
            let checkpoint = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            let held: i64 = writer
                .connection()
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], checkpoint)
                .map_err(failed)?;
            if held != 0 {
                let message = "snapshots are held, so that the log cannot be emptied";
                return Err(error::refused(Kind::Busy, "compact", message.into()));
            }
            Ok(Compacted { bytes_before, bytes_after: self.disk_bytes()? })
        })
    }
}

impl StorageStatistics for SqliteEngine {
    fn storage_statistics(&self) -> Result<Figures> {
        let disk_bytes = self.disk_bytes()?;
        self.writing(|writer| {
            let number = |pragma: &str| {
                let read = writer.connection().pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
                read.map_err(|cause| error::failed("measure the file", cause))
            };
            let free = number("freelist_count")? * number("page_size")?;
            let mut figures = Figures::default();
            figures.disk_bytes = Some(disk_bytes);
            figures.fragmented_bytes = u64::try_from(free).ok();
            Ok(figures)
        })
    }
}

impl Damage for SqliteEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        self.writing(|writer| {
            let Some(record) = snapshot::get(writer.connection(), keyspace, key)? else { return Ok(false) };
            let mut value = record.value.to_vec();
            change(&mut value);
            let sql = format!("UPDATE \"{}\" SET value = ?1 WHERE key = ?2", Statements::of(keyspace).table);
            let changed = writer.connection().execute(&sql, params![value, key]);
            changed.map_err(|cause| error::failed("damage a record", cause))?;
            writer.commit(&storage_core::Batch::default(), Durability::Sync)?;
            Ok(true)
        })
    }
}
