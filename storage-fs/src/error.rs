//! What the errors of the file system mean to a caller, by their kinds.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use storage_core::{Error, Kind, Result};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "fs";

/// The error of a call on a file or a directory.
#[cold]
pub(crate) fn io(doing: &'static str, path: &str, cause: io::Error) -> Error {
    use io::ErrorKind as Io;
    let (kind, message) = match cause.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (Kind::Full, "there is no room for"),
        Io::InvalidData | Io::UnexpectedEof => (Kind::Corrupt, "this is not as it was written:"),
        _ => (Kind::Unavailable, "this cannot be read or written:"),
    };
    Error::new(kind, format!("{message} {}", shown(path))).in_engine(NAME).during(doing).caused_by(cause)
}

/// The error of a root at which no store can be.
#[cold]
pub(crate) fn no_place(root: &str, cause: io::Error) -> Error {
    use io::ErrorKind as Io;
    let message = match cause.kind() {
        Io::NotFound => "there is no directory for",
        Io::NotADirectory | Io::InvalidFilename | Io::InvalidInput => "this is no directory's path:",
        _ => return io("open", root, cause),
    };
    invalid("open", format!("{message} {}", shown(root))).caused_by(cause)
}

/// The error of a record's file that is not what was written.
#[cold]
pub(crate) fn edited(path: &str) -> Error {
    let message = format!(
        "{} is missing or not as it was written: `FsEngine::rescan` finds what somebody did to it, and `adopt` takes it over",
        shown(path)
    );
    corrupt("read", message)
}

/// Names the root of the store, where the error names only what is below it.
#[cold]
pub(crate) fn below(root: &Path, error: Error) -> Error {
    let root = root.display().to_string();
    match error.to_string().contains(&root) {
        true => error,
        false => error.about(root),
    }
}

fn shown(path: &str) -> String {
    match path {
        "" => "the root".to_owned(),
        path => path.escape_debug().to_string(),
    }
}

/// The error of what the caller asked for.
#[cold]
pub(crate) fn invalid(doing: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, message).in_engine(NAME).during(doing)
}

/// The error of what stands on the disk and should not.
#[cold]
pub(crate) fn corrupt(doing: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Corrupt, message).in_engine(NAME).during(doing)
}

/// The error of a call on a closed engine.
#[cold]
pub(crate) fn closed() -> Error {
    Error::new(Kind::Closed, "the store is closed").in_engine(NAME)
}

/// The error of writing files after that failed.
#[cold]
pub(crate) fn broken() -> Error {
    Error::new(Kind::Unavailable, "the files could not be written before: open the store again")
        .in_engine(NAME)
}

/// The error of a write while the disk is full.
#[cold]
pub(crate) fn full() -> Error {
    let message = "there is no room for what was committed already; deletes go on";
    Error::new(Kind::Full, message).in_engine(NAME).during("commit")
}

/// Names a path in the error of a call.
pub(crate) trait OnPath<T> {
    fn on(self, doing: &'static str, path: &str) -> Result<T>;
}

impl<T> OnPath<T> for io::Result<T> {
    fn on(self, doing: &'static str, path: &str) -> Result<T> {
        self.map_err(|cause| io(doing, path, cause))
    }
}
