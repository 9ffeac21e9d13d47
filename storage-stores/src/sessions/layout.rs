//! Under which keys everything stands. What the records hold is in `stored.rs`.

use storage_core::key::unpack;
use storage_core::{Key, KeyRange, Keyspace, Result, Timestamp};
use uuid::Uuid;

/// The keyspaces of the store, whose keys all begin with the user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// (user, id) to the header of a session.
    pub(super) sessions: Keyspace,
    /// (user, segment, position) to a chunk of messages.
    pub(super) messages: Keyspace,
    /// (user, segment, position, attachment, part) to a part of its content.
    pub(super) blobs: Keyspace,
    /// (user, part, ...) to everything else.
    pub(super) index: Keyspace,
}

/// By time, the newest first, and id: the segments of a session.
const LISTED: u8 = 0;
/// By parent and number: the id of a child.
const CHILD: u8 = 1;
/// By segment: who shares it.
const SHARE: u8 = 2;
/// By segment: hashes of ids that came with messages.
const IDS: u8 = 3;

/// By segment and id: that the session has a span of it, where there is a text index.
const HOLDER: u8 = 4;
/// What there is of a text index, and how far one is that is being made. They belong to no user: a name is never empty.
const TEXTS: (&str, u8) = ("", 0);
const TEXTS_PROGRESS: (&str, u8) = ("", 1);

/// Hashes of a whole chunk, by its position, and single ones, by themselves.
const IDS_OF_CHUNK: u8 = 0;
const IDS_SINGLE: u8 = 1;

impl Layout {
    pub(super) fn new() -> Result<Self> {
        Ok(Layout {
            sessions: Keyspace::new("sessions")?,
            messages: Keyspace::new("session_messages")?,
            blobs: Keyspace::new("session_blobs")?,
            index: Keyspace::new("session_index")?,
        })
    }
}

pub(super) fn header_key(user: &str, id: &str) -> Result<Key> {
    Key::of(&(user, id))
}

/// The user and the id in the key of a header.
pub(super) fn header_in(key: &[u8]) -> Result<(String, String)> {
    unpack(key)
}

/// The place of a session in the listing: the later, the smaller.
pub(super) fn listed_key(user: &str, updated: Timestamp, id: &str) -> Result<Key> {
    Key::of(&(user, LISTED, !updated.as_nanos(), id))
}

/// The listing of a user.
pub(super) fn listed_range(user: &str) -> Result<KeyRange> {
    KeyRange::within(&(user, LISTED))
}

/// The time and the id in a key of the listing.
pub(super) fn listed_in(key: &[u8]) -> Result<(Timestamp, String)> {
    let (_, _, inverted, id) = unpack::<(String, u8, u64, String)>(key)?;
    Ok((Timestamp::from_nanos(!inverted), id))
}

pub(super) fn child_key(user: &str, parent: &str, number: u64) -> Result<Key> {
    Key::of(&(user, CHILD, parent, number))
}

/// The children of a session.
pub(super) fn child_range(user: &str, parent: &str) -> Result<KeyRange> {
    KeyRange::within(&(user, CHILD, parent))
}

/// The children of all sessions of a user.
pub(super) fn children_range(user: &str) -> Result<KeyRange> {
    KeyRange::within(&(user, CHILD))
}

/// The parent and the number in the key of a child.
pub(super) fn child_in(key: &[u8]) -> Result<(String, u64)> {
    unpack::<(String, u8, String, u64)>(key).map(|(_, _, parent, number)| (parent, number))
}

pub(super) fn share_key(user: &str, segment: Uuid) -> Result<Key> {
    Key::of(&(user, SHARE, segment))
}

pub(super) fn texts_key() -> Result<Key> {
    Key::of(&TEXTS)
}

pub(super) fn texts_progress_key() -> Result<Key> {
    Key::of(&TEXTS_PROGRESS)
}

pub(super) fn holder_key(user: &str, segment: Uuid, id: &str) -> Result<Key> {
    Key::of(&(user, HOLDER, segment, id))
}

/// The sessions that have spans of a segment.
pub(super) fn holders_of(user: &str, segment: Uuid) -> Result<KeyRange> {
    KeyRange::within(&(user, HOLDER, segment))
}

/// The same of all segments.
pub(super) fn holders_range(user: &str) -> Result<KeyRange> {
    KeyRange::within(&(user, HOLDER))
}

/// The session in such a key.
pub(super) fn holder_in(key: &[u8]) -> Result<String> {
    unpack::<(String, u8, Uuid, String)>(key).map(|(_, _, _, id)| id)
}

pub(super) fn chunk_ids_key(user: &str, segment: Uuid, position: u64) -> Result<Key> {
    Key::of(&(user, IDS, segment, IDS_OF_CHUNK, position))
}

pub(super) fn single_id_key(user: &str, segment: Uuid, hash: u64) -> Result<Key> {
    Key::of(&(user, IDS, segment, IDS_SINGLE, hash))
}

/// The hashes of whole chunks of a segment.
pub(super) fn chunk_ids_range(user: &str, segment: Uuid) -> Result<KeyRange> {
    KeyRange::within(&(user, IDS, segment, IDS_OF_CHUNK))
}

/// All hashes of a segment.
pub(super) fn ids_range(user: &str, segment: Uuid) -> Result<KeyRange> {
    KeyRange::within(&(user, IDS, segment))
}

pub(super) fn chunk_key(user: &str, segment: Uuid, position: u64) -> Result<Key> {
    Key::of(&(user, segment, position))
}

/// A segment, in the keyspace of the messages and in that of the blobs.
pub(super) fn segment_range(user: &str, segment: Uuid) -> Result<KeyRange> {
    KeyRange::within(&(user, segment))
}

/// What begins at a position of a segment or behind it, in both.
pub(super) fn segment_from(user: &str, segment: Uuid, position: u64) -> Result<KeyRange> {
    Ok(segment_range(user, segment)?.from(&chunk_key(user, segment, position)?))
}

/// The user, the segment and the position in the key of a chunk.
pub(super) fn chunk_in(key: &[u8]) -> Result<(String, Uuid, u64)> {
    unpack(key)
}

/// The position in the key of a chunk.
pub(super) fn position_in(key: &[u8]) -> Result<u64> {
    chunk_in(key).map(|(_, _, position)| position)
}

pub(super) fn blob_key(user: &str, segment: Uuid, position: u64, attachment: u64, part: u64) -> Result<Key> {
    Key::of(&(user, segment, position, attachment, part))
}

/// The parts of one attachment.
pub(super) fn blob_range(user: &str, segment: Uuid, position: u64, attachment: u64) -> Result<KeyRange> {
    KeyRange::within(&(user, segment, position, attachment))
}

/// The blobs of one message.
pub(super) fn blobs_range(user: &str, segment: Uuid, position: u64) -> Result<KeyRange> {
    KeyRange::within(&(user, segment, position))
}
