//! Full-text search: an inverted index beside the records of a store, in the same transaction.
//!
//! A [`TextIndex`] has fields and scopes. Words are made as SQLite's `unicode61` makes them ([`words`]); a
//! [`SearchQuery`] is words, prefixes and phrases, all of which must be there; hits come in the order of BM25. On every
//! engine they are the same, and the same that SQLite's FTS5 finds.
//!
//! # What is stored
//! All keys begin with the scope, as one element.
//! | part | key | value |
//! |---|---|---|
//! | 0 | counter | documents; words; what the fresh weigh; places that are gone; segments |
//! | 1 | document | of a fresh document: its words, and where each stands |
//! | 2 | document | of any other: its segment, its ordinal there, how many words it has |
//! | 3 | segment, ordinal | that the document there is gone |
//! | 4 | segment | the keys of its documents |
//! | 5 | segment | its words |
//! | 6 | word, NUL, segment | in which of the segment's documents the word occurs, and where |
//!
//! A write puts one record, that of a fresh document, and changes three counters at the commit; so writers of different
//! documents never conflict. [`TextIndex::tend`], called now and then, makes a segment of some 500 fresh documents. A
//! search reads the fresh ones whole and of the segments one record for each of its words: exact counts for BM25, in
//! little time, since an occurrence takes two or three bytes.

mod encoding;
mod entry;
mod index;
mod layout;
mod matching;
mod postings;
mod query;
mod segment;
mod snippet;
mod tending;
mod unicode;
mod words;

pub use entry::FIELDS_MAX;
pub use index::TextIndex;
pub use layout::SCOPE_LEN_MAX;
pub use matching::{Hit, Hits};
pub use query::{QUERY_WORDS_MAX, QueryError, SearchQuery};
pub use snippet::Snippet;
pub use words::{WORD_LEN_MAX, Word, Words, words};
