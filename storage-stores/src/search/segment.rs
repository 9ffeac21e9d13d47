//! What a segment keeps beside postings: its documents, and its words.
//!
//! Both are rows of byte strings. Documents stand in the order of their keys, so that their ordinals do too.

use storage_core::Result;

use super::encoding::{Reader, corrupt, put_bytes};

/// The record of the documents of a segment, or of its words.
pub(super) fn row<'a>(strings: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    strings.for_each(|string| put_bytes(&mut bytes, string));
    bytes
}

/// Such a record, each of its byte strings at hand.
#[derive(Debug)]
pub(super) struct Row {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    bounds: Vec<(u32, u32)>,
}

impl Row {
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self> {
        let len = u32::try_from(bytes.len()).map_err(|_| corrupt())?;
        let mut reader = Reader::new(&bytes);
        let mut bounds = Vec::new();
        while !reader.is_at_end() {
            let string_len = reader.bytes()?.len() as u32;
            let end = len - reader.len() as u32;
            bounds.push((end - string_len, end));
        }
        Ok(Row { bytes, bounds })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// One of them. `Corrupt` where there are not so many.
    pub(super) fn get(&self, index: u32) -> Result<&[u8]> {
        let &(start, end) = self.bounds.get(index as usize).ok_or_else(corrupt)?;
        Ok(&self.bytes[start as usize..end as usize])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bounds.iter().map(|&(start, end)| &self.bytes[start as usize..end as usize])
    }

    /// Which of them begin so, where they are sorted.
    pub(super) fn beginning(&self, prefix: &[u8]) -> std::ops::Range<u32> {
        let string = |&(start, end): &(u32, u32)| &self.bytes[start as usize..end as usize];
        let start = self.bounds.partition_point(|bounds| string(bounds) < prefix);
        let end = start + self.bounds[start..].partition_point(|bounds| string(bounds).starts_with(prefix));
        start as u32..end as u32
    }
}
