//! The text index of the sessions, where there is one: what comes into it and what goes out of it.
//!
//! A document is either what a session says of itself, or a message at its place in a segment: what is shared is indexed
//! once. Beside it stands which sessions have spans of a segment, so that a message that is found leads to them.

use storage_core::key::unpack;
use storage_core::{Direction, Engine, Key, Read, Result as StorageResult, Transaction};
use uuid::Uuid;

use super::error::{Result, SessionError};
use super::history::CHUNK_MESSAGES_MAX;
use super::layout;
use super::sharing::segments;
use super::store::{Sessions, Writing};
use super::stored::Header;
use crate::search::TextIndex;

/// The keyspace of the index.
const KEYSPACE: &str = "session_text";

/// The fields: three of a session, and that of a message.
pub(super) const NAME: &str = "name";
pub(super) const PROMPT: &str = "prompt";
pub(super) const TAGS: &str = "tags";
pub(super) const CONTENT: &str = "content";

/// The two sorts of documents.
const SESSION: u8 = 0;
const MESSAGE: u8 = 1;

/// A document of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// What the session of this id says of itself.
    Session(String),
    /// A message, at a position of a segment.
    Message(Uuid, u64),
}

impl Document {
    fn key(&self) -> StorageResult<Key> {
        match self {
            Document::Session(id) => Key::of(&(SESSION, id.as_str())),
            Document::Message(segment, position) => Key::of(&(MESSAGE, *segment, *position)),
        }
    }

    /// The document of a key of the index.
    pub(super) fn of(key: &[u8]) -> StorageResult<Self> {
        match unpack::<(u8, Uuid, u64)>(key) {
            Ok((_, segment, position)) => Ok(Document::Message(segment, position)),
            Err(_) => unpack::<(u8, String)>(key).map(|(_, id)| Document::Session(id)),
        }
    }
}

/// The definition of the index.
pub(super) fn index() -> StorageResult<TextIndex> {
    TextIndex::new(KEYSPACE, &[NAME, PROMPT, TAGS, CONTENT])
}

impl<E: Engine> Writing<'_, E> {
    /// Takes what a session says of itself, and where its messages are, in place of what it said before. Called before
    /// its header is put.
    pub(super) fn note_session(&self, txn: &mut Transaction<'_, E>, id: &str, header: &Header) -> Result<()> {
        if !self.keeps_texts {
            return Ok(());
        }
        let before = match self.find_header(txn, id) {
            // It was deleted or is put anew, as a whole.
            Err(SessionError::Corrupt { .. }) => None,
            found => found?,
        };
        let old = before.as_ref().map(|before| segments(&before.spans)).unwrap_or_default();
        let new = segments(&header.spans);
        let keyspace = self.store.layout.index;
        for gone in old.difference(&new) {
            txn.delete(keyspace, layout::holder_key(&self.user, *gone, id)?)?;
        }
        for come in new.difference(&old) {
            txn.put(keyspace, layout::holder_key(&self.user, *come, id)?, [])?;
        }
        match before.is_some_and(|before| of_session(&before) == of_session(header)) {
            true => Ok(()),
            false => self.put_session(txn, id, header),
        }
    }

    /// Lets go of what a session says of itself, and of where its messages are.
    pub(super) fn forget_session(
        &self,
        txn: &mut Transaction<'_, E>,
        id: &str,
        segments: &[Uuid],
    ) -> Result<()> {
        let Some(texts) = self.kept_texts() else { return Ok(()) };
        texts.remove(txn, &*self.user, Document::Session(id.to_owned()).key()?)?;
        for segment in segments {
            txn.delete(self.store.layout.index, layout::holder_key(&self.user, *segment, id)?)?;
        }
        Ok(())
    }

    /// Takes what is said at a position of a segment, in place of what was said there before.
    pub(super) fn note_message(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        position: u64,
        content: &str,
    ) -> Result<()> {
        match self.keeps_texts {
            true => self.put_message(txn, segment, position, content),
            false => Ok(()),
        }
    }

    /// Lets go of what is said in a segment from a position on. Called before the chunks go.
    pub(super) fn forget_messages(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        from: u64,
    ) -> Result<()> {
        let Some(texts) = self.kept_texts() else { return Ok(()) };
        let range = layout::segment_range(&self.user, segment)?;
        let chunks = txn.range(self.store.layout.messages, range, Direction::Forward)?.keys()?;
        let starts = chunks.iter().map(|key| layout::position_in(key)).collect::<StorageResult<Vec<_>>>()?;
        for (number, start) in starts.iter().enumerate() {
            // A chunk need not be readable for this: what is not there is not missed.
            let full = start + CHUNK_MESSAGES_MAX as u64;
            let end = starts.get(number + 1).map_or(full, |next| full.min(*next));
            for position in (*start).max(from)..end {
                texts.remove(txn, &*self.user, Document::Message(segment, position).key()?)?;
            }
        }
        Ok(())
    }

    /// Lets go of everything that the user said.
    pub(super) fn forget_all(&self, txn: &mut Transaction<'_, E>) -> Result<()> {
        match self.kept_texts() {
            Some(texts) => Ok(texts.remove_all(txn, &*self.user)?),
            None => Ok(()),
        }
    }

    /// The index, where it is kept.
    fn kept_texts(&self) -> Option<&TextIndex> {
        self.keeps_texts.then_some(&self.store.texts)
    }
}

impl<E: Engine> Sessions<E> {
    /// The sessions that have spans of a segment.
    pub(super) fn holders<R: Read>(&self, reader: &R, segment: Uuid) -> Result<Vec<String>> {
        let range = layout::holders_of(&self.user, segment)?;
        let keys = reader.read_range(self.store.layout.index, range, Direction::Forward)?.keys()?;
        keys.iter().map(|key| Ok(layout::holder_in(key)?)).collect()
    }

    /// Indexes what is said at a position of a segment.
    pub(super) fn put_message(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        position: u64,
        content: &str,
    ) -> Result<()> {
        let document = Document::Message(segment, position).key()?;
        Ok(self.store.texts.put(txn, &*self.user, document, &[(CONTENT, content)])?)
    }

    /// Indexes what a session says of itself.
    pub(super) fn put_session(&self, txn: &mut Transaction<'_, E>, id: &str, header: &Header) -> Result<()> {
        let (name, prompt, tags) = of_session(header);
        let mut said = vec![(NAME, name), (PROMPT, prompt)];
        said.extend(tags.iter().map(|tag| (TAGS, tag.as_str())));
        Ok(self.store.texts.put(txn, &*self.user, Document::Session(id.to_owned()).key()?, &said)?)
    }
}

/// What a session says of itself.
fn of_session(header: &Header) -> (&str, &str, &[String]) {
    (&header.name, &header.conversation.system_prompt, &header.tags)
}
