//! What can go wrong in the session store, as types that a caller matches on.

use storage_core::key::{FromTuple, unpack};
use storage_core::{BodyError, Error, Kind};
use thiserror::Error as ThisError;
use uuid::Uuid;

/// The result of every fallible call of the session store.
pub type Result<T, X = SessionError> = std::result::Result<T, X>;

/// An error of the session store. Unless it is [`Storage`](SessionError::Storage), nothing was written.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum SessionError {
    /// The user has no such session.
    #[error("session not found: {id}")]
    NotFound {
        /// Its id.
        id: String,
    },
    /// The user has a session with the id.
    #[error("session {id:?} exists already")]
    AlreadyExists {
        /// The id.
        id: String,
    },
    /// The session was changed since it was read.
    #[error("session {id:?} is at version {found}, not {expected}")]
    Conflict {
        /// Its id.
        id: String,
        /// The version that was expected.
        expected: u64,
        /// The version that it has.
        found: u64,
    },
    /// Another message of the session has the id.
    #[error("message id {id:?} is taken")]
    DuplicateMessageId {
        /// The id.
        id: String,
    },
    /// The store has no text index that is finished: [`with_text_index`](super::SessionStore::with_text_index) makes one.
    #[error("the store has no text index that is finished: `with_text_index` makes one")]
    NoTextIndex,
    /// An argument is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// Sessions are not exported in the format.
    #[error("unsupported export format: {format}")]
    UnsupportedFormat {
        /// What was asked for.
        format: String,
    },
    /// There is no such way to merge.
    #[error("unsupported merge type: {kind}")]
    UnsupportedMerge {
        /// The number that was given.
        kind: u64,
    },
    /// A text that is to be imported is no session.
    #[error("invalid session: {reason}")]
    InvalidSession {
        /// What is wrong.
        reason: String,
    },
    /// A message, a header or all that one call writes is over a limit of the layer below.
    #[error("a session, or a part of one, is too large")]
    TooLarge {
        /// What is over which limit.
        source: Error,
    },
    /// A stored record cannot be read.
    #[error("session {id} cannot be read")]
    Corrupt {
        /// The session, as far as it is known.
        id: String,
        /// What is wrong with it.
        source: Error,
    },
    /// What an export writes to failed.
    #[error("the file of an export failed")]
    Io(#[from] std::io::Error),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The layer below failed. Its kind says whether to try again.
    #[error(transparent)]
    Storage(Error),
}

impl SessionError {
    /// The same error, of a session whose id is known.
    pub(super) fn of(self, session: &str) -> Self {
        match self {
            SessionError::Corrupt { source, .. } => SessionError::Corrupt { id: session.to_owned(), source },
            SessionError::Storage(source) if source.kind() == Kind::Corrupt => {
                SessionError::Corrupt { id: session.to_owned(), source }
            }
            error => error,
        }
    }

    pub(super) fn not_found(id: &str) -> Self {
        SessionError::NotFound { id: id.to_owned() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        SessionError::InvalidArgument(message.into())
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Closed => SessionError::Closed,
            Kind::TooLarge => SessionError::TooLarge { source: error },
            Kind::Corrupt => match error.key() {
                Some(key) => SessionError::Corrupt { id: session_in(key), source: error },
                None => SessionError::Storage(error),
            },
            _ => SessionError::Storage(error),
        }
    }
}

impl BodyError for SessionError {
    fn storage(&self) -> Option<&Error> {
        match self {
            SessionError::Storage(error)
            | SessionError::Corrupt { source: error, .. }
            | SessionError::TooLarge { source: error } => Some(error),
            _ => None,
        }
    }
}

/// The session that the key of a record names; the segment or the key itself, escaped, where it names none.
fn session_in(key: &[u8]) -> String {
    fn parts<T: FromTuple>(key: &[u8]) -> Option<T> {
        unpack(key).ok()
    }
    let of_header = || parts::<(String, String)>(key).map(|(_, id)| id);
    let of_listing = || parts::<(String, u8, u64, String)>(key).map(|(_, _, _, id)| id);
    let of_child = || parts::<(String, u8, String, u64)>(key).map(|(_, _, parent, _)| parent);
    let of_chunk = || parts::<(String, Uuid, u64)>(key).map(|(_, segment, at)| format!("{segment} at {at}"));
    of_header()
        .or_else(of_listing)
        .or_else(of_child)
        .or_else(of_chunk)
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
            (Key::of(&("ann", "s-1")), "s-1"),
            (Key::of(&("ann", 0_u8, u64::MAX, "s-1")), "s-1"),
            (Key::of(&("ann", 1_u8, "s-1", 7_u64)), "s-1"),
            (Key::of(&("ann", Uuid::nil(), 7_u64)), "00000000-0000-0000-0000-000000000000 at 7"),
            (Ok(Key::from(b"\xff\xfe")), "\\xff\\xfe"),
        ];
        for (key, expected) in keys {
            let error = SessionError::from(Error::new(Kind::Corrupt, "damaged").at(keyspace, &key.unwrap()));
            assert!(matches!(&error, SessionError::Corrupt { id, .. } if id == expected), "{error:?}");
            assert!(matches!(error.of("known"), SessionError::Corrupt { id, .. } if id == "known"));
        }
    }

    #[test]
    fn conflicts_are_recognised_by_the_layer_below() {
        let error = SessionError::from(Error::new(Kind::Conflict, "overtaken"));
        assert_eq!(error.storage().map(Error::kind), Some(Kind::Conflict));
        assert!(matches!(SessionError::from(Error::new(Kind::Closed, "closed")), SessionError::Closed));
        let own = SessionError::Conflict { id: "s".into(), expected: 1, found: 2 };
        assert!(own.storage().is_none(), "an expected version that is not met is not tried again");
    }
}
