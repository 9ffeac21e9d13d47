//! Full-text search against SQLite's FTS5, and against a search without an index.

#![allow(clippy::unwrap_used, reason = "the functions of tests are tests")]

mod corpus;
mod fts5;
mod properties;
mod words;
