//! Records that are written past core, as damage, another version or another program may leave them.

use storage_core::engine::Commit;
use storage_core::{
    Batch, Change, Database, Durability, Engine, Key, Keyspace, Payload, Record, Result, STAMP_LEN, Stamp,
    Write,
};

use super::quiet;
use crate::plain::PlainStore;

/// Writes past core.
pub(crate) fn plant<E: Engine>(engine: &E, writes: Vec<Write>) -> Result<()> {
    let mut batch = Batch::default();
    batch.writes = writes;
    engine.commit(Commit::new(&batch, Durability::Sync))
}

/// A record whose stamp fits nothing, as bytes at rest may become. Where stamps are not verified, it expired long ago.
pub(crate) fn spoiled(keyspace: Keyspace, key: Key) -> Write {
    put(keyspace, key, Stamp::from_bytes([1; STAMP_LEN]), b"")
}

/// A record with these bytes, which are what was put and not what a table's reader expects.
pub(crate) fn sealed(keyspace: Keyspace, key: Key, value: &[u8]) -> Result<Write> {
    // A keyspace that is a table's in one store is an ordinary one in another.
    let other = Database::with_options(PlainStore::default().open(), quiet())?;
    other.put(keyspace, &key, value)?;
    let record = other.engine().get(keyspace, &key)?.expect("it was just put");
    Ok(put(keyspace, key, record.stamp, value))
}

/// The same with another codec in its stamp: one that no version of core has.
pub(crate) fn of_unknown_codec(keyspace: Keyspace, key: Key, value: &[u8]) -> Result<Write> {
    const CODEC: usize = 20;
    let write = sealed(keyspace, key, value)?;
    let Change::Put(record) = &write.change else { return Ok(write) };
    let mut bytes = *record.stamp.as_bytes();
    bytes[CODEC] = 200;
    let name = keyspace.name().as_bytes();
    let mut head = crc32fast::Hasher::new();
    head.update(&[u8::try_from(name.len()).expect("names are short")]);
    [name, &write.key, &bytes[4..]].into_iter().for_each(|part| head.update(part));
    bytes[..4].copy_from_slice(&head.finalize().to_le_bytes());
    Ok(put(keyspace, write.key.clone(), Stamp::from_bytes(bytes), value))
}

fn put(keyspace: Keyspace, key: Key, stamp: Stamp, value: &[u8]) -> Write {
    Write { keyspace, key, change: Change::Put(Record { stamp, value: Payload::new(value) }) }
}
