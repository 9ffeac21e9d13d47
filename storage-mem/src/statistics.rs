//! What a memory engine holds, counted by looking at all of it.

use crate::chain::Chain;

/// What a memory engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// The records that a reader of the newest state sees, expired ones included.
    pub records: u64,
    /// The versions kept: of those records, of older states that snapshots see, and of deletes that such are before.
    pub versions: u64,
    /// The bytes of all keys, and of the values of all versions.
    pub bytes: u64,
}

impl Statistics {
    pub(crate) fn add(&mut self, key: &[u8], chain: &Chain, sequence: u64) {
        self.records += u64::from(chain.visible(sequence).is_some());
        self.bytes += key.len() as u64;
        for version in chain.versions() {
            self.versions += 1;
            self.bytes += version.record.as_ref().map_or(0, |record| record.value.len()) as u64;
        }
    }
}
