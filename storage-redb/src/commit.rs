//! Commits: a sorted batch becomes one write transaction, in which each table is opened once.

use redb::{StorageError, Table, WriteTransaction};
use storage_core::{Batch, Change, Error, KeyRange, Keyspace, Result, Write};

use crate::error;
use crate::stored::{Bytes, bounds, write_into};
use crate::view::definition;

/// Writes a batch into a transaction, keyspace by keyspace: its range deletes, then its writes.
pub(crate) fn apply(transaction: &WriteTransaction, batch: &Batch) -> Result<()> {
    let mut deletes: Vec<_> = batch.range_deletes.iter().collect();
    deletes.sort_by_key(|(keyspace, _)| *keyspace);
    let mut deletes = deletes.chunk_by(|one, other| one.0 == other.0).peekable();
    let mut writes = batch.writes.chunk_by(|one, other| one.keyspace == other.keyspace).peekable();
    let mut room = Vec::new();
    loop {
        let next =
            [deletes.peek().map(|deletes| deletes[0].0), writes.peek().map(|writes| writes[0].keyspace)];
        let Some(keyspace) = next.into_iter().flatten().min() else { return Ok(()) };
        let deletes = deletes.next_if(|deletes| deletes[0].0 == keyspace).unwrap_or_default();
        let writes = writes.next_if(|writes| writes[0].keyspace == keyspace).unwrap_or_default();
        apply_to(transaction, keyspace, deletes, writes, &mut room)?;
    }
}

fn apply_to(
    transaction: &WriteTransaction,
    keyspace: Keyspace,
    deletes: &[&(Keyspace, KeyRange)],
    writes: &[Write],
    room: &mut Vec<u8>,
) -> Result<()> {
    let failed = |cause| failed(keyspace, cause);
    let is_emptied = deletes.iter().any(|(_, range)| range.start().is_empty() && range.end().is_none());
    if is_emptied {
        // Its pages are freed without looking at a record.
        transaction
            .delete_table(definition(keyspace))
            .map_err(|cause| error::failed("commit", cause).in_keyspace(keyspace))?;
        if writes.is_empty() {
            return Ok(());
        }
    }
    let mut table = transaction
        .open_table(definition(keyspace))
        .map_err(|cause| error::failed("commit", cause).in_keyspace(keyspace))?;
    if !is_emptied {
        for (_, range) in deletes.iter().filter(|(_, range)| !range.is_empty()) {
            let bounds = bounds(range.start(), range.end());
            table.retain_in::<&[u8], _>(bounds, |_, _| false).map_err(failed)?;
        }
    }
    for write in writes {
        apply_write(&mut table, write, room).map_err(failed)?;
    }
    Ok(())
}

fn apply_write(
    table: &mut Table<'_, Bytes, Bytes>,
    write: &Write,
    room: &mut Vec<u8>,
) -> Result<(), StorageError> {
    match &write.change {
        Change::Put(record) => {
            write_into(room, record);
            table.insert(write.key.as_slice(), room.as_slice()).map(drop)
        }
        Change::Delete => table.remove(write.key.as_slice()).map(drop),
    }
}

fn failed(keyspace: Keyspace, cause: StorageError) -> Error {
    error::failed("commit", cause).in_keyspace(keyspace)
}
