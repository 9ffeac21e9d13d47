//! Commits: the one connection that writes, and what a batch is in SQL.

use rusqlite::{Connection, params};
use storage_core::{Batch, Change, Durability, Error, Key, KeyRange, Keyspace, Kind, Result, Write};

use crate::error;
use crate::snapshot::has_table;
use crate::sql::Statements;

/// The connection that writes. There is one, behind a lock.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    durable: Durable,
    /// The level at which SQLite was last told to sync.
    level: Option<Durability>,
    /// Whether commits may be lost in a power cut.
    unsynced: bool,
    /// What other connections have changed is counted by this number, so that it must not change.
    mark: i64,
    /// Keyspaces whose tables are known to be there.
    created: Vec<Keyspace>,
}

/// Whether a `Sync` commit is to survive anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    Yes,
    /// Everything is gone with the process anyway.
    InMemory,
}

impl Writer {
    pub(crate) fn new(connection: Connection, durable: Durable) -> Result<Self> {
        let mark = data_version(&connection).map_err(|cause| error::failed("open", cause))?;
        Ok(Writer { connection, durable, level: None, unsynced: false, mark, created: Vec::new() })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Commits a batch. An error that is not `CommitUnknown` leaves nothing behind.
    pub(crate) fn commit(&mut self, batch: &Batch, durability: Durability) -> Result<()> {
        self.in_transaction(durability, |connection, created| apply(connection, batch, created))
    }

    /// Makes every commit durable, with a commit that changes one row: a checkpoint would not prove it.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.unsynced = true;
        self.in_transaction(Durability::Sync, |_, _| Ok(()))
    }

    /// Whether there are commits that only `sync` makes durable.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced && self.durable == Durable::Yes
    }

    fn in_transaction(
        &mut self,
        durability: Durability,
        write: impl FnOnce(&Connection, &mut Vec<Keyspace>) -> Result<()>,
    ) -> Result<()> {
        let begun = |cause| error::failed("begin a commit", cause);
        self.set_level(durability).map_err(begun)?;
        self.run("BEGIN IMMEDIATE").map_err(begun)?;
        let created = self.created.len();
        let written = self
            .check_mark()
            .and_then(|()| write(&self.connection, &mut self.created))
            .and_then(|()| self.touch(durability));
        let done = match written {
            Ok(()) => self.run("COMMIT").map_err(error::commit),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            self.created.truncate(created);
            // SQLite may have ended it already. One that cannot be ended is ended when the connection is.
            let ended = self.connection.is_autocommit() || self.run("ROLLBACK").is_ok();
            return Err(if ended { error } else { unknown(error) });
        }
        self.unsynced = durability == Durability::Deferred;
        Ok(())
    }

    /// Changes a row under a `Sync` commit that has others to make durable: a commit that changes nothing, such as one
    /// that deletes what is not there, is not written and syncs nothing.
    fn touch(&self, durability: Durability) -> Result<()> {
        if durability == Durability::Deferred || !self.is_unsynced() {
            return Ok(());
        }
        self.run("UPDATE storage_header SET value = value + 1 WHERE name = 'syncs'")
            .map_err(|cause| error::failed("sync", cause))
    }

    /// Refuses to go on where another program has written: what core remembers of recent commits lacks its own.
    fn check_mark(&self) -> Result<()> {
        let mark = data_version(&self.connection).map_err(|cause| error::failed("begin a commit", cause))?;
        if mark == self.mark {
            return Ok(());
        }
        let message = "another program has written to the file: open it again";
        Err(error::refused(Kind::Unavailable, "commit", message.into()))
    }

    fn set_level(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.level == Some(durability) {
            return Ok(());
        }
        self.run(match (self.durable, durability) {
            (Durable::InMemory, _) => "PRAGMA synchronous = OFF",
            (Durable::Yes, Durability::Sync) => "PRAGMA synchronous = FULL",
            (Durable::Yes, Durability::Deferred) => "PRAGMA synchronous = NORMAL",
        })?;
        self.level = Some(durability);
        Ok(())
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

fn unknown(error: Error) -> Error {
    let message = "the commit failed, and the transaction does not end";
    error::refused(Kind::CommitUnknown, "commit", message.into()).caused_by(error)
}

/// A number that changes whenever another connection has committed.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// Writes a batch: its range deletes, then its writes.
fn apply(connection: &Connection, batch: &Batch, created: &mut Vec<Keyspace>) -> Result<()> {
    let failed = |keyspace: Keyspace| move |cause| error::failed("commit", cause).in_keyspace(keyspace);
    for (keyspace, range) in batch.range_deletes.iter().filter(|(_, range)| !range.is_empty()) {
        if is_there(connection, *keyspace, created).map_err(failed(*keyspace))? {
            delete_range(connection, *keyspace, range).map_err(failed(*keyspace))?;
        }
    }
    for writes in batch.writes.chunk_by(|one, other| one.keyspace == other.keyspace) {
        let keyspace = writes[0].keyspace;
        write_all(connection, keyspace, writes, created).map_err(failed(keyspace))?;
    }
    Ok(())
}

/// Whether a keyspace has a table; one that never held a record has none.
fn is_there(
    connection: &Connection,
    keyspace: Keyspace,
    created: &mut Vec<Keyspace>,
) -> rusqlite::Result<bool> {
    if created.contains(&keyspace) {
        return Ok(true);
    }
    let there = has_table(connection, keyspace)?;
    if there {
        created.push(keyspace);
    }
    Ok(there)
}

fn delete_range(connection: &Connection, keyspace: Keyspace, range: &KeyRange) -> rusqlite::Result<()> {
    let statements = Statements::of(keyspace);
    let start = range.start().as_slice();
    match range.end() {
        // It frees whole pages without looking at a record.
        None if start.is_empty() => connection.prepare_cached(&statements.delete_all)?.execute([]),
        None => connection.prepare_cached(statements.delete_range(false))?.execute([start]),
        Some(end) => {
            connection.prepare_cached(statements.delete_range(true))?.execute([start, Key::as_slice(end)])
        }
    }
    .map(drop)
}

fn write_all(
    connection: &Connection,
    keyspace: Keyspace,
    writes: &[Write],
    created: &mut Vec<Keyspace>,
) -> rusqlite::Result<()> {
    if !is_there(connection, keyspace, created)? {
        if writes.iter().all(|write| matches!(write.change, Change::Delete)) {
            return Ok(());
        }
        connection.execute(&Statements::of(keyspace).create, [])?;
        created.push(keyspace);
    }
    let statements = Statements::of(keyspace);
    let mut put = connection.prepare_cached(&statements.put)?;
    let mut delete = connection.prepare_cached(&statements.delete)?;
    for Write { key, change, .. } in writes {
        match change {
            Change::Put(record) => {
                let (stamp, value): (&[u8], &[u8]) = (record.stamp.as_bytes(), &record.value);
                put.execute(params![key.as_slice(), stamp, value])?;
            }
            Change::Delete => {
                delete.execute([key.as_slice()])?;
            }
        }
    }
    Ok(())
}
