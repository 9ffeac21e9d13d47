//! Opening: what the files hold that the engine lacks is applied and made durable before anything is read.
//!
//! Each file is judged by its epoch. One that is older than the engine's holds nothing that the engine lacks; one that
//! is newer was written when the engine had more than it has now, so the engine's file is an older copy.

use std::io;

use crate::engine::Durability;
use crate::error::{Error, Kind, Result};

use super::aside;
use super::disk::Disk;
use super::encoding::decode;
use super::error;
use super::file::{Found, Frames, JournalFile};
use super::frame::{self, FrameKind};
use super::header::{Header, RECORDS_AT};
use super::journalled::{Epochs, Journalled, Mark, Presence};
use super::log::Log;

/// The shortest file: records of a page, and a quarter of it for each.
const LEN_MIN: u64 = 2 * RECORDS_AT;

/// Applies what the journal holds, and begins it anew with files of `len` bytes. It is created if there is none.
///
/// `Invalid` if a file belongs to another store, or to a newer copy of this one, or has a newer format; `Corrupt` if
/// one is damaged, lacks a version, or is missing although the store was not closed. In all of these cases the journal
/// stays as it is, and the engine takes at most what precedes the damage. `Full` where there is no room for what it
/// holds: nothing of it is lost, and opening can be tried again.
pub fn recover<E: Journalled + ?Sized>(engine: &E, disk: &dyn Disk, len: u64) -> Result<Log> {
    let name = engine.capabilities().name;
    let len = len.max(LEN_MIN);
    let opened = Opened::look(engine, disk)?;
    opened.replay(engine, disk)?;
    let epochs = opened.mark.epochs;
    let made = |index: usize| {
        let header = Header {
            index,
            store: engine.store_id(),
            epoch: epochs.files[index],
            salt: Header::new_salt(),
            first: opened.mark.version + 1,
            len,
        };
        JournalFile::create(disk, header).map_err(|cause| error::io(name, "open", cause))
    };
    let sync_directory = || disk.sync_directory().map_err(|cause| error::io(name, "open", cause));
    let begun = epochs.next(Presence::Present);
    let (files, durable) = match opened.files {
        Some(files) => {
            // Both files hold nothing that the engine lacks from here on, so one of another length can go.
            let durable = engine.checkpoint(begun, u64::MAX).map_err(not_committed)?;
            let is_resized = files.iter().any(|(file, _)| file.len_bytes() != len);
            let files = match is_resized {
                true => [made(0)?, made(1)?],
                false => {
                    JournalFile::remove_unfinished(disk).map_err(|cause| error::io(name, "open", cause))?;
                    files.map(|(file, _)| file)
                }
            };
            if is_resized {
                sync_directory()?;
            }
            (files, durable)
        }
        None => {
            // The engine may say that there is a journal only once there is one.
            let files = [made(0)?, made(1)?];
            sync_directory()?;
            (files, engine.checkpoint(begun, u64::MAX).map_err(not_committed)?)
        }
    };
    let begin = |index: usize| {
        let header = Header {
            index,
            store: engine.store_id(),
            epoch: begun.files[index],
            salt: Header::new_salt(),
            first: durable + 1,
            len,
        };
        files[index].begin(header).map_err(|cause| error::io(name, "open", cause))?;
        Ok(header)
    };
    let headers = [begin(0)?, begin(1)?];
    aside::remove_all(disk).map_err(|cause| error::io(name, "open", cause))?;
    Ok(Log::new(name, files, headers))
}

/// Applies what the journal holds and removes it, so that the engine can be used without one.
///
/// Where there is none, nothing is written. It fails as [`recover`] does.
pub fn retire<E: Journalled + ?Sized>(engine: &E, disk: &dyn Disk) -> Result<()> {
    let name = engine.capabilities().name;
    let opened = Opened::look(engine, disk)?;
    if opened.mark.epochs.presence == Presence::Present {
        opened.replay(engine, disk)?;
        engine.checkpoint(opened.mark.epochs.next(Presence::Absent), u64::MAX).map_err(not_committed)?;
    } else if !opened.has_leftovers {
        return Ok(());
    }
    JournalFile::remove_both(disk)
        .and_then(|()| aside::remove_all(disk))
        .and_then(|()| disk.sync_directory())
        .map_err(|cause| error::io(name, "remove the journal", cause))
}

/// Whether the journal holds nothing that the engine lacks, so that the engine can be read without writing to it.
///
/// It fails as [`recover`] does.
pub fn is_applied<E: Journalled + ?Sized>(engine: &E, disk: &dyn Disk) -> Result<bool> {
    let opened = Opened::look(engine, disk)?;
    let mut is_applied = true;
    opened.walk(engine.capabilities().name, |_, _| {
        is_applied = false;
        Ok(())
    })?;
    Ok(is_applied)
}

/// The files as they were found.
struct Opened {
    mark: Mark,
    /// The files and their headers, where both are there.
    files: Option<[(JournalFile, Header); 2]>,
    has_leftovers: bool,
}

impl Opened {
    fn look<E: Journalled + ?Sized>(engine: &E, disk: &dyn Disk) -> Result<Self> {
        let mark = engine.mark()?;
        let looker = Looker { engine: engine.capabilities().name, store: engine.store_id(), mark };
        let files = [looker.look(disk, 0)?, looker.look(disk, 1)?];
        let has_leftovers = files.iter().any(Option::is_some);
        let files = match (mark.epochs.presence, files) {
            (_, [Some(first), Some(second)]) => Some([first, second]),
            (Presence::Absent, _) => None,
            (Presence::Present, [first, _]) => {
                let missing = super::file::NAMES[usize::from(first.is_some())];
                let message = format!(
                    "the store was not closed, and {missing} of its journal is missing: put it back, or all files of \
                     an older backup"
                );
                return Err(error::corrupt(looker.engine, message));
            }
        };
        Ok(Opened { mark, files, has_leftovers })
    }

    /// Applies what the engine lacks, once it is durable: a process that ended may have left it unsynced, and an engine
    /// relies on it while it writes.
    fn replay<E: Journalled + ?Sized>(&self, engine: &E, disk: &dyn Disk) -> Result<()> {
        let name = engine.capabilities().name;
        let sync = |(file, _): &(JournalFile, Header)| file.sync();
        let synced = self.files.iter().flatten().try_for_each(sync);
        synced.map_err(|cause| error::io(name, "open", cause))?;
        self.walk(name, |version, frame| {
            let damaged = || error::corrupt(name, format!("version {version} holds no batch"));
            let batch = match frame::kind(frame) {
                Some(FrameKind::Aside(_)) => {
                    let named = frame::aside(frame).ok_or_else(damaged)?;
                    decode(&aside::read(name, disk, version, named)?)
                }
                _ => frame::batch(frame),
            };
            let batch = batch.ok_or_else(damaged)?;
            engine.apply(&batch, version, Durability::Deferred).map_err(not_committed)
        })
    }

    /// Shows `visit` every commit above the engine's version, in order.
    fn walk(&self, engine: &'static str, mut visit: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let mut files = Vec::new();
        for (index, (file, header)) in self.files.iter().flatten().enumerate() {
            if header.epoch == self.mark.epochs.files[index] {
                let mut commits = Commits::new(engine, file, header);
                if let Some(first) = commits.next_version()? {
                    files.push((first, commits));
                }
            }
        }
        files.sort_by_key(|(first, _)| *first);
        let mut reached = self.mark.version;
        for (_, mut commits) in files {
            while let Some(version) = commits.next_version()? {
                if version > reached {
                    if version != reached + 1 {
                        let message = format!("version {} is missing, {version} follows", reached + 1);
                        return Err(error::corrupt(engine, message));
                    }
                    visit(version, commits.frame())?;
                    reached = version;
                }
                commits.advance();
            }
        }
        Ok(())
    }
}

/// What is asked of each file.
struct Looker {
    engine: &'static str,
    store: [u8; 16],
    mark: Mark,
}

impl Looker {
    /// Opens a file and judges its header; `None` if there is none.
    fn look(&self, disk: &dyn Disk, index: usize) -> Result<Option<(JournalFile, Header)>> {
        let failed = |cause: io::Error| error::io(self.engine, "read the journal", cause);
        let Some(file) = JournalFile::open(disk, index).map_err(failed)? else { return Ok(None) };
        let name = super::file::NAMES[index];
        let header = match file.read_header().map_err(failed)? {
            Found::Holds(header) => header,
            Found::Newer(format) => {
                let message = format!("{name} has format {format}, which is newer than this version reads");
                return Err(error::foreign(self.engine, message));
            }
            Found::Damaged => {
                return Err(error::corrupt(self.engine, format!("the header of {name} is damaged")));
            }
        };
        if header.store != self.store || header.index != index {
            let message = format!("{name} belongs to another store, or is its other file");
            return Err(error::foreign(self.engine, message));
        }
        let known = self.mark.epochs.files[index];
        if header.epoch > known {
            let message = format!(
                "the store is an older copy than its journal: {name} is in epoch {}, the store knows {known}; put \
                 back the store that it belongs to, or all files of an older backup",
                header.epoch
            );
            return Err(error::foreign(self.engine, message));
        }
        if header.len != file.len_bytes() {
            let message = format!("{name} has {} bytes, its header says {}", file.len_bytes(), header.len);
            return Err(error::corrupt(self.engine, message));
        }
        Ok(Some((file, header)))
    }
}

/// The commits of a file that took place.
struct Commits<'a> {
    engine: &'static str,
    frames: Frames<'a>,
    /// The record that was read, and is not known to have taken place until the next one is.
    here: Option<Vec<u8>>,
    /// The record behind it.
    ahead: Ahead,
    least: u64,
}

enum Ahead {
    Unread,
    Read(Vec<u8>),
}

impl<'a> Commits<'a> {
    fn new(engine: &'static str, file: &'a JournalFile, header: &Header) -> Self {
        let frames = file.frames(header);
        Commits { engine, frames, here: None, ahead: Ahead::Unread, least: header.first }
    }

    /// The version of the commit here; `None` at the end.
    fn next_version(&mut self) -> Result<Option<u64>> {
        loop {
            let Some(here) = self.here.take().map_or_else(|| self.read(), |here| Ok(Some(here)))? else {
                return Ok(None);
            };
            let version = frame::version(&here);
            let is_commit = matches!(frame::kind(&here), Some(FrameKind::Commit(_) | FrameKind::Aside(_)));
            if !is_commit || version < self.least {
                let message = format!("version {version} is no commit, or below {}", self.least);
                return Err(error::corrupt(self.engine, message));
            }
            match self.read()? {
                // It did not take place, and the commit behind it has its version.
                Some(next) if frame::kind(&next) == Some(FrameKind::Abort) => {
                    if frame::version(&next) != version {
                        let message = format!("version {version} is followed by the abort of another");
                        return Err(error::corrupt(self.engine, message));
                    }
                }
                Some(next) => {
                    self.ahead = Ahead::Read(next);
                    self.here = Some(here);
                    return Ok(Some(version));
                }
                None => {
                    self.here = Some(here);
                    return Ok(Some(version));
                }
            }
        }
    }

    /// The record of the version that was told last.
    fn frame(&self) -> &[u8] {
        self.here.as_deref().expect("its version was told")
    }

    /// Goes behind the commit here.
    fn advance(&mut self) {
        if let Some(here) = self.here.take() {
            self.least = frame::version(&here) + 1;
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>> {
        if let Ahead::Read(frame) = std::mem::replace(&mut self.ahead, Ahead::Unread) {
            return Ok(Some(frame));
        }
        let failed = |cause| error::io(self.engine, "read the journal", cause);
        Ok(self.frames.read().map_err(failed)?.map(<[u8]>::to_vec))
    }
}

/// What an engine says of what it is to take over: all of it is in the journal, whatever became of it in the engine.
pub(super) fn not_committed(cause: Error) -> Error {
    match cause.is_not_committed() {
        true => cause,
        false => {
            Error::new(Kind::Unavailable, "what the journal holds could not be applied").caused_by(cause)
        }
    }
}

/// The epochs with that of one file replaced.
pub(super) fn with_epoch(files: [u64; 2], index: usize, epoch: u64) -> Epochs {
    let mut epochs = Epochs { files, presence: Presence::Present };
    epochs.files[index] = epoch;
    epochs
}
