//! What the journal's failures mean to a caller.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::io;

use crate::error::{Error, Kind};

/// The error of a call to the disk after which nothing is committed.
#[cold]
pub(crate) fn io(engine: &'static str, doing: &'static str, cause: io::Error) -> Error {
    use io::ErrorKind as Io;
    let (kind, message) = match cause.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (Kind::Full, "there is no room for the journal")
        }
        _ => (Kind::Unavailable, "the journal cannot be read or written"),
    };
    Error::new(kind, message).in_engine(engine).during(doing).caused_by(cause)
}

/// The error of a commit of which it is not known whether the journal holds it.
#[cold]
pub(crate) fn unknown(engine: &'static str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    let message = "the journal failed while it took the commit: it is there whole, or not at all";
    Error::new(Kind::CommitUnknown, message).in_engine(engine).during("commit").caused_by(cause)
}

/// The error of every call after a failure of the journal.
#[cold]
pub(crate) fn broken(engine: &'static str, cause: Option<Error>) -> Error {
    let message = "the journal failed before: open the store again";
    let broken = Error::new(Kind::Unavailable, message).in_engine(engine);
    match cause {
        Some(cause) => broken.caused_by(cause),
        None => broken,
    }
}

/// The error of a journal that is not what was written.
#[cold]
pub(crate) fn corrupt(engine: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Corrupt, message).in_engine(engine).during("read the journal")
}

/// The error of a journal that does not belong to the store beside it.
#[cold]
pub(crate) fn foreign(engine: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, message).in_engine(engine).during("read the journal")
}
