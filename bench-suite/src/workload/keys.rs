//! Keys and values from numbers: cheap, the same for every contestant, in random order.

use crate::contestant::Entry;

/// The keys of a row, all of this length.
pub const KEY_LEN: usize = 16;

/// The key of every record of a store, and the order in which operations visit them.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    seed: u64,
    records: u64,
}

impl Keys {
    /// The keys of a store of `records`, which is at least one.
    #[must_use]
    pub fn new(seed: u64, records: u64) -> Self {
        Keys { seed, records: records.max(1) }
    }

    /// The key of a record. The first half decides the order and is random; the second makes it unique.
    #[must_use]
    pub fn key(&self, index: u64) -> [u8; KEY_LEN] {
        let mut key = [0; KEY_LEN];
        key[..8].copy_from_slice(&mixed(index ^ self.seed).to_be_bytes());
        key[8..].copy_from_slice(&index.to_be_bytes());
        key
    }

    /// The record that an operation visits: any of them, with the same chance.
    #[must_use]
    pub fn pick(&self, serial: u64) -> u64 {
        let random = mixed(serial.wrapping_add(self.seed.rotate_left(17)));
        ((u128::from(random) * u128::from(self.records)) >> 64) as u64
    }

    /// The key of the record that an operation visits.
    #[must_use]
    pub fn existing(&self, serial: u64) -> [u8; KEY_LEN] {
        self.key(self.pick(serial))
    }

    /// A key that no record has, different for most operations.
    #[must_use]
    pub fn missing(&self, serial: u64) -> [u8; KEY_LEN] {
        self.key(self.records + self.pick(serial))
    }

    /// The record that an operation of a batch visits, none twice in as many operations as there are records.
    #[must_use]
    pub fn distinct(&self, turn: u64, op: u64) -> u64 {
        // Steps of a prime that is larger than any number of records reach all of them before they repeat.
        (op * 2_147_483_647 + (mixed(turn ^ self.seed) >> 32)) % self.records
    }
}

/// Values of one size. Each is different: an engine may skip the write of what it holds already.
#[derive(Clone, Debug)]
pub struct Values {
    bytes: Vec<u8>,
}

impl Values {
    /// Values of `len` bytes that no codec can shrink.
    #[must_use]
    pub fn new(seed: u64, len: u64) -> Self {
        let words = (0..len.div_ceil(8)).flat_map(|word| mixed(seed ^ (word << 20)).to_le_bytes());
        Values { bytes: words.take(len as usize).collect() }
    }

    /// The value of one write.
    pub fn of(&mut self, serial: u64) -> &[u8] {
        let stamp = self.bytes.len().min(8);
        self.bytes[..stamp].copy_from_slice(&mixed(serial).to_le_bytes()[..stamp]);
        &self.bytes
    }

    /// Writes the next of `records`, each a key and the number of its write, into `buffer`, until one of them
    /// ends.
    pub fn fill(&mut self, buffer: &mut [Entry], records: impl Iterator<Item = ([u8; KEY_LEN], u64)>) {
        for (entry, (key, serial)) in buffer.iter_mut().zip(records) {
            entry.key = key;
            entry.value.clear();
            entry.value.extend_from_slice(self.of(serial));
        }
    }
}

/// A well-mixed number from any number: the finisher of splitmix64.
#[must_use]
pub fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_are_unique_and_not_in_the_order_of_their_index() {
        let keys = Keys::new(7, 1_000);
        let all: Vec<_> = (0..1_000).map(|index| keys.key(index)).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 1_000);
        assert!(all.windows(2).filter(|pair| pair[0] < pair[1]).count() < 600);
    }

    #[test]
    fn picks_stay_in_bounds_and_reach_nearly_every_record() {
        let keys = Keys::new(7, 100);
        let picked: BTreeSet<u64> = (0..2_000).map(|serial| keys.pick(serial)).collect();
        assert!(picked.iter().all(|&index| index < 100));
        assert_eq!(picked.len(), 100);
    }

    #[test]
    fn a_missing_key_is_no_record_s() {
        let keys = Keys::new(7, 100);
        let all: BTreeSet<_> = (0..100).map(|index| keys.key(index)).collect();
        assert!((0..1_000).all(|serial| !all.contains(&keys.missing(serial))));
    }

    #[test]
    fn distinct_visits_every_record_once() {
        let keys = Keys::new(7, 10_000);
        let visited: BTreeSet<u64> = (0..10_000).map(|op| keys.distinct(3, op)).collect();
        assert_eq!(visited.len(), 10_000);
    }

    #[test]
    fn every_write_has_a_value_of_its_own() {
        let mut values = Values::new(1, 100);
        let first = values.of(1).to_vec();
        assert_eq!(first.len(), 100);
        assert_ne!(first, values.of(2));
    }
}
