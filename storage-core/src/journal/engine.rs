//! An engine with a journal in front of it: durable once the journal is, checkpointed behind its back.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::batch::Batch;
use crate::capabilities::{Capabilities, Survives};
use crate::engine::{
    Check, Checked, Commit, Compact, Compacted, Damage, Durability, Engine, Intent, StorageFigures,
    StorageStatistics,
};
use crate::error::{Error, Kind, Result};
use crate::keyspace::Keyspace;
use crate::record::{Decoded, Record, Stamp};

use super::aside;
use super::checkpoint::{Checkpointer, Keeper};
use super::disk::Disk;
use super::error;
use super::frame::{self, FRAME_LEN};
use super::journalled::{Journalled, Presence};
use super::log::{Appended, Log};
use super::recovery;

/// What can be set of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalOptions {
    /// The length of each of its two files in bytes. A commit of more than a quarter of it goes past the journal.
    pub file_len: u64,
    /// A checkpoint begins once it would write about so many bytes: fewer make it shorter, and more frequent.
    pub unsaved_bytes_max: u64,
    /// A checkpoint begins at most so long after the first commit that it is for; `None` for no such limit.
    pub unsaved_time_max: Option<Duration>,
    /// Who does the checkpoints.
    pub checkpoints: Checkpoints,
    /// Where a commit goes that is too long for the journal.
    pub large: Large,
}

/// Where a commit goes that is too long for the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Large {
    /// To the engine alone, which makes it durable in one step, and everything before it.
    #[default]
    PastTheJournal,
    /// Into a file of its own beside the journal, which a record of the journal names. The engine then takes it as any
    /// other.
    Aside,
}

/// Who does the checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checkpoints {
    /// A thread of the journal's own.
    #[default]
    InBackground,
    /// The commit after which one is due, before it returns.
    InCommits,
}

/// A hundred thousand small commits, or a hundred of a hundred records of a kilobyte.
const FILE_LEN: u64 = 16 << 20;
/// What a disk of this decade writes in about ten milliseconds.
const UNSAVED_BYTES_MAX: u64 = 8 << 20;

impl Default for JournalOptions {
    fn default() -> Self {
        JournalOptions {
            file_len: FILE_LEN,
            unsaved_bytes_max: UNSAVED_BYTES_MAX,
            unsaved_time_max: None,
            checkpoints: Checkpoints::default(),
            large: Large::default(),
        }
    }
}

impl JournalOptions {
    /// The same with files of another length.
    #[must_use]
    pub fn with_file_len(mut self, bytes: u64) -> Self {
        self.file_len = bytes;
        self
    }

    /// The same with checkpoints of another size.
    #[must_use]
    pub fn with_unsaved_bytes_max(mut self, bytes: u64) -> Self {
        self.unsaved_bytes_max = bytes;
        self
    }

    /// The same with checkpoints that also begin after a time, where a thread does them.
    #[must_use]
    pub fn with_unsaved_time_max(mut self, time: Duration) -> Self {
        self.unsaved_time_max = Some(time);
        self
    }

    /// The same with another place for commits that are too long.
    #[must_use]
    pub fn with_large(mut self, large: Large) -> Self {
        self.large = large;
        self
    }

    /// The same with checkpoints by another.
    #[must_use]
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = checkpoints;
        self
    }
}

/// An engine whose commits are durable once a journal holds them.
///
/// A `Sync` commit costs one write and one sync of a preallocated file; the engine takes it as a deferred one. A
/// `Deferred` commit survives the process. What the engine has not made durable itself is applied again when it is
/// opened. Reads go to the engine as they are.
pub struct Journal<E: Journalled> {
    shared: Arc<Shared<E>>,
    keeper: Keeper,
}

/// What commits and checkpoints share.
pub(super) struct Shared<E> {
    pub(super) engine: E,
    pub(super) name: &'static str,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) log: Mutex<Log>,
    /// Held by who makes a checkpoint.
    pub(super) checkpointing: Mutex<()>,
    pub(super) options: JournalOptions,
    /// Held for the whole of a commit, so that an abort stands right behind what it aborts.
    turn: Mutex<Turn>,
    frame_len_max: usize,
}

struct Turn {
    /// The version of the last commit that took place.
    version: u64,
    /// Where records are put together.
    room: Vec<u8>,
}

impl<E: Journalled> Journal<E> {
    /// Applies what the journal on `disk` holds, and opens it anew in front of `engine`. See [`recover`] for what can
    /// fail.
    ///
    /// [`recover`]: super::recover
    pub fn open(engine: E, disk: Arc<dyn Disk>, options: JournalOptions) -> Result<Self> {
        let log = recovery::recover(&engine, &*disk, options.file_len)?;
        let version = engine.mark()?.version;
        let shared = Arc::new(Shared {
            name: engine.capabilities().name,
            frame_len_max: log.frame_len_max(),
            engine,
            disk,
            log: Mutex::new(log),
            checkpointing: Mutex::new(()),
            options,
            turn: Mutex::new(Turn { version, room: Vec::new() }),
        });
        let keeper = match options.checkpoints {
            Checkpoints::InCommits => Keeper::none(),
            Checkpoints::InBackground => {
                let checkpointer: Arc<dyn Checkpointer> = Arc::clone(&shared) as _;
                Keeper::start(checkpointer).map_err(|cause| {
                    let message = "no thread could be had for checkpoints";
                    Error::new(Kind::Unavailable, message).in_engine(shared.name).caused_by(cause)
                })?
            }
        };
        Ok(Journal { shared, keeper })
    }

    /// The engine behind the journal, to read and to ask. What is written to it past the journal may be undone.
    pub fn engine(&self) -> &E {
        &self.shared.engine
    }

    /// How it was opened.
    pub fn options(&self) -> JournalOptions {
        self.shared.options
    }

    /// Brings every commit into the engine, durably, and begins a full file of the journal anew.
    ///
    /// It is done without being asked for, in time; this is for who wants the work to be over.
    pub fn checkpoint(&self) -> Result<()> {
        self.shared.checkpoint()
    }
}

impl<E: Journalled> Shared<E> {
    fn commit(&self, turn: &mut Turn, batch: &Batch, durability: Durability) -> Result<()> {
        self.engine.admit(batch)?;
        let version = turn.version + 1;
        // One that is too long by itself for the journal is not put together: the room would stay as large.
        let fits = batch.len_bytes() <= self.frame_len_max && {
            frame::write_commit(&mut turn.room, version, batch, durability);
            turn.room.len() <= self.frame_len_max
        };
        match (fits, self.options.large) {
            (true, _) => self.append_and_apply(&mut turn.room, batch, version, durability)?,
            (false, Large::PastTheJournal) => {
                // The engine makes it durable, and everything before with it.
                self.log.lock().check()?;
                self.hand_over(batch, version, Durability::Sync)?;
            }
            (false, Large::Aside) => self.commit_aside(batch, version, durability)?,
        }
        turn.version = version;
        Ok(())
    }

    /// Commits what is too long for the journal in a file of its own, which a record of the journal names.
    fn commit_aside(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        self.log.lock().check()?;
        let mut room = Vec::new();
        frame::write_commit(&mut room, version, batch, durability);
        let written = aside::write(&*self.disk, version, &room[FRAME_LEN..]);
        let aside = written.map_err(|cause| error::io(self.name, "commit", cause))?;
        frame::write_aside(&mut room, version, aside, durability);
        self.append_and_apply(&mut room, batch, version, durability)
    }

    fn append_and_apply(
        &self,
        frame: &mut [u8],
        batch: &Batch,
        version: u64,
        durability: Durability,
    ) -> Result<()> {
        self.append(frame, durability)?;
        self.apply(batch, version)
    }

    /// Appends a commit. Where neither file has room it waits for one, or makes it.
    fn append(&self, frame: &mut [u8], durability: Durability) -> Result<()> {
        loop {
            let appended = self.log.lock().append(frame, durability)?;
            match appended {
                Appended::Written | Appended::WrittenInOther => return Ok(()),
                Appended::NoRoom => self.make_room()?,
            }
        }
    }

    /// Applies what the journal holds. If the engine refuses it, the journal takes it back.
    fn apply(&self, batch: &Batch, version: u64) -> Result<()> {
        let done = self.hand_over(batch, version, Durability::Deferred);
        if done.as_ref().is_err_and(Error::is_not_committed) {
            self.log.lock().abort(version)?;
        }
        done
    }

    /// Has the engine take a commit. Where nobody knows whether it did, nothing may follow: its version may be in use.
    fn hand_over(&self, batch: &Batch, version: u64, durability: Durability) -> Result<()> {
        let done = catch_unwind(AssertUnwindSafe(|| self.engine.apply(batch, version, durability)));
        let is_known = |done: &Result<()>| done.as_ref().err().is_none_or(Error::is_not_committed);
        if !done.as_ref().is_ok_and(is_known) {
            self.log.lock().break_off();
        }
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Whether a checkpoint is worth its while.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        self.engine.unsaved_bytes() >= self.options.unsaved_bytes_max || self.log.lock().full().is_some()
    }
}

impl<E: Journalled> Engine for Journal<E> {
    type Snapshot = E::Snapshot;
    type Owned = E::Owned;

    /// As the engine's, but a deferred commit survives the process: the journal has it.
    fn capabilities(&self) -> Capabilities {
        let capabilities = self.shared.engine.capabilities();
        let deferred = capabilities.deferred_survives.max(Survives::ProcessCrash);
        capabilities.with_deferred(deferred.min(capabilities.sync_survives))
    }

    #[inline]
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<E::Owned>>> {
        self.shared.engine.get(keyspace, key)
    }

    #[inline]
    fn kept(&self, keyspace: Keyspace, key: &[u8]) -> Option<(Stamp, Decoded)> {
        self.shared.engine.kept(keyspace, key)
    }

    fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        self.shared.engine.keyspaces()
    }

    fn snapshot(&self, intent: Intent) -> Result<E::Snapshot> {
        self.shared.engine.snapshot(intent)
    }

    fn commit(&self, commit: Commit<'_, E::Snapshot>) -> Result<()> {
        drop(commit.basis);
        let mut turn = self.shared.turn.lock();
        if let Err(refused) = self.shared.commit(&mut turn, commit.batch, commit.durability) {
            if refused.kind() == Kind::Full {
                // There may be room again: a checkpoint finds out.
                match self.shared.options.checkpoints {
                    Checkpoints::InBackground => self.keeper.ring_within(Duration::ZERO),
                    Checkpoints::InCommits => drop(self.shared.checkpoint()),
                }
            }
            return Err(refused);
        }
        let options = &self.shared.options;
        match (options.checkpoints, self.shared.is_checkpoint_due(), options.unsaved_time_max) {
            (Checkpoints::InBackground, true, _) => self.keeper.ring(),
            (Checkpoints::InBackground, false, Some(time)) => self.keeper.ring_within(time),
            // The commit took place, whatever becomes of the checkpoint: what failed is told by the next one.
            (Checkpoints::InCommits, true, _) => drop(self.shared.checkpoint()),
            (_, false, _) => {}
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.shared.log.lock().sync().map(drop)
    }

    /// Brings everything into the engine, so that opening finds nothing to apply, and closes it.
    fn close(&self) -> Result<()> {
        self.keeper.end();
        let applied = self.shared.retire_records();
        let closed = self.shared.engine.close();
        applied.and(closed)
    }
}

impl<E: Journalled> Shared<E> {
    /// Makes everything durable in the engine, together with epochs that no file has begun: the files can be lost.
    fn retire_records(&self) -> Result<()> {
        let _turn = self.turn.lock();
        let _alone = self.checkpointing.lock();
        let mut log = self.log.lock();
        let synced = log.sync()?;
        log.break_off();
        let epochs = super::Epochs { files: log.epochs(), presence: Presence::Present };
        self.engine.checkpoint(epochs.next(Presence::Absent), synced).map_err(recovery::not_committed)?;
        // What cannot be removed is when the journal is opened.
        aside::remove_all(&*self.disk).ok();
        Ok(())
    }
}

impl<E: Journalled> Drop for Journal<E> {
    fn drop(&mut self) {
        self.keeper.end();
    }
}

impl<E: Journalled> fmt::Debug for Journal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("engine", &self.shared.name)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl<E: Journalled + Check> Check for Journal<E> {
    fn check(&self) -> Result<Checked> {
        self.engine().check()
    }
}

impl<E: Journalled + Compact> Compact for Journal<E> {
    fn compact(&self) -> Result<Compacted> {
        self.engine().compact()
    }
}

impl<E: Journalled + StorageStatistics> StorageStatistics for Journal<E> {
    fn storage_statistics(&self) -> Result<StorageFigures> {
        self.engine().storage_statistics()
    }
}

impl<E: Journalled + Damage> Damage for Journal<E> {
    fn damage(&self, keyspace: Keyspace, key: &[u8], change: &mut dyn FnMut(&mut Vec<u8>)) -> Result<bool> {
        self.engine().damage(keyspace, key, change)
    }
}
