//! What redb's errors mean to a caller, by their variants, never by their text.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::CommitError;
use storage_core::{Error, Kind, Result};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "redb";

/// The error of a call that failed, and of which nothing is left.
#[cold]
pub(crate) fn failed(doing: &'static str, cause: impl Into<redb::Error>) -> Error {
    let cause = cause.into();
    let (kind, message) = classify(&cause);
    Error::new(kind, message).in_engine(NAME).during(doing).caused_by(cause)
}

/// Does what redb does with the file. On a damaged one it may panic, which is an error like any other damage.
#[inline]
pub(crate) fn guarded<T>(doing: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(given_up(doing)))
}

/// The error of a call in which redb panicked.
#[cold]
pub(crate) fn given_up(doing: &'static str) -> Error {
    Error::new(Kind::Corrupt, "the file is damaged: redb gave up on it").in_engine(NAME).during(doing)
}

/// The error of a commit in the middle of which redb panicked.
#[cold]
pub(crate) fn commit_given_up(cause: Error) -> Error {
    let message = "redb gave up on the file in the middle of the commit";
    Error::new(Kind::CommitUnknown, message).in_engine(NAME).during("commit").caused_by(cause)
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
        Io::NotFound => (Kind::Invalid, "there is no such file, or no directory for it"),
        Io::IsADirectory | Io::NotADirectory | Io::InvalidFilename | Io::InvalidInput => {
            (Kind::Invalid, "the path is no file's")
        }
        // So redb calls a file that does not begin as its own do.
        Io::InvalidData => (Kind::Invalid, "the file is not redb's"),
        Io::UnexpectedEof => (Kind::Corrupt, "the file is shorter than it should be"),
        _ => (Kind::Unavailable, "the file cannot be read or written"),
    }
}

#[cfg(test)]
mod tests {
    use redb::StorageError;

    use super::*;

    /// ENOSPC, EDQUOT and EFBIG of Linux.
    #[cfg(target_os = "linux")]
    #[test]
    fn full_medium_is_told_by_its_code() {
        for code in [28, 122, 27] {
            let error = failed("commit", StorageError::Io(io::Error::from_raw_os_error(code)));
            assert_eq!(error.kind(), Kind::Full, "{error:?}");
        }
    }

    #[test]
    fn each_failure_is_told_by_its_variant() {
        let io = |kind: io::ErrorKind| redb::Error::Io(kind.into());
        for (cause, kind) in [
            (redb::Error::Corrupted("no room".into()), Kind::Corrupt),
            (redb::Error::DatabaseAlreadyOpen, Kind::Busy),
            (redb::Error::TransactionInProgress, Kind::Busy),
            (redb::Error::RepairAborted, Kind::Unavailable),
            (redb::Error::UpgradeRequired(1), Kind::Invalid),
            (redb::Error::PreviousIo, Kind::Unavailable),
            (redb::Error::DatabaseClosed, Kind::Closed),
            (redb::Error::ValueTooLarge(1), Kind::TooLarge),
            (redb::Error::InvalidSavepoint, Kind::Internal),
            (io(io::ErrorKind::UnexpectedEof), Kind::Corrupt),
            (io(io::ErrorKind::PermissionDenied), Kind::Unavailable),
        ] {
            let error = failed("get", cause);
            assert_eq!((error.kind(), error.engine()), (kind, Some(NAME)), "{error:?}");
        }
    }

    #[test]
    fn failed_commit_is_unknown_unless_nothing_was_written() {
        let full = || StorageError::Io(io::ErrorKind::StorageFull.into());
        assert_eq!(commit(CommitError::Storage(full())).kind(), Kind::CommitUnknown);
        assert_eq!(commit(CommitError::Storage(StorageError::PreviousIo)).kind(), Kind::CommitUnknown);
        assert_eq!(commit(CommitError::TransactionPoisoned).kind(), Kind::Internal);
        assert_eq!(failed("begin a commit", full()).kind(), Kind::Full);
    }
}
