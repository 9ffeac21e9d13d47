//! Where a word occurs: document by document, each with its length and the occurrences.
//!
//! In a segment documents have ordinals. A record of postings is a row of (ordinal, as its distance from the one before;
//! length of the document; occurrences).

use storage_core::Result;

use super::encoding::{Reader, corrupt, put_number, put_rising};

/// Where a document stands: in which segment, and as which of its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) ordinal: u32,
}

impl Place {
    /// The segment of those that are in none yet. It sorts behind all others.
    pub(super) const FRESH: u32 = u32::MAX;
}

/// The postings of one word in one segment, as they are put together.
#[derive(Debug, Default)]
pub(super) struct PostingsBuilder {
    bytes: Vec<u8>,
    before: u32,
}

impl PostingsBuilder {
    /// Adds a document behind all others.
    pub(super) fn add(&mut self, ordinal: u32, len: u64, occurrences: &[u32]) {
        put_number(&mut self.bytes, u64::from(ordinal - self.before));
        put_number(&mut self.bytes, len);
        put_rising(&mut self.bytes, occurrences);
        self.before = ordinal;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// One document in which a word occurs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posting {
    pub(super) place: Place,
    /// How many words the document has.
    pub(super) len: u64,
    start: u32,
    end: u32,
}

/// Where a word occurs, in the order of places.
#[derive(Debug, Default)]
pub(super) struct Postings {
    documents: Vec<Posting>,
    occurrences: Vec<u32>,
}

impl Postings {
    pub(super) fn documents(&self) -> &[Posting] {
        &self.documents
    }

    /// Where in the document the word occurs, in rising order.
    pub(super) fn occurrences(&self, posting: &Posting) -> &[u32] {
        &self.occurrences[posting.start as usize..posting.end as usize]
    }

    /// Forgets everything, and keeps the room for it.
    pub(super) fn clear(&mut self) {
        self.documents.clear();
        self.occurrences.clear();
    }

    /// Adds what a record holds.
    pub(super) fn read(&mut self, segment: u32, bytes: &[u8]) -> Result<()> {
        let mut reader = Reader::new(bytes);
        let mut ordinal = 0_u32;
        while !reader.is_at_end() {
            ordinal = ordinal.checked_add(reader.small()?).ok_or_else(corrupt)?;
            let len = reader.number()?;
            self.add(Place { segment, ordinal }, len, &mut reader)?;
        }
        Ok(())
    }

    /// Adds a document.
    pub(super) fn add(&mut self, place: Place, len: u64, occurrences: &mut Reader<'_>) -> Result<()> {
        let start = self.end()?;
        occurrences.rising(&mut self.occurrences)?;
        let end = self.end()?;
        self.documents.push(Posting { place, len, start, end });
        Ok(())
    }

    fn end(&self) -> Result<u32> {
        u32::try_from(self.occurrences.len()).map_err(|_| {
            let message = format!("the word occurs more than {} times", u32::MAX);
            storage_core::Error::new(storage_core::Kind::TooLarge, message)
        })
    }

    /// Makes one word of several, whose postings were added one after the other: each document once, in order.
    pub(super) fn unite(&mut self) {
        if self.documents.is_sorted_by(|one, other| one.place < other.place) {
            return;
        }
        let mut documents = std::mem::take(&mut self.documents);
        documents.sort_by_key(|posting| posting.place);
        let mut united = Postings::default();
        for same in documents.chunk_by(|one, other| one.place == other.place) {
            let start = united.occurrences.len();
            for posting in same {
                united.occurrences.extend_from_slice(self.occurrences(posting));
            }
            united.occurrences[start..].sort_unstable();
            // There are no more of them than there were.
            united.documents.push(Posting {
                start: start as u32,
                end: united.occurrences.len() as u32,
                ..same[0]
            });
        }
        *self = united;
    }
}
