//! Under which keys an index keeps what.

use storage_core::key::ToTuple;
use storage_core::{Error, Key, KeyRange, Kind, Result};

use super::encoding::corrupt;
use super::words::WORD_LEN_MAX;

/// The longest scope in bytes, as a key.
pub const SCOPE_LEN_MAX: usize = 1024;

/// The parts of a scope.
const COUNTER: u8 = 0;
const FRESH: u8 = 1;
const PLACE: u8 = 2;
const GONE: u8 = 3;
const DOCUMENTS: u8 = 4;
const WORDS: u8 = 5;
const POSTINGS: u8 = 6;

/// What is counted of a scope.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counter {
    /// The documents.
    Documents = 0,
    /// The words of all documents.
    Words = 1,
    /// What the fresh documents weigh.
    Fresh = 2,
    /// The places in segments whose documents are gone.
    Gone = 3,
    /// The number of the next segment.
    Segments = 4,
}

/// A scope: one index among those that share a keyspace. Its keys begin with it, and no scope begins another.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    prefix: Key,
}

impl Scope {
    /// `TooLarge` where it leaves no place for keys.
    pub(super) fn new<T: ToTuple + ?Sized>(scope: &T) -> Result<Self> {
        let prefix = Key::of(Key::of(scope)?.as_slice())?;
        if prefix.len() <= SCOPE_LEN_MAX {
            return Ok(Scope { prefix });
        }
        let message = format!("scope is {} bytes, limit is {SCOPE_LEN_MAX}", prefix.len());
        Err(Error::new(Kind::TooLarge, message))
    }

    fn key(&self, part: u8, rest: &[u8]) -> Key {
        let mut key = self.prefix.clone();
        key.push(part);
        key.extend_from_slice(rest);
        key
    }

    /// How long the keys of a part are before what follows in them.
    fn part_len(&self) -> usize {
        self.prefix.len() + 1
    }

    /// What follows in the key of a part.
    fn rest<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        key.get(self.part_len()..).unwrap_or_default()
    }

    /// Everything that the index keeps of the scope.
    pub(super) fn all(&self) -> Result<KeyRange> {
        // Behind the prefix of another scope that goes on where this one ends stands 0xff, which is no part.
        KeyRange::of(self.prefix.clone()..self.key(u8::MAX, &[]))
    }

    pub(super) fn counter(&self, counter: Counter) -> Key {
        self.key(COUNTER, &[counter as u8])
    }

    /// The words of a document that is in no segment yet.
    pub(super) fn fresh(&self, document: &[u8]) -> Key {
        self.key(FRESH, document)
    }

    pub(super) fn all_fresh(&self) -> KeyRange {
        KeyRange::prefix(&self.key(FRESH, &[]))
    }

    /// The document of such a key.
    pub(super) fn fresh_document<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        self.rest(key)
    }

    /// Where in a segment a document stands.
    pub(super) fn place(&self, document: &[u8]) -> Key {
        self.key(PLACE, document)
    }

    /// That the document of a place is gone.
    pub(super) fn gone(&self, segment: u32, ordinal: u32) -> Key {
        let mut key = self.key(GONE, &segment.to_be_bytes());
        key.extend_from_slice(&ordinal.to_be_bytes());
        key
    }

    pub(super) fn all_gone(&self) -> KeyRange {
        KeyRange::prefix(&self.key(GONE, &[]))
    }

    pub(super) fn gone_of(&self, segment: u32) -> KeyRange {
        KeyRange::prefix(&self.key(GONE, &segment.to_be_bytes()))
    }

    /// The segment and the ordinal of such a key.
    pub(super) fn gone_place(&self, key: &[u8]) -> Result<(u32, u32)> {
        let bytes = <[u8; 8]>::try_from(self.rest(key)).map_err(|_| corrupt())?;
        let place = u64::from_be_bytes(bytes);
        Ok(((place >> 32) as u32, place as u32))
    }

    /// The documents of a segment.
    pub(super) fn documents(&self, segment: u32) -> Key {
        self.key(DOCUMENTS, &segment.to_be_bytes())
    }

    /// The words that occur in a segment.
    pub(super) fn words(&self, segment: u32) -> Key {
        self.key(WORDS, &segment.to_be_bytes())
    }

    /// Where in a segment a word occurs. A word holds no NUL.
    pub(super) fn postings(&self, word: &str, segment: u32) -> Key {
        let mut key = self.key(POSTINGS, word.as_bytes());
        key.push(0);
        key.extend_from_slice(&segment.to_be_bytes());
        key
    }

    /// Where a word occurs, segment by segment.
    pub(super) fn postings_of(&self, word: &str) -> KeyRange {
        let mut start = self.key(POSTINGS, word.as_bytes());
        start.push(0);
        KeyRange::prefix(&start)
    }

    /// The same of every word that begins so, word by word.
    pub(super) fn postings_of_prefix(&self, prefix: &str) -> KeyRange {
        KeyRange::prefix(&self.key(POSTINGS, prefix.as_bytes()))
    }

    /// The segment in the key of postings.
    pub(super) fn postings_segment(key: &[u8]) -> Result<u32> {
        let (_, segment) = key.split_last_chunk::<4>().ok_or_else(corrupt)?;
        Ok(u32::from_be_bytes(*segment))
    }
}

// The longest key of postings is one.
const _: () = assert!(SCOPE_LEN_MAX + WORD_LEN_MAX + 6 <= storage_core::limits::KEY_LEN_MAX);
