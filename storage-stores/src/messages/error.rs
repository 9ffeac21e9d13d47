//! What can go wrong in the message store, as types that a caller matches on.

use storage_core::key::{FromTuple, unpack};
use storage_core::{BodyError, Error, Kind};
use thiserror::Error as ThisError;
use uuid::Uuid;

/// The result of every fallible call of the message store.
pub type Result<T, X = MessageError> = std::result::Result<T, X>;

/// An error of the message store. Unless it is [`Storage`](MessageError::Storage), nothing was written.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum MessageError {
    /// There is no such namespace.
    #[error("namespace {name:?} does not exist")]
    NamespaceNotFound {
        /// Its name.
        name: String,
    },
    /// The name of a namespace is taken.
    #[error("namespace {name:?} exists already")]
    NamespaceExists {
        /// The name.
        name: String,
    },
    /// A stream is not at the version that the write expects. The text is the one that Message DB's clients look for.
    #[error("Wrong expected version: {expected} (Stream: {stream}, Stream Version: {actual})")]
    VersionConflict {
        /// The stream.
        stream: String,
        /// The version that was expected; -1 for no stream.
        expected: i64,
        /// The version that it has; -1 where it has no message.
        actual: i64,
    },
    /// Another message of the namespace has the id, or the same one has it in another stream or with other content.
    #[error("message id {id} is taken")]
    DuplicateId {
        /// The id.
        id: Uuid,
    },
    /// A text is no UUID.
    #[error("{text:?} is not a UUID")]
    InvalidId {
        /// The text.
        text: String,
    },
    /// No stream can have the name.
    #[error("stream name {name:?} {reason}")]
    InvalidStreamName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// No message can have the type.
    #[error("message type {name:?} {reason}")]
    InvalidType {
        /// The type.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Data or metadata is not what it must be.
    #[error("invalid data: {reason}")]
    InvalidData {
        /// What is wrong.
        reason: String,
    },
    /// A category was given where a stream is read, and the store is as strict as Message DB.
    #[error("Must be a stream name: {name}")]
    NotAStreamName {
        /// What was given.
        name: String,
    },
    /// The name of a stream was given where a category is read.
    #[error("Must be a category: {name}")]
    NotACategory {
        /// What was given.
        name: String,
    },
    /// The name of a stream was given where a correlation is.
    #[error("Correlation must be a category (Correlation: {name})")]
    CorrelationMustBeCategory {
        /// What was given.
        name: String,
    },
    /// A member or the size of a consumer group is missing or out of bounds.
    #[error("{reason}")]
    InvalidConsumerGroup {
        /// What is wrong.
        reason: &'static str,
    },
    /// An option or another argument is wrong.
    #[error("{0}")]
    InvalidOptions(String),
    /// Something is longer than its limit.
    #[error("{what} is {len} bytes, limit is {limit}")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest that it may be.
        limit: usize,
    },
    /// A message cannot be imported: another has its global position.
    #[error("global position {global_position} is taken")]
    PositionExists {
        /// The global position.
        global_position: u64,
    },
    /// A message cannot be imported: another has its position in the stream.
    #[error("position {position} of stream {stream:?} is taken")]
    StreamPositionExists {
        /// The stream.
        stream: String,
        /// The position.
        position: u64,
    },
    /// A record that is to be imported is none.
    #[error("invalid record: {reason}")]
    InvalidRecord {
        /// What is wrong.
        reason: String,
    },
    /// One record of an import is refused, and with it the batch in which it stands.
    #[error("record {number} cannot be imported")]
    Import {
        /// Which one, counted from one.
        number: u64,
        /// Why.
        source: Box<MessageError>,
    },
    /// The lease of a member has ended, and another worker may have the place.
    #[error("the lease of member {member} of group {group:?} is held no more")]
    LeaseLost {
        /// The group.
        group: String,
        /// The member.
        member: u64,
    },
    /// A stored record cannot be read.
    #[error("record {place} cannot be read")]
    Corrupt {
        /// What it held, as far as its key tells.
        place: String,
        /// What is wrong with it.
        source: Error,
    },
    /// What an import reads from, or an export writes to, failed.
    #[error("the file of an import or an export failed")]
    Io(#[from] std::io::Error),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The layer below failed. Its kind says whether to try again.
    #[error(transparent)]
    Storage(Error),
}

impl From<Error> for MessageError {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Closed => MessageError::Closed,
            Kind::Corrupt => match error.key() {
                Some(key) => MessageError::Corrupt { place: place_in(key), source: error },
                None => MessageError::Storage(error),
            },
            _ => MessageError::Storage(error),
        }
    }
}

impl BodyError for MessageError {
    fn storage(&self) -> Option<&Error> {
        match self {
            MessageError::Storage(error) | MessageError::Corrupt { source: error, .. } => Some(error),
            MessageError::Import { source, .. } => source.storage(),
            _ => None,
        }
    }
}

/// What the key of a record of this store names; the key itself, escaped, where it is damaged.
fn place_in(key: &[u8]) -> String {
    fn parts<T: FromTuple>(key: &[u8]) -> Option<T> {
        unpack(key).ok()
    }
    let of_message = || parts::<(u64, String, u64)>(key).map(|(_, name, at)| format!("{name:?} at {at}"));
    let of_names =
        || parts::<(u64, u8, String, String)>(key).map(|parts| format!("of {:?}: {:?}", parts.2, parts.3));
    let of_name_and_number =
        || parts::<(u64, u8, String, u64)>(key).map(|(_, _, name, at)| format!("of {name:?} at {at}"));
    let of_name = || parts::<(u64, u8, String)>(key).map(|(_, _, name)| format!("of {name:?}"));
    let of_log = || parts::<(u64, u8, u64)>(key).map(|(_, _, at)| format!("at global position {at}"));
    let of_id = || parts::<(u64, u8, Uuid)>(key).map(|(_, _, id)| format!("of message id {id}"));
    let of_namespace = || parts::<String>(key).map(|name| format!("of namespace {name:?}"));
    of_message()
        .or_else(of_names)
        .or_else(of_name_and_number)
        .or_else(of_name)
        .or_else(of_log)
        .or_else(of_id)
        .or_else(of_namespace)
        .unwrap_or_else(|| key.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use storage_core::{Key, Keyspace};

    use super::*;

    #[test]
    fn corruption_names_what_the_key_names() {
        let keyspace = Keyspace::new("anything").unwrap();
        let keys = [
            (Key::of(&(1_u64, "account-1", 7_u64)), "\"account-1\" at 7"),
            (Key::of(&(1_u64, 7_u8, "account-1")), "of \"account-1\""),
            (Key::of(&(1_u64, 5_u8, "account", 300_u64)), "of \"account\" at 300"),
            (Key::of(&(1_u64, 8_u8, "account-1", "Opened")), "of \"account-1\": \"Opened\""),
            (Key::of(&(1_u64, 4_u8, 300_u64)), "at global position 300"),
            (Key::of(&(1_u64, 6_u8, Uuid::nil())), "of message id 00000000-0000-0000-0000-000000000000"),
            (Key::of("shop"), "of namespace \"shop\""),
            (Ok(Key::from(b"\xff\xfe")), "\\xff\\xfe"),
        ];
        for (key, expected) in keys {
            let error = MessageError::from(Error::new(Kind::Corrupt, "damaged").at(keyspace, &key.unwrap()));
            assert!(matches!(&error, MessageError::Corrupt { place, .. } if place == expected), "{error:?}");
        }
    }

    #[test]
    fn conflicts_are_recognised_by_the_layer_below() {
        let error = MessageError::from(Error::new(Kind::Conflict, "overtaken"));
        assert_eq!(error.storage().map(Error::kind), Some(Kind::Conflict));
        assert!(matches!(MessageError::from(Error::new(Kind::Closed, "closed")), MessageError::Closed));
    }
}
