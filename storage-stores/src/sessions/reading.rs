//! Reading one session: its header, its children, and its messages through their spans.

use storage_core::{Codec, Engine, Get, Read};

use super::conversation::ChatMessage;
use super::error::{Result, SessionError};
use super::history::Blobs;
use super::layout;
use super::listing::SessionInfo;
use super::session::Session;
use super::store::{Sessions, check_id};
use super::stored::{Header, slice};

impl<E: Engine> Sessions<E> {
    /// A session, whole and as of one moment. `NotFound` if there is none; `Corrupt` if a record of it cannot be read.
    pub fn get(&self, id: &str) -> Result<Session> {
        self.load(&self.store.db.snapshot()?, id)
    }

    /// A session without its messages, and its version. It costs one read.
    pub fn info(&self, id: &str) -> Result<SessionInfo> {
        Ok(self.header(&self.store.db, id)?.into_info(id))
    }

    /// The messages of a session from the index `from` up to `to`, or to the last one where that is before.
    ///
    /// Only the chunks in which they are get read.
    pub fn messages_between(&self, id: &str, from: u64, to: u64) -> Result<Vec<ChatMessage>> {
        let snapshot = self.store.db.snapshot()?;
        let mut header = self.header(&snapshot, id)?;
        header.spans = slice(&header.spans, from, to);
        self.messages(&snapshot, &header, Blobs::Read).map_err(|error| error.of(id))
    }

    /// A session as a reader sees it.
    pub(super) fn load<R: Read>(&self, reader: &R, id: &str) -> Result<Session> {
        let header = self.header(reader, id)?;
        let load = || {
            let messages = self.messages(reader, &header, Blobs::Read)?;
            let children = match header.child_count {
                0 => Vec::new(),
                _ => self.children_of(reader, id)?.into_iter().map(|(_, child)| child).collect(),
            };
            Ok((messages, children))
        };
        let (messages, children) = load().map_err(|error: SessionError| error.of(id))?;
        header.into_session(id, messages, children).map_err(|error| SessionError::from(error).of(id))
    }

    /// The header of a session. `NotFound` if there is none.
    pub(super) fn header<G: Get>(&self, reader: &G, id: &str) -> Result<Header> {
        self.find_header(reader, id)?.ok_or_else(|| SessionError::not_found(id))
    }

    /// The header of a session; `None` if there is none.
    pub(super) fn find_header<G: Get>(&self, reader: &G, id: &str) -> Result<Option<Header>> {
        check_id(id)?;
        let (keyspace, key) = (self.store.layout.sessions, layout::header_key(&self.user, id)?);
        let found = reader.get_record(keyspace, &key)?;
        let decode = |value: &[u8]| Codec::Bincode.decode(value).map_err(|error| error.at(keyspace, &key));
        Ok(found.map(|found| decode(&found)).transpose()?)
    }
}
