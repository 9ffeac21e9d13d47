//! Records as they stand in a file, each sealed by a checksum that goes on from the one before it.
//!
//! | bytes | hold |
//! |---|---|
//! | 0-3 | CRC-32 (IEEE) of the rest, begun with the checksum of the record before, or the epoch's salt |
//! | 4-7 | the length of the payload |
//! | 8-15 | the version |
//! | 16 | what it is: 1 a commit, 2 the abort of the commit before it, 3 a commit whose batch is in a file of its own |
//! | 17 | how durable it was asked to be: 0 synced, 1 deferred |
//! | 18-23 | zero |
//! | 24- | the payload: the batch of a commit, or the length of its file (8 bytes) and the CRC-32 (IEEE) of that (4 bytes) |
//!
//! All numbers are little-endian. A chain ends at the first record whose checksum differs, so nothing that an earlier
//! epoch left behind a torn record is ever taken for one of this epoch.

use std::ops::Range;

use crc32fast::Hasher;

use crate::batch::Batch;
use crate::engine::Durability;

use super::encoding;

/// The bytes of a record without its payload: what an abort takes.
pub const FRAME_LEN: usize = 24;

const SEAL: Range<usize> = 0..4;
const LEN: Range<usize> = 4..8;
const VERSION: Range<usize> = 8..16;
const KIND: usize = 16;
const DURABILITY: usize = 17;

const COMMIT: u8 = 1;
const ABORT: u8 = 2;
const ASIDE: u8 = 3;

/// Where the next checksum begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(u32);

impl Chain {
    /// The beginning of an epoch.
    pub fn begin(salt: [u8; 16]) -> Self {
        Chain(crc32fast::hash(&salt))
    }

    fn after(self, frame: &[u8]) -> Self {
        let mut hasher = Hasher::new_with_initial(self.0);
        hasher.update(&frame[SEAL.end..]);
        Chain(hasher.finalize())
    }

    /// Seals a whole record behind this. Where the one behind it begins.
    pub fn seal(self, frame: &mut [u8]) -> Self {
        let next = self.after(frame);
        frame[SEAL].copy_from_slice(&next.0.to_le_bytes());
        next
    }

    /// Where the record behind `frame` begins; `None` if `frame` was not sealed behind this.
    pub fn verify(self, frame: &[u8]) -> Option<Self> {
        let next = self.after(frame);
        (frame[SEAL] == next.0.to_le_bytes()).then_some(next)
    }
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A batch that was committed.
    Commit(Durability),
    /// A batch that was committed, and is in a file of its own.
    Aside(Durability),
    /// The commit of this version, right before it, did not take place.
    Abort,
}

/// The file of a batch that was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Its length in bytes.
    pub len: u64,
    /// The CRC-32 (IEEE) of its bytes.
    pub sum: u32,
}

/// Writes an unsealed commit into `room`, whatever it held.
pub fn write_commit(room: &mut Vec<u8>, version: u64, batch: &Batch, durability: Durability) {
    begin(room, version, COMMIT);
    set_durability(room, durability);
    encoding::encode(batch, room);
    let len = u32::try_from(room.len() - FRAME_LEN).expect("a transaction has far fewer bytes than 2^32");
    room[LEN].copy_from_slice(&len.to_le_bytes());
}

/// Writes an unsealed commit into `room`, whose batch is in a file of its own.
pub fn write_aside(room: &mut Vec<u8>, version: u64, aside: Aside, durability: Durability) {
    begin(room, version, ASIDE);
    set_durability(room, durability);
    room.extend_from_slice(&aside.len.to_le_bytes());
    room.extend_from_slice(&aside.sum.to_le_bytes());
    room[LEN].copy_from_slice(&12_u32.to_le_bytes());
}

fn set_durability(room: &mut [u8], durability: Durability) {
    room[DURABILITY] = match durability {
        Durability::Sync => 0,
        Durability::Deferred => 1,
    };
}

/// The file that an aside commit names; `None` if it names none.
pub fn aside(frame: &[u8]) -> Option<Aside> {
    let payload: &[u8; 12] = frame[FRAME_LEN..].try_into().ok()?;
    let (len, sum) = payload.split_at(8);
    Some(Aside {
        len: u64::from_le_bytes(len.try_into().ok()?),
        sum: u32::from_le_bytes(sum.try_into().ok()?),
    })
}

/// Writes an unsealed abort into `room`, whatever it held.
pub fn write_abort(room: &mut Vec<u8>, version: u64) {
    begin(room, version, ABORT);
}

fn begin(room: &mut Vec<u8>, version: u64, kind: u8) {
    room.clear();
    room.resize(FRAME_LEN, 0);
    room[VERSION].copy_from_slice(&version.to_le_bytes());
    room[KIND] = kind;
}

/// The length that a record says to have, from its first [`FRAME_LEN`] bytes.
pub fn len(head: &[u8; FRAME_LEN]) -> u64 {
    let payload: [u8; 4] = head[LEN].try_into().expect("four bytes");
    FRAME_LEN as u64 + u64::from(u32::from_le_bytes(payload))
}

/// The version of a record.
pub fn version(frame: &[u8]) -> u64 {
    u64::from_le_bytes(frame[VERSION].try_into().expect("eight bytes"))
}

/// What a record is; `None` for what this version does not know.
pub fn kind(frame: &[u8]) -> Option<FrameKind> {
    match (frame[KIND], frame[DURABILITY]) {
        (COMMIT, 0) => Some(FrameKind::Commit(Durability::Sync)),
        (COMMIT, 1) => Some(FrameKind::Commit(Durability::Deferred)),
        (ASIDE, 0) => Some(FrameKind::Aside(Durability::Sync)),
        (ASIDE, 1) => Some(FrameKind::Aside(Durability::Deferred)),
        (ABORT, 0) => Some(FrameKind::Abort),
        _ => None,
    }
}

/// The batch of a commit; `None` if it holds none.
pub fn batch(frame: &[u8]) -> Option<Batch> {
    encoding::decode(&frame[FRAME_LEN..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(version: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        write_commit(&mut frame, version, &Batch::default(), Durability::Deferred);
        frame
    }

    #[test]
    fn a_record_is_verified_only_behind_its_predecessor() {
        let begun = Chain::begin([7; 16]);
        let (mut one, mut two) = (commit(1), commit(2));
        let next = begun.seal(&mut one);
        next.seal(&mut two);
        assert_eq!(begun.verify(&one), Some(next));
        assert!(next.verify(&two).is_some());
        assert_eq!(begun.verify(&two), None);
        assert_eq!(Chain::begin([8; 16]).verify(&one), None);
        assert_eq!((version(&two), kind(&two)), (2, Some(FrameKind::Commit(Durability::Deferred))));
        assert_eq!(len(one.first_chunk().unwrap()), one.len() as u64);
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let begun = Chain::begin([7; 16]);
        let mut frame = commit(1);
        begun.seal(&mut frame);
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(begun.verify(&changed), None, "bit {bit}");
        }
    }

    #[test]
    fn an_abort_takes_the_room_that_is_reserved_for_it() {
        let mut frame = commit(1);
        write_abort(&mut frame, 9);
        assert_eq!((frame.len(), version(&frame), kind(&frame)), (FRAME_LEN, 9, Some(FrameKind::Abort)));
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(kind(&[0; FRAME_LEN]), None);
    }
}
