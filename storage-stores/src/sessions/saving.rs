//! Creating, saving and appending. Whatever is saved over something is compared with it, and only the difference is put.

use storage_core::{Engine, Timestamp, Transaction};

use super::conversation::ChatMessage;
use super::error::{Result, SessionError};
use super::history::Blobs;
use super::ids::check_distinct;
use super::json::check_depth;
use super::layout;
use super::listing::SessionInfo;
use super::session::Session;
use super::sharing::segments;
use super::store::{Sessions, Writing, check_id};
use super::stored::{Draft, End, Header, Kept, encode};

/// What an append came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The session afterwards, with its new version.
    pub info: SessionInfo,
    /// The index of the first message that was appended.
    pub index: u64,
    /// The ids of the messages, given out where they had none.
    pub ids: Vec<String>,
}

/// From when a session was last changed that is put where none was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From now.
    Now,
    /// From when it says.
    Then,
}

impl<E: Engine> Sessions<E> {
    /// Stores a session that is new.
    ///
    /// `AlreadyExists`, and nothing changed, if the id is taken; `InvalidArgument` for an id that no session can have,
    /// a parent that is a descendant, or a temperature that is no number; `DuplicateMessageId` if two messages share
    /// one. The session given stays as it is: what is stored has the version and the time that are returned.
    pub fn create(&self, session: &Session) -> Result<SessionInfo> {
        check(session)?;
        self.write(|writing, txn| match self.find_header(txn, &session.id)? {
            Some(_) => Err(SessionError::AlreadyExists { id: session.id.clone() }),
            None => writing.insert(txn, session, Since::Now),
        })
    }

    /// Stores a session in the place of whatever has its id, or as a new one.
    ///
    /// Who read it before, and would not undo what others did since, calls [`update`](Self::update) with its version.
    pub fn save(&self, session: &Session) -> Result<SessionInfo> {
        check(session)?;
        self.write(|writing, txn| match self.find_header(txn, &session.id)? {
            Some(header) => writing.replace(txn, header, session).map_err(|error| error.of(&session.id)),
            None => writing.insert(txn, session, Since::Now),
        })
    }

    /// Stores a session in the place of the one that has its id. `NotFound` if there is none.
    ///
    /// With an expected version, such as the [`version`](Session::version) that was read, it is `Conflict`, and nothing
    /// changed, if that is not the one that stands. Every field is replaced, except that children stay children as long
    /// as they say so. Messages that are the same stay where they are; one without an id or a time that is otherwise
    /// the same as the one in its place keeps that one's.
    pub fn update(&self, session: &Session, expected_version: Option<u64>) -> Result<SessionInfo> {
        check(session)?;
        self.write(|writing, txn| {
            let header = self.header(txn, &session.id)?;
            check_version(&session.id, &header, expected_version)?;
            writing.replace(txn, header, session).map_err(|error| error.of(&session.id))
        })
    }

    /// Puts messages behind the last one of a session. It writes them, the header and its place in the listing.
    ///
    /// Many can append to one session at once: none gets lost. `NotFound` if there is no such session; `Conflict` if
    /// it is not at the version that is expected; `DuplicateMessageId` if an id is taken. No messages change nothing.
    pub fn append(
        &self,
        id: &str,
        messages: &[ChatMessage],
        expected_version: Option<u64>,
    ) -> Result<Appended> {
        check_messages(messages)?;
        self.write(|writing, txn| {
            let mut header = self.header(txn, id)?;
            check_version(id, &header, expected_version)?;
            let (before, index) = (header.updated, header.message_count());
            if messages.is_empty() {
                return Ok(Appended { info: header.into_info(id), index, ids: Vec::new() });
            }
            header.stamp(txn.now());
            header.conversation.updated = header.updated;
            let drafts = drafts(&mut header, messages, &[])?;
            self.check_not_taken(txn, &header, &drafts).map_err(|error| error.of(id))?;
            writing.append_drafts(txn, &mut header, &drafts).map_err(|error| error.of(id))?;
            writing.put_header(txn, id, Some(before), &header)?;
            let ids = drafts.iter().map(|draft| header.text_of(&draft.id)).collect();
            Ok(Appended { info: header.into_info(id), index, ids })
        })
    }
}

impl<E: Engine> Writing<'_, E> {
    /// Puts a session whose id is free.
    pub(super) fn insert(
        &self,
        txn: &mut Transaction<'_, E>,
        session: &Session,
        since: Since,
    ) -> Result<SessionInfo> {
        let mut header = Header::of(session, Header::fresh(txn.now()))?;
        let updated = if since == Since::Then { session.updated } else { txn.now() };
        let updated = if updated == Timestamp::default() { txn.now() } else { updated };
        header.updated = updated.max(header.created);
        self.set_parent(txn, &session.id, None, header.parent_id.as_deref())?;
        header.child_count = self.set_children(txn, &session.id, &session.child_ids)?;
        let drafts = drafts(&mut header, &session.conversation.messages, &[])?;
        self.append_drafts(txn, &mut header, &drafts)?;
        self.put_header(txn, &session.id, None, &header)?;
        Ok(header.into_info(&session.id))
    }

    /// Puts a session in the place of the one that has this header.
    fn replace(
        &self,
        txn: &mut Transaction<'_, E>,
        mut stored: Header,
        session: &Session,
    ) -> Result<SessionInfo> {
        let (id, before, old_parent) = (&*session.id, stored.updated, stored.parent_id.take());
        stored.stamp(txn.now());
        let mut header = Header::of(session, stored)?;
        header.updated = header.updated.max(header.created);
        self.set_parent(txn, id, old_parent.as_deref(), header.parent_id.as_deref())?;
        if header.child_count > 0 || !session.child_ids.is_empty() {
            header.child_count = self.set_children(txn, id, &session.child_ids)?;
        }
        self.replace_messages(txn, &mut header, &session.conversation.messages)?;
        self.put_header(txn, id, Some(before), &header)?;
        Ok(header.into_info(id))
    }

    /// Makes these the messages of a session, writing only the chunks that differ.
    fn replace_messages(
        &self,
        txn: &mut Transaction<'_, E>,
        header: &mut Header,
        messages: &[ChatMessage],
    ) -> Result<()> {
        let spans = header.spans.clone();
        let mut kept = Vec::new();
        // Where each chunk begins: its index here, its span, and its position there.
        let mut chunks = Vec::new();
        for (number, span) in spans.iter().enumerate() {
            for chunk in self.chunks(txn, span)? {
                chunks.push((kept.len(), number, chunk.start));
                self.keep(txn, span, chunk, Blobs::Read, &mut kept)?;
            }
        }
        let drafts = drafts(header, messages, &kept)?;
        for (number, &(from, span, start)) in chunks.iter().enumerate() {
            let to = chunks.get(number + 1).map_or(kept.len(), |next| next.0);
            let same = kept[from..to].iter().zip(&drafts[from.min(drafts.len())..]);
            let same = same.take_while(|(kept, draft)| kept.is(draft)).count();
            if from + same == to {
                continue;
            }
            let is_last_span = span + 1 == spans.len();
            let fits = is_last_span && header.end == End::Open && to <= drafts.len();
            let segment = spans[span].segment();
            if fits
                && self.shared_len(txn, segment)? <= start + same as u64
                && self.rewrite_chunk(txn, segment, start, &kept[from..to], &drafts[from..to])?
            {
                continue;
            }
            self.truncate(txn, header, (from + same) as u64)?;
            return self.append_drafts(txn, header, &drafts[from + same..]);
        }
        self.append_drafts(txn, header, &drafts[kept.len()..])
    }

    /// Puts a header, and the session's place in the listing, in the place of the one it had.
    ///
    /// Whatever changes a session comes through here.
    pub(super) fn put_header(
        &self,
        txn: &mut Transaction<'_, E>,
        id: &str,
        listed: Option<Timestamp>,
        header: &Header,
    ) -> Result<()> {
        self.note_session(txn, id, header)?;
        let layout = &self.store.layout;
        if let Some(before) = listed.filter(|before| *before != header.updated) {
            txn.delete(layout.index, layout::listed_key(&self.user, before, id)?)?;
        }
        let segments: Vec<u128> =
            segments(&header.spans).into_iter().map(|segment| segment.as_u128()).collect();
        txn.put(layout.index, layout::listed_key(&self.user, header.updated, id)?, encode(&segments)?)?;
        Ok(txn.put(layout.sessions, layout::header_key(&self.user, id)?, encode(header)?)?)
    }
}

/// What is written of messages, those that are `kept` being in the first places. Ids are checked against each other.
fn drafts<'a>(header: &mut Header, messages: &'a [ChatMessage], kept: &[Kept]) -> Result<Vec<Draft<'a>>> {
    let now = header.updated;
    let mut drafts = Vec::with_capacity(messages.len());
    for (number, message) in messages.iter().enumerate() {
        let given = match message.id.is_empty() {
            true => None,
            false => Some(header.given_id(&message.id)?),
        };
        let time = Some(message.timestamp).filter(|time| *time != Timestamp::default());
        let same = kept.get(number).filter(|_| given.is_none() || time.is_none()).and_then(|kept| {
            let id = given.clone().unwrap_or_else(|| kept.id.clone());
            let draft = Draft { message, id, time: time.unwrap_or(kept.message.timestamp) };
            kept.is(&draft).then_some(draft)
        });
        drafts.push(match same {
            Some(draft) => draft,
            None => {
                let id = given.unwrap_or_else(|| header.next_id());
                Draft { message, id, time: time.unwrap_or(now) }
            }
        });
    }
    check_distinct(header, &drafts)?;
    Ok(drafts)
}

fn check_version(id: &str, header: &Header, expected: Option<u64>) -> Result<()> {
    match expected.filter(|expected| *expected != header.version) {
        None => Ok(()),
        Some(expected) => Err(SessionError::Conflict { id: id.to_owned(), expected, found: header.version }),
    }
}

pub(super) fn check(session: &Session) -> Result<()> {
    check_id(&session.id)?;
    if !session.conversation.temperature.is_finite() {
        return Err(SessionError::invalid("the temperature of a conversation is no number"));
    }
    for map in [&session.config, &session.metadata, &session.conversation.metadata] {
        check_depth(map)?;
    }
    check_messages(&session.conversation.messages)
}

fn check_messages(messages: &[ChatMessage]) -> Result<()> {
    for message in messages {
        check_depth(&message.metadata)?;
        message.attachments.iter().try_for_each(|attachment| check_depth(&attachment.metadata))?;
    }
    Ok(())
}
