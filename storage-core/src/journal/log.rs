//! The two files at work: one takes appends while the other waits for the engine to have what it holds.
//!
//! Who writes here has one writer at a time. A failure of which the end is unknown breaks the log: it then refuses
//! everything until the store is opened again.

use std::io;
use std::sync::Arc;

use crate::engine::Durability;
use crate::error::{Error, Result};

use super::error;
use super::file::JournalFile;
use super::frame::{self, Chain, FRAME_LEN, FrameKind};
use super::header::{Header, RECORDS_AT};

/// The open journal of a store.
#[derive(Debug)]
pub struct Log {
    engine: &'static str,
    files: [Arc<JournalFile>; 2],
    /// Which of them takes appends.
    active: usize,
    epochs: [u64; 2],
    /// The versions in each file whose batches are in files of their own.
    asides: [Vec<u64>; 2],
    /// The end of the file that takes appends.
    tail: Tail,
    other: Other,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    at: u64,
    chain: Chain,
    synced: Synced,
    /// The newest version in the file.
    last: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Synced {
    Yes,
    No,
}

/// What the file is for that takes no appends.
#[derive(Clone, Copy, Debug)]
enum Other {
    /// It is empty, and its epoch has begun.
    Ready(Header),
    /// It holds records up to this version, which the engine may not have.
    Full { last: u64 },
}

#[derive(Debug)]
enum State {
    Whole,
    /// With what broke it, where that was not told to whoever writes.
    Broken(Option<Error>),
}

/// What became of a record that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is in the file that took appends before, as durable as was asked.
    Written,
    /// The same in the other file: the one before is full.
    WrittenInOther,
    /// Nothing was written: neither file has room before the full one is begun anew.
    NoRoom,
}

/// A file that is to be begun anew.
#[derive(Debug)]
pub struct Reuse {
    /// Which one.
    pub index: usize,
    /// The epoch that it begins.
    pub epoch: u64,
    /// The engine must hold everything up to this version first.
    pub last: u64,
    file: Arc<JournalFile>,
}

impl Reuse {
    /// Begins the epoch in the file, whose records were all made durable in the engine together with the epoch.
    pub fn begin(&self, store: [u8; 16], durable: u64) -> io::Result<Header> {
        let header = Header {
            index: self.index,
            store,
            epoch: self.epoch,
            salt: Header::new_salt(),
            first: durable + 1,
            len: self.file.len_bytes(),
        };
        self.file.begin(header)?;
        Ok(header)
    }
}

impl Log {
    /// The log on two files that are empty and whose epochs have begun.
    pub(super) fn new(engine: &'static str, files: [JournalFile; 2], headers: [Header; 2]) -> Self {
        let [first, second] = headers;
        Log {
            engine,
            files: files.map(Arc::new),
            active: 0,
            epochs: [first.epoch, second.epoch],
            asides: [Vec::new(), Vec::new()],
            tail: Tail::of(&first),
            other: Other::Ready(second),
            state: State::Whole,
        }
    }

    /// The longest record that is appended: longer ones would leave a file for a few of them.
    pub fn frame_len_max(&self) -> usize {
        let room = self.files.iter().map(|file| file.len_bytes() - RECORDS_AT).min().unwrap_or_default();
        usize::try_from(room / 4).unwrap_or(usize::MAX)
    }

    /// The epoch of each file.
    pub fn epochs(&self) -> [u64; 2] {
        self.epochs
    }

    /// Fails if the log is broken.
    pub fn check(&self) -> Result<()> {
        match &self.state {
            State::Whole => Ok(()),
            State::Broken(cause) => Err(error::broken(self.engine, cause.as_ref().map(Error::share))),
        }
    }

    /// Refuses everything from now on.
    pub fn break_off(&mut self) {
        if matches!(self.state, State::Whole) {
            self.state = State::Broken(None);
        }
    }

    /// The same, and every refusal tells this failure, of which who writes knows nothing yet.
    pub fn break_off_by(&mut self, cause: &Error) {
        if matches!(self.state, State::Whole | State::Broken(None)) {
            self.state = State::Broken(Some(cause.share()));
        }
    }

    /// Seals and appends a commit, behind which room for its abort is kept.
    ///
    /// `CommitUnknown` if it may be there; after any other error it is not.
    pub fn append(&mut self, frame: &mut [u8], durability: Durability) -> Result<Appended> {
        self.check()?;
        let mut appended = Appended::Written;
        if !self.has_room(frame.len()) {
            let Other::Ready(header) = self.other else { return Ok(Appended::NoRoom) };
            self.switch_to(&header)?;
            appended = Appended::WrittenInOther;
        }
        self.write(frame)?;
        if durability == Durability::Sync {
            self.sync_tail().map_err(|cause| error::unknown(self.engine, cause))?;
        }
        Ok(appended)
    }

    /// Appends, durably, that the commit that was appended last did not take place: its version is free again.
    ///
    /// `CommitUnknown` if that fails, or if the log broke since: the commit then stands where it was appended.
    pub fn abort(&mut self, version: u64) -> Result<()> {
        self.check().map_err(|broken| error::unknown(self.engine, broken))?;
        let mut frame = Vec::with_capacity(FRAME_LEN);
        frame::write_abort(&mut frame, version);
        let done = self.write_at_tail(&mut frame).and_then(|()| self.sync_tail());
        self.broken_if_failed(done).map_err(|cause| error::unknown(self.engine, cause))
    }

    /// Makes every record durable. Returns the newest version that is durable with them.
    pub fn sync(&mut self) -> Result<u64> {
        self.check()?;
        if self.tail.synced == Synced::No {
            self.sync_tail().map_err(|cause| error::io(self.engine, "sync", cause))?;
        }
        Ok(match self.other {
            Other::Full { last } => self.tail.last.max(last),
            Other::Ready(_) => self.tail.last,
        })
    }

    /// The file that is to be begun anew, if one is.
    pub fn full(&self) -> Option<Reuse> {
        let index = 1 - self.active;
        match self.other {
            Other::Ready(_) => None,
            Other::Full { last } => Some(Reuse {
                index,
                epoch: self.epochs[index] + 1,
                last,
                file: Arc::clone(&self.files[index]),
            }),
        }
    }

    /// Notes that an epoch of the file that takes no appends has begun. The versions whose own files nobody needs.
    pub fn note_begun(&mut self, header: Header) -> Vec<u64> {
        self.epochs[header.index] = header.epoch;
        self.other = Other::Ready(header);
        std::mem::take(&mut self.asides[header.index])
    }

    fn has_room(&self, len: usize) -> bool {
        self.tail.at + (len + FRAME_LEN) as u64 <= self.files[self.active].len_bytes()
    }

    /// Lets the other file take the appends. Everything in this one is made durable before.
    fn switch_to(&mut self, header: &Header) -> Result<()> {
        if self.tail.synced == Synced::No {
            self.sync_tail().map_err(|cause| error::io(self.engine, "commit", cause))?;
        }
        self.other = Other::Full { last: self.tail.last };
        self.active = header.index;
        self.tail = Tail::of(header);
        Ok(())
    }

    /// Writes a record. One that cannot be is taken back, so that the error says for certain that it is not there.
    fn write(&mut self, frame: &mut [u8]) -> Result<()> {
        let Err(cause) = self.write_at_tail(frame) else { return Ok(()) };
        let taken_back = self.files[self.active].withdraw(self.tail.at);
        match self.broken_if_failed(taken_back) {
            Ok(()) => Err(error::io(self.engine, "commit", cause)),
            Err(_) => Err(error::unknown(self.engine, cause)),
        }
    }

    fn write_at_tail(&mut self, frame: &mut [u8]) -> io::Result<()> {
        let next = self.tail.chain.seal(frame);
        let version = frame::version(frame);
        self.files[self.active].write(frame, self.tail.at)?;
        let asides = &mut self.asides[self.active];
        match frame::kind(frame) {
            Some(FrameKind::Aside(_)) => asides.push(version),
            // Its version is taken again, with the file's name, maybe by a record of the other file.
            Some(FrameKind::Abort) => drop(asides.pop_if(|last| *last == version)),
            _ => {}
        }
        self.tail = Tail {
            at: self.tail.at + frame.len() as u64,
            chain: next,
            synced: Synced::No,
            last: match frame::kind(frame) {
                Some(FrameKind::Abort) => version - 1,
                _ => version,
            },
        };
        Ok(())
    }

    fn sync_tail(&mut self) -> io::Result<()> {
        let done = self.files[self.active].sync();
        self.broken_if_failed(done)?;
        self.tail.synced = Synced::Yes;
        Ok(())
    }

    fn broken_if_failed(&mut self, done: io::Result<()>) -> io::Result<()> {
        if done.is_err() {
            self.break_off();
        }
        done
    }
}

impl Tail {
    fn of(header: &Header) -> Self {
        Tail {
            at: RECORDS_AT,
            chain: Chain::begin(header.salt),
            synced: Synced::Yes,
            last: header.first.saturating_sub(1),
        }
    }
}
