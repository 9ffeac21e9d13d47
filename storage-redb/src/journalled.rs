//! A journal in front of the file: commits carry their version, and a checkpoint is a durable commit of its epochs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage_core::engine::Journalled;
use storage_core::journal::{self, Epochs, Journal, JournalOptions, Large, Mark, OsDisk};
use storage_core::{Access, Batch, Durability, Error, Kind, Result};

use crate::commit::apply;
use crate::engine::RedbEngine;
use crate::error::NAME;
use crate::header;
use crate::newest::Manner;
use crate::options::QuickRepair;

/// What a page takes: at most one is written anew for each record, besides those above it.
const PAGE_LEN: u64 = 4096;

impl Journalled for RedbEngine {
    fn store_id(&self) -> [u8; 16] {
        *RedbEngine::store_id(self).as_bytes()
    }

    fn mark(&self) -> Result<Mark> {
        header::mark(&*self.newest().view()?)
    }

    fn apply(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        let quick_repair = self.settings().quick_repair;
        self.newest().commit(Manner { durability, quick_repair }, |transaction| {
            apply(transaction, batch)?;
            header::set_version(transaction, version)
        })?;
        match durability {
            Durability::Sync => self.unsaved_bytes().store(0, Ordering::Relaxed),
            Durability::Deferred => {
                let pages = (batch.writes.len() + batch.range_deletes.len()) as u64 * PAGE_LEN;
                let bytes = pages + batch.len_bytes() as u64;
                self.unsaved_bytes().fetch_add(bytes, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn admit(&self, _: &Batch) -> Result<()> {
        Ok(())
    }

    /// A commit with quick repair, which takes everything in one step, so that opening after a crash need not read the whole file.
    fn checkpoint(&self, epochs: Epochs, _: u64) -> Result<u64> {
        let manner = Manner { durability: Durability::Sync, quick_repair: QuickRepair::EveryCommit };
        let mut version = 0;
        self.newest().commit(manner, |transaction| {
            self.unsaved_bytes().store(0, Ordering::Relaxed);
            version = header::version(transaction)?;
            header::set_epochs(transaction, epochs)
        })?;
        Ok(version)
    }

    fn unsaved_bytes(&self) -> u64 {
        RedbEngine::unsaved_bytes(self).load(Ordering::Relaxed)
    }
}

/// The files of the journal: beside the file, with its name before their own.
fn disk(path: &Path) -> OsDisk {
    OsDisk::beside(path)
}

/// Opens the journal in front of an engine.
pub(crate) fn open(engine: RedbEngine, options: JournalOptions) -> Result<Journal<RedbEngine>> {
    let disk = disk(&engine.settings().path);
    Journal::open(engine, Arc::new(disk), options.with_large(Large::PastTheJournal))
}

/// Applies what a journal holds that the file was written with, and removes it.
///
/// A file that is only read cannot be written to: `Unavailable` if its journal holds anything that it lacks.
pub(crate) fn retire(engine: &RedbEngine) -> Result<()> {
    let disk = disk(&engine.settings().path);
    if engine.settings().access == Access::ReadWrite {
        return journal::retire(engine, &disk);
    }
    match journal::is_applied(engine, &disk)? {
        true => Ok(()),
        false => {
            let message = "the journal holds commits that the file lacks: open it for writing once";
            Err(Error::new(Kind::Unavailable, message).in_engine(NAME).during("open"))
        }
    }
}
