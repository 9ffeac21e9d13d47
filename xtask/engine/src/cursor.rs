//! Cursors: a position in a range, before the first record until they are moved.

use storage_core::engine::Cursor;
use storage_core::{Error, Key, Kind, Payload, Record, Result, Stamp, Value};

use crate::error::NAME;

/// A position in a range of a snapshot.
#[derive(Debug)]
pub struct @Name@Cursor {
    /// The record here, if the cursor stands at one.
    here: Option<(Key, Record<Payload>)>,
}

impl @Name@Cursor {
    pub(crate) fn over_nothing() -> Self {
        Self { here: None }
    }
}

impl Cursor for @Name@Cursor {
    fn advance(&mut self) -> Result<bool> {
        self.here = None;
        Ok(false)
    }

    fn key(&self) -> &[u8] {
        self.here.as_ref().map_or(&[], |(key, _)| key)
    }

    fn stamp(&self) -> Stamp {
        self.here.as_ref().map_or(Stamp::unverified(), |(_, record)| record.stamp)
    }

    fn value(&mut self) -> Result<&dyn Value> {
        match &self.here {
            Some((_, record)) => Ok(&record.value),
            None => Err(Error::new(Kind::Internal, "the cursor stands at no record").in_engine(NAME)),
        }
    }
}
