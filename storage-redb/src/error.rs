//! What redb's errors mean to a caller, by their variants, never by their text.

use std::io;

use redb::CommitError;
use storage_core::{Error, Kind};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "redb";

/// The error of a call that failed, and of which nothing is left.
#[cold]
pub(crate) fn failed(doing: &'static str, cause: impl Into<redb::Error>) -> Error {
    let cause = cause.into();
    let (kind, message) = classify(&cause);
    Error::new(kind, message).in_engine(NAME).during(doing).caused_by(cause)
}

/// The error of an operation on the file outside redb.
#[cold]
pub(crate) fn io(doing: &'static str, cause: io::Error) -> Error {
    failed(doing, redb::Error::Io(cause))
}

/// The error of a commit that redb had begun to write.
#[cold]
pub(crate) fn commit(cause: CommitError) -> Error {
    match cause {
        // Before anything was written.
        CommitError::TransactionPoisoned => failed("commit", cause),
        cause => {
            let message = "the commit failed while it was written: it is in the file whole, or not at all";
            Error::new(Kind::CommitUnknown, message).in_engine(NAME).during("commit").caused_by(cause)
        }
    }
}

/// The error of a check that found damage and repaired it, from an older state where that was all there was.
#[cold]
pub(crate) fn repaired() -> Error {
    let message = "the file was damaged and is repaired: the newest commits may be gone, so open it again";
    Error::new(Kind::Corrupt, message).in_engine(NAME).during("check")
}

fn classify(cause: &redb::Error) -> (Kind, &'static str) {
    use redb::Error as Cause;
    match cause {
        Cause::Io(cause) => classify_io(cause.kind()),
        Cause::Corrupted(_) => (Kind::Corrupt, "the file is damaged"),
        Cause::TableTypeMismatch { .. }
        | Cause::TableIsMultimap(_)
        | Cause::TableIsNotMultimap(_)
        | Cause::TypeDefinitionChanged { .. } => (Kind::Corrupt, "a table holds something else than bytes"),
        Cause::DatabaseAlreadyOpen => (Kind::Busy, "the file is open elsewhere"),
        Cause::TransactionInProgress => (Kind::Busy, "snapshots or found values are still held"),
        Cause::RepairAborted => {
            (Kind::Unavailable, "the file was not closed: open it for writing once, so that it is repaired")
        }
        Cause::UpgradeRequired(_) => (Kind::Invalid, "the file has a format of redb that it no longer reads"),
        Cause::PreviousIo => (Kind::Unavailable, "the file failed before: open it again"),
        Cause::DatabaseClosed => (Kind::Closed, "the file is closed"),
        Cause::ValueTooLarge(_) => (Kind::TooLarge, "the value is longer than redb takes"),
        _ => (Kind::Internal, "redb refused the call"),
    }
}

fn classify_io(kind: io::ErrorKind) -> (Kind, &'static str) {
    use io::ErrorKind as Io;
    match kind {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (Kind::Full, "there is no room for the file")
        }
        Io::NotFound => (Kind::Invalid, "there is no such file"),
        Io::IsADirectory | Io::NotADirectory | Io::InvalidFilename => {
            (Kind::Invalid, "the path is no file's")
        }
        // So redb calls a file that does not begin as its own do.
        Io::InvalidData => (Kind::Invalid, "the file is not redb's"),
        Io::UnexpectedEof => (Kind::Corrupt, "the file is shorter than it should be"),
        _ => (Kind::Unavailable, "the file cannot be read or written"),
    }
}
