//! The words of one document, and where each stands.
//!
//! An occurrence is one number: the position times [`FIELDS_MAX`], plus the number of the field. So the word behind
//! another in the same field is always the same distance away.

use std::borrow::Cow;

use storage_core::{Error, Kind, Result};

use super::encoding::{Reader, corrupt, put_bytes, put_number, put_rising};

/// How many fields an index has at most.
pub const FIELDS_MAX: usize = 8;

/// From an occurrence to the place of the next word in the same field.
pub(super) const STEP: u32 = FIELDS_MAX as u32;

/// What a fresh document weighs beside its words.
const WEIGHT: u64 = 32;

/// The number of the field in which a word occurs.
pub(super) fn field_of(occurrence: u32) -> usize {
    (occurrence % STEP) as usize
}

/// A document as it is put together: its words in any order.
#[derive(Debug, Default)]
pub(super) struct EntryBuilder<'t> {
    occurrences: Vec<(Cow<'t, str>, u32)>,
}

impl<'t> EntryBuilder<'t> {
    /// `TooLarge` where a field has more words than can be counted.
    pub(super) fn add(&mut self, word: Cow<'t, str>, field: usize, position: usize) -> Result<()> {
        let occurrence = u32::try_from(position)
            .ok()
            .and_then(|position| position.checked_mul(STEP)?.checked_add(u32::try_from(field).ok()?));
        let occurrence = occurrence.ok_or_else(|| {
            let limit = u32::MAX / STEP;
            Error::new(Kind::TooLarge, format!("a field has {position} words, limit is {limit}"))
        })?;
        self.occurrences.push((word, occurrence));
        Ok(())
    }

    /// How many words it has.
    pub(super) fn len(&self) -> u64 {
        self.occurrences.len() as u64
    }

    /// The record of the document.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let len = self.len();
        self.occurrences.sort_unstable();
        let mut bytes = Vec::with_capacity(16 * self.occurrences.len() + 4);
        put_number(&mut bytes, len);
        let mut group = Vec::new();
        for same in self.occurrences.chunk_by(|(one, _), (other, _)| one == other) {
            group.clear();
            group.extend(same.iter().map(|(_, occurrence)| occurrence));
            put_bytes(&mut bytes, same[0].0.as_bytes());
            put_rising(&mut bytes, &group);
        }
        bytes
    }
}

/// What a fresh document of so many words weighs.
pub(super) fn weight(len: u64) -> i64 {
    i64::try_from(len + WEIGHT).unwrap_or(i64::MAX)
}

/// The record of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'b> {
    len: u64,
    words: Reader<'b>,
}

impl<'b> Entry<'b> {
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        Ok(Entry { len: reader.number()?, words: reader })
    }

    /// How many words it has, repeated ones each time.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Each of its words once, in their order, with what reads where it occurs.
    pub(super) fn words(self) -> EntryWords<'b> {
        EntryWords { rest: self.words }
    }
}

/// The words of a document, one after the other.
#[derive(Debug)]
pub(super) struct EntryWords<'b> {
    rest: Reader<'b>,
}

impl<'b> EntryWords<'b> {
    /// The next word, and a reader of its occurrences.
    pub(super) fn next(&mut self) -> Result<Option<(&'b str, Reader<'b>)>> {
        if self.rest.is_at_end() {
            return Ok(None);
        }
        let word = str::from_utf8(self.rest.bytes()?).map_err(|_| corrupt())?;
        let occurrences = self.rest;
        self.rest.pass_rising()?;
        Ok(Some((word, occurrences)))
    }
}
