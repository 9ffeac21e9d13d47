//! Building indexes from the records of a table that was written with others.
//!
//! It goes in commits of bounded size, with every other committer shut out. The catalogue says that the table is
//! unfinished until the last of them, so that whatever ends it early leaves a table that is built anew when it is opened.

use std::sync::Arc;

use crate::commit::Lane;
use crate::database::Shared;
use crate::derived::{self, Derive, Entries, Entry};
use crate::engine::{Cursor, Durability, Engine, Snapshot};
use crate::error::{Kind, Result};
use crate::found::Admission;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::options::{Deadline, Outcome, TransactOptions};
use crate::range::{Direction, KeyRange};
use crate::record::{Payload, Record};
use crate::retry;
use crate::transaction::Transaction;

/// A commit takes no more records than this,
const RECORDS_MAX: usize = 1_000;
/// and stops behind the one with which their values are longer than this.
const BYTES_MAX: usize = 1 << 20;

/// What is to be built, and where.
pub(crate) struct Rebuild<'a, E: Engine> {
    pub(crate) shared: &'a Arc<Shared<E>>,
    /// Held until it is done.
    pub(crate) lane: &'a Lane<'a>,
    /// The table's.
    pub(crate) keyspace: Keyspace,
    /// Indexes to be emptied first.
    pub(crate) emptied: &'a [Keyspace],
    /// Indexes to be built.
    pub(crate) built: &'a [Keyspace],
}

impl<E: Engine> Rebuild<'_, E> {
    /// Runs it, with what notes in the catalogue that it has begun and that it has ended. Returns the version from which
    /// on all is there.
    pub(crate) fn run(
        &self,
        derive: Option<&Derive>,
        begin: &dyn Fn(&mut Transaction<'_, E>) -> Result<()>,
        end: &dyn Fn(&mut Transaction<'_, E>) -> Result<()>,
    ) -> Result<u64> {
        self.commit(Durability::Deferred, &mut |txn| {
            self.emptied.iter().for_each(|index| txn.empty(*index));
            begin(txn)
        })?;
        let mut rest = derive.filter(|_| !self.built.is_empty()).map(|derive| (derive, KeyRange::all()));
        while let Some((derive, range)) = rest {
            let built = self.commit(Durability::Deferred, &mut |txn| {
                txn.build_entries(self.keyspace, &range, derive, self.built)
            })?;
            rest = built.value.map(|behind| (derive, behind));
        }
        self.commit(Durability::Sync, &mut |txn| end(txn)).map(|ended| ended.version)
    }

    fn commit<T>(
        &self,
        durability: Durability,
        body: &mut dyn FnMut(&mut Transaction<'_, E>) -> Result<T>,
    ) -> Result<Outcome<T>> {
        let options = TransactOptions::from(durability);
        retry::attempt_in(self.shared, self.lane, options, &Deadline::after(options.deadline), body)
    }
}

impl<E: Engine> Transaction<'_, E> {
    /// Puts the entries of some records of `range` into the keyspaces `built`, and returns the range that is left.
    ///
    /// Records that have expired or cannot be read get none.
    fn build_entries(
        &mut self,
        keyspace: Keyspace,
        range: &KeyRange,
        derive: &Derive,
        built: &[Keyspace],
    ) -> Result<Option<KeyRange>> {
        let (records, rest) = self.some_records(keyspace, range)?;
        for (key, record) in records {
            let entries = match entries_of(&key, &record, derive) {
                Ok(entries) => entries,
                Err(error) if error.kind() == Kind::Corrupt => continue,
                Err(error) => return Err(error),
            };
            let wanted = |entry: &Entry| built.contains(&entry.keyspace);
            let changes = derived::put_entries(self, entries.into_iter().filter(wanted), &key, &record)?;
            self.apply(changes)?;
        }
        Ok(rest)
    }

    /// The first live records of a range that can be read, as they are stored, and the range behind them.
    fn some_records(
        &self,
        keyspace: Keyspace,
        range: &KeyRange,
    ) -> Result<(Vec<(Key, Record<Payload>)>, Option<KeyRange>)> {
        let admission = self.shared().admission();
        let (mut records, mut bytes, mut seen) = (Vec::new(), 0, 0);
        let mut cursor = self.pinned().range(keyspace, range, Direction::Forward)?;
        while cursor.advance()? {
            let key = Key::from(cursor.key());
            if seen == RECORDS_MAX || bytes > BYTES_MAX {
                return Ok((records, Some(range.from(&key))));
            }
            seen += 1;
            let stamp = cursor.stamp();
            let read = admission.check_stamp(keyspace, &key, &stamp).and_then(|()| {
                let value = cursor.value()?.as_ref();
                admission.check_value(keyspace, &key, &stamp, value)?;
                Ok(Payload::new(value))
            });
            match read {
                Ok(value) if stamp.is_live(|| self.now()) => {
                    bytes += value.len();
                    records.push((key, Record { stamp, value }));
                }
                Ok(_) => {}
                Err(error) if error.kind() == Kind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        Ok((records, None))
    }
}

fn entries_of(key: &Key, record: &Record<Payload>, derive: &Derive) -> Result<Entries> {
    let mut entries = Entries::new();
    let unpacked = Admission::unsealed().unpack(&record.stamp, &record.value)?;
    let value = unpacked.as_deref().unwrap_or(&record.value);
    derive(key, record.stamp, value, None, &mut entries)?;
    Ok(entries)
}
