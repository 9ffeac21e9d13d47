//! Counters: records that hold a signed number and are changed without being read.

use crate::error::{Error, Kind, Result};
use crate::keyspace::Keyspace;
use crate::record::{Payload, Record, Stamp};

/// A change of a counter that a commit makes without reading it before: what stands there, `x`, becomes
/// `max(x + add, floor)`.
///
/// One such change after another is one again, so that a transaction keeps one for each counter. Only the result has to
/// fit into 64 bits, so what lies between may be wider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    add: i64,
    floor: Option<i128>,
    /// What a counter that is not there becomes.
    absent: i128,
}

impl Merge {
    /// The bytes for which one counts in a transaction.
    pub(crate) const LEN: usize = size_of::<i64>();

    /// Adds; one that is not there counts from 0.
    pub(crate) fn adding(delta: i64) -> Self {
        Merge { add: delta, floor: None, absent: i128::from(delta) }
    }

    /// Raises to a value at least; one that is not there takes it.
    pub(crate) fn raising(value: i64) -> Self {
        Merge { add: 0, floor: Some(i128::from(value)), absent: i128::from(value) }
    }

    /// This change, and `next` after it.
    pub(crate) fn then(self, keyspace: Keyspace, key: &[u8], next: Merge) -> Result<Merge> {
        let add = sum(keyspace, key, self.add, next.add)?;
        let later = i128::from(next.add);
        let floor = self.floor.map(|floor| floor + later).max(next.floor);
        let absent = self.absent + later;
        Ok(Merge { add, floor, absent: next.floor.map_or(absent, |floor| floor.max(absent)) })
    }

    /// The counter that is there afterwards; `below` is the one before, `None` where there is none.
    ///
    /// It keeps what stands beside the one before. `Invalid` where it leaves the range of an `i64`.
    pub(crate) fn apply(
        self,
        keyspace: Keyspace,
        key: &[u8],
        below: Option<(Stamp, i64)>,
    ) -> Result<Record<Payload>> {
        let after = match below {
            None => self.absent,
            Some((_, value)) => {
                let sum = i128::from(value) + i128::from(self.add);
                self.floor.map_or(sum, |floor| floor.max(sum))
            }
        };
        let held = below.map_or(0, |(_, value)| value);
        let after = i64::try_from(after).map_err(|_| leaves(keyspace, key, held, self.add))?;
        Ok(record(below.map(|(stamp, _)| stamp), after))
    }
}

/// A counter as it is stored: eight little-endian bytes, marked in the stamp, not sealed. It keeps the stamp of the one
/// in whose place it stands.
pub(crate) fn record(stamp: Option<Stamp>, value: i64) -> Record<Payload> {
    let stamp = stamp.unwrap_or(Stamp::new().counter());
    Record { stamp, value: Payload::new(&value.to_le_bytes()) }
}

/// What a stored counter holds. `Invalid` for any other record.
pub(crate) fn parse(keyspace: Keyspace, key: &[u8], stamp: Stamp, value: &[u8]) -> Result<i64> {
    if !stamp.is_counter() {
        return Err(Error::invalid("the record is not a counter").at(keyspace, key));
    }
    let bytes = <[u8; 8]>::try_from(value)
        .map_err(|_| Error::new(Kind::Corrupt, "a counter is not eight bytes").at(keyspace, key))?;
    Ok(i64::from_le_bytes(bytes))
}

/// The sum; `Invalid` where it leaves the range of an `i64`.
fn sum(keyspace: Keyspace, key: &[u8], value: i64, delta: i64) -> Result<i64> {
    value.checked_add(delta).ok_or_else(|| leaves(keyspace, key, value, delta))
}

fn leaves(keyspace: Keyspace, key: &[u8], value: i64, delta: i64) -> Error {
    Error::invalid(format!("counter holds {value}, adding {delta} leaves 64 bits")).at(keyspace, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyspace() -> Keyspace {
        Keyspace::new("merged").unwrap()
    }

    fn applied(merge: Merge, below: Option<i64>) -> Result<i64> {
        let below = below.map(|value| (Stamp::new().counter(), value));
        let record = merge.apply(keyspace(), b"n", below)?;
        parse(keyspace(), b"n", record.stamp, &record.value)
    }

    #[test]
    fn changes_in_a_row_are_one_change() {
        let changes = [3, -2, 0, 7, -9].map(Merge::adding).into_iter();
        let changes: Vec<_> = changes.chain([-4, 0, 5].map(Merge::raising)).collect();
        for below in [None, Some(-10), Some(0), Some(4), Some(100)] {
            for first in &changes {
                for second in &changes {
                    for third in &changes {
                        let mut expected = below;
                        for change in [first, second, third] {
                            expected = Some(applied(*change, expected).unwrap());
                        }
                        let composed = first.then(keyspace(), b"n", *second).unwrap();
                        let composed = composed.then(keyspace(), b"n", *third).unwrap();
                        assert_eq!(applied(composed, below).ok(), expected, "{first:?} {second:?} {third:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_result_has_to_fit() {
        let lowered = Merge::raising(i64::MIN).then(keyspace(), b"n", Merge::adding(-1)).unwrap();
        assert_eq!(applied(lowered, Some(5)).unwrap(), 4);
        assert_eq!(applied(lowered, Some(i64::MIN)).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(applied(lowered, None).unwrap_err().kind(), Kind::Invalid);
        let saved = lowered.then(keyspace(), b"n", Merge::raising(0)).unwrap();
        assert_eq!(applied(saved, Some(i64::MIN)).unwrap(), 0);
        let raised = Merge::raising(i64::MAX).then(keyspace(), b"n", Merge::adding(1)).unwrap();
        assert_eq!(applied(raised, Some(0)).unwrap_err().kind(), Kind::Invalid);
    }
}
