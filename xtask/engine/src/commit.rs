//! Commits: all of a batch, or none of it.

use storage_core::{Batch, Result};

use crate::error;

/// Refuses whatever would change something.
pub(crate) fn commit(batch: &Batch) -> Result<()> {
    match batch.is_empty() {
        true => Ok(()),
        false => Err(error::no_commits()),
    }
}
