//! Full-text search against SQLite's FTS5, and against a search without an index.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod corpus;
mod fts5;
mod properties;
mod words;
