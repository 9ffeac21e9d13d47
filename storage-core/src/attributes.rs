//! Attributes: what an application keeps beside a value.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::record::Stamp;

/// What is kept beside a value: when it expires, and a byte of the application's own.
///
/// ```
/// use storage_core::{Attributes, Timestamp};
///
/// let attributes = Attributes::new().expires_at(Timestamp::from_nanos(1_000)).user_byte(7);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    expires_at: Option<Timestamp>,
    user_byte: u8,
}

impl Attributes {
    /// Never expires; user byte 0.
    pub const fn new() -> Self {
        Attributes { expires_at: None, user_byte: 0 }
    }

    /// The record is visible before `at`, and no more from then on.
    #[must_use]
    pub const fn expires_at(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Keeps a byte beside the value, which key-only reads see.
    #[must_use]
    pub const fn user_byte(mut self, byte: u8) -> Self {
        self.user_byte = byte;
        self
    }

    pub(crate) fn stamp(self) -> Result<Stamp> {
        check_expiry(self.expires_at)?;
        Ok(Stamp::new().with_expiry(self.expires_at).with_user_byte(self.user_byte))
    }
}

/// `Invalid` for the one time that stands for none where it is stored.
pub(crate) fn check_expiry(at: Option<Timestamp>) -> Result<()> {
    match at == Some(Timestamp::default()) {
        true => Err(Error::invalid("a record cannot expire at the beginning of 1970")),
        false => Ok(()),
    }
}
