//! Commits: a sorted batch becomes statements in one transaction, each prepared once a keyspace.

use rusqlite::{CachedStatement, Connection};
use storage_core::{Batch, Change, Error, KeyRange, Keyspace, Payload, Record, Result, Write};

use crate::connection::{prepare, prepare_in};
use crate::snapshot::bind;
use crate::{error, sql};

/// Writes a batch into a transaction: its range deletes, then its writes, keyspace by keyspace.
pub(crate) fn apply(connection: &Connection, batch: &Batch) -> Result<()> {
    for (keyspace, range) in &batch.range_deletes {
        delete_range(connection, *keyspace, range)?;
    }
    for writes in batch.writes.chunk_by(|one, other| one.keyspace == other.keyspace) {
        apply_to(connection, writes[0].keyspace, writes)?;
    }
    Ok(())
}

fn delete_range(connection: &Connection, keyspace: Keyspace, range: &KeyRange) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    let texts = sql::of(keyspace);
    let is_whole = range.start().is_empty() && range.end().is_none();
    let text = match range.end() {
        // Its pages are freed without looking at a record.
        None if is_whole => &texts.clear,
        None => &texts.delete_from,
        Some(_) => &texts.delete_between,
    };
    let Some(mut statement) = prepare_in(connection, "commit", keyspace, text)? else { return Ok(()) };
    let bound = if is_whole { Ok(()) } else { bind(&mut statement, range) };
    bound.and_then(|()| statement.raw_execute().map(drop)).map_err(|cause| failed(keyspace, cause))
}

fn apply_to(connection: &Connection, keyspace: Keyspace, writes: &[Write]) -> Result<()> {
    let (mut putting, mut deleting) = (None, None);
    for write in writes {
        match &write.change {
            Change::Put(record) => {
                let statement = match &mut putting {
                    Some(statement) => statement,
                    none => none.insert(prepare_put(connection, keyspace)?),
                };
                put(statement, &write.key, record).map_err(|cause| failed(keyspace, cause))?;
            }
            Change::Delete => {
                let statement = match &mut deleting {
                    Some(statement) => statement,
                    none => {
                        none.insert(prepare_in(connection, "commit", keyspace, &sql::of(keyspace).delete)?)
                    }
                };
                if let Some(statement) = statement {
                    delete(statement, &write.key).map_err(|cause| failed(keyspace, cause))?;
                }
            }
        }
    }
    Ok(())
}

/// The statement that puts a record, on a table that is made if it is missing.
fn prepare_put(connection: &Connection, keyspace: Keyspace) -> Result<CachedStatement<'_>> {
    let texts = sql::of(keyspace);
    if let Some(statement) = prepare_in(connection, "commit", keyspace, &texts.put)? {
        return Ok(statement);
    }
    connection.execute_batch(&texts.create).map_err(|cause| failed(keyspace, cause))?;
    prepare(connection, "commit", &texts.put)
}

fn put(statement: &mut CachedStatement<'_>, key: &[u8], record: &Record<Payload>) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, key)?;
    statement.raw_bind_parameter(2, record.stamp.as_bytes().as_slice())?;
    statement.raw_bind_parameter(3, &*record.value)?;
    statement.raw_execute().map(drop)
}

fn delete(statement: &mut CachedStatement<'_>, key: &[u8]) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, key)?;
    statement.raw_execute().map(drop)
}

fn failed(keyspace: Keyspace, cause: rusqlite::Error) -> Error {
    error::failed("commit", cause).in_keyspace(keyspace)
}
