//! Records as files of their own: what a file is called, and what it is made of.

use storage_core::Keyspace;

use crate::names;

/// What the name of a record's file ends with: what tools take its content for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    Json,
    Text,
    Bytes,
}

impl Extension {
    const ALL: [Extension; 3] = [Extension::Json, Extension::Text, Extension::Bytes];

    /// That of a value.
    pub(crate) fn of(value: &[u8]) -> Self {
        if serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok() {
            Extension::Json
        } else if std::str::from_utf8(value).is_ok() {
            Extension::Text
        } else {
            Extension::Bytes
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Extension::Json => "json",
            Extension::Text => "txt",
            Extension::Bytes => "bin",
        }
    }

    /// Those that it is not.
    pub(crate) fn others(self) -> impl Iterator<Item = Self> {
        Extension::ALL.into_iter().filter(move |other| *other != self)
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Extension::ALL.into_iter().find(|extension| extension.name() == name)
    }
}

/// The path of the file of a record.
pub(crate) fn path(keyspace: Keyspace, key: &[u8], extension: Extension) -> String {
    format!("{}/{}.{}", keyspace.name(), names::file_name(key), extension.name())
}

/// The path under which it is written before it has its own.
pub(crate) fn new_path(keyspace: Keyspace) -> String {
    // One at a time is written, and what a crash left of it is written over.
    format!("{}/.new", keyspace.name())
}
