//! Copying everything into a store of another engine.
//!
//! Records go as they are stored, with their stamps and with everything derived from them, so that nothing is encoded
//! or indexed again. A mark says that the copy is unfinished until it has been compared with what was copied.

use std::sync::OnceLock;

use crate::batch::{Batch, Change, Write};
use crate::capabilities::Access;
use crate::database::Database;
use crate::engine::{Commit, Cursor, Durability, Engine, Intent, Snapshot};
use crate::error::{Error, Kind, Result};
use crate::found::Admission;
use crate::key::Key;
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::range::{Direction, KeyRange};
use crate::record::{Payload, Record, Stamp};

/// How far a copy is, or how far it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Records that are in the copy, those of indexes and of core's own keyspaces included.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
    /// Records that were read back and found the same.
    pub verified: u64,
}

/// A commit of a copy ends behind the record with which it is longer than this.
const COMMIT_BYTES: usize = 4 << 20;

/// So many records are verified between two reports.
const VERIFIED_BETWEEN: u64 = 10_000;

/// Holds one record while a copy is unfinished.
fn unfinished() -> Keyspace {
    static COPYING: OnceLock<Keyspace> = OnceLock::new();
    *COPYING.get_or_init(|| Keyspace::system("_copying", KeyspaceKind::System))
}

const MARK: &[u8] = b"unfinished";

/// `Invalid` if a copy into this store has not come to its end.
pub(crate) fn check_finished<E: Engine>(engine: &E) -> Result<()> {
    match engine.get(unfinished(), MARK)? {
        None => Ok(()),
        Some(_) => {
            let message = "the store holds part of a copy that did not come to its end: delete its files, and copy again";
            Err(Error::invalid(message).in_engine(engine.capabilities().name))
        }
    }
}

impl<E: Engine> Database<E> {
    /// Copies everything that is committed now into the empty store of another engine, and compares the two.
    ///
    /// It copies one moment, whatever is committed meanwhile: records with their expiry and user byte, counters,
    /// sequences, tables and their indexes. `target` is not open as a database yet; afterwards it is opened like any
    /// store, and goes on where this one was. `report` is called after each commit, and now and then while both are
    /// compared.
    ///
    /// `Invalid` if `target` holds anything or cannot be written. `Corrupt` names the record that could not be read
    /// here, or that does not read back the same there. After any error `target` holds part of a copy, which no database
    /// opens and into which nothing is copied: delete its files, and copy again.
    ///
    /// ```
    /// use storage_core::{AnyEngine, Database, Keyspace};
    ///
    /// let notes = Keyspace::new("notes")?;
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// db.put(notes, "a", "1")?;
    /// let target = AnyEngine::new(storage_mem::MemEngine::new());
    /// let copied = db.copy_to(&target, |so_far| println!("{} records", so_far.records))?;
    /// assert_eq!(copied.records, copied.verified);
    /// assert_eq!(&*Database::new(target)?.get(notes, "a")?.expect("it was copied"), b"1");
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn copy_to<T: Engine>(&self, target: &T, report: impl FnMut(Copied)) -> Result<Copied> {
        let snapshot = self.snapshot()?;
        // Behind the snapshot, so that none of it is missing.
        let mut keyspaces = self.engine().keyspaces()?;
        keyspaces.retain(|keyspace| *keyspace != unfinished());
        keyspaces.sort_unstable_by_key(|keyspace| keyspace.name());
        check_empty(target)?;
        let mut copy = Copy {
            from: snapshot.pinned(),
            believing: self.shared().admission(),
            target,
            sealing: Admission { checksums: target.capabilities().checksums },
            copied: Copied::default(),
            report,
        };
        copy.mark()?;
        keyspaces.iter().try_for_each(|keyspace| copy.copy(*keyspace))?;
        target.sync()?;
        keyspaces.iter().try_for_each(|keyspace| copy.verify(*keyspace))?;
        copy.unmark()?;
        (copy.report)(copy.copied);
        Ok(copy.copied)
    }
}

fn check_empty<T: Engine>(target: &T) -> Result<()> {
    let name = target.capabilities().name;
    if target.capabilities().access == Access::ReadOnly {
        return Err(Error::invalid("the store to copy into is open read-only").in_engine(name));
    }
    check_finished(target)?;
    let snapshot = target.snapshot(Intent::Read)?;
    for keyspace in target.keyspaces()? {
        if snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?.advance()? {
            let message = "the store to copy into is not empty: copy into a new one";
            return Err(Error::invalid(message).in_engine(name).in_keyspace(keyspace));
        }
    }
    Ok(())
}

/// A copy under way.
struct Copy<'a, S, T, F> {
    from: &'a S,
    /// What is checked of a record before it is copied.
    believing: Admission,
    target: &'a T,
    /// How the target's records are sealed.
    sealing: Admission,
    copied: Copied,
    report: F,
}

impl<S: Snapshot, T: Engine, F: FnMut(Copied)> Copy<'_, S, T, F> {
    fn mark(&self) -> Result<()> {
        let value = Payload::new(&[]);
        let stamp = self.sealing.seal(unfinished(), MARK, Stamp::new(), &value);
        self.set_mark(Change::Put(Record { stamp, value }))
    }

    fn unmark(&self) -> Result<()> {
        self.set_mark(Change::Delete)
    }

    fn set_mark(&self, change: Change) -> Result<()> {
        self.commit(vec![Write { keyspace: unfinished(), key: Key::from(MARK), change }], Durability::Sync)
    }

    fn commit(&self, writes: Vec<Write>, durability: Durability) -> Result<()> {
        let batch = Batch { range_deletes: Vec::new(), writes };
        self.target.commit(Commit { batch: &batch, durability, basis: None })
    }

    fn copy(&mut self, keyspace: Keyspace) -> Result<()> {
        let mut cursor = self.from.range(keyspace, &KeyRange::all(), Direction::Forward)?;
        let (mut writes, mut bytes) = (Vec::new(), 0);
        while cursor.advance()? {
            let write = self.write(keyspace, &mut cursor)?;
            bytes += write.len_bytes();
            self.copied.records += 1;
            self.copied.bytes += write.len_bytes() as u64;
            writes.push(write);
            if bytes > COMMIT_BYTES {
                self.commit(std::mem::take(&mut writes), Durability::Deferred)?;
                (self.report)(self.copied);
                bytes = 0;
            }
        }
        if !writes.is_empty() {
            self.commit(writes, Durability::Deferred)?;
            (self.report)(self.copied);
        }
        Ok(())
    }

    /// What puts the record under the cursor into the target.
    fn write(&self, keyspace: Keyspace, cursor: &mut impl Cursor) -> Result<Write> {
        let (key, stamp) = (Key::from(cursor.key()), cursor.stamp());
        self.believing.check_stamp(keyspace, &key, &stamp)?;
        let value = cursor.value()?.as_ref();
        self.believing.check_value(keyspace, &key, &stamp, value)?;
        let stamp = self.sealed(keyspace, &key, stamp, value);
        let change = Change::Put(Record { stamp, value: Payload::new(value) });
        Ok(Write { keyspace, key, change })
    }

    /// A stamp as the target stores it. What another program wrote without one stays unverified.
    fn sealed(&self, keyspace: Keyspace, key: &[u8], stamp: Stamp, value: &[u8]) -> Stamp {
        match stamp == Stamp::unverified() {
            true => stamp,
            false => self.sealing.seal(keyspace, key, stamp, value),
        }
    }

    /// Reads a keyspace of both side by side.
    fn verify(&mut self, keyspace: Keyspace) -> Result<()> {
        let copy = self.target.snapshot(Intent::Read)?;
        let mut here = self.from.range(keyspace, &KeyRange::all(), Direction::Forward)?;
        let mut there = copy.range(keyspace, &KeyRange::all(), Direction::Forward)?;
        loop {
            let differs = match (here.advance()?, there.advance()?) {
                (false, false) => return Ok(()),
                (true, false) => Key::from(here.key()),
                (false, true) => Key::from(there.key()),
                (true, true) => {
                    let expected = self.write(keyspace, &mut here)?;
                    if is_written_by(&expected, &mut there)? {
                        self.copied.verified += 1;
                        if self.copied.verified.is_multiple_of(VERIFIED_BETWEEN) {
                            (self.report)(self.copied);
                        }
                        continue;
                    }
                    expected.key.min(Key::from(there.key()))
                }
            };
            let message = "the copy of the record does not read back the same";
            let name = self.target.capabilities().name;
            return Err(Error::new(Kind::Corrupt, message).in_engine(name).at(keyspace, &differs));
        }
    }
}

/// Whether the record under the cursor is what `write` puts.
fn is_written_by(write: &Write, cursor: &mut impl Cursor) -> Result<bool> {
    let Change::Put(record) = &write.change else { return Ok(false) };
    let alike = cursor.key() == write.key.as_slice() && cursor.stamp() == record.stamp;
    Ok(alike && cursor.value()?.as_ref() == &*record.value)
}
