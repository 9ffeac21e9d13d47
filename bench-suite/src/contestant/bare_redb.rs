//! `bare-redb`: redb as its documentation shows it, a transaction an operation, values lent from its pages.
//!
//! Keys and values are raw bytes in one table. There is no checksum beyond redb's own, which it checks when it
//! repairs a file, and nothing groups the commits of several writers.

use std::fmt;
use std::marker::PhantomData;

use redb::{
    Database, OwnedAccessGuard, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition, WriteTransaction,
};

use super::manner::{Manner, Repair};
use super::{Entry, Points, Ranges, Reopen, Snapshots, Subject, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
use crate::workload::{Class, Place, Setting};

/// The name of its rows.
pub const ENGINE: &str = "bare-redb";

/// Raw bytes.
type Bytes = &'static [u8];

const DATA: TableDefinition<'static, Bytes, Bytes> = TableDefinition::new("data");

/// A file with one table.
#[derive(Debug)]
pub struct BareRedb<M> {
    db: Database,
    manner: PhantomData<M>,
    /// Goes after the database.
    _place: Option<Place>,
}

/// The database in a place, created if it is missing.
pub(super) fn create(place: &Place) -> Outcome<Database> {
    Ok(Database::create(place.file("bare.redb")?)?)
}

/// A write transaction of a manner.
pub(super) fn begin_write<M: Manner>(db: &Database) -> Outcome<WriteTransaction> {
    let mut transaction = db.begin_write()?;
    transaction.set_durability(match M::CLASS {
        Class::PowerLoss => redb::Durability::Immediate,
        _ => redb::Durability::None,
    })?;
    transaction.set_quick_repair(M::REPAIR == Repair::EveryCommit);
    Ok(transaction)
}

/// Makes deferred commits durable, saving what makes opening after a crash quick, as ours does.
pub(super) fn drain<M: Manner>(db: &Database) -> Outcome<()> {
    if M::CLASS == Class::PowerLoss {
        return Ok(());
    }
    let mut transaction = db.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction.commit()?)
}

impl<M: Manner> BareRedb<M> {
    fn create(place: &Place) -> Outcome<Self> {
        let db = create(place)?;
        // A reader must find the table.
        let transaction = db.begin_write()?;
        transaction.open_table(DATA)?;
        transaction.commit()?;
        Ok(BareRedb { db, manner: PhantomData, _place: None })
    }

    fn write<T>(&self, work: impl FnOnce(&mut Table<'_, Bytes, Bytes>) -> Outcome<T>) -> Outcome<T> {
        let transaction = begin_write::<M>(&self.db)?;
        let done = work(&mut transaction.open_table(DATA)?)?;
        transaction.commit()?;
        Ok(done)
    }

    fn read(&self) -> Outcome<ReadOnlyTable<Bytes, Bytes>> {
        Ok(self.db.begin_read()?.open_table(DATA)?)
    }
}

impl<M: Manner> Subject for BareRedb<M> {
    const TAG: Tag = Tag { engine: ENGINE, mode: M::MODE, class: M::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let opened = Self::create(&place)?;
        Ok(BareRedb { _place: Some(place), ..opened })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![("library", "redb".to_owned()), ("commits", M::described())]
    }

    fn settle(&self) -> Outcome<()> {
        drain::<M>(&self.db)
    }
}

impl<M: Manner> Reopen for BareRedb<M> {
    fn reopen(place: &Place) -> Outcome<Self> {
        Ok(BareRedb { db: create(place)?, manner: PhantomData, _place: None })
    }
}

/// A value in redb's page, which is kept as long as the value.
pub struct Lent(OwnedAccessGuard<Bytes>);

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} bytes)", self.as_ref().len())
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0.value()
    }
}

impl<M: Manner> Points for BareRedb<M> {
    type Value = Lent;

    fn get(&self, key: &[u8]) -> Outcome<Option<Lent>> {
        Ok(self.read()?.get_owned(key)?.map(Lent))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|table| Ok(table.insert(key, value).map(drop)?))
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        self.write(|table| Ok(table.remove(key)?.is_some()))
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        self.write(|table| {
            for entry in entries {
                table.insert(&entry.key[..], &entry.value[..])?;
            }
            Ok(())
        })
    }

    /// In transactions of a few thousand, as ours does.
    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        entries.chunks(4_096).try_for_each(|chunk| self.put_batch(chunk))
    }
}

impl<M: Manner> Ranges for BareRedb<M> {
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize> {
        let table = self.read()?;
        let mut count = 0;
        match walk {
            Walk::Up => {
                for record in ReadableTable::range::<&[u8]>(&table, start..)?.take(limit) {
                    let (key, value) = record?;
                    visit(key.value(), value.value());
                    count += 1;
                }
            }
            Walk::Down => {
                for record in ReadableTable::range::<&[u8]>(&table, ..=start)?.rev().take(limit) {
                    let (key, value) = record?;
                    visit(key.value(), value.value());
                    count += 1;
                }
            }
        }
        Ok(count)
    }
}

impl<M: Manner> Snapshots for BareRedb<M> {
    /// A read transaction, kept because its table stays open in it.
    type Snapshot<'a> = (ReadTransaction, ReadOnlyTable<Bytes, Bytes>);

    fn snapshot(&self) -> Outcome<Self::Snapshot<'_>> {
        let transaction = self.db.begin_read()?;
        let table = transaction.open_table(DATA)?;
        Ok((transaction, table))
    }

    fn get_in((_, table): &Self::Snapshot<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool> {
        Ok(ReadableTable::get(table, key)?.map(|value| visit(value.value())).is_some())
    }
}

impl<M: Manner> Transfers for BareRedb<M> {
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()> {
        self.write(|table| {
            let (giver, taker) = {
                let absent = || Failure::new("an account is missing");
                let giver = table.get(from)?.ok_or_else(absent)?;
                let taker = table.get(to)?.ok_or_else(absent)?;
                moved(giver.value(), taker.value(), amount)?
            };
            table.insert(from, &giver[..])?;
            table.insert(to, &taker[..])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::manner::{Deferred, Durable, QuickRepair};
    use super::super::tests::{points_hold_what_was_put, ranges_go_both_ways, transfers_move_the_amount};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareRedb<Durable>>();
        points_hold_what_was_put::<BareRedb<QuickRepair>>();
        points_hold_what_was_put::<BareRedb<Deferred>>();
    }

    #[test]
    fn ranges_begin_with_the_start_and_go_both_ways() {
        ranges_go_both_ways::<BareRedb<Durable>>();
    }

    #[test]
    fn a_transfer_moves_the_amount() {
        transfers_move_the_amount::<BareRedb<Durable>>();
    }
}
