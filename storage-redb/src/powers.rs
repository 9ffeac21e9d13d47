//! What redb can do beyond the contract: check its file, compact it, and have a record damaged for tests.

use redb::ReadableTable;
use storage_core::engine::{Check, Checked, Compact, Compacted, Damage};
use storage_core::{Durability, Keyspace, Result, STAMP_LEN};

use crate::engine::RedbEngine;
use crate::newest::Manner;
use crate::options::QuickRepair;
use crate::view::definition;
use crate::{disk, error};

/// It reads the whole file, and makes deferred commits durable.
impl Check for RedbEngine {
    fn check(&self) -> Result<Checked> {
        let path = &self.settings().path;
        self.newest().alone(|database| {
            let bytes = disk::len(path)?;
            match database.check_integrity() {
                Ok(true) => Ok(Checked { bytes }),
                Ok(false) => Err(error::repaired()),
                Err(cause) => Err(error::failed("check", cause)),
            }
        })
    }
}

/// It makes deferred commits durable. A crash on the way loses nothing, but the file is repaired when it is opened.
impl Compact for RedbEngine {
    fn compact(&self) -> Result<Compacted> {
        let path = &self.settings().path;
        self.newest().alone(|database| {
            let bytes_before = disk::len(path)?;
            database.compact().map_err(|cause| error::failed("compact", cause))?;
            Ok(Compacted { bytes_before, bytes_after: disk::len(path)? })
        })
    }
}

impl Damage for RedbEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        let failed = |cause: redb::StorageError| error::failed("damage a record", cause);
        let mut is_there = false;
        let manner = Manner { durability: Durability::Sync, quick_repair: QuickRepair::AtSync };
        self.newest().commit(manner, |transaction| {
            let opened = transaction.open_table(definition(keyspace));
            let mut table = opened.map_err(|cause| error::failed("damage a record", cause))?;
            let found = table.get(key).map_err(failed)?.map(|found| found.value().to_vec());
            let Some(mut stored) = found else { return Ok(()) };
            is_there = true;
            let mut value = stored.split_off(STAMP_LEN.min(stored.len()));
            change(&mut value);
            stored.append(&mut value);
            table.insert(key, stored.as_slice()).map(drop).map_err(failed)
        })?;
        Ok(is_there)
    }
}
