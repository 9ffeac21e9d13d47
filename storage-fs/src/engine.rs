//! The engine: the contract, in memory; commits wait there until a checkpoint has written them to the files.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use storage_core::engine::{Commit, Durability, Intent, Journalled};
use storage_core::journal::{Epochs, Journal, JournalOptions, Mark};
use storage_core::{
    Batch, Capabilities, Change, Codec, Decoded, Direction, Engine, Error, IfMissing, Key, Keyspace, Kind,
    Record, Result, Stamp, Survives,
};
use uuid::Uuid;

use crate::cache::Cache;
use crate::disk::{self, JournalDisk, OWN, OsTree, Tree};
use crate::error::{self, NAME};
use crate::options::Settings;
use crate::pending::Pending;
use crate::snapshot::FsSnapshot;
use crate::state::{Cell, FsValue, State};
use crate::writer::Writer;

/// The plain-file engine: records in files that people and their tools read, behind a journal.
///
/// It is always opened with the journal in front of it, as [`Journal<FsEngine>`](Journal): by
/// [`FsOptions::open`](crate::FsOptions::open). A `Sync` commit survives power loss, a `Deferred` one the process.
/// Every key is in memory, values are on the disk, those used last in memory too. A commit can be seen in its file half
/// a second later at the latest (an option), or once [`Journal::checkpoint`] returns.
///
/// Its own `commit` is refused: commits go through the journal.
#[derive(Debug)]
pub struct FsEngine {
    pub(crate) shared: Arc<Shared>,
    /// Who has the store, until it is closed.
    lock: Mutex<Option<Lock>>,
}

/// The locked file. It is unlocked by name, since a process that is being started may have it open still.
#[derive(Debug)]
pub(crate) struct Lock(fs::File);

impl Drop for Lock {
    fn drop(&mut self) {
        // It is closed next, which unlocks it as well.
        self.0.unlock().ok();
    }
}

/// What the engine and its snapshots share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tree: Arc<dyn Tree>,
    pub(crate) settings: Settings,
    pub(crate) store: Uuid,
    pub(crate) newest: RwLock<Arc<State>>,
    pub(crate) pending: Mutex<Pending>,
    /// Held for the whole of a checkpoint.
    pub(crate) writer: Mutex<Writer>,
    pub(crate) cache: Cache,
    /// Checksums of values that a checkpoint may have written before a crash; `None` once the store is open.
    pub(crate) replayed: Mutex<Option<Replayed>>,
    /// Whether the last checkpoint found no room.
    pub(crate) is_full: AtomicBool,
    is_closed: AtomicBool,
}

/// The checksums of the values that each record was given.
pub(crate) type Replayed = HashMap<(Keyspace, Key), Vec<u32>>;

impl FsEngine {
    pub(crate) fn open(settings: Settings, journal: JournalOptions) -> Result<Journal<FsEngine>> {
        let root = settings.root.clone();
        let open = || {
            let lock = take(&settings)?;
            let tree: Arc<dyn Tree> = Arc::new(OsTree::new(settings.root.clone()));
            let engine = FsEngine::assemble(tree, settings, Some(lock))?;
            engine.journalled(journal)
        };
        open().map_err(|error| error::below(&root, error))
    }

    /// Opens what a tree holds, or makes a store of it.
    pub(crate) fn assemble(tree: Arc<dyn Tree>, mut settings: Settings, lock: Option<Lock>) -> Result<Self> {
        let (writer, store) = Writer::open(&*tree, &mut settings)?;
        let shared = Shared {
            newest: RwLock::new(Arc::new(writer.on_disk().apart())),
            pending: Mutex::new(Pending::new(writer.version())),
            cache: Cache::new(settings.cache_bytes),
            tree,
            settings,
            store,
            writer: Mutex::new(writer),
            replayed: Mutex::new(Some(HashMap::new())),
            is_full: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        };
        Ok(FsEngine { shared: Arc::new(shared), lock: Mutex::new(lock) })
    }

    pub(crate) fn journalled(self, options: JournalOptions) -> Result<Journal<FsEngine>> {
        let disk = Arc::new(JournalDisk(Arc::clone(&self.shared.tree)));
        let opened = Journal::open(self, disk, options)?;
        // From now on, a file that has changed was changed by somebody else.
        *opened.engine().shared.replayed.lock() = None;
        Ok(opened)
    }

    /// How it was opened.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The random id that the store was given when it was created.
    pub fn id(&self) -> Uuid {
        self.shared.store
    }
}

/// Takes the store for this handle, after its directories were made where they may be.
fn take(settings: &Settings) -> Result<Lock> {
    const DOING: &str = "open";
    let root = &settings.root;
    let shown = root.display().to_string();
    let failed = |cause: io::Error| error::no_place(&shown, cause);
    let own = root.join(OWN);
    match fs::metadata(root) {
        Ok(found) if !found.is_dir() => {
            return Err(error::invalid(DOING, format!("{shown} is no directory")));
        }
        Ok(_) => {
            let is_store = fs::symlink_metadata(&own).is_ok_and(|found| found.is_dir());
            if !is_store && fs::read_dir(root).map_err(failed)?.next().is_some() {
                return Err(error::invalid(DOING, format!("{shown} holds something else than a store")));
            }
            if !is_store && settings.if_missing == IfMissing::Fail {
                return Err(error::invalid(DOING, format!("{shown} holds no store")));
            }
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            if settings.if_missing == IfMissing::Fail {
                return Err(error::invalid(DOING, format!("there is no {shown}")));
            }
            disk::create_directory(root).and_then(|()| disk::sync_parent(root)).map_err(failed)?;
        }
        Err(cause) => return Err(failed(cause)),
    }
    disk::create_directory(&own).and_then(|()| disk::sync_parent(&own)).map_err(failed)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(own.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(fs::TryLockError::WouldBlock) => {
            let message = format!("{shown} is open elsewhere");
            Err(Error::new(Kind::Busy, message).in_engine(NAME).during(DOING))
        }
        Err(fs::TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

impl Shared {
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.is_closed.load(Ordering::Acquire) {
            true => Err(error::closed()),
            false => Ok(()),
        }
    }

    /// Notes what a batch puts, while what a crash left is repeated.
    fn note_replayed(&self, batch: &Batch) {
        let mut replayed = self.replayed.lock();
        let Some(replayed) = replayed.as_mut() else { return };
        for write in &batch.writes {
            if let Change::Put(record) = &write.change {
                let sums = replayed.entry((write.keyspace, write.key.clone())).or_default();
                sums.push(crc32fast::hash(&record.value));
            }
        }
    }

    /// The value of a record, which is not kept for it.
    pub(crate) fn value_aside(&self, keyspace: Keyspace, key: &[u8], cell: &Cell) -> Result<FsValue> {
        cell.value(&*self.tree, keyspace, key).map_err(|error| self.below(error))
    }

    /// Names the root in an error.
    pub(crate) fn below(&self, error: Error) -> Error {
        error::below(&self.settings.root, error)
    }

    /// The value of a record, which is kept in memory from now on.
    pub(crate) fn value(&self, keyspace: Keyspace, key: &[u8], cell: &Arc<Cell>) -> Result<FsValue> {
        let value = self.value_aside(keyspace, key, cell)?;
        if let FsValue::Owned(bytes) = &value {
            self.cache.keep(cell, bytes);
        }
        Ok(value)
    }
}

impl Engine for FsEngine {
    type Snapshot = FsSnapshot;
    type Owned = FsValue;

    fn capabilities(&self) -> Capabilities {
        Capabilities::durable(NAME).with_deferred(Survives::ProcessCrash).with_codec(Codec::Json)
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<FsValue>>> {
        self.shared.check_open()?;
        let found = self.shared.newest.read().get(keyspace, key).cloned();
        let Some(cell) = found else { return Ok(None) };
        let value = self.shared.value(keyspace, key, &cell)?;
        Ok(Some(Record { stamp: cell.stamp, value }))
    }

    fn kept(&self, _: Keyspace, _: &[u8]) -> Option<(Stamp, Decoded)> {
        None
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.shared.check_open()?;
        let newest = self.shared.newest.read();
        Ok(newest
            .keyspaces()
            .filter(|(_, records)| !records.is_empty())
            .map(|(keyspace, _)| keyspace)
            .collect())
    }

    fn snapshot(&self, _: Intent) -> Result<FsSnapshot> {
        self.shared.check_open()?;
        let state = Arc::clone(&self.shared.newest.read());
        Ok(FsSnapshot::new(Arc::clone(&self.shared), state))
    }

    fn commit(&self, _: Commit<'_, FsSnapshot>) -> Result<()> {
        Err(error::invalid("commit", "commits of this engine go through its journal"))
    }

    fn sync(&self) -> Result<()> {
        Err(error::invalid("sync", "commits of this engine go through its journal"))
    }

    /// The journal has made a checkpoint before.
    fn close(&self) -> Result<()> {
        self.shared.is_closed.store(true, Ordering::Release);
        drop(self.lock.lock().take());
        Ok(())
    }
}

impl Journalled for FsEngine {
    fn store_id(&self) -> [u8; 16] {
        *self.shared.store.as_bytes()
    }

    fn mark(&self) -> Result<Mark> {
        let epochs = self.shared.writer.lock().epochs();
        Ok(Mark::new(self.shared.pending.lock().version(), epochs))
    }

    fn admit(&self, batch: &Batch) -> Result<()> {
        let puts = || batch.writes.iter().any(|write| matches!(write.change, Change::Put(_)));
        match self.shared.is_full.load(Ordering::Relaxed) && puts() {
            true => Err(error::full()),
            false => Ok(()),
        }
    }

    fn apply(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        self.shared.check_open()?;
        if durability == Durability::Sync {
            let message = "a commit came past the journal, which takes all of them";
            return Err(Error::new(Kind::Internal, message).in_engine(NAME).during("commit"));
        }
        self.shared.note_replayed(batch);
        let mut newest = self.shared.newest.write();
        let state = Arc::make_mut(&mut *newest);
        let mut pending = self.shared.pending.lock();
        pending.begin(version);
        for (keyspace, range) in &batch.range_deletes {
            let records = state.records_mut(*keyspace);
            let keys: Vec<_> = crate::snapshot::within(records, range, Direction::Forward)
                .map(|(key, _)| key.clone())
                .collect();
            for key in keys {
                records.remove(&key);
                pending.add(*keyspace, key, None);
            }
        }
        for group in batch.writes.chunk_by(|one, other| one.keyspace == other.keyspace) {
            let keyspace = group[0].keyspace;
            let records = state.records_mut(keyspace);
            for write in group {
                match &write.change {
                    Change::Put(record) => {
                        let cell = Arc::new(Cell::pending(record.stamp, record.value.clone()));
                        records.insert(write.key.clone(), Arc::clone(&cell));
                        pending.add(keyspace, write.key.clone(), Some(cell));
                    }
                    Change::Delete => {
                        if records.remove(&write.key).is_some() {
                            pending.add(keyspace, write.key.clone(), None);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn checkpoint(&self, epochs: Epochs, synced: u64) -> Result<u64> {
        self.shared.check_open()?;
        self.shared.checkpoint(epochs, synced).map_err(|error| self.shared.below(error))
    }

    fn unsaved_bytes(&self) -> u64 {
        self.shared.pending.lock().bytes()
    }
}
