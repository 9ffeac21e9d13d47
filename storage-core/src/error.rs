//! The one error type of the layer.
//!
//! An error says what a caller can do about it (`kind`, `retry`), and a reader what happened: the engine, what was
//! being done, the key it concerns, and the cause. It is one word wide, so that `Result` stays small on hot paths.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::keyspace::Keyspace;

/// The result of every fallible call of the layer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, split only where a caller would act differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Something that this transaction read was written by another one. Nothing was written; run it again.
    Conflict,
    /// The wait for a turn ended at its deadline. Nothing was written.
    Busy,
    /// The engine cannot be used now, or not until it is opened again. Nothing was written.
    Unavailable,
    /// Whether the commit took place is not known. Never repeat it blindly.
    CommitUnknown,
    /// A unique index holds the value already, for another record. Nothing was written.
    AlreadyExists,
    /// The call itself is wrong: an argument, or the order of calls. Nothing was written.
    Invalid,
    /// A key, a value or a transaction is over its limit. Nothing was written.
    TooLarge,
    /// The snapshot is past its maximum age.
    Expired,
    /// The medium is full. Nothing was written; deletes may still succeed.
    Full,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The database is closed.
    Closed,
    /// Between an engine and core, never seen by a caller: another process has committed since the last commit or
    /// exclusive snapshot that this engine was asked for. Nothing was written; the next call sees it.
    ForeignCommit,
    /// A defect of the layer or of an engine.
    Internal,
}

/// What a caller may do after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same call may succeed at once. `transact` does this by itself.
    Now,
    /// The same call may succeed later.
    Later,
    /// Look first: the call may have taken effect.
    Check,
    /// The same call fails again.
    Never,
}

/// An error of the storage layer.
///
/// ```
/// use storage_core::{Error, Kind, Retry};
///
/// let error = Error::new(Kind::Conflict, "key 0x61 was written by a later commit");
/// assert_eq!(error.kind(), Kind::Conflict);
/// assert_eq!(error.retry(), Retry::Now);
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    engine: Option<&'static str>,
    doing: Option<&'static str>,
    place: Option<Place>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

struct Place {
    keyspace: Keyspace,
    key: Option<Box<[u8]>>,
}

impl Error {
    /// An error of a kind with a readable message: lower case, naming the thing and the number.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            engine: None,
            doing: None,
            place: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(Kind::Invalid, message)
    }

    pub(crate) fn closed() -> Self {
        Error::new(Kind::Closed, "the database is closed")
    }

    /// Names the engine in which it happened.
    #[must_use]
    pub fn in_engine(mut self, engine: &'static str) -> Self {
        self.0.engine = Some(engine);
        self
    }

    /// Names what was being done, such as `commit` or `open`.
    #[must_use]
    pub fn during(mut self, doing: &'static str) -> Self {
        self.0.doing = Some(doing);
        self
    }

    /// Names the keyspace that it concerns.
    #[must_use]
    pub fn in_keyspace(mut self, keyspace: Keyspace) -> Self {
        self.0.place = Some(Place { keyspace, key: None });
        self
    }

    /// Names the record that it concerns. The message shows the key escaped and cut.
    #[must_use]
    pub fn at(mut self, keyspace: Keyspace, key: &[u8]) -> Self {
        self.0.place = Some(Place { keyspace, key: Some(key.into()) });
        self
    }

    /// Names what the message is about, such as a file, behind it.
    #[must_use]
    pub fn about(mut self, thing: impl fmt::Display) -> Self {
        self.0.message = format!("{}: {thing}", self.0.message).into();
        self
    }

    /// Keeps the cause, which `source()` returns.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What a caller may do now.
    pub fn retry(&self) -> Retry {
        match self.0.kind {
            Kind::Conflict => Retry::Now,
            Kind::Busy | Kind::Full | Kind::Expired => Retry::Later,
            Kind::CommitUnknown => Retry::Check,
            _ => Retry::Never,
        }
    }

    /// The engine in which it happened, if one was involved.
    pub fn engine(&self) -> Option<&'static str> {
        self.0.engine
    }

    /// The keyspace that it concerns, if one.
    pub fn keyspace(&self) -> Option<Keyspace> {
        self.0.place.as_ref().map(|place| place.keyspace)
    }

    /// The key of the record that it concerns, if one.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.place.as_ref().and_then(|place| place.key.as_deref())
    }

    /// Whether nothing was written, for certain. False only for [`Kind::CommitUnknown`].
    pub fn is_not_committed(&self) -> bool {
        self.0.kind != Kind::CommitUnknown
    }

    /// The same error for another caller whose commit shared its fate; the cause stays with the first as text.
    pub(crate) fn share(&self) -> Self {
        let mut copy = Error::new(self.0.kind, self.0.message.clone());
        copy.0.engine = self.0.engine;
        copy.0.doing = self.0.doing;
        copy.0.place =
            self.0.place.as_ref().map(|place| Place { keyspace: place.keyspace, key: place.key.clone() });
        copy.0.source = self.0.source.as_ref().map(|source| source.to_string().into());
        copy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(engine) = inner.engine {
            write!(f, "{engine}: ")?;
        }
        if let Some(doing) = inner.doing {
            write!(f, "{doing}: ")?;
        }
        f.write_str(&inner.message)?;
        if let Some(place) = &inner.place {
            write!(f, " (keyspace {}", place.keyspace.name())?;
            if let Some(key) = &place.key {
                write!(f, ", key {}", Escaped(key))?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Shows bytes as escaped ASCII, cut after [`SHOWN_LEN_MAX`] of them.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

/// A key of this length still reads as one word in a log line.
const SHOWN_LEN_MAX: usize = 64;

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN_LEN_MAX)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn keys_are_escaped_and_cut() {
        let keyspace = Keyspace::new("notes").unwrap();
        let error = Error::new(Kind::Corrupt, "checksum differs").at(keyspace, &[b'a', 0, 0xff]);
        assert_eq!(error.to_string(), r#"checksum differs (keyspace notes, key "a\x00\xff")"#);
        let long = Error::new(Kind::Corrupt, "checksum differs").at(keyspace, &[b'x'; 300]);
        assert!(long.to_string().contains("... (300 bytes)"));
        assert!(long.to_string().len() < 160);
    }
}
