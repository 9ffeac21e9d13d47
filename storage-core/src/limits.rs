//! Limits: checked once, in core, and equal on every engine.

use crate::error::{Error, Kind, Result};
use crate::keyspace::{Keyspace, KeyspaceKind};

/// The longest key in bytes. The shortest is one byte.
pub const KEY_LEN_MAX: usize = 2048;

/// The longest key of a derived entry in bytes: a field of an index, its separators, and a key of full length.
/// The narrowest engine, a Postgres B-tree page, ends near 2,700.
pub const DERIVED_KEY_LEN_MAX: usize = 2600;

/// The longest name of a keyspace in bytes.
pub const NAME_LEN_MAX: usize = 48;

/// How many keyspaces one process can name.
pub const KEYSPACES_MAX: usize = 4096;

/// The longest value in bytes, unless set lower: 16 MiB.
pub const VALUE_LEN_MAX: usize = 16 << 20;

/// The most bytes of keys and values that one transaction writes, unless set lower: 256 MiB.
pub const TRANSACTION_LEN_MAX: usize = 256 << 20;

/// The limits of one database. They can be set lower than the defaults, never higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest value in bytes.
    pub value_len_max: usize,
    /// The most bytes of keys and values that one transaction writes.
    pub transaction_len_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { value_len_max: VALUE_LEN_MAX, transaction_len_max: TRANSACTION_LEN_MAX }
    }
}

impl Limits {
    /// The same with another longest value, at most [`VALUE_LEN_MAX`].
    #[must_use]
    pub fn with_value_len_max(mut self, bytes: usize) -> Self {
        self.value_len_max = bytes.min(VALUE_LEN_MAX);
        self
    }

    /// The same with another largest transaction, at most [`TRANSACTION_LEN_MAX`].
    #[must_use]
    pub fn with_transaction_len_max(mut self, bytes: usize) -> Self {
        self.transaction_len_max = bytes.min(TRANSACTION_LEN_MAX);
        self
    }

    pub(crate) fn clamped(self) -> Self {
        self.with_value_len_max(self.value_len_max).with_transaction_len_max(self.transaction_len_max)
    }

    #[inline]
    pub(crate) fn check_value(&self, len: usize) -> Result<()> {
        if len <= self.value_len_max {
            return Ok(());
        }
        Err(Error::new(Kind::TooLarge, format!("value is {len} bytes, limit is {}", self.value_len_max)))
    }

    #[inline]
    pub(crate) fn check_transaction(&self, len: usize) -> Result<()> {
        if len <= self.transaction_len_max {
            return Ok(());
        }
        Err(Error::new(
            Kind::TooLarge,
            format!("transaction is {len} bytes, limit is {}", self.transaction_len_max),
        ))
    }
}

/// Checks a key that is to be written, of a keyspace that the error names. One of a derived entry may be longer.
#[inline]
pub(crate) fn check_key(keyspace: Keyspace, key: &[u8]) -> Result<()> {
    check_key_len(keyspace, key.len())
}

#[inline]
pub(crate) fn check_key_len(keyspace: Keyspace, len: usize) -> Result<()> {
    match (1..=key_len_max(keyspace)).contains(&len) {
        true => Ok(()),
        false => Err(key_error(keyspace, len)),
    }
}

/// Checks a key that is to be read: one that an engine could be asked for, though it may be too long to be written.
#[inline]
pub(crate) fn check_key_read(keyspace: Keyspace, key: &[u8]) -> Result<()> {
    match (1..=DERIVED_KEY_LEN_MAX).contains(&key.len()) {
        true => Ok(()),
        false => Err(key_error(keyspace, key.len())),
    }
}

#[inline]
fn key_len_max(keyspace: Keyspace) -> usize {
    match keyspace.kind() {
        KeyspaceKind::Data => KEY_LEN_MAX,
        KeyspaceKind::Derived | KeyspaceKind::System => DERIVED_KEY_LEN_MAX,
    }
}

#[cold]
fn key_error(keyspace: Keyspace, len: usize) -> Error {
    let error = match len {
        0 => Error::invalid("key is empty, shortest is 1 byte"),
        _ => {
            let message = format!("key is {len} bytes, limit is {}", key_len_max(keyspace));
            Error::new(Kind::TooLarge, message)
        }
    };
    error.in_keyspace(keyspace)
}

pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_LEN_MAX {
        return Err(Error::new(
            Kind::TooLarge,
            format!("keyspace name is {} bytes, limit is {NAME_LEN_MAX}", name.len()),
        ));
    }
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    if starts && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "keyspace name \"{}\" does not match [a-z][a-z0-9_]{{0,47}}",
        name.as_bytes().escape_ascii()
    )))
}
