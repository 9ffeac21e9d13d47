//! The header of a journal file: whose it is, and which epoch its records belong to.
//!
//! | bytes | hold |
//! |---|---|
//! | 0-7 | `STORJRNL` |
//! | 8-11 | the version of the format: 1 |
//! | 12-15 | which of the two files it is: 0 or 1 |
//! | 16-31 | the id of the store |
//! | 32-39 | the epoch |
//! | 40-55 | the salt, from which the checksums of the epoch's records go on |
//! | 56-63 | the first version that a record of the epoch may have |
//! | 64-71 | the length of the file |
//! | 72-507 | zero |
//! | 508-511 | CRC-32 (IEEE) of the bytes before |
//!
//! All numbers are little-endian. It stands in two slots of 512 bytes at the beginning of the file, which are written
//! and synced one after the other: a crash tears one of them at most, and either alone tells the epoch.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The length of a slot.
pub const SLOT_LEN: usize = 512;
/// Where records begin: behind the page of both slots.
pub const RECORDS_AT: u64 = 4096;

const MAGIC: &[u8; 8] = b"STORJRNL";
const FORMAT_VERSION: u32 = 1;
const SUM_AT: usize = SLOT_LEN - 4;

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which of the two files it is.
    pub index: usize,
    /// The id of the store.
    pub store: [u8; 16],
    /// The epoch of its records.
    pub epoch: u64,
    /// Where the checksums of the epoch begin.
    pub salt: [u8; 16],
    /// No record of the epoch has a lower version.
    pub first: u64,
    /// The length of the file.
    pub len: u64,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing that was written whole.
    Damaged,
    /// A header of a format that a later version of this code wrote.
    Newer(u32),
    /// A header.
    Holds(Header),
}

impl Header {
    /// A salt that no other epoch has.
    pub fn new_salt() -> [u8; 16] {
        let mut salt = [0; 16];
        // Its keys come from the system's source of random numbers, and no two instances have the same.
        let random = || RandomState::new().build_hasher().finish().to_le_bytes();
        salt[..8].copy_from_slice(&random());
        salt[8..].copy_from_slice(&random());
        salt
    }

    /// The bytes of a slot.
    pub fn to_slot(self) -> [u8; SLOT_LEN] {
        let mut slot = [0; SLOT_LEN];
        slot[..8].copy_from_slice(MAGIC);
        slot[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        slot[12..16].copy_from_slice(&(self.index as u32).to_le_bytes());
        slot[16..32].copy_from_slice(&self.store);
        slot[32..40].copy_from_slice(&self.epoch.to_le_bytes());
        slot[40..56].copy_from_slice(&self.salt);
        slot[56..64].copy_from_slice(&self.first.to_le_bytes());
        slot[64..72].copy_from_slice(&self.len.to_le_bytes());
        let sum = crc32fast::hash(&slot[..SUM_AT]);
        slot[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        slot
    }

    /// What a slot holds.
    pub fn from_slot(slot: &[u8; SLOT_LEN]) -> Slot {
        let sum = crc32fast::hash(&slot[..SUM_AT]);
        if &slot[..8] != MAGIC || slot[SUM_AT..] != sum.to_le_bytes() {
            return Slot::Damaged;
        }
        match u32_at(slot, 8) {
            FORMAT_VERSION => {}
            newer => return Slot::Newer(newer),
        }
        let sixteen = |at: usize| slot[at..at + 16].try_into().expect("sixteen bytes");
        Slot::Holds(Header {
            index: u32_at(slot, 12) as usize,
            store: sixteen(16),
            epoch: u64_at(slot, 32),
            salt: sixteen(40),
            first: u64_at(slot, 56),
            len: u64_at(slot, 64),
        })
    }
}

fn u32_at(slot: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(slot[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(slot: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(slot[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header =
        Header { index: 1, store: [3; 16], epoch: 9, salt: [4; 16], first: 77, len: 1 << 20 };

    #[test]
    fn a_header_comes_back_as_it_was() {
        assert_eq!(Header::from_slot(&HEADER.to_slot()), Slot::Holds(HEADER));
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let slot = HEADER.to_slot();
        for bit in 0..SLOT_LEN * 8 {
            let mut changed = slot;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::from_slot(&changed), Slot::Damaged, "bit {bit}");
        }
        assert_eq!(Header::from_slot(&[0; SLOT_LEN]), Slot::Damaged);
    }

    #[test]
    fn a_newer_format_is_told_by_its_number() {
        let mut slot = HEADER.to_slot();
        slot[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let sum = crc32fast::hash(&slot[..SUM_AT]);
        slot[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Header::from_slot(&slot), Slot::Newer(2));
    }

    #[test]
    fn no_two_salts_are_the_same() {
        assert_ne!(Header::new_salt(), Header::new_salt());
    }
}
