//! How much room the file takes, and for what.

use redb::{ReadableTableMetadata, UntypedTableHandle};
use storage_core::engine::{StorageFigures, StorageStatistics};
use storage_core::{Error, Result};

use crate::engine::RedbEngine;
use crate::{disk, error};

/// It reads every page of the tables. redb does not tell what a snapshot holds back.
impl StorageStatistics for RedbEngine {
    fn storage_statistics(&self) -> Result<StorageFigures> {
        let view = self.newest().view()?;
        let transaction = view.transaction();
        let (mut live, mut metadata) = (0, 0);
        let tables: Vec<UntypedTableHandle> = transaction.list_tables().map_err(failed)?.collect();
        for table in tables {
            let stats = transaction.open_untyped_table(table).map_err(failed)?.stats().map_err(failed)?;
            live += stats.stored_bytes();
            metadata += stats.metadata_bytes();
        }
        let disk = disk::len(&self.settings().path)?;
        let mut figures = StorageFigures::default();
        figures.disk_bytes = Some(disk);
        figures.live_bytes = Some(live);
        figures.fragmented_bytes = Some(disk.saturating_sub(live + metadata));
        Ok(figures)
    }
}

fn failed(cause: impl Into<redb::Error>) -> Error {
    error::failed("count what is stored", cause)
}
