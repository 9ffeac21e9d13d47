//! Making the text index, and dropping it, while others write.
//!
//! What there is of it stands in a record of the store, which every transaction that writes reads. To make an index is to
//! say so there, and then to walk through what is stored: whatever is not seen on the way was written by somebody who read
//! that record, and so was indexed by them. A walk goes by records that never move, headers and chunks, not by sessions,
//! which take messages from each other. All goes in steps, each a transaction that reads the state anew, so that a step can
//! follow on one of another process, or of one that ended.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use storage_core::key::Decoder;
use storage_core::{Codec, Direction, Engine, Error, Get, Key, KeyRange, Kind, Read, Transaction};

use super::error::{Result, SessionError};
use super::layout;
use super::sharing::segments;
use super::store::{SessionStore, Sessions};
use super::stored::{StoredMessage, encode, fresh};

/// The most headers of one step, the most chunks, and the most users: a thousand records or so are written.
const HEADERS_MAX: usize = 256;
const CHUNKS_MAX: usize = 16;
const USERS_MAX: usize = 256;

/// What there is of the text index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateOfTexts {
    /// Nothing.
    Absent,
    /// Writers keep it, and not all that was there before is in it.
    Made,
    /// Everything is in it.
    Complete,
    /// Writers do not keep it, and remains of it are there.
    Dropped,
}

/// The numbers of the states that are told by one.
const MADE: u8 = 1;
const DROPPED: u8 = 2;

impl StateOfTexts {
    /// Whether writers keep the index.
    pub(super) fn is_kept(self) -> bool {
        matches!(self, StateOfTexts::Made | StateOfTexts::Complete)
    }
}

/// How far a walk has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Drawn when the walk began, so that no step takes another walk for its own.
    walk: u128,
    through: Through,
    /// The key behind which it goes on.
    behind: Vec<u8>,
}

/// What a walk goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Through {
    /// The headers of sessions, to index what they say, and where their messages are.
    Headers,
    /// Then the chunks, to index the messages.
    Chunks,
    /// The users, to forget where their messages are.
    Users,
}

impl<E: Engine> SessionStore<E> {
    /// Keeps an index of the words of everything that is said from now on, for [`Sessions::find`], and makes one of what
    /// is there.
    ///
    /// It stays with the data: every handle on the store has it and keeps it, whenever it was opened, also in other
    /// processes. Others can write meanwhile; `find` is `NoTextIndex` until this returns. It goes in transactions of
    /// limited size, and where it was cut short the next call goes on; where the index is finished, nothing is done. What
    /// it costs is a record a message, and now and then a few milliseconds, when some five hundred of them are put
    /// together.
    ///
    /// `Corrupt` if a session cannot be read: it is to be deleted, and this called again.
    pub fn with_text_index(self) -> Result<Self> {
        loop {
            match self.step()? {
                StateOfTexts::Complete => return Ok(self),
                StateOfTexts::Absent => self.begin(StateOfTexts::Made, &[StateOfTexts::Absent])?,
                StateOfTexts::Made | StateOfTexts::Dropped => {}
            }
        }
    }

    /// Drops the index. `with_text_index` makes it anew.
    ///
    /// Others can write meanwhile. Where it was cut short, either call goes on with it.
    pub fn without_text_index(self) -> Result<Self> {
        self.begin(StateOfTexts::Dropped, &[StateOfTexts::Made, StateOfTexts::Complete])?;
        while self.step()? == StateOfTexts::Dropped {}
        Ok(self)
    }

    /// The first error of those that writes met since this was last called when they put the text index in order.
    ///
    /// That is done behind a write, which has taken place by then and does not fail for it. The index is right either way,
    /// and every later write tries again; while they fail, searches grow slower.
    /// [`Sessions::tend_texts`] tries at once.
    pub fn tending_error(&self) -> Option<SessionError> {
        self.tending_error.lock().take()
    }

    /// What there is of the text index.
    pub(super) fn state_of_texts<G: Get>(&self, reader: &G) -> Result<StateOfTexts> {
        let (keyspace, key) = (self.layout.index, layout::texts_key()?);
        match reader.get_record(keyspace, &key)?.as_deref() {
            None => Ok(StateOfTexts::Absent),
            Some([]) => Ok(StateOfTexts::Complete),
            Some([MADE]) => Ok(StateOfTexts::Made),
            Some([DROPPED]) => Ok(StateOfTexts::Dropped),
            Some(_) => {
                let message = "the text index is in a state that does not exist";
                Err(Error::new(Kind::Corrupt, message).at(keyspace, &key).into())
            }
        }
    }

    /// `NoTextIndex` unless there is one and everything is in it.
    pub(super) fn check_texts<G: Get>(&self, reader: &G) -> Result<()> {
        match self.state_of_texts(reader)? {
            StateOfTexts::Complete => Ok(()),
            _ => Err(SessionError::NoTextIndex),
        }
    }

    /// Begins to make or to drop the index, if there is one of the states now.
    fn begin(&self, state: StateOfTexts, of: &[StateOfTexts]) -> Result<()> {
        let (number, through) = match state {
            StateOfTexts::Dropped => (DROPPED, Through::Users),
            _ => (MADE, Through::Headers),
        };
        let index = self.layout.index;
        self.transact(|txn| {
            if of.contains(&self.state_of_texts(txn)?) {
                let progress = Progress { walk: fresh(txn.now()), through, behind: Vec::new() };
                txn.put(index, layout::texts_key()?, [number])?;
                txn.put(index, layout::texts_progress_key()?, encode(&progress)?)?;
            }
            Ok(())
        })
    }

    /// A step of the walk that goes on. Returns what there was of the index before it.
    fn step(&self) -> Result<StateOfTexts> {
        let snapshot = self.db.snapshot()?;
        let state = self.state_of_texts(&snapshot)?;
        if matches!(state, StateOfTexts::Absent | StateOfTexts::Complete) {
            return Ok(state);
        }
        let progress = self.progress(&snapshot)?;
        // Looked up here and not in the transaction, which so conflicts with nobody who adds to what is ahead.
        let ahead = self.ahead(&snapshot, &progress)?;
        drop(snapshot);
        let next = progress.next(&ahead)?;
        self.transact(|txn| {
            if self.state_of_texts(txn)? != state || self.progress(txn)? != progress {
                // Somebody else took this step.
                return Ok(());
            }
            for key in &ahead {
                match progress.through {
                    Through::Headers => self.index_header(txn, key)?,
                    Through::Chunks => self.index_chunk(txn, key)?,
                    Through::Users => {
                        txn.delete_range(self.layout.index, layout::holders_range(&user_in(key)?)?)?;
                    }
                }
            }
            match &next {
                Some(next) => Ok(txn.put(self.layout.index, layout::texts_progress_key()?, encode(next)?)?),
                None => self.finish(txn, state),
            }
        })?;
        if state == StateOfTexts::Made {
            for user in ahead.iter().map(user_in).collect::<Result<BTreeSet<_>>>()? {
                self.texts.tend(&self.db, &*user)?;
            }
        }
        Ok(state)
    }

    fn finish(&self, txn: &mut Transaction<'_, E>, state: StateOfTexts) -> Result<()> {
        let (index, key) = (self.layout.index, layout::texts_key()?);
        txn.delete(index, layout::texts_progress_key()?)?;
        if state == StateOfTexts::Made {
            return Ok(txn.put(index, key, [])?);
        }
        txn.delete(index, key)?;
        Ok(txn.delete_range(self.texts.keyspace(), KeyRange::all())?)
    }

    fn progress<G: Get>(&self, reader: &G) -> Result<Progress> {
        let (keyspace, key) = (self.layout.index, layout::texts_progress_key()?);
        let missing = || Error::new(Kind::Corrupt, "it is not known how far the text index is");
        let found = reader.get_record(keyspace, &key)?.ok_or_else(missing);
        Ok(found.and_then(|found| Codec::Bincode.decode(&found)).map_err(|error| error.at(keyspace, &key))?)
    }

    /// The keys of what comes next, one for each step's record or user; none at the end.
    fn ahead<R: Read>(&self, reader: &R, progress: &Progress) -> Result<Vec<Key>> {
        let (keyspace, count) = match progress.through {
            Through::Headers => (self.layout.sessions, HEADERS_MAX),
            Through::Chunks => (self.layout.messages, CHUNKS_MAX),
            Through::Users => (self.layout.index, USERS_MAX),
        };
        let range = KeyRange::all().after(&progress.behind);
        let mut records = reader.read_range(keyspace, range, Direction::Forward)?;
        let mut ahead = Vec::with_capacity(count);
        while ahead.len() < count {
            let key = match records.next() {
                Ok(None) => break,
                Ok(Some(entry)) => Key::from(entry.key()),
                // Whether what cannot be read is needed shows when it is its turn.
                Err(error) => {
                    ahead.push(error.key().map(Key::from).ok_or(error)?);
                    break;
                }
            };
            if progress.through == Through::Users {
                records.seek(behind_user(&key)?)?;
            }
            ahead.push(key);
        }
        Ok(ahead)
    }

    /// Indexes what a session says of itself, and where its messages are.
    fn index_header(&self, txn: &mut Transaction<'_, E>, key: &Key) -> Result<()> {
        let (user, id) = layout::header_in(key)?;
        let sessions = self.user(&user)?;
        let Some(header) = sessions.find_header(txn, &id).map_err(|error| error.of(&id))? else {
            return Ok(());
        };
        for segment in segments(&header.spans) {
            txn.put(self.layout.index, layout::holder_key(&user, segment, &id)?, [])?;
        }
        sessions.put_session(txn, &id, &header)
    }

    /// Indexes the messages of a chunk. All headers were gone through, so that a segment without a holder is nobody's.
    fn index_chunk(&self, txn: &mut Transaction<'_, E>, key: &Key) -> Result<()> {
        let (user, segment, start) = layout::chunk_in(key)?;
        let sessions = self.user(&user)?;
        let holders = sessions.holders(txn, segment)?;
        let Some(holder) = holders.first() else { return Ok(()) };
        let messages = || -> storage_core::Result<Vec<StoredMessage<'static>>> {
            let Some(found) = txn.get(self.layout.messages, key)? else { return Ok(Vec::new()) };
            Codec::Bincode.decode(&found).map_err(|error| error.at(self.layout.messages, key))
        };
        let messages = messages().map_err(|error| SessionError::from(error).of(holder))?;
        for (position, message) in (start..).zip(&messages) {
            sessions.put_message(txn, segment, position, message.content())?;
        }
        Ok(())
    }
}

impl Progress {
    /// How far it is after a step; `None` if that was the last.
    fn next(&self, ahead: &[Key]) -> Result<Option<Progress>> {
        let (through, behind) = match (self.through, ahead.last()) {
            (Through::Users, Some(last)) => (self.through, behind_user(last)?.to_vec()),
            (through, Some(last)) => (through, last.to_vec()),
            (Through::Headers, None) => (Through::Chunks, Vec::new()),
            (Through::Chunks | Through::Users, None) => return Ok(None),
        };
        Ok(Some(Progress { walk: self.walk, through, behind }))
    }
}

/// The user with whom a key begins.
fn user_in(key: &Key) -> Result<String> {
    Ok(Decoder::new(key).take_str()?.into_owned())
}

/// A key behind all that begin with the user of one.
fn behind_user(key: &Key) -> Result<Key> {
    let of_user = KeyRange::within(&*user_in(key)?)?;
    Ok(of_user.end().expect("only the range of the empty tuple has no end").clone())
}

impl<E: Engine> Sessions<E> {
    /// Puts the text index of the user in order, so that searches stay fast, and says whether anything was due.
    ///
    /// Writes do so by themselves. Where that failed, [`tending_error`](SessionStore::tending_error) says why, and this
    /// tries again.
    pub fn tend_texts(&self) -> Result<bool> {
        match self.store.state_of_texts(&self.store.db)?.is_kept() {
            true => Ok(self.store.texts.tend(&self.store.db, &*self.user)?),
            false => Ok(false),
        }
    }

    /// Does what a write left to do. The write has taken place: what fails here is kept for who asks, and tried again
    /// behind the next write.
    pub(super) fn tend_after_write(&self) {
        if let Err(error) = self.store.texts.tend(&self.store.db, &*self.user) {
            self.store.tending_error.lock().get_or_insert_with(|| error.into());
        }
    }
}
