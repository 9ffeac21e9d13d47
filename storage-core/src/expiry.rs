//! Expiry: which records end when, and the sweeper that removes them.
//!
//! A derived keyspace holds an entry for every expiry ever set, in time order. Entries alone may be stale, since a put
//! leaves those of the record before it; the sweeper reads the record again and drops what no longer names it.

use std::sync::OnceLock;

use crate::batch::{Change, Write};
use crate::clock::Timestamp;
use crate::database::Database;
use crate::derived::empty;
use crate::engine::{Durability, Engine};
use crate::error::{Error, Kind, Result};
use crate::found::Admission;
use crate::key::Key;
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::options::TransactOptions;
use crate::range::{Direction, KeyRange};
use crate::record::{Record, Stamp};
use crate::transaction::Transaction;
use crate::watch::Cause;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// How many expired records it removed.
    pub records: usize,
    /// How many expiry entries it dropped because their record was changed or removed since.
    pub stale: usize,
    /// How many due records it left, because their table is not open in this process.
    pub skipped: usize,
    /// How many due records it left, because they are damaged. Every sweep meets them anew, until they are
    /// [discarded](Transaction::discard).
    pub unreadable: usize,
}

pub(crate) fn keyspace() -> Keyspace {
    static EXPIRY: OnceLock<Keyspace> = OnceLock::new();
    *EXPIRY.get_or_init(|| Keyspace::system("_expiry", KeyspaceKind::Derived))
}

/// The entry that says when a record ends.
pub(crate) fn entry(admission: Admission, at: Timestamp, owner: Keyspace, key: &[u8]) -> Write {
    let entry = Due { at, keyspace: owner, key: Key::from(key) }.to_key();
    let value = empty();
    let stamp = admission.seal(keyspace(), &entry, Stamp::new(), &value);
    Write { keyspace: keyspace(), key: entry, change: Change::Put(Record { stamp, value }) }
}

/// An expiry entry, read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Key,
}

impl Due {
    /// Eight bytes of time, the highest first; the name of the keyspace, ended by a NUL; the key of the record.
    pub(crate) fn to_key(&self) -> Key {
        let mut key = Key::new();
        key.extend_from_slice(&self.at.as_nanos().to_be_bytes());
        key.extend_from_slice(self.keyspace.name().as_bytes());
        key.push(0);
        key.extend_from_slice(&self.key);
        key
    }

    pub(crate) fn parse(entry: &[u8]) -> Result<Due> {
        let parse = || {
            let (at, rest) = entry.split_first_chunk::<8>()?;
            let end = rest.iter().position(|byte| *byte == 0)?;
            let keyspace = Keyspace::from_stored(std::str::from_utf8(&rest[..end]).ok()?).ok()?;
            let key = Key::from(&rest[end + 1..]);
            Some(Due { at: Timestamp::from_nanos(u64::from_be_bytes(*at)), keyspace, key })
        };
        parse().ok_or_else(|| {
            Error::new(Kind::Corrupt, "an expiry entry names no time and record").at(keyspace(), entry)
        })
    }
}

/// The entries of all that has ended by `now`.
pub(crate) fn due(now: Timestamp) -> KeyRange {
    let end = now.as_nanos().checked_add(1).map(|end| Key::from(end.to_be_bytes().as_slice()));
    KeyRange::from_parts(Key::new(), end)
}

/// How many entries one transaction of the sweeper looks at: enough to share a commit, few enough to conflict rarely.
const CHUNK_LEN: usize = 256;

impl<E: Engine> Database<E> {
    /// Removes expired records, at most `limit` of them, the longest expired first.
    ///
    /// Nobody sees a record that has expired, swept or not; a sweep frees its space and tells the watches. It is
    /// called in the background too, see [`Options::sweep_every`](crate::Options::sweep_every).
    pub fn sweep(&self, limit: usize) -> Result<Swept> {
        self.shared().check_outside_body()?;
        // Two at once would report what they remove twice.
        let _alone = self.shared().sweeping.lock();
        let mut swept = Swept::default();
        let mut rest = due(self.shared().now());
        while swept.records < limit {
            let max = CHUNK_LEN.min(limit - swept.records);
            let options = TransactOptions::from(Durability::Deferred);
            let chunk = self.run(options, Cause::Expiry, |txn| sweep_chunk(txn, &rest, max))?.value;
            swept.records += chunk.swept.records;
            swept.stale += chunk.swept.stale;
            swept.skipped += chunk.swept.skipped;
            swept.unreadable += chunk.swept.unreadable;
            match chunk.last {
                Some(last) => rest = rest.after(&last),
                None => break,
            }
        }
        Ok(swept)
    }
}

struct Chunk {
    swept: Swept,
    /// The last entry looked at; `None` if there was none.
    last: Option<Key>,
}

/// Looks at the first entries that are due, and removes what they name if it is still what they meant.
fn sweep_chunk<E: Engine>(txn: &mut Transaction<'_, E>, due: &KeyRange, max: usize) -> Result<Chunk> {
    let mut chunk = Chunk { swept: Swept::default(), last: None };
    let mut entries = Vec::new();
    let mut range = txn.range(keyspace(), due.clone(), Direction::Forward)?;
    while entries.len() + chunk.swept.unreadable < max {
        match range.next() {
            Ok(None) => break,
            Ok(Some(entry)) => entries.push(Key::from(entry.key())),
            Err(error) => {
                let damaged = error.key().filter(|_| error.kind() == Kind::Corrupt).map(Key::from);
                chunk.last = Some(damaged.ok_or(error)?);
                chunk.swept.unreadable += 1;
            }
        }
    }
    drop(range);
    chunk.last = chunk.last.max(entries.last().cloned());
    for entry in entries {
        match sweep_entry(txn, &entry) {
            Ok(Found::Record) => chunk.swept.records += 1,
            Ok(Found::Stale) => chunk.swept.stale += 1,
            Ok(Found::NotOpen) => chunk.swept.skipped += 1,
            // One damaged record must not keep the others.
            Err(error) if error.kind() == Kind::Corrupt => chunk.swept.unreadable += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(chunk)
}

/// What an expiry entry named.
enum Found {
    Record,
    Stale,
    NotOpen,
}

fn sweep_entry<E: Engine>(txn: &mut Transaction<'_, E>, entry: &[u8]) -> Result<Found> {
    let due = Due::parse(entry)?;
    let stored = txn.stored(due.keyspace, &due.key)?;
    let ended = stored.is_some_and(|record| record.stamp.expires_at() == Some(due.at));
    if ended {
        if txn.shared().definition(due.keyspace).is_err() {
            return Ok(Found::NotOpen);
        }
        txn.delete(due.keyspace, &due.key)?;
    }
    txn.delete_derived(keyspace(), entry)?;
    Ok(if ended { Found::Record } else { Found::Stale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_back_and_sort_by_time() {
        let keyspace = Keyspace::new("expiring").unwrap();
        let due_at =
            |nanos| Due { at: Timestamp::from_nanos(nanos), keyspace, key: Key::from(b"k\0".as_slice()) };
        assert_eq!(Due::parse(&due_at(300).to_key()).unwrap(), due_at(300));
        assert!(due_at(255).to_key() < due_at(256).to_key());
        assert!(due(Timestamp::from_nanos(256)).contains(&due_at(256).to_key()));
        assert!(!due(Timestamp::from_nanos(255)).contains(&due_at(256).to_key()));
        assert!(Due::parse(b"short").is_err());
    }
}
