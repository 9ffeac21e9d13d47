//! What SQLite's errors mean to a caller, by their codes, never by their text.

use std::io;

use rusqlite::ffi;
use storage_core::{Error, Kind};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "sqlite";

/// The error of a call that failed, and of which nothing is left.
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

/// The error of a `COMMIT` that SQLite had begun to write.
///
/// One that found no lock or no room left nothing that a recovery could take for a commit. After any other the log may
/// hold the commit, although it was not forced to the disk.
#[cold]
pub(crate) fn commit(cause: rusqlite::Error) -> Error {
    match primary(&cause) {
        Some(ffi::SQLITE_FULL | ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => failed("commit", cause),
        _ => {
            let message = "the commit failed while it was written: it is in the file whole, or not at all";
            Error::new(Kind::CommitUnknown, message).in_engine(NAME).during("commit").caused_by(cause)
        }
    }
}

/// The error of a commit that found another process's commit before it.
#[cold]
pub(crate) fn foreign() -> Error {
    Error::new(Kind::ForeignCommit, "another process has committed").in_engine(NAME).during("commit")
}

/// The error of a file that SQLite could only open to read it, and that is to be written.
#[cold]
pub(crate) fn read_only() -> Error {
    let message = "this process may not write the file: give it the right to, or open it read-only";
    Error::new(Kind::Unavailable, message).in_engine(NAME).during("open")
}

/// An error that SQLite does not know of.
#[cold]
pub(crate) fn invalid(doing: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, message).in_engine(NAME).during(doing)
}

/// The error of what stands in the file and should not.
#[cold]
pub(crate) fn corrupt(doing: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Corrupt, message).in_engine(NAME).during(doing)
}

/// The error of a call on a closed engine.
#[cold]
pub(crate) fn closed() -> Error {
    Error::new(Kind::Closed, "the database is closed").in_engine(NAME)
}

/// The error of a call on an engine whose file was found damaged.
#[cold]
pub(crate) fn given_up() -> Error {
    Error::new(Kind::Unavailable, "the file was found damaged: open it again").in_engine(NAME)
}

/// Whether a statement could not be made, as for a table that is not there.
pub(crate) fn is_about_the_statement(cause: &rusqlite::Error) -> bool {
    primary(cause) == Some(ffi::SQLITE_ERROR)
}

/// Whether it is that the schema changed more than once while a statement was made. SQLite itself tries again once.
pub(crate) fn is_about_a_changed_schema(cause: &rusqlite::Error) -> bool {
    primary(cause) == Some(ffi::SQLITE_SCHEMA)
}

/// Whether it is that somebody else holds a lock.
pub(crate) fn is_busy(cause: &rusqlite::Error) -> bool {
    primary(cause) == Some(ffi::SQLITE_BUSY)
}

fn extended(cause: &rusqlite::Error) -> Option<i32> {
    match cause {
        rusqlite::Error::SqliteFailure(error, _) | rusqlite::Error::SqlInputError { error, .. } => {
            Some(error.extended_code)
        }
        _ => None,
    }
}

/// The code without what extends it.
fn primary(cause: &rusqlite::Error) -> Option<i32> {
    extended(cause).map(|code| code & 0xff)
}

fn classify(cause: &rusqlite::Error) -> (Kind, &'static str) {
    let Some(code) = extended(cause) else {
        return match cause {
            rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..) => {
                (Kind::Corrupt, "a column holds something else than bytes")
            }
            _ => (Kind::Internal, "the library refused the call"),
        };
    };
    match (code & 0xff, code) {
        (ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL | ffi::SQLITE_SCHEMA, _) => {
            (Kind::Busy, "others held what it needs for longer than it waits")
        }
        (ffi::SQLITE_FULL, _) => (Kind::Full, "there is no room for the file"),
        (ffi::SQLITE_CORRUPT, _) | (_, ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS) => {
            (Kind::Corrupt, "the file is damaged")
        }
        (ffi::SQLITE_NOTADB, _) => (Kind::Invalid, "the file is not SQLite's"),
        (_, ffi::SQLITE_CANTOPEN_ISDIR) => (Kind::Invalid, "the path is no file's"),
        (ffi::SQLITE_TOOBIG, _) => (Kind::TooLarge, "the record is longer than SQLite takes"),
        (ffi::SQLITE_READONLY, _) => (Kind::Unavailable, "the file cannot be written"),
        (ffi::SQLITE_NOMEM, _) | (_, ffi::SQLITE_IOERR_NOMEM) => (Kind::Unavailable, "there is no memory"),
        (ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM | ffi::SQLITE_AUTH, _) => {
            (Kind::Unavailable, "the file cannot be read or written")
        }
        _ => (Kind::Internal, "SQLite refused the call"),
    }
}

fn classify_io(kind: io::ErrorKind) -> (Kind, &'static str) {
    use io::ErrorKind as Io;
    match kind {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            (Kind::Full, "there is no room for the file")
        }
        Io::NotFound => (Kind::Invalid, "there is no such file, or no directory for it"),
        Io::AlreadyExists => (Kind::Invalid, "the file is there already"),
        Io::IsADirectory | Io::NotADirectory | Io::InvalidFilename | Io::InvalidInput => {
            (Kind::Invalid, "the path is no file's")
        }
        _ => (Kind::Unavailable, "the file cannot be read or written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn each_failure_is_told_by_its_code() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, Kind::Busy),
            (ffi::SQLITE_BUSY_SNAPSHOT, Kind::Busy),
            (ffi::SQLITE_BUSY_RECOVERY, Kind::Busy),
            (ffi::SQLITE_LOCKED_SHAREDCACHE, Kind::Busy),
            (ffi::SQLITE_PROTOCOL, Kind::Busy),
            (ffi::SQLITE_SCHEMA, Kind::Busy),
            (ffi::SQLITE_FULL, Kind::Full),
            (ffi::SQLITE_CORRUPT, Kind::Corrupt),
            (ffi::SQLITE_CORRUPT_VTAB, Kind::Corrupt),
            (ffi::SQLITE_IOERR_SHORT_READ, Kind::Corrupt),
            (ffi::SQLITE_IOERR_FSYNC, Kind::Unavailable),
            (ffi::SQLITE_IOERR_NOMEM, Kind::Unavailable),
            (ffi::SQLITE_NOTADB, Kind::Invalid),
            (ffi::SQLITE_CANTOPEN_ISDIR, Kind::Invalid),
            (ffi::SQLITE_CANTOPEN, Kind::Unavailable),
            (ffi::SQLITE_READONLY_DBMOVED, Kind::Unavailable),
            (ffi::SQLITE_TOOBIG, Kind::TooLarge),
            (ffi::SQLITE_MISUSE, Kind::Internal),
            (ffi::SQLITE_ERROR, Kind::Internal),
        ] {
            let error = failed("get", cause(code));
            assert_eq!((error.kind(), error.engine()), (kind, Some(NAME)), "{code}: {error:?}");
        }
    }

    #[test]
    fn failed_commit_is_unknown_unless_nothing_of_it_was_written() {
        assert_eq!(commit(cause(ffi::SQLITE_FULL)).kind(), Kind::Full);
        assert_eq!(commit(cause(ffi::SQLITE_BUSY)).kind(), Kind::Busy);
        for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_NOMEM] {
            assert_eq!(commit(cause(code)).kind(), Kind::CommitUnknown);
        }
    }

    /// ENOSPC, EDQUOT and EFBIG of Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn full_medium_is_told_by_its_code() {
        for code in [28, 122, 27] {
            assert_eq!(io("create", io::Error::from_raw_os_error(code)).kind(), Kind::Full);
        }
    }
}
