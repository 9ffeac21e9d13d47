//! Full-text search against SQLite's FTS5, and against a search without an index.

mod corpus;
mod fts5;
mod properties;
mod words;
