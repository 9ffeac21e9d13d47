//! The open file, and the view of its newest state that all readers share.
//!
//! A read transaction and an opened table cost as much as a read, so one view serves until a commit makes it stale.
//! Why nobody ever reads a state older than a commit that returned before:
//! - Whoever reads takes the shared view. One that is missing is begun and put in place under the view's lock.
//! - A commit takes the shared view away, under that lock, after redb has made the commit visible and before it
//!   returns. So what is in place then was begun before the commit returned, and goes; what is put in place later was
//!   begun later, and sees the commit.
//! - No read goes past the shared view, so readers step from state to state together, and never back.
//!
//! A commit takes the view away just before as well: nothing but snapshots then keeps redb from using pages again that
//! this commit frees.
//!
//! The file's lock is always taken before the view's. Whoever needs the file alone (close, check, compact) takes its
//! lock for itself: no commit runs then, and no view begins.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use redb::{Database, ReadOnlyDatabase, ReadableDatabase, WriteTransaction};
use storage_core::{Durability, Error, Kind, Result};

use crate::error::{self, NAME};
use crate::options::QuickRepair;
use crate::view::View;

/// A file as redb opened it.
pub(crate) enum File {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

impl File {
    pub(crate) fn begin_read(&self) -> Result<View> {
        let transaction = match self {
            File::Writable(database) => database.begin_read(),
            File::ReadOnly(database) => database.begin_read(),
        };
        transaction.map(View::new).map_err(|cause| error::failed("begin to read", cause))
    }

    pub(crate) fn writable(&self) -> Result<&Database> {
        match self {
            File::Writable(database) => Ok(database),
            File::ReadOnly(_) => Err(read_only()),
        }
    }
}

fn read_only() -> Error {
    Error::new(Kind::Invalid, "the file is open read-only").in_engine(NAME)
}

/// What the engine has of its file.
enum Held {
    Open(File),
    Closed,
    /// Something was wrong with it: it must be opened again.
    GivenUp,
}

impl Held {
    #[inline]
    fn open(&self) -> Result<&File> {
        match self {
            Held::Open(file) => Ok(file),
            Held::Closed => Err(Error::new(Kind::Closed, "the file is closed").in_engine(NAME)),
            Held::GivenUp => {
                Err(Error::new(Kind::Unavailable, "the file was damaged: open it again").in_engine(NAME))
            }
        }
    }
}

/// How a commit is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) durability: Durability,
    pub(crate) quick_repair: QuickRepair,
}

/// The open file and the view of its newest state.
pub(crate) struct Newest {
    file: RwLock<Held>,
    view: RwLock<Option<Arc<View>>>,
    /// Whether commits may be lost in a crash. It is cleared only inside write transactions, of which there is one at a
    /// time, and set again if those fail: what they were to make durable is not.
    unsynced: AtomicBool,
}

impl Newest {
    pub(crate) fn new(file: File) -> Self {
        Newest {
            file: RwLock::new(Held::Open(file)),
            view: RwLock::new(None),
            unsynced: AtomicBool::new(false),
        }
    }

    /// The newest state.
    #[inline]
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        if let Some(view) = &*self.view.read() {
            return Ok(Arc::clone(view));
        }
        self.begin()
    }

    #[cold]
    fn begin(&self) -> Result<Arc<View>> {
        let file = self.file.read();
        let mut shared = self.view.write();
        if let Some(view) = &*shared {
            return Ok(Arc::clone(view));
        }
        let view = Arc::new(file.open()?.begin_read()?);
        *shared = Some(Arc::clone(&view));
        Ok(view)
    }

    /// Takes the shared view away. It ends when the last who reads it is done.
    fn forget(&self) {
        let view = self.view.write().take();
        drop(view);
    }

    /// Commits what `change` writes.
    ///
    /// An error of `change` leaves nothing behind. A failure of the commit itself is `CommitUnknown`: redb says that it
    /// is whole or not there, not which.
    pub(crate) fn commit(
        &self,
        manner: Manner,
        change: impl FnOnce(&WriteTransaction) -> Result<()>,
    ) -> Result<()> {
        let mut writing = false;
        let done = error::guarded("commit", || {
            let file = self.file.read();
            let mut transaction = begin_write(file.open()?.writable()?, manner)?;
            change(&transaction)?;
            let (redb, unsynced) = match manner.durability {
                Durability::Sync => (redb::Durability::Immediate, false),
                Durability::Deferred => (redb::Durability::None, true),
            };
            transaction.set_durability(redb).map_err(|cause| error::failed("commit", cause))?;
            self.unsynced.store(unsynced, Ordering::SeqCst);
            self.forget();
            writing = true;
            let done = transaction.commit();
            self.forget();
            done.map_err(error::commit)
        });
        done.inspect_err(|_| self.unsynced.store(true, Ordering::SeqCst)).map_err(|error| {
            match writing && error.kind() == Kind::Corrupt {
                true => error::commit_given_up(error),
                false => error,
            }
        })
    }

    /// Makes every commit durable, with a commit that changes nothing. On a file that is open read-only all are.
    pub(crate) fn sync(&self) -> Result<()> {
        let synced = error::guarded("sync", || match self.file.read().open()? {
            File::Writable(database) => self.sync_file(database),
            File::ReadOnly(_) => Ok(()),
        });
        synced.inspect_err(|_| self.unsynced.store(true, Ordering::SeqCst))
    }

    fn sync_file(&self, database: &Database) -> Result<()> {
        // Immediate is what redb begins with, and it writes and syncs a commit that changes nothing like any other.
        let manner = Manner { durability: Durability::Sync, quick_repair: QuickRepair::EveryCommit };
        let transaction = begin_write(database, manner)?;
        self.unsynced.store(false, Ordering::SeqCst);
        transaction.commit().map_err(|cause| error::failed("sync", cause))
    }

    /// Makes everything durable and releases the file. Snapshots that are still held fail from then on.
    pub(crate) fn close(&self) -> Result<()> {
        error::guarded("close", || {
            let mut file = self.file.write();
            let synced = match &*file {
                // Dropping it makes them durable as well, but would not tell if that failed.
                Held::Open(File::Writable(database)) if self.unsynced.load(Ordering::SeqCst) => {
                    self.sync_file(database)
                }
                _ => Ok(()),
            };
            self.forget();
            drop(mem::replace(&mut *file, Held::Closed));
            synced
        })
    }

    /// Does what needs the file alone: no commit runs meanwhile, and no view begins.
    ///
    /// Where it finds damage the file is given up: what the commits so far made is no longer certain.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut file = self.file.write();
        self.forget();
        file.open()?.writable()?;
        let Held::Open(File::Writable(database)) = &mut *file else {
            unreachable!("it is open and writable")
        };
        let done = error::guarded("work alone", || work(database));
        if done.as_ref().is_err_and(|error| error.kind() == Kind::Corrupt) {
            *file = Held::GivenUp;
        }
        done
    }
}

/// redb does more than release the file when it is dropped, and on a damaged file it may panic there as anywhere.
impl Drop for Newest {
    fn drop(&mut self) {
        let (file, view) = (self.file.get_mut(), self.view.get_mut());
        let released = error::guarded("release the file", || {
            drop(view.take());
            drop(mem::replace(file, Held::Closed));
            Ok(())
        });
        // Whoever wants to be told calls `close`.
        drop(released);
    }
}

pub(crate) fn begin_write(database: &Database, manner: Manner) -> Result<WriteTransaction> {
    let mut transaction = database.begin_write().map_err(|cause| error::failed("begin a commit", cause))?;
    transaction.set_quick_repair(manner.quick_repair == QuickRepair::EveryCommit);
    Ok(transaction)
}

impl fmt::Debug for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view.try_read().is_some_and(|view| view.is_some());
        f.debug_struct("Newest").field("view", &view).finish_non_exhaustive()
    }
}
