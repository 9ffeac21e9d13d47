//! `bare-rusqlite`: SQLite as one writes it by hand, with the settings of ours: WAL, pages of 8 KiB, prepared
//! statements kept, one connection that writes behind a lock, another that reads.
//!
//! Keys and values are blobs in one table without row ids. Nothing groups the commits of several writers, and nothing
//! checks what is read.

use std::fmt;
use std::marker::PhantomData;

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};

use super::manner::Manner;
use super::{Counters, Entry, Points, Ranges, Reopen, Snapshots, Subject, Tag, Transfers, Walk};
use crate::failure::{Failure, Outcome};
use crate::workload::sharing::moved;
use crate::workload::{Class, Place, Setting};

/// The name of its rows.
pub const ENGINE: &str = "bare-rusqlite";

const GET: &str = "SELECT value FROM data WHERE key = ?1";
const PUT: &str = "INSERT OR REPLACE INTO data (key, value) VALUES (?1, ?2)";
const UP: &str = "SELECT key, value FROM data WHERE key >= ?1 ORDER BY key LIMIT ?2";
const DOWN: &str = "SELECT key, value FROM data WHERE key <= ?1 ORDER BY key DESC LIMIT ?2";

/// A file with one table.
pub struct BareRusqlite<M> {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    manner: PhantomData<M>,
    /// Goes after the connections.
    _place: Option<Place>,
}

impl<M> fmt::Debug for BareRusqlite<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BareRusqlite")
    }
}

fn connect(place: &Place) -> Outcome<Connection> {
    let connection = Connection::open(place.file("bare.db")?)?;
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

impl<M: Manner> BareRusqlite<M> {
    fn in_place(place: &Place) -> Outcome<Self> {
        let writer = connect(place)?;
        let level = if M::CLASS == Class::PowerLoss { "FULL" } else { "NORMAL" };
        writer.pragma_update(None, "synchronous", level)?;
        writer.execute_batch(
            "CREATE TABLE IF NOT EXISTS data (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
        )?;
        let reader = Mutex::new(connect(place)?);
        Ok(BareRusqlite { writer: Mutex::new(writer), reader, manner: PhantomData, _place: None })
    }
}

impl<M: Manner> Subject for BareRusqlite<M> {
    const TAG: Tag = Tag { engine: ENGINE, mode: M::MODE, class: M::CLASS };

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let opened = Self::in_place(&place)?;
        Ok(BareRusqlite { _place: Some(place), ..opened })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let level: i64 =
            self.writer.lock().pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap_or(-1);
        vec![("library", format!("SQLite {}", rusqlite::version())), ("synchronous", level.to_string())]
    }

    fn settle(&self) -> Outcome<()> {
        if M::CLASS == Class::PowerLoss {
            return Ok(());
        }
        // One commit that is synced takes those before it along.
        let writer = self.writer.lock();
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.prepare_cached(PUT)?.execute(params![b"\xffsettled".as_slice(), b"".as_slice()])?;
        writer.prepare_cached("DELETE FROM data WHERE key = ?1")?.execute([b"\xffsettled".as_slice()])?;
        Ok(writer.pragma_update(None, "synchronous", "NORMAL")?)
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

impl<M: Manner> Reopen for BareRusqlite<M> {
    fn reopen(place: &Place) -> Outcome<Self> {
        Self::in_place(place)
    }
}

impl<M: Manner> Points for BareRusqlite<M> {
    type Value = Vec<u8>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let reader = self.reader.lock();
        let found = reader.prepare_cached(GET)?.query_row([key], |row| row.get(0)).optional()?;
        Ok(found)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.writer.lock().prepare_cached(PUT)?.execute(params![key, value])?;
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        let writer = self.writer.lock();
        let deleted = writer.prepare_cached("DELETE FROM data WHERE key = ?1")?.execute([key])?;
        Ok(deleted == 1)
    }

    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction()?;
        {
            let mut put = transaction.prepare_cached(PUT)?;
            for entry in entries {
                put.execute(params![&entry.key[..], &entry.value])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// In transactions of a few thousand, as ours does.
    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        entries.chunks(4_096).try_for_each(|chunk| self.put_batch(chunk))
    }
}

impl<M: Manner> Ranges for BareRusqlite<M> {
    fn range(
        &self,
        start: &[u8],
        walk: Walk,
        limit: usize,
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Outcome<usize> {
        let reader = self.reader.lock();
        let mut statement = reader.prepare_cached(if walk == Walk::Up { UP } else { DOWN })?;
        let mut rows = statement.query(params![start, i64::try_from(limit)?])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
            count += 1;
        }
        Ok(count)
    }
}

impl<M: Manner> Snapshots for BareRusqlite<M> {
    /// A connection in a read transaction.
    type Snapshot<'a> = Held<'a>;

    fn snapshot(&self) -> Outcome<Held<'_>> {
        let reader = self.reader.lock();
        reader.prepare_cached("BEGIN")?.execute([])?;
        reader.prepare_cached(GET)?.query_row([b"".as_slice()], |_| Ok(())).optional()?;
        Ok(Held(reader))
    }

    fn get_in(snapshot: &Held<'_>, key: &[u8], visit: impl FnOnce(&[u8])) -> Outcome<bool> {
        let mut statement = snapshot.0.prepare_cached(GET)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        visit(row.get_ref(0)?.as_blob()?);
        Ok(true)
    }
}

/// The connection that reads, in a transaction.
pub struct Held<'a>(parking_lot::MutexGuard<'a, Connection>);

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The next `BEGIN` fails if this did.
        self.0.execute_batch("ROLLBACK").ok();
    }
}

impl<M: Manner> Transfers for BareRusqlite<M> {
    fn transfer(&self, from: &[u8], to: &[u8], amount: i64) -> Outcome<()> {
        let mut writer = self.writer.lock();
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let absent = || Failure::new("an account is missing");
            let mut get = transaction.prepare_cached(GET)?;
            let mut read = |key: &[u8]| get.query_row([key], |row| row.get::<_, Vec<u8>>(0)).optional();
            let (giver, taker) = (read(from)?.ok_or_else(absent)?, read(to)?.ok_or_else(absent)?);
            let (giver, taker) = moved(&giver, &taker, amount)?;
            let mut put = transaction.prepare_cached(PUT)?;
            put.execute(params![from, &giver[..]])?;
            put.execute(params![to, &taker[..]])?;
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::manner::{DeferredPastTheProcess, Durable};
    use super::super::tests::{points_hold_what_was_put, ranges_go_both_ways, transfers_move_the_amount};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareRusqlite<Durable>>();
        points_hold_what_was_put::<BareRusqlite<DeferredPastTheProcess>>();
    }

    #[test]
    fn ranges_begin_with_the_start_and_go_both_ways() {
        ranges_go_both_ways::<BareRusqlite<Durable>>();
    }

    #[test]
    fn a_transfer_moves_the_amount() {
        transfers_move_the_amount::<BareRusqlite<Durable>>();
    }
}
