//! The engine: the contract, on a file that redb keeps.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use storage_core::engine::{Commit, Intent};
use storage_core::{Capabilities, Decoded, Engine, Keyspace, Record, Result, Stamp, Survives};
use uuid::Uuid;

use crate::commit::apply;
use crate::newest::{File, Manner, Newest};
use crate::options::{RedbOptions, Settings};
use crate::snapshot::RedbSnapshot;
use crate::stored::{RedbOwned, owned};
use crate::{disk, error, header};

/// The redb engine: everything in one file, which one process has open at a time.
///
/// A `Sync` commit survives power loss. A `Deferred` one survives a clean close, and a crash only once a later `Sync`
/// commit or a `sync` made it durable; core calls `sync` within a second. Reads run beside each other and beside a
/// commit. Snapshots and found values keep what they see on disk until they are dropped.
///
/// After a full disk or another failure of the file it answers `Unavailable` until it is opened again.
#[derive(Debug)]
pub struct RedbEngine {
    newest: Newest,
    store: Uuid,
    settings: Settings,
    /// About how many bytes of pages no durable commit has written yet.
    unsaved_bytes: AtomicU64,
}

impl RedbEngine {
    /// Opens the file at `path`, or creates it, with the default options. See [`RedbOptions::open`] for what can fail.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        RedbOptions::at(path.as_ref()).open()
    }

    pub(crate) fn with_settings(settings: &Settings) -> Result<Self> {
        error::guarded("open", || {
            disk::create_if_missing(settings, |file| header::open(file, settings)?.0.close())?;
            RedbEngine::assemble(disk::open(settings)?, settings.clone())
        })
    }

    /// The engine on what redb opened, whatever backend it stands on.
    pub(crate) fn assemble(file: File, settings: Settings) -> Result<Self> {
        let (newest, store) = header::open(file, &settings)?;
        Ok(RedbEngine { newest, store, settings, unsaved_bytes: AtomicU64::new(0) })
    }

    /// How it was opened.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The random id that the file was given when it was created.
    pub fn store_id(&self) -> Uuid {
        self.store
    }

    pub(crate) fn newest(&self) -> &Newest {
        &self.newest
    }

    pub(crate) fn unsaved_bytes(&self) -> &AtomicU64 {
        &self.unsaved_bytes
    }
}

impl Engine for RedbEngine {
    type Snapshot = RedbSnapshot;
    type Owned = RedbOwned;

    fn capabilities(&self) -> Capabilities {
        Capabilities::durable(error::NAME).with_deferred(Survives::Close).with_access(self.settings.access)
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<RedbOwned>>> {
        error::guarded("get", || {
            let view = self.newest.view()?;
            let Some(table) = view.table(keyspace)? else { return Ok(None) };
            let found = table.get_owned(key).map_err(|cause| error::failed("get", cause))?;
            found.map(|guard| owned(keyspace, key, guard)).transpose()
        })
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.newest.view()?.keyspaces()
    }

    fn snapshot(&self, _: Intent) -> Result<RedbSnapshot> {
        error::guarded("begin to read", || self.newest.view().map(RedbSnapshot::new))
    }

    fn commit(&self, commit: Commit<'_, RedbSnapshot>) -> Result<()> {
        // First, so that the commit keeps no page for it.
        drop(commit.basis);
        let manner = Manner { durability: commit.durability, quick_repair: self.settings.quick_repair };
        self.newest.commit(manner, |transaction| apply(transaction, commit.batch))
    }

    fn sync(&self) -> Result<()> {
        self.newest.sync()?;
        self.unsaved_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn close(&self) -> Result<()> {
        self.newest.close()
    }
}
