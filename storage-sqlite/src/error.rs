//! What SQLite's errors mean to a caller, by their codes, never by their text.

use std::io;

use rusqlite::ErrorCode;
use storage_core::{Error, Kind};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "sqlite";

/// The error of a call that SQLite refused.
#[cold]
pub(crate) fn failed(doing: &'static str, cause: rusqlite::Error) -> Error {
    let (kind, message) = classify(&cause);
    Error::new(kind, message).in_engine(NAME).during(doing).caused_by(cause)
}

/// The error of an operation on the file outside SQLite.
#[cold]
pub(crate) fn io(doing: &'static str, cause: io::Error) -> Error {
    let (kind, message) = classify_io(cause.kind());
    Error::new(kind, message).in_engine(NAME).during(doing).caused_by(cause)
}

/// The error of a transaction's end, of which SQLite had begun to write the log.
#[cold]
pub(crate) fn commit(cause: rusqlite::Error) -> Error {
    match classify(&cause) {
        // The log ends before the mark that makes the commit one.
        (Kind::Full | Kind::Busy, _) => failed("commit", cause),
        _ => {
            let message = "the commit failed while it was written: it is in the file whole, or not at all";
            Error::new(Kind::CommitUnknown, message).in_engine(NAME).during("commit").caused_by(cause)
        }
    }
}

/// A refusal of the engine itself.
#[cold]
pub(crate) fn refused(kind: Kind, doing: &'static str, message: String) -> Error {
    Error::new(kind, message).in_engine(NAME).during(doing)
}

fn classify(cause: &rusqlite::Error) -> (Kind, &'static str) {
    let rusqlite::Error::SqliteFailure(failure, _) = cause else {
        return match cause {
            rusqlite::Error::NulError(_) | rusqlite::Error::InvalidPath(_) => {
                (Kind::Invalid, "the path is no file's")
            }
            rusqlite::Error::InvalidColumnType(..) => {
                (Kind::Corrupt, "a table holds something else than bytes")
            }
            _ => (Kind::Internal, "the call to SQLite was wrong"),
        };
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            (Kind::Busy, "another process holds the file")
        }
        ErrorCode::DiskFull => (Kind::Full, "there is no room for the file"),
        ErrorCode::DatabaseCorrupt => (Kind::Corrupt, "the file is damaged"),
        ErrorCode::NotADatabase => (Kind::Invalid, "the file is not SQLite's"),
        ErrorCode::CannotOpen => (Kind::Unavailable, "the file cannot be opened"),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            (Kind::Unavailable, "the file cannot be written")
        }
        ErrorCode::SystemIoFailure => (Kind::Unavailable, "the file cannot be read or written"),
        ErrorCode::TooBig => (Kind::TooLarge, "the value is longer than SQLite takes"),
        _ => (Kind::Internal, "SQLite refused the call"),
    }
}

fn classify_io(kind: io::ErrorKind) -> (Kind, &'static str) {
    use io::ErrorKind as Io;
    match kind {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (Kind::Full, "there is no room for the file")
        }
        Io::NotFound => (Kind::Invalid, "there is no such file"),
        Io::IsADirectory | Io::NotADirectory | Io::InvalidFilename | Io::InvalidInput => {
            (Kind::Invalid, "the path is no file's")
        }
        Io::AlreadyExists => (Kind::Invalid, "there is a file already"),
        _ => (Kind::Unavailable, "the file cannot be read or written"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_failure_is_told_by_its_code() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, Kind::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Kind::Busy),
            (ffi::SQLITE_LOCKED, Kind::Busy),
            (ffi::SQLITE_FULL, Kind::Full),
            (ffi::SQLITE_CORRUPT, Kind::Corrupt),
            (ffi::SQLITE_CORRUPT_INDEX, Kind::Corrupt),
            (ffi::SQLITE_NOTADB, Kind::Invalid),
            (ffi::SQLITE_CANTOPEN, Kind::Unavailable),
            (ffi::SQLITE_IOERR_FSYNC, Kind::Unavailable),
            (ffi::SQLITE_READONLY, Kind::Unavailable),
            (ffi::SQLITE_TOOBIG, Kind::TooLarge),
            (ffi::SQLITE_MISUSE, Kind::Internal),
        ] {
            let error = failed("get", failure(code));
            assert_eq!((error.kind(), error.engine()), (kind, Some(NAME)), "{code}: {error:?}");
        }
    }

    #[test]
    fn failed_commit_is_unknown_unless_its_end_was_not_written() {
        assert_eq!(commit(failure(ffi::SQLITE_IOERR_FSYNC)).kind(), Kind::CommitUnknown);
        assert_eq!(commit(failure(ffi::SQLITE_IOERR_WRITE)).kind(), Kind::CommitUnknown);
        assert_eq!(commit(failure(ffi::SQLITE_FULL)).kind(), Kind::Full);
    }
}
