//! What the records hold: headers, spans and messages, in the form that stands in storage.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use storage_core::{Codec, Error, Kind, Result, Timestamp};
use uuid::Uuid;

use super::attachment::{Attachment, AttachmentKind};
use super::conversation::{ChatMessage, Conversation, Role};
use super::json::JsonMap;
use super::listing::SessionInfo;
use super::session::Session;

/// A session without its messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) config: String,
    pub(super) metadata: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) version: u64,
    pub(super) parent_id: Option<String>,
    pub(super) branch_point: u64,
    pub(super) branch_name: String,
    /// How many children the index has of it.
    pub(super) child_count: u64,
    pub(super) conversation: StoredConversation,
    /// With which the ids begin that are given out to messages of this session.
    pub(super) seed: u128,
    /// How many such ids were given out.
    pub(super) numbered: u64,
    /// Where its messages are, in their order.
    pub(super) spans: Vec<Span>,
    /// Whether messages can be put behind the last span.
    pub(super) end: End,
}

/// Everything of a conversation but the messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredConversation {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) provider: String,
    pub(super) temperature: f64,
    pub(super) max_tokens: u64,
    pub(super) system_prompt: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) metadata: String,
}

/// Messages of a segment, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) segment: u128,
    pub(super) from: u64,
    pub(super) len: u64,
    /// With which the ids begin that these messages have here, if they are copies. The session that lists a span
    /// without it began the segment, and it alone writes there.
    pub(super) copy: Option<u128>,
}

/// Whether a session can write behind its last span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum End {
    /// Nothing stands there.
    Open,
    /// Messages that others share, and the session dropped, stand there; or there is no span; or it is a copy.
    Closed,
}

/// The id of a stored message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum StoredId<'a> {
    /// One that its session gave out: the seed of the session, and this number.
    Numbered(u64),
    /// One that came with it.
    Given(Cow<'a, str>),
}

/// A message as it stands in a chunk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct StoredMessage<'a> {
    pub(super) id: StoredId<'a>,
    role: u8,
    content: Cow<'a, str>,
    time: Timestamp,
    attachments: Vec<StoredAttachment<'a>>,
    metadata: Cow<'a, str>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredAttachment<'a> {
    id: Cow<'a, str>,
    kind: u8,
    content: StoredContent<'a>,
    file_path: Cow<'a, str>,
    url: Cow<'a, str>,
    name: Cow<'a, str>,
    mime_type: Cow<'a, str>,
    size: u64,
    metadata: Cow<'a, str>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum StoredContent<'a> {
    Inline(Cow<'a, [u8]>),
    /// So many bytes, in records of their own.
    Apart(u64),
}

/// The longest content of an attachment that stands in its message.
pub(super) const INLINE_LEN_MAX: usize = 4 << 10;

/// A message about to be written.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    pub(super) message: &'a ChatMessage,
    pub(super) id: StoredId<'a>,
    pub(super) time: Timestamp,
}

/// A message as it was read. Its id is not in it, and it has no content of attachments that stands apart.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) message: ChatMessage,
    pub(super) id: StoredId<'static>,
    /// Which attachments have content apart, and how much.
    pub(super) apart: Vec<(usize, u64)>,
}

/// Who has spans of a segment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Share {
    /// So many sessions.
    pub(super) sessions: u64,
    /// Positions before this one are shared, and so never changed.
    pub(super) len: u64,
}

impl Header {
    pub(super) fn message_count(&self) -> u64 {
        self.spans.iter().map(|span| span.len).sum()
    }

    /// Checks the session, and makes the header of its fields; what only storage knows is as `stored` has it.
    pub(super) fn of(session: &Session, stored: Header) -> Result<Header> {
        let conversation = &session.conversation;
        Ok(Header {
            name: session.name.clone(),
            tags: each_once(&session.tags),
            config: json_text(&session.config)?,
            metadata: json_text(&session.metadata)?,
            parent_id: session.parent_id.clone().filter(|parent| !parent.is_empty()),
            branch_point: session.branch_point,
            branch_name: session.branch_name.clone(),
            conversation: StoredConversation {
                id: conversation.id.clone(),
                model: conversation.model.clone(),
                provider: conversation.provider.clone(),
                temperature: conversation.temperature,
                max_tokens: conversation.max_tokens,
                system_prompt: conversation.system_prompt.clone(),
                created: or_else(conversation.created, stored.conversation.created),
                updated: or_else(conversation.updated, stored.updated),
                metadata: json_text(&conversation.metadata)?,
            },
            created: or_else(session.created, stored.created),
            ..stored
        })
    }

    /// What only storage knows of a session that begins now.
    pub(super) fn fresh(now: Timestamp) -> Header {
        let seed = fresh(now);
        Header {
            name: String::new(),
            tags: Vec::new(),
            config: String::new(),
            metadata: String::new(),
            created: now,
            updated: now,
            // At random, so that nobody takes a session for an earlier one of the same id.
            version: u64::try_from(seed & u128::from(u64::MAX >> 2)).expect("62 bits").max(1),
            parent_id: None,
            branch_point: 0,
            branch_name: String::new(),
            child_count: 0,
            conversation: StoredConversation {
                id: String::new(),
                model: String::new(),
                provider: String::new(),
                temperature: 0.0,
                max_tokens: 0,
                system_prompt: String::new(),
                created: now,
                updated: now,
                metadata: String::new(),
            },
            seed,
            numbered: 0,
            spans: Vec::new(),
            end: End::Closed,
        }
    }

    /// Gives it another version and a later time.
    pub(super) fn stamp(&mut self, now: Timestamp) {
        self.updated = now.max(Timestamp::from_nanos(self.updated.as_nanos().saturating_add(1)));
        self.next_version();
    }

    /// Gives it another version.
    pub(super) fn next_version(&mut self) {
        self.version = self.version.wrapping_add(1).max(1);
    }

    /// The session with its messages and its children.
    pub(super) fn into_session(
        self,
        id: &str,
        messages: Vec<ChatMessage>,
        child_ids: Vec<String>,
    ) -> Result<Session> {
        let conversation = self.conversation;
        Ok(Session {
            id: id.to_owned(),
            name: self.name,
            conversation: Conversation {
                id: conversation.id,
                messages,
                model: conversation.model,
                provider: conversation.provider,
                temperature: conversation.temperature,
                max_tokens: conversation.max_tokens,
                system_prompt: conversation.system_prompt,
                created: conversation.created,
                updated: conversation.updated,
                metadata: json_map(&conversation.metadata)?,
            },
            config: json_map(&self.config)?,
            created: self.created,
            updated: self.updated,
            tags: self.tags,
            metadata: json_map(&self.metadata)?,
            parent_id: self.parent_id,
            branch_point: self.branch_point,
            branch_name: self.branch_name,
            child_ids,
            version: self.version,
        })
    }

    /// The row by which it is listed.
    pub(super) fn into_info(self, id: &str) -> SessionInfo {
        SessionInfo {
            id: id.to_owned(),
            message_count: self.message_count(),
            name: self.name,
            created: self.created,
            updated: self.updated,
            model: self.conversation.model,
            provider: self.conversation.provider,
            tags: self.tags,
            is_branch: self.parent_id.is_some(),
            parent_id: self.parent_id,
            branch_name: self.branch_name,
            child_count: self.child_count,
            version: self.version,
        }
    }
}

impl Span {
    /// The first messages of a new segment.
    pub(super) fn own(segment: Uuid, len: u64) -> Self {
        Span { segment: segment.as_u128(), from: 0, len, copy: None }
    }

    pub(super) fn segment(&self) -> Uuid {
        Uuid::from_u128(self.segment)
    }

    /// The position behind its last message.
    pub(super) fn end(&self) -> u64 {
        self.from + self.len
    }
}

/// The messages from the index `from` up to `to`, as spans.
pub(super) fn slice(spans: &[Span], from: u64, to: u64) -> Vec<Span> {
    let mut before = 0;
    let mut found = Vec::with_capacity(spans.len());
    for span in spans {
        let (start, end) = (from.max(before), to.min(before + span.len));
        if start < end {
            found.push(Span { from: span.from + start - before, len: end - start, ..*span });
        }
        before += span.len;
    }
    found
}

/// The same messages with fresh ids.
pub(super) fn copies(spans: &[Span], now: Timestamp) -> Vec<Span> {
    spans.iter().map(|span| Span { copy: Some(fresh(now)), ..*span }).collect()
}

/// A number that nobody else draws: a UUID of version 7.
pub(super) fn fresh(now: Timestamp) -> u128 {
    const SECOND: u64 = 1_000_000_000;
    let nanos = u32::try_from(now.as_nanos() % SECOND).expect("less than a second");
    let time = uuid::Timestamp::from_unix(uuid::NoContext, now.as_nanos() / SECOND, nanos);
    Uuid::new_v7(time).as_u128()
}

impl<'a> StoredMessage<'a> {
    /// What stands in the chunk of a message that is about to be written.
    pub(super) fn of(draft: &'a Draft<'_>) -> Result<Self> {
        let message = draft.message;
        let id = match &draft.id {
            StoredId::Numbered(number) => StoredId::Numbered(*number),
            StoredId::Given(id) => StoredId::Given(Cow::Borrowed(id)),
        };
        Ok(StoredMessage {
            id,
            role: message.role as u8,
            content: Cow::Borrowed(&message.content),
            time: draft.time,
            attachments: message.attachments.iter().map(StoredAttachment::of).collect::<Result<_>>()?,
            metadata: json_text(&message.metadata)?.into(),
        })
    }

    /// What is said.
    pub(super) fn content(&self) -> &str {
        &self.content
    }

    /// About how many bytes it takes.
    pub(super) fn len(&self) -> usize {
        let inline = |attachment: &StoredAttachment<'_>| match &attachment.content {
            StoredContent::Inline(bytes) => bytes.len() + 128,
            StoredContent::Apart(_) => 128,
        };
        self.content.len() + self.metadata.len() + self.attachments.iter().map(inline).sum::<usize>() + 64
    }

    /// The message that it holds.
    pub(super) fn into_kept(self) -> Result<Kept> {
        let id = match self.id {
            StoredId::Numbered(number) => StoredId::Numbered(number),
            StoredId::Given(id) => StoredId::Given(Cow::Owned(id.into_owned())),
        };
        let mut apart = Vec::new();
        let mut attachments = Vec::with_capacity(self.attachments.len());
        for (number, stored) in self.attachments.into_iter().enumerate() {
            if let StoredContent::Apart(len) = stored.content {
                apart.push((number, len));
            }
            attachments.push(stored.into_attachment()?);
        }
        let message = ChatMessage {
            id: String::new(),
            role: role(self.role)?,
            content: self.content.into_owned(),
            timestamp: self.time,
            attachments,
            metadata: json_map(&self.metadata)?,
        };
        Ok(Kept { message, id, apart })
    }
}

impl<'a> StoredAttachment<'a> {
    fn of(attachment: &'a Attachment) -> Result<Self> {
        let content = match attachment.content.len() {
            len if len > INLINE_LEN_MAX => StoredContent::Apart(len as u64),
            _ => StoredContent::Inline(Cow::Borrowed(&attachment.content)),
        };
        Ok(StoredAttachment {
            id: Cow::Borrowed(&attachment.id),
            kind: attachment.kind as u8,
            content,
            file_path: Cow::Borrowed(&attachment.file_path),
            url: Cow::Borrowed(&attachment.url),
            name: Cow::Borrowed(&attachment.name),
            mime_type: Cow::Borrowed(&attachment.mime_type),
            size: attachment.size,
            metadata: json_text(&attachment.metadata)?.into(),
        })
    }

    fn into_attachment(self) -> Result<Attachment> {
        Ok(Attachment {
            id: self.id.into_owned(),
            kind: attachment_kind(self.kind)?,
            content: match self.content {
                StoredContent::Inline(bytes) => bytes.into_owned(),
                StoredContent::Apart(_) => Vec::new(),
            },
            file_path: self.file_path.into_owned(),
            url: self.url.into_owned(),
            name: self.name.into_owned(),
            mime_type: self.mime_type.into_owned(),
            size: self.size,
            metadata: json_map(&self.metadata)?,
        })
    }
}

impl Kept {
    /// Whether it is what is about to be written, content apart included, which must have been read.
    pub(super) fn is(&self, draft: &Draft<'_>) -> bool {
        let (own, other) = (&self.message, draft.message);
        self.id == draft.id
            && own.timestamp == draft.time
            && own.role == other.role
            && own.content == other.content
            && own.attachments == other.attachments
            && own.metadata == other.metadata
    }
}

/// The value of a record of this store.
pub(super) fn encode<V: Serialize + ?Sized>(value: &V) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Codec::Bincode.encode(value, &mut bytes)?;
    Ok(bytes)
}

/// The text of a map; empty for an empty one.
fn json_text(map: &JsonMap) -> Result<String> {
    if map.is_empty() {
        return Ok(String::new());
    }
    serde_json::to_string(map)
        .map_err(|error| Error::new(Kind::Invalid, "a map has no JSON form").caused_by(error))
}

fn json_map(text: &str) -> Result<JsonMap> {
    if text.is_empty() {
        return Ok(JsonMap::new());
    }
    serde_json::from_str(text)
        .map_err(|error| Error::new(Kind::Corrupt, "a stored map is no JSON").caused_by(error))
}

fn role(number: u8) -> Result<Role> {
    let roles = [Role::User, Role::Assistant, Role::System];
    let role = roles.into_iter().find(|role| *role as u8 == number);
    role.ok_or_else(|| Error::new(Kind::Corrupt, format!("role {number} does not exist")))
}

fn attachment_kind(number: u8) -> Result<AttachmentKind> {
    use AttachmentKind::{Audio, File, Image, Text, Video};
    let kind = [Image, File, Text, Audio, Video].into_iter().find(|kind| *kind as u8 == number);
    kind.ok_or_else(|| Error::new(Kind::Corrupt, format!("attachment type {number} does not exist")))
}

fn each_once(list: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::with_capacity(list.len());
    for item in list {
        if !found.contains(item) {
            found.push(item.clone());
        }
    }
    found
}

fn or_else(time: Timestamp, other: Timestamp) -> Timestamp {
    if time == Timestamp::default() { other } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_spans_are_those_of_their_messages() {
        let now = Timestamp::from_nanos(1);
        let spans: Vec<_> =
            [3, 1, 4].map(|len| Span { from: 10, ..Span::own(Uuid::from_u128(fresh(now)), len) }).to_vec();
        let told = |spans: &[Span]| -> Vec<_> {
            spans.iter().flat_map(|span| (span.from..span.end()).map(|at| (span.segment, at))).collect()
        };
        let all = told(&spans);
        for from in 0..=8 {
            for to in from..=8 {
                assert_eq!(told(&slice(&spans, from, to)), all[from as usize..to as usize], "{from}..{to}");
            }
        }
        let copied = copies(&spans, now);
        assert_eq!(told(&copied), all);
        assert!(copied[0].copy.is_some() && copied[0].copy != copied[1].copy);
    }

    #[test]
    fn versions_and_times_go_on_though_the_clock_stands_still() {
        let now = Timestamp::from_nanos(5);
        let mut header = Header::fresh(now);
        let version = header.version;
        header.stamp(now);
        assert_eq!((header.updated.as_nanos(), header.version), (6, version + 1));
        header.version = u64::MAX;
        header.stamp(Timestamp::from_nanos(9));
        assert_eq!((header.updated.as_nanos(), header.version), (9, 1), "0 is of sessions never stored");
    }
}
