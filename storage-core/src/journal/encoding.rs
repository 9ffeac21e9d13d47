//! A batch as bytes, and back. All numbers are little-endian.
//!
//! | part | holds |
//! |---|---|
//! | range deletes | their number (4 bytes); of each the keyspace's name, the start, and a byte 1 with the end or a byte 0 |
//! | groups | their number (4 bytes); of each the keyspace's name, the number of its writes (4 bytes), and the writes |
//! | a write | the key; a byte 0 for a delete, or a byte 1, the stamp and the value |
//!
//! A name stands behind one byte of length, a key behind two, a value behind four.

use crate::batch::{Batch, Change, Write};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::KeyRange;
use crate::record::{Payload, Record, STAMP_LEN, Stamp};

/// Adds a batch to `into`.
pub fn encode(batch: &Batch, into: &mut Vec<u8>) {
    into.reserve(batch.len_bytes() + batch.writes.len() * (STAMP_LEN + 7) + 64);
    put_count(into, batch.range_deletes.len());
    for (keyspace, range) in &batch.range_deletes {
        put_name(into, *keyspace);
        put_key(into, range.start());
        match range.end() {
            Some(end) => {
                into.push(1);
                put_key(into, end);
            }
            None => into.push(0),
        }
    }
    let groups = || batch.writes.chunk_by(|one, other| one.keyspace == other.keyspace);
    put_count(into, groups().count());
    for group in groups() {
        put_name(into, group[0].keyspace);
        put_count(into, group.len());
        group.iter().for_each(|write| put_write(into, write));
    }
}

fn put_write(into: &mut Vec<u8>, write: &Write) {
    put_key(into, &write.key);
    match &write.change {
        Change::Delete => into.push(0),
        Change::Put(record) => {
            into.push(1);
            into.extend_from_slice(record.stamp.as_bytes());
            put_count(into, record.value.len());
            into.extend_from_slice(&record.value);
        }
    }
}

fn put_count(into: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a transaction is limited to far fewer bytes than 2^32");
    into.extend_from_slice(&count.to_le_bytes());
}

fn put_name(into: &mut Vec<u8>, keyspace: Keyspace) {
    let name = keyspace.name();
    into.push(u8::try_from(name.len()).expect("names are short"));
    into.extend_from_slice(name.as_bytes());
}

fn put_key(into: &mut Vec<u8>, key: &[u8]) {
    let len = u16::try_from(key.len()).expect("keys and bounds are limited to far fewer bytes than 2^16");
    into.extend_from_slice(&len.to_le_bytes());
    into.extend_from_slice(key);
}

/// The batch that these bytes are, all of them; `None` if they are none.
///
/// Its memory is in proportion to the bytes, whatever they say. Ids of keyspaces differ from process to process, so
/// the writes are sorted anew.
pub fn decode(bytes: &[u8]) -> Option<Batch> {
    let mut rest = Bytes(bytes);
    let mut batch = Batch::default();
    for _ in 0..rest.count()? {
        let keyspace = rest.keyspace()?;
        let start = rest.key()?;
        let end = match rest.byte()? {
            0 => None,
            1 => Some(rest.key()?),
            _ => return None,
        };
        batch.range_deletes.push((keyspace, KeyRange::from_parts(start, end)));
    }
    let mut is_sorted = true;
    let mut last: Option<Keyspace> = None;
    for _ in 0..rest.count()? {
        let keyspace = rest.keyspace()?;
        is_sorted &= last.is_none_or(|last| last < keyspace);
        last = Some(keyspace);
        for _ in 0..rest.count()? {
            let (key, change) = (rest.key()?, rest.change()?);
            batch.writes.push(Write { keyspace, key, change });
        }
    }
    if !is_sorted {
        batch.writes.sort_by(|one, other| (one.keyspace, &one.key).cmp(&(other.keyspace, &other.key)));
    }
    rest.0.is_empty().then_some(batch)
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn count(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn keyspace(&mut self) -> Option<Keyspace> {
        let len = self.byte()?;
        let name = std::str::from_utf8(self.take(usize::from(len))?).ok()?;
        Keyspace::from_stored(name).ok()
    }

    fn key(&mut self) -> Option<Key> {
        let len = self.take(2)?.try_into().ok().map(u16::from_le_bytes)?;
        self.take(usize::from(len)).map(Key::from)
    }

    fn change(&mut self) -> Option<Change> {
        match self.byte()? {
            0 => Some(Change::Delete),
            1 => {
                let stamp = Stamp::from_bytes(self.take(STAMP_LEN)?.try_into().ok()?);
                let len = usize::try_from(self.count()?).ok()?;
                Some(Change::Put(Record { stamp, value: Payload::new(self.take(len)?) }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let (one, other) = (Keyspace::new("encoded_a").unwrap(), Keyspace::new("encoded_b").unwrap());
        let put = |keyspace, key: &str, value: &str| Write {
            keyspace,
            key: Key::from(key.as_bytes()),
            change: Change::Put(Record { stamp: Stamp::unverified(), value: Payload::new(value.as_bytes()) }),
        };
        let delete = Write { keyspace: other, key: Key::from(b"k".as_slice()), change: Change::Delete };
        Batch {
            range_deletes: vec![(other, KeyRange::of("a".."c").unwrap()), (one, KeyRange::all())],
            writes: vec![put(one, "a", "1"), put(one, "b", ""), delete, put(other, "z", "a long value")],
        }
    }

    fn encoded(batch: &Batch) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(batch, &mut bytes);
        bytes
    }

    #[test]
    fn a_batch_comes_back_as_it_was() {
        for batch in [Batch::default(), batch()] {
            let bytes = encoded(&batch);
            assert_eq!(format!("{:?}", decode(&bytes).unwrap()), format!("{batch:?}"));
        }
    }

    #[test]
    fn groups_are_sorted_by_the_ids_of_this_process() {
        let mut other = batch();
        other.writes.rotate_left(2);
        assert_eq!(encoded(&decode(&encoded(&other)).unwrap()), encoded(&batch()));
    }

    #[test]
    fn bytes_that_are_no_batch_are_refused() {
        let bytes = encoded(&batch());
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_none(), "cut at {len}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(decode(&longer).is_none());
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                // It is a batch or none; what must not happen is a panic, or memory without bounds.
                if let Some(decoded) = decode(&changed) {
                    assert!(decoded.len_bytes() <= bytes.len());
                }
            }
        }
    }
}
