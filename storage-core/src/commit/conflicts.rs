//! Conflicts: what a transaction read, against what was committed since.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::batch::Batch;
use crate::clock::Timestamp;
use crate::error::{Error, Escaped, Kind, Result};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::range::KeyRange;

/// What a transaction read: keys, absent ones included, and ranges as far as they were read.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub(crate) keys: Vec<(Keyspace, Key)>,
    pub(crate) ranges: Vec<(Keyspace, KeyRange)>,
    /// The smallest expiry among the live records read: from then on, what was read is no longer true.
    pub(crate) first_expiry: Option<Timestamp>,
}

impl ReadSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }

    pub(crate) fn note_expiry(&mut self, expires_at: Option<Timestamp>) {
        if let Some(at) = expires_at {
            self.first_expiry = Some(self.first_expiry.map_or(at, |first| first.min(at)));
        }
    }

    /// A conflict if a live record that was read has expired by `now`.
    pub(crate) fn check_expiry(&self, now: Timestamp) -> Result<()> {
        match self.first_expiry {
            Some(at) if at <= now => {
                Err(Error::new(Kind::Conflict, "a record that was read has expired since"))
            }
            _ => Ok(()),
        }
    }
}

/// How many bytes of recent writes are remembered. Beyond, the oldest are forgotten, and transactions that began
/// before them conflict.
const WINDOW_BYTES_MAX: usize = 64 << 20;

/// What an entry costs besides its key's bytes, which are kept twice.
const ENTRY_BYTES: usize = 128;

/// The writes of recent commits, by key.
///
/// It never misses: a key is forgotten only once no live transaction began before its last write, or with the floor
/// raised so that such transactions are refused.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Labels below it are refused: some writes after them are no longer known.
    floor: u64,
    /// For each key written, the last version that wrote it.
    newest: HashMap<Keyspace, BTreeMap<Key, u64>>,
    range_deletes: VecDeque<(u64, Keyspace, KeyRange)>,
    /// What each version wrote, oldest first.
    commits: VecDeque<(u64, Vec<(Keyspace, Key)>)>,
    bytes: usize,
    /// Whether another process has committed, which may have made tables that are not known here.
    tables_unread: bool,
}

impl Window {
    /// A conflict if anything in `reads` was written after `label`.
    pub(crate) fn check(&self, label: u64, reads: &ReadSet) -> Result<()> {
        if label < self.floor {
            return Err(Error::new(Kind::Conflict, "the transaction is older than the commits remembered"));
        }
        if self.commits.back().is_none_or(|(newest, _)| *newest <= label) {
            return Ok(());
        }
        for (keyspace, key) in &reads.keys {
            let written = self.newest.get(keyspace).and_then(|keys| keys.get(key));
            if written.is_some_and(|version| *version > label) || self.is_range_deleted(label, *keyspace, key)
            {
                return Err(conflict(*keyspace, key));
            }
        }
        for (keyspace, range) in &reads.ranges {
            self.check_range(label, *keyspace, range)?;
        }
        Ok(())
    }

    fn check_range(&self, label: u64, keyspace: Keyspace, range: &KeyRange) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        if let Some(keys) = self.newest.get(&keyspace) {
            let from_start = keys.range::<Key, _>(range.start()..);
            for (key, version) in from_start.take_while(|(key, _)| range.is_before_end(key)) {
                if *version > label {
                    return Err(conflict(keyspace, key));
                }
            }
        }
        let deleted = self.range_deletes.iter().rev().take_while(|(version, _, _)| *version > label);
        for (_, other, deleted) in deleted {
            if *other == keyspace && deleted.overlaps(range) {
                return Err(conflict(keyspace, deleted.start()));
            }
        }
        Ok(())
    }

    fn is_range_deleted(&self, label: u64, keyspace: Keyspace, key: &[u8]) -> bool {
        let recent = self.range_deletes.iter().rev().take_while(|(version, _, _)| *version > label);
        recent.into_iter().any(|(_, other, range)| *other == keyspace && range.contains(key))
    }

    /// Remembers what `version` wrote. Versions come in ascending order; one may come in several batches.
    pub(crate) fn record(&mut self, version: u64, batch: &Batch) {
        let keys: Vec<_> = batch.writes.iter().map(|write| (write.keyspace, write.key.clone())).collect();
        for (keyspace, key) in &keys {
            self.newest.entry(*keyspace).or_default().insert(key.clone(), version);
        }
        for (keyspace, range) in &batch.range_deletes {
            self.bytes += range_bytes(range);
            self.range_deletes.push_back((version, *keyspace, range.clone()));
        }
        self.bytes += keys.iter().map(|(_, key)| entry_bytes(key)).sum::<usize>();
        self.commits.push_back((version, keys));
        while self.bytes > WINDOW_BYTES_MAX && !self.commits.is_empty() {
            self.forget_oldest();
        }
    }

    /// Forgets what no live transaction can conflict with: everything up to `oldest`, or all if none lives.
    pub(crate) fn forget(&mut self, oldest: Option<u64>, published: u64) {
        let Some(oldest) = oldest else {
            if !self.commits.is_empty() {
                *self = Window { tables_unread: self.tables_unread, ..Window::default() };
            }
            self.floor = published;
            return;
        };
        while self.commits.front().is_some_and(|(version, _)| *version <= oldest) {
            self.forget_oldest();
        }
    }

    /// Takes everything as written by `version`: whoever read before it conflicts.
    pub(crate) fn take_all_as_written(&mut self, version: u64) {
        *self = Window { floor: version, tables_unread: true, ..Window::default() };
    }

    pub(crate) fn are_tables_unread(&self) -> bool {
        self.tables_unread
    }

    pub(crate) fn tables_are_read(&mut self) {
        self.tables_unread = false;
    }

    fn forget_oldest(&mut self) {
        let Some((version, keys)) = self.commits.pop_front() else { return };
        for (keyspace, key) in keys {
            self.bytes -= entry_bytes(&key);
            if let Some(newest) = self.newest.get_mut(&keyspace)
                && newest.get(&key).is_some_and(|last| *last <= version)
            {
                newest.remove(&key);
            }
        }
        while self.range_deletes.front().is_some_and(|(deleted, _, _)| *deleted <= version) {
            if let Some((_, _, range)) = self.range_deletes.pop_front() {
                self.bytes -= range_bytes(&range);
            }
        }
        self.floor = self.floor.max(version);
    }
}

fn entry_bytes(key: &Key) -> usize {
    2 * key.len() + ENTRY_BYTES
}

fn range_bytes(range: &KeyRange) -> usize {
    range.start().len() + range.end().map_or(0, Key::len) + ENTRY_BYTES
}

fn conflict(keyspace: Keyspace, key: &[u8]) -> Error {
    let message = format!("{} was written by a later commit", Escaped(key));
    Error::new(Kind::Conflict, message).in_keyspace(keyspace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Change, Write};

    fn keyspace() -> Keyspace {
        Keyspace::new("window").unwrap()
    }

    fn wrote(keys: &[&str]) -> Batch {
        let write = |key: &&str| Write {
            keyspace: keyspace(),
            key: Key::from(key.as_bytes()),
            change: Change::Delete,
        };
        Batch { writes: keys.iter().map(write).collect(), ..Batch::default() }
    }

    fn read(keys: &[&str]) -> ReadSet {
        let keys = keys.iter().map(|key| (keyspace(), Key::from(key.as_bytes()))).collect();
        ReadSet { keys, ..ReadSet::default() }
    }

    fn read_range(start: &str, end: &str) -> ReadSet {
        ReadSet { ranges: vec![(keyspace(), KeyRange::of(start..end).unwrap())], ..ReadSet::default() }
    }

    #[test]
    fn only_writes_after_the_label_conflict() {
        let mut window = Window::default();
        window.record(1, &wrote(&["a", "b"]));
        window.record(2, &wrote(&["b", "c"]));
        assert!(window.check(0, &read(&["a"])).is_err());
        assert!(window.check(1, &read(&["a"])).is_ok());
        assert!(window.check(1, &read(&["b"])).is_err());
        assert!(window.check(2, &read(&["a", "b", "c"])).is_ok());
        assert!(window.check(1, &read_range("a", "b")).is_ok());
        assert!(window.check(1, &read_range("a", "bb")).is_err());
        assert!(window.check(0, &read_range("d", "z")).is_ok());
    }

    #[test]
    fn a_range_delete_writes_its_whole_range() {
        let mut window = Window::default();
        let mut batch = wrote(&[]);
        batch.range_deletes.push((keyspace(), KeyRange::of("c".."f").unwrap()));
        window.record(1, &batch);
        assert!(window.check(0, &read(&["d"])).is_err());
        assert!(window.check(0, &read(&["f"])).is_ok());
        assert!(window.check(0, &read_range("a", "c")).is_ok());
        assert!(window.check(0, &read_range("a", "cc")).is_err());
        assert!(window.check(1, &read(&["d"])).is_ok());
    }

    #[test]
    fn what_is_forgotten_raises_the_floor() {
        let mut window = Window::default();
        window.record(1, &wrote(&["a"]));
        window.record(2, &wrote(&["a", "b"]));
        window.forget(Some(1), 2);
        assert!(window.check(0, &read(&["z"])).is_err(), "labels below the floor are refused");
        assert!(window.check(1, &read(&["a"])).is_err());
        assert!(window.check(1, &read(&["z"])).is_ok());
        window.forget(None, 2);
        assert!(window.check(1, &read(&["z"])).is_err());
        assert!(window.check(2, &read(&["a"])).is_ok());
        assert_eq!(window.bytes, 0);
    }

    #[test]
    fn everything_conflicts_with_what_is_taken_as_all_written() {
        let mut window = Window::default();
        window.record(1, &wrote(&["a"]));
        window.take_all_as_written(2);
        assert!(window.check(1, &read(&["z"])).is_err());
        assert!(window.check(2, &read(&["a", "z"])).is_ok());
        window.record(3, &wrote(&["a"]));
        assert!(window.check(2, &read(&["a"])).is_err());
        assert!(window.check(2, &read(&["z"])).is_ok());
    }

    #[test]
    fn the_window_is_bounded_in_bytes() {
        let mut window = Window::default();
        let name = "x".repeat(2000);
        for version in 1..=40_000 {
            window.record(version, &wrote(&[&format!("{version}{name}")]));
        }
        assert!(window.bytes <= WINDOW_BYTES_MAX);
        assert!(window.floor > 0);
        assert!(window.check(0, &read(&["z"])).is_err());
    }
}
