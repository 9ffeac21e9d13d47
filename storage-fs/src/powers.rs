//! What plain files can do beyond the contract: be checked, compacted and counted, and have a record damaged for tests.

use std::sync::Arc;

use storage_core::engine::{
    Check, Checked, Compact, Compacted, Damage, Journalled, StorageFigures, StorageStatistics,
};
use storage_core::{Batch, Change, Durability, Keyspace, Payload, Record, Result, STAMP_LEN, Write};

use crate::engine::{FsEngine, Shared};
use crate::segment::Segments;
use crate::state::Where;

/// It reads every line and every file. Commits wait only where they need a checkpoint.
impl Check for FsEngine {
    fn check(&self) -> Result<Checked> {
        self.shared.check_open()?;
        check(&self.shared).map_err(|error| self.shared.below(error))
    }
}

fn check(shared: &Shared) -> Result<Checked> {
    let writer = shared.writer.lock();
    let pending = shared.pending.lock().records();
    let mut bytes = 0;
    for segments in writer.segments() {
        bytes += segments.len();
        for extent in &segments.extents {
            extent.segment.each_line("check", segments.keyspace, extent.len, |_, _| ())?;
        }
    }
    for (keyspace, records) in writer.on_disk().keyspaces() {
        for (key, cell) in records {
            if pending.contains(&(keyspace, key.clone())) {
                continue;
            }
            let value = cell.read_disk(&*shared.tree, keyspace, key)?;
            cell.stamp.verify(keyspace, key, value.as_ref())?;
            if let Some(Where::File { identity, .. }) = cell.place().disk.map(|disk| disk.value) {
                bytes += identity.len;
            }
        }
    }
    Ok(Checked { bytes })
}

/// It writes the lines that are true into new segments. A snapshot goes on reading the old ones.
impl Compact for FsEngine {
    fn compact(&self) -> Result<Compacted> {
        self.shared.check_open()?;
        self.shared.compact().map_err(|error| self.shared.below(error))
    }
}

impl StorageStatistics for FsEngine {
    fn storage_statistics(&self) -> Result<StorageFigures> {
        self.shared.check_open()?;
        let writer = self.shared.writer.lock();
        let lines: u64 = writer.segments().map(Segments::len).sum();
        let live_lines: u64 = writer.segments().map(|segments| segments.live).sum();
        let (mut files, mut live) = (0, 0);
        for (_, records) in writer.on_disk().keyspaces() {
            for (key, cell) in records {
                let value_len = match cell.place().disk.map(|disk| disk.value) {
                    Some(Where::File { identity, .. }) => {
                        files += identity.len;
                        identity.len
                    }
                    Some(Where::Line { len, .. }) => u64::from(len),
                    Some(Where::Aside { .. }) | None => 0,
                };
                live += (key.len() + STAMP_LEN) as u64 + value_len;
            }
        }
        let mut figures = StorageFigures::default();
        figures.disk_bytes = Some(lines + files);
        figures.live_bytes = Some(live);
        figures.fragmented_bytes = Some(lines - live_lines);
        Ok(figures)
    }
}

impl Damage for FsEngine {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        self.shared.check_open()?;
        let found = self.shared.newest.read().get(keyspace, key).map(Arc::clone);
        let Some(cell) = found else { return Ok(false) };
        let mut value = cell.value(&*self.shared.tree, keyspace, key)?.as_ref().to_vec();
        change(&mut value);
        let mut batch = Batch::default();
        let record = Record { stamp: cell.stamp, value: Payload::new(&value) };
        batch.writes = vec![Write { keyspace, key: key.into(), change: Change::Put(record) }];
        let version = self.shared.pending.lock().version();
        self.apply(&batch, version, Durability::Deferred)?;
        Ok(true)
    }
}
