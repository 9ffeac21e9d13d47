//! What the engine's errors mean to a caller.

use storage_core::{Error, Kind};

/// The engine's name, as errors and capabilities carry it.
pub(crate) const NAME: &str = "@name@";

/// The error of every commit that would change something.
pub(crate) fn no_commits() -> Error {
    let message = "commits are not written yet";
    Error::new(Kind::Unavailable, message).in_engine(NAME).during("commit")
}
