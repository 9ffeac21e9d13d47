//! Copying the database into a new file while it is used.

use std::fs;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use storage_core::engine::{BackedUp, NativeBackup};
use storage_core::{Error, Kind, Result};
use uuid::Uuid;

use crate::disk;
use crate::engine::SqliteEngine;
use crate::error::{self, NAME};

const DOING: &str = "back up";

/// The copy has the store's id. It is made under another name beside `path`, and linked to its own when it is whole.
impl NativeBackup for SqliteEngine {
    fn backup(&self, path: &Path) -> Result<BackedUp> {
        let failed = |cause| error::io(DOING, cause);
        let path = std::path::absolute(path).map_err(failed)?;
        if fs::symlink_metadata(&path).is_ok() {
            return Err(error::invalid(DOING, "there is something at the path already"));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", Uuid::new_v4()));
        let made = path.with_file_name(name);
        disk::create(&made).map_err(failed)?;
        let done = self.copy_to(&made).and_then(|()| disk::publish(&made, &path).map_err(failed));
        // What became of it is told by the error.
        fs::remove_file(&made).ok();
        done.map(|bytes| BackedUp { bytes })
    }
}

impl SqliteEngine {
    fn copy_to(&self, path: &Path) -> Result<()> {
        let failed = |cause| error::failed(DOING, cause);
        let reading = self.pool().begin()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags).map_err(failed)?;
        // In one step, from a transaction that is pinned: nothing that is committed meanwhile makes it begin again.
        match Backup::new(reading.connection(), &mut copy)
            .and_then(|backup| backup.step(-1))
            .map_err(failed)?
        {
            StepResult::Done => {}
            _ => return Err(Error::new(Kind::Busy, "others held the file").in_engine(NAME).during(DOING)),
        }
        copy.close().map_err(|(_, cause)| failed(cause))
    }
}
