//! The rows of an indexed table, and pages through them whose cursors live on over commits and reopening.
//!
//! Rows are small numbers in few groups, so that pages end inside a group, and what a cursor names is often gone when
//! the listing goes on.

use std::collections::BTreeMap;

use storage_core::{
    Database, Direction, Engine, Error, Index, Key, KeyRange, Kind, PageRequest, Result, Table,
};

use super::answer::{Answer, Refusal};
use super::step::{Listing, Order};

/// How far the pages of each listing have come, in each order: what [`slot`] counts.
pub(super) type Cursors<C> = [Option<C>; 4];

fn slot(listing: Listing, order: Order) -> usize {
    let listing = match listing {
        Listing::ByKey => 0,
        Listing::ByGroup => 2,
    };
    match order {
        Order::Forward => listing,
        Order::Reverse => listing + 1,
    }
}

/// The rows as the model has them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    groups: BTreeMap<u8, u8>,
    /// The group and key of the row that each page ended with.
    cursors: Cursors<(u8, u8)>,
}

impl Rows {
    pub(super) fn put(&mut self, key: u8, group: u8) -> Answer {
        self.groups.insert(key, group);
        Answer::Done
    }

    pub(super) fn delete(&mut self, first: u8, last: u8) -> Answer {
        if first > last {
            return Answer::Refused(Refusal::of(Kind::Invalid));
        }
        self.groups.retain(|key, _| !(first..=last).contains(key));
        Answer::Done
    }

    pub(super) fn page(&mut self, listing: Listing, order: Order, limit: usize) -> Answer {
        if limit == 0 {
            return Answer::Refused(Refusal::of(Kind::Invalid));
        }
        let place = |row: &(u8, u8)| match listing {
            Listing::ByKey => (0, row.1),
            Listing::ByGroup => *row,
        };
        let cursor = &mut self.cursors[slot(listing, order)];
        let mut rows: Vec<_> = self.groups.iter().map(|(key, group)| (*group, *key)).collect();
        rows.sort_unstable_by_key(place);
        if order == Order::Reverse {
            rows.reverse();
        }
        let is_behind = |row: &(u8, u8)| match (&*cursor, order) {
            (None, _) => true,
            (Some(last), Order::Forward) => place(row) > place(last),
            (Some(last), Order::Reverse) => place(row) < place(last),
        };
        rows.retain(is_behind);
        let more = rows.len() > limit;
        rows.truncate(limit);
        *cursor = rows.last().copied().filter(|_| more);
        Answer::Page(rows.into_iter().map(|(group, key)| (key, group)).collect(), more)
    }
}

/// The rows as a database has them.
pub(super) struct RowTable {
    table: Table<u64, u64>,
    by_group: Index<u64, u64, u64>,
    /// As text, which is what an application keeps of them.
    pub(super) cursors: Cursors<String>,
}

impl RowTable {
    pub(super) fn open<E: Engine>(database: &Database<E>) -> Result<Self> {
        let by_group = Index::on("by_group", |_, group: &u64| *group);
        let table = Table::define("model_rows").index(&by_group).open(database)?;
        Ok(RowTable { table, by_group, cursors: Default::default() })
    }

    pub(super) fn put<E: Engine>(&self, database: &Database<E>, key: u8, group: u8) -> Result<()> {
        database.transact(|txn| self.table.put(txn, &key.into(), &group.into())).map(drop)
    }

    pub(super) fn delete<E: Engine>(&self, database: &Database<E>, first: u8, last: u8) -> Result<()> {
        let [first, last] = [first, last].map(u64::from);
        if first == last {
            return database.transact(|txn| self.table.delete(txn, &first)).map(drop);
        }
        let range = KeyRange::of(Key::of(&first)?..=Key::of(&last)?)?;
        database.delete_range(self.table.keyspace(), &range)
    }

    pub(super) fn page<E: Engine>(
        &mut self,
        database: &Database<E>,
        listing: Listing,
        order: Order,
        limit: usize,
    ) -> Result<Answer> {
        let direction = match order {
            Order::Forward => Direction::Forward,
            Order::Reverse => Direction::Reverse,
        };
        let cursor = &mut self.cursors[slot(listing, order)];
        let after = cursor.as_ref().map(|text| text.parse()).transpose()?;
        let request = PageRequest::first(limit).direction(direction).after(after);
        let snapshot = database.snapshot()?;
        let page = match listing {
            Listing::ByKey => self.table.page(&snapshot, &request)?,
            Listing::ByGroup => self.table.page_by(&self.by_group, &snapshot, &request)?,
        };
        if let Some(error) = page.unreadable.into_iter().next() {
            return Err(error);
        }
        *cursor = page.next.map(|next| next.to_string());
        let small = |number: u64| {
            u8::try_from(number)
                .map_err(|_| Error::new(Kind::Internal, format!("no row has the number {number}")))
        };
        let rows = page.items.into_iter().map(|(key, group)| Ok((small(key)?, small(*group)?)));
        Ok(Answer::Page(rows.collect::<Result<_>>()?, cursor.is_some()))
    }
}
