//! What is stored, under which keys, and how: the one place that fixes what is on disk.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use storage_core::key::{Decoder, FromTuple, Template, unpack};
use storage_core::{
    Codec, CommitTime, Error, Key, KeyRange, Keyspace, Kind, Number, Result, Sequence, Timestamp,
};
use uuid::Uuid;

use super::json::Json;
use super::message::Message;
use super::names;

/// The keyspaces of the store whose keys begin with the number of a namespace.
///
/// What names a message stands in one keyspace beside everything else that is small: an engine writes records of one
/// keyspace in one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// (namespace, stream, position) to the message itself.
    pub(super) messages: Keyspace,
    /// (namespace, part, ...) to everything else.
    pub(super) index: Keyspace,
}

/// Counter: the last global position.
const LAST: u8 = 0;
/// Counter: the global positions up to that at which no message stands.
const MISSING: u8 = 1;
/// Counters by category: its streams, and its messages.
const CATEGORY_STREAMS: u8 = 2;
const CATEGORY_MESSAGES: u8 = 3;
/// By global position: where the message stands.
const LOG: u8 = 4;
/// The same by category and global position.
const CATEGORY: u8 = 5;
/// By id: the key of the message.
const ID: u8 = 6;
/// By stream: its head.
const HEAD: u8 = 7;
/// By stream and type: the position of the last message of a type that the head has no place for.
const TYPE: u8 = 8;
/// By name: the position that a consumer has stored.
const POSITION: u8 = 9;
/// By group, and by group and member: its size, and the place.
const GROUP: u8 = 10;

impl Layout {
    pub(super) fn new() -> Result<Self> {
        Ok(Layout { messages: Keyspace::new("messages")?, index: Keyspace::new("message_index")? })
    }

    /// The sequence of the global positions of a namespace. It holds the last one drawn.
    pub(super) fn global_positions(&self, namespace: u64) -> Result<Sequence> {
        Ok(Sequence::new(self.index, &last_key(namespace)?)?.starting_at(1))
    }
}

/// The counter of the last global position.
pub(super) fn last_key(namespace: u64) -> Result<Key> {
    Key::of(&(namespace, LAST))
}

/// The counter of the global positions up to the last at which no message stands.
pub(super) fn missing_key(namespace: u64) -> Result<Key> {
    Key::of(&(namespace, MISSING))
}

/// The counter of the streams of a category.
pub(super) fn category_streams_key(namespace: u64, category: &str) -> Result<Key> {
    Key::of(&(namespace, CATEGORY_STREAMS, category))
}

/// The counter of the messages of a category.
pub(super) fn category_messages_key(namespace: u64, category: &str) -> Result<Key> {
    Key::of(&(namespace, CATEGORY_MESSAGES, category))
}

/// The counters of the streams of all categories.
pub(super) fn category_streams(namespace: u64) -> Result<KeyRange> {
    KeyRange::within(&(namespace, CATEGORY_STREAMS))
}

/// The category of such a counter.
pub(super) fn category_of_counter(key: &Key) -> Result<String> {
    key.unpack::<(u64, u8, String)>().map(|(_, _, category)| category)
}

pub(super) fn message_key(namespace: u64, stream: &str, position: u64) -> Result<Key> {
    Key::of(&(namespace, stream, position))
}

/// The key of a message whose value waits for the commit.
pub(super) fn message_template(namespace: u64, stream: &str, position: u64) -> Template<Key> {
    Template::of(&(namespace, stream, position))
}

/// The key of a head whose value waits for the commit.
pub(super) fn head_template(namespace: u64, stream: &str) -> Template<Key> {
    Template::of(&(namespace, HEAD, stream))
}

pub(super) fn log_key(namespace: u64, global_position: Number) -> Template<Key> {
    Template::of(&(namespace, LOG, global_position))
}

pub(super) fn category_key(namespace: u64, category: &str, global_position: Number) -> Template<Key> {
    Template::of(&(namespace, CATEGORY, category, global_position))
}

/// The key of an entry of the log whose position is known.
pub(super) fn known_log_key(namespace: u64, global_position: u64) -> Result<Key> {
    Key::of(&(namespace, LOG, global_position))
}

/// The key of an entry of a category whose position is known.
pub(super) fn known_category_key(namespace: u64, category: &str, global_position: u64) -> Result<Key> {
    Key::of(&(namespace, CATEGORY, category, global_position))
}

pub(super) fn id_key(namespace: u64, id: Uuid) -> Result<Key> {
    Key::of(&(namespace, ID, id))
}

pub(super) fn head_key(namespace: u64, stream: &str) -> Result<Key> {
    Key::of(&(namespace, HEAD, stream))
}

pub(super) fn type_key(namespace: u64, stream: &str, message_type: &str) -> Result<Key> {
    Key::of(&(namespace, TYPE, stream, message_type))
}

pub(super) fn position_key(namespace: u64, consumer: &str) -> Result<Key> {
    Key::of(&(namespace, POSITION, consumer))
}

pub(super) fn group_key(namespace: u64, group: &str) -> Result<Key> {
    Key::of(&(namespace, GROUP, group))
}

pub(super) fn member_key(namespace: u64, group: &str, member: u64) -> Result<Key> {
    Key::of(&(namespace, GROUP, group, member))
}

/// The messages of all streams.
pub(super) fn messages_range(namespace: u64) -> Result<KeyRange> {
    KeyRange::within(&namespace)
}

/// The messages of a stream.
pub(super) fn stream_range(namespace: u64, stream: &str) -> Result<KeyRange> {
    KeyRange::within(&(namespace, stream))
}

/// The entries of a category.
pub(super) fn category_range(namespace: u64, category: &str) -> Result<KeyRange> {
    KeyRange::within(&(namespace, CATEGORY, category))
}

/// The entries of all messages.
pub(super) fn log_range(namespace: u64) -> Result<KeyRange> {
    KeyRange::within(&(namespace, LOG))
}

/// The ids of all messages.
pub(super) fn id_range(namespace: u64) -> Result<KeyRange> {
    KeyRange::within(&(namespace, ID))
}

/// The id of such a key.
pub(super) fn id_in(key: &[u8]) -> Result<Uuid> {
    unpack::<(u64, u8, Uuid)>(key).map(|(_, _, id)| id)
}

/// The types of a stream that its head has no place for.
pub(super) fn type_range(namespace: u64, stream: &str) -> Result<KeyRange> {
    KeyRange::within(&(namespace, TYPE, stream))
}

/// The positions of all consumers.
pub(super) fn position_range(namespace: u64) -> Result<KeyRange> {
    KeyRange::within(&(namespace, POSITION))
}

/// A group and its places.
pub(super) fn group_range(namespace: u64, group: &str) -> Result<KeyRange> {
    KeyRange::within(&(namespace, GROUP, group))
}

/// The number at the end of a key, behind a prefix of so many bytes.
pub(super) fn number_behind(key: &[u8], prefix_len: usize) -> Result<u64> {
    let mut decoder = Decoder::new(key.get(prefix_len..).unwrap_or_default());
    let number = decoder.take_u64()?;
    decoder.finish()?;
    Ok(number)
}

/// The stream and the position in the key of a message.
pub(super) fn stream_and_position(key: &[u8]) -> Result<(Cow<'_, str>, u64)> {
    let mut decoder = Decoder::new(key);
    decoder.take_u64()?;
    let stream = decoder.take_str()?;
    let position = decoder.take_u64()?;
    decoder.finish()?;
    Ok((stream, position))
}

/// The value of a message: everything but what its key says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredMessage<'a> {
    pub(super) global_position: Number,
    pub(super) time: CommitTime,
    pub(super) id: u128,
    pub(super) message_type: Cow<'a, str>,
    pub(super) data: Option<Cow<'a, str>>,
    pub(super) metadata: Option<Cow<'a, str>>,
}

impl StoredMessage<'_> {
    pub(super) fn template(&self) -> Result<Template<Vec<u8>>> {
        Codec::Bincode.encode_template(self)
    }
}

/// JSON as it stands in the value of a message.
pub(super) fn text(json: Option<&Json>) -> Option<Cow<'_, str>> {
    json.map(|json| Cow::Borrowed(json.as_str()))
}

/// The message whose record has this value.
pub(super) fn message(stream: &str, position: u64, value: &[u8]) -> Result<Message> {
    let stored: StoredMessage<'static> = Codec::Bincode.decode(value)?;
    let (Number::Known(global_position), CommitTime::Known(time)) = (stored.global_position, stored.time)
    else {
        return Err(Error::new(Kind::Corrupt, "a stored message waits for its commit"));
    };
    let json = |text: Option<Cow<'_, str>>| text.map(|text| Json::stored(text.into_owned()));
    let id = Uuid::from_u128(stored.id);
    Ok(Message::recorded(id, stream, stored.message_type, position, global_position, time)
        .with_data(json(stored.data))
        .with_metadata(json(stored.metadata)))
}

/// How many types the head of a stream has a place for.
const HEAD_TYPES_MAX: usize = 16;

/// What is known of a stream, in one record that each append replaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    /// The position of its last message, deleted ones included.
    pub(super) position: u64,
    /// How many messages it has.
    pub(super) messages: u64,
    /// When its last message was written.
    pub(super) time: CommitTime,
    /// The positions of the last messages of the types seen last.
    pub(super) types: Vec<(String, u64)>,
}

impl Head {
    /// That of a stream which begins with a message of a type.
    pub(super) fn first(position: u64, time: CommitTime, message_type: &str) -> Self {
        Head { position, messages: 1, time, types: vec![(message_type.to_owned(), position)] }
    }

    /// Adds a message behind the others. Returns the type that has no place any more, and where it was last.
    pub(super) fn push(
        &mut self,
        position: u64,
        time: CommitTime,
        message_type: &str,
    ) -> Option<(String, u64)> {
        self.position = position;
        self.time = time;
        self.messages += 1;
        self.note_type(position, message_type)
    }

    /// Adds a message, behind the others or among them, whose type was last seen at `last`. Returns what
    /// [`push`](Self::push) does.
    pub(super) fn insert(
        &mut self,
        position: u64,
        last: u64,
        time: CommitTime,
        message_type: &str,
    ) -> Option<(String, u64)> {
        if position > self.position || self.messages == 0 {
            self.position = position.max(self.position);
            self.time = time;
        }
        self.messages += 1;
        self.note_type(last, message_type)
    }

    fn note_type(&mut self, position: u64, message_type: &str) -> Option<(String, u64)> {
        if let Some((_, last)) = self.types.iter_mut().find(|(name, _)| name == message_type) {
            *last = position.max(*last);
            return None;
        }
        self.types.push((message_type.to_owned(), position));
        if self.types.len() <= HEAD_TYPES_MAX {
            return None;
        }
        let oldest = (0..self.types.len()).min_by_key(|at| self.types[*at].1)?;
        Some(self.types.swap_remove(oldest))
    }

    pub(super) fn last_of_type(&self, message_type: &str) -> Option<u64> {
        self.types.iter().find(|(name, _)| name == message_type).map(|(_, position)| *position)
    }

    pub(super) fn template(&self) -> Result<Template<Vec<u8>>> {
        Codec::Bincode.encode_template(self)
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self> {
        Codec::Bincode.decode(value)
    }

    /// When its last message was written; a stored head always knows.
    pub(super) fn last_activity(&self) -> Timestamp {
        self.time.known().unwrap_or_default()
    }
}

/// What the log and the categories hold of a message: where it stands, and by what it is filtered.
///
/// One byte of flags; the hash of the type in four; the hash of the cardinal id, eight bytes, where there is one; the
/// length of the correlation in two bytes, and the correlation, where there is one; the key of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    pub(super) type_hash: u32,
    pub(super) cardinal_hash: Option<u64>,
    /// The category of the stream with which the message is correlated.
    pub(super) correlation: Option<&'a str>,
    pub(super) key: &'a [u8],
}

const HAS_HASH: u8 = 1;
const HAS_CORRELATION: u8 = 2;

impl<'a> Placed<'a> {
    /// Cuts a correlation that is longer than the name of any stream: no read asks for it.
    pub(super) fn new(
        stream: &str,
        message_type: &str,
        correlation_stream: Option<&'a str>,
        key: &'a [u8],
    ) -> Self {
        let correlation = correlation_stream.map(names::category);
        let correlation = correlation.filter(|category| category.len() <= usize::from(u16::MAX));
        let type_hash = type_hash(message_type);
        Placed { type_hash, cardinal_hash: names::cardinal_hash(stream), correlation, key }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let correlation = self.correlation.map(|correlation| (correlation.len() as u16, correlation));
        let mut bytes = Vec::with_capacity(15 + self.correlation.map_or(0, str::len) + self.key.len());
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        bytes.push(
            flag(self.cardinal_hash.is_some(), HAS_HASH) | flag(correlation.is_some(), HAS_CORRELATION),
        );
        bytes.extend_from_slice(&self.type_hash.to_le_bytes());
        bytes.extend(self.cardinal_hash.into_iter().flat_map(u64::to_le_bytes));
        if let Some((len, text)) = correlation {
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(self.key);
        bytes
    }

    /// `Corrupt` for bytes that are none.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let decoded = || {
            let (flags, rest) = bytes.split_first()?;
            let (type_hash, mut rest) = rest.split_first_chunk::<4>()?;
            let (mut cardinal_hash, mut correlation) = (None, None);
            if flags & HAS_HASH != 0 {
                let (hash, more) = rest.split_first_chunk::<8>()?;
                (cardinal_hash, rest) = (Some(u64::from_le_bytes(*hash)), more);
            }
            if flags & HAS_CORRELATION != 0 {
                let (len, more) = rest.split_first_chunk::<2>()?;
                let (text, more) = more.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
                (correlation, rest) = (Some(std::str::from_utf8(text).ok()?), more);
            }
            (flags & !(HAS_HASH | HAS_CORRELATION) == 0 && !rest.is_empty()).then_some(Placed {
                type_hash: u32::from_le_bytes(*type_hash),
                cardinal_hash,
                correlation,
                key: rest,
            })
        };
        decoded().ok_or_else(|| Error::new(Kind::Corrupt, "an entry of a log names no message"))
    }
}

/// The hash of a type by which entries are filtered: FNV-1a in 32 bits.
pub(super) fn type_hash(message_type: &str) -> u32 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    message_type.bytes().fold(0x811C_9DC5, step)
}

/// A number as the value of a record of its own.
pub(super) fn number_value(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// `Corrupt` for bytes that are no number.
pub(super) fn number_of(value: &[u8]) -> Result<u64> {
    let bytes = value.try_into().map_err(|_| Error::new(Kind::Corrupt, "a number is not eight bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// The heads of the streams whose names begin with `prefix`.
pub(super) fn heads_from(namespace: u64, prefix: &str) -> Result<KeyRange> {
    let whole = head_key(namespace, prefix)?;
    // A NUL ends a string: without it, longer ones follow.
    Ok(KeyRange::prefix(&whole[..whole.len() - 1]))
}

/// The name at the end of the key of a head, or of a stored position.
pub(super) fn name_in(key: &[u8]) -> Result<String> {
    let mut decoder = Decoder::new(key);
    decoder.take_u64()?;
    decoder.take_u64()?;
    let name = String::unpack(&mut decoder)?;
    decoder.finish()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_nothing_cut_does() {
        let key = message_key(1, "account-1", 7).unwrap();
        for stream in ["account-1", "account"] {
            for correlation in [None, Some("wf"), Some("")] {
                let placed = Placed::new(stream, "Happened", correlation, &key);
                let bytes = placed.encode();
                assert_eq!(Placed::decode(&bytes).unwrap(), placed);
                let start = bytes.len() - key.len();
                for len in 0..=start {
                    assert_eq!(Placed::decode(&bytes[..len]).unwrap_err().kind(), Kind::Corrupt);
                }
            }
        }
        assert_eq!(stream_and_position(&key).unwrap(), (Cow::Borrowed("account-1"), 7));
    }

    #[test]
    fn types_are_hashed_as_fnv_says() {
        assert_eq!(
            [type_hash(""), type_hash("a"), type_hash("foobar")],
            [0x811C_9DC5, 0xE40C_292C, 0xBF9C_F968]
        );
    }

    #[test]
    fn a_head_keeps_the_types_seen_last() {
        let time = CommitTime::Known(Timestamp::from_nanos(1));
        let mut head = Head::first(0, time, "t0");
        for position in 1..HEAD_TYPES_MAX as u64 {
            assert_eq!(head.push(position, time, &format!("t{position}")), None);
        }
        assert_eq!(head.push(16, time, "t0"), None);
        assert_eq!(head.push(17, time, "new"), Some(("t1".to_owned(), 1)));
        assert_eq!((head.last_of_type("t0"), head.last_of_type("t1")), (Some(16), None));
        assert_eq!(head.insert(3, 3, time, "t0"), None);
        assert_eq!((head.position, head.messages, head.last_of_type("t0")), (17, 19, Some(16)));
    }
}
