//! Checkpoints: the engine makes durable what it took, and a full file of the journal begins anew.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Kind, Result};

use super::aside;
use super::engine::Shared;
use super::error;
use super::journalled::{Epochs, Journalled, Presence};
use super::recovery::{not_committed, with_epoch};

/// Who can make a checkpoint.
pub(super) trait Checkpointer: Send + Sync {
    /// Makes one, as it is called for.
    fn checkpoint_for(&self, call: Call) -> Result<()>;
}

/// What a checkpoint is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A commit found it due. One that was under way then may have done the work.
    Commit,
    /// The time has come.
    Time,
}

impl<E: Journalled> Checkpointer for Shared<E> {
    fn checkpoint_for(&self, call: Call) -> Result<()> {
        match (call, self.options.unsaved_time_max) {
            (Call::Commit, None) => self.checkpoint_if(|| self.is_checkpoint_due()),
            // Nobody else remembers how old the commits are.
            _ => self.checkpoint(),
        }
    }
}

impl<E: Journalled> Shared<E> {
    /// Makes a checkpoint. A failure breaks the journal, except that the engine has no room, which may pass.
    pub(super) fn checkpoint(&self) -> Result<()> {
        self.checkpoint_if(|| true)
    }

    /// Has the full file begun anew, if nobody did meanwhile.
    pub(super) fn make_room(&self) -> Result<()> {
        self.checkpoint_if(|| self.log.lock().full().is_some())
    }

    /// Makes a checkpoint if it is still wanted once the one is done that may be under way.
    fn checkpoint_if(&self, is_wanted: impl FnOnce() -> bool) -> Result<()> {
        let _alone = self.checkpointing.lock();
        if !is_wanted() {
            return Ok(());
        }
        self.log.lock().check()?;
        let done = self.work().map_err(not_committed);
        if let Some(error) = done.as_ref().err().filter(|error| error.kind() != Kind::Full) {
            self.log.lock().break_off_by(error);
        }
        done
    }

    fn work(&self) -> Result<()> {
        let (full, epochs, synced) = {
            let mut log = self.log.lock();
            (log.full(), log.epochs(), log.sync()?)
        };
        let Some(reuse) = full else {
            let epochs = Epochs { files: epochs, presence: Presence::Present };
            return self.engine.checkpoint(epochs, synced).map(drop);
        };
        // One step: the epoch says that the engine has what the file holds, so neither may be there without the other.
        let durable = self.engine.checkpoint(with_epoch(epochs, reuse.index, reuse.epoch), synced)?;
        if durable < reuse.last {
            let message = format!("version {} is in the journal, {durable} in the engine", reuse.last);
            return Err(Error::new(Kind::Internal, message).in_engine(self.name).during("checkpoint"));
        }
        let begun = reuse.begin(self.engine.store_id(), durable);
        let begun = begun.map_err(|cause| error::io(self.name, "checkpoint", cause));
        let mut log = self.log.lock();
        match begun {
            Ok(header) => {
                let unneeded = log.note_begun(header);
                drop(log);
                aside::remove(&*self.disk, &unneeded);
            }
            Err(error) => {
                // Nobody knows which header is there, also where it was the room that lacked.
                log.break_off_by(&error);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// The thread that makes checkpoints, if there is one.
pub(super) struct Keeper {
    bell: Arc<Bell>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rung {
    #[default]
    Silent,
    /// It is due then.
    DueAt(Instant),
    Due,
    Ended,
}

impl Keeper {
    /// None: whoever commits makes the checkpoints.
    pub(super) fn none() -> Self {
        Keeper { bell: Arc::default(), thread: Mutex::new(None) }
    }

    /// Starts the thread.
    pub(super) fn start(checkpointer: Arc<dyn Checkpointer>) -> io::Result<Self> {
        let bell = Arc::<Bell>::default();
        let heard = Arc::clone(&bell);
        let thread = thread::Builder::new().name("storage-checkpoint".into());
        let thread = thread.spawn(move || {
            while let Some(call) = heard.wait() {
                // A failure has broken the journal, and the next commit tells; a full disk may have room again.
                drop(checkpointer.checkpoint_for(call));
            }
        })?;
        Ok(Keeper { bell, thread: Mutex::new(Some(thread)) })
    }

    /// Asks for a checkpoint, without waiting for it.
    pub(super) fn ring(&self) {
        let mut rung = self.bell.rung.lock();
        if matches!(*rung, Rung::Silent | Rung::DueAt(_)) {
            *rung = Rung::Due;
            self.bell.changed.notify_one();
        }
    }

    /// Asks for a checkpoint after this time at the latest.
    pub(super) fn ring_within(&self, time: Duration) {
        let mut rung = self.bell.rung.lock();
        let soonest = match *rung {
            Rung::Silent => None,
            Rung::DueAt(at) => Some(at),
            Rung::Due | Rung::Ended => return,
        };
        // A time that no clock reaches is none.
        let Some(at) = Instant::now().checked_add(time) else { return };
        if soonest.is_none_or(|soonest| at < soonest) {
            *rung = Rung::DueAt(at);
            self.bell.changed.notify_one();
        }
    }

    /// Ends the thread, once a checkpoint that is being made is done.
    pub(super) fn end(&self) {
        *self.bell.rung.lock() = Rung::Ended;
        self.bell.changed.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the engine's has been told by its thread; the journal is held by nobody then.
            thread.join().ok();
        }
    }
}

impl Bell {
    /// Waits until a checkpoint is due; `None` at the end.
    fn wait(&self) -> Option<Call> {
        let mut rung = self.rung.lock();
        loop {
            let call = match *rung {
                Rung::Silent => {
                    self.changed.wait(&mut rung);
                    continue;
                }
                Rung::DueAt(at) if Instant::now() < at => {
                    self.changed.wait_until(&mut rung, at);
                    continue;
                }
                Rung::DueAt(_) => Call::Time,
                Rung::Due => Call::Commit,
                Rung::Ended => return None,
            };
            *rung = Rung::Silent;
            return Some(call);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("rung", &*self.bell.rung.lock()).finish_non_exhaustive()
    }
}
