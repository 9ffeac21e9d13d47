//! The plain-file engine: records stand in files that `cat`, `grep`, `jq` and `git diff` read.
//!
//! ```
//! use storage_core::{Database, Keyspace};
//! use storage_fs::FsOptions;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let root = directory.path().join("store");
//! let db = Database::new(FsOptions::at(&root).open()?)?;
//! let notes = Keyspace::new("notes")?;
//! db.put(notes, "a", r#"{"text":"hello"}"#)?;
//! db.close()?;
//! let line = std::fs::read_to_string(root.join("notes/000001.jsonl"))?;
//! assert!(line.starts_with(r#"{"key":"=a","#) && line.ends_with("\"value\":{\"text\":\"hello\"}}\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//! | path | holds |
//! |---|---|
//! | `<keyspace>/000001.jsonl`, ... | records in lines, the newest last ([`Form::Lines`]) |
//! | `<keyspace>/<key>.json`, `.txt`, `.bin` | records in files of their own ([`Form::Files`]) |
//! | `.storage/lines/<keyspace>/000001.jsonl`, ... | the stamps of records in files; indexes, expiry and what else core keeps |
//! | `.storage/store.json` | what of all this is the store's: formats, versions, lengths; JSON in the first line, its checksum in the second |
//! | `.storage/journal-0`, `journal-1` | commits that are not in the files yet: 16 MiB each, unless [`FsOptions::journal`] says otherwise |
//! | `.storage/kept/` | files that somebody else wrote where the engine had to write |
//! | `.storage/aside/` | files that only snapshots still read |
//! | `.storage/lock` | locked by who has the store open |
//!
//! A tuple key reads as its elements between commas, other bytes behind a `=`; a capital letter is `+` and the small
//! one, an integer `#` and its digits, anything unsafe `%` and two hexadecimal digits.
//!
//! The journal belongs to the files until the store is closed: then they have everything, and are whole without it.
//!
//! # Other hands
//! A record in a file of its own that somebody edits, adds or removes is found by [`FsEngine::rescan`] and taken over
//! by [`adopt`], with its index entries. Until then a changed file reads as `Corrupt`, which says so, and the engine
//! never overwrites it: what it has to replace goes to `.storage/kept/`. Lines are the engine's alone; editing them is
//! damage.

mod cache;
mod checkpoint;
#[cfg(test)]
mod crash;
mod disk;
mod engine;
mod error;
mod files;
mod line;
mod manifest;
mod names;
mod options;
mod pending;
mod powers;
mod rescan;
mod segment;
mod snapshot;
mod state;
mod writer;

pub use engine::FsEngine;
pub use options::{Form, FsOptions, Settings};
pub use rescan::{Found, FoundChange, Rescan, adopt};
pub use snapshot::{FsCursor, FsSnapshot};
pub use state::FsValue;
pub use storage_core::IfMissing;
