//! Records as an engine may return them: any stamp, any value.

use storage_core::engine::Commit;
use storage_core::{
    Batch, Change, Codec, Database, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace, Kind,
    Options, Payload, Record, Result, STAMP_LEN, Stamp, Table, Write,
};

use crate::damage::Unchecked;
use crate::plain::PlainStore;

use super::targets::{Note, notes};
use super::{Answer, Target};

/// The table, and the key of its record.
const TABLE: &str = "fuzzed_notes";
const KEY: u64 = 1;
/// The keyspace of a counter, and its key.
const COUNTERS: &str = "fuzzed_counters";
const COUNTER: &[u8] = b"counter";

/// A stamp and a value that nobody verifies: whatever they say of each other, reading them ends in a value or `Corrupt`.
pub fn stored_records() -> Target {
    Target::new("stored_records", seeds(), |input| read(input, Unchecked))
}

/// The same, verified: nothing but what was put is believed.
pub fn verified_records() -> Target {
    let right = seeds();
    Target::new("verified_records", seeds(), move |input| {
        let answer = read(input, |engine| engine)?;
        let is_unverified = input.get(..STAMP_LEN) == Some(Stamp::unverified().as_bytes());
        match answer.contains("value") && !is_unverified && !right.iter().any(|right| right == input) {
            true => Err(format!("bytes that nobody put are believed: {answer}")),
            false => Ok(answer),
        }
    })
}

fn options() -> Options {
    Options::new().sweep_by_hand().sync_within(std::time::Duration::from_secs(3600))
}

fn keyspace(name: &str) -> Keyspace {
    Keyspace::new(name).expect("the name is valid")
}

/// Records as core stores them: in both codecs, packed and not, and a counter.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for codec in [Codec::Bincode, Codec::Json] {
        for above in [0, 1 << 20] {
            for note in notes() {
                let stored = made(codec, above, &note).expect("a store in memory takes it");
                seeds.extend(stored);
            }
        }
    }
    seeds
}

fn made(codec: Codec, above: usize, note: &Note) -> Result<[Vec<u8>; 2]> {
    let store = PlainStore::default();
    let db = Database::with_options(store.open(), options())?;
    let table = Table::<u64, Note>::define(TABLE).codec(codec).compress_above(above).open(&db)?;
    db.transact(|txn| {
        table.put(txn, &KEY, note)?;
        txn.add(keyspace(COUNTERS), COUNTER, 5)
    })?;
    let stored = |name: &str, key: &[u8]| {
        let record = store.open().get(keyspace(name), key)?.expect("it was put");
        Ok([record.stamp.as_bytes().as_slice(), &record.value].concat())
    };
    Ok([stored(TABLE, &Key::of(&KEY)?)?, stored(COUNTERS, COUNTER)?])
}

/// Stores an input as both records, and reads it in every way.
fn read<E: Engine>(input: &[u8], open: impl Fn(crate::plain::PlainEngine) -> E) -> Answer {
    let Some((stamp, value)) = input.split_first_chunk::<STAMP_LEN>() else { return Ok("short".into()) };
    let mut answer = String::new();
    let mut say = |what: &str, got: Result<bool>| match got {
        Ok(true) => {
            answer.push_str(&format!(" {what} value"));
            Ok(())
        }
        Ok(false) => Ok(()),
        Err(error) if [Kind::Corrupt, Kind::Invalid].contains(&error.kind()) => {
            answer.push_str(&format!(" {what} {:?}", error.kind()));
            Ok(())
        }
        Err(error) => Err(format!("{what}: {error:?}")),
    };
    let failed = |error: Error| format!("the store cannot be made: {error:?}");
    let store = PlainStore::default();
    let key = Key::of(&KEY).map_err(failed)?;
    put(&store, [(TABLE, &key), (COUNTERS, COUNTER)], stamp, value).map_err(failed)?;
    let db = Database::with_options(open(store.open()), options()).map_err(failed)?;
    say("get", db.get(keyspace(TABLE), &key).map(|found| found.is_some()))?;
    say("counter", db.counter(keyspace(COUNTERS), COUNTER).map(|number| number != 0))?;
    let snapshot = db.snapshot().map_err(failed)?;
    let range = snapshot.range(keyspace(TABLE), &KeyRange::all(), Direction::Reverse);
    say("range", range.and_then(|mut range| Ok(!range.to_vec()?.is_empty())))?;
    drop(snapshot);
    // Each codec is what the table could have been opened with.
    for codec in [Codec::Bincode, Codec::Json] {
        let db = Database::with_options(open(store.open()), options()).map_err(failed)?;
        let table = Table::<u64, Note>::define(TABLE).codec(codec).open(&db);
        say("table", table.and_then(|table| Ok(table.get(&db, &KEY)?.is_some())))?;
    }
    say("add", db.transact(|txn| txn.add(keyspace(COUNTERS), COUNTER, 1)).map(|_| false))?;
    Ok(answer)
}

fn put(store: &PlainStore, places: [(&str, &[u8]); 2], stamp: &[u8; STAMP_LEN], value: &[u8]) -> Result<()> {
    let record = Record { stamp: Stamp::from_bytes(*stamp), value: Payload::new(value) };
    let write = |(name, key)| Write {
        keyspace: keyspace(name),
        key: Key::from(key),
        change: Change::Put(record.clone()),
    };
    let mut batch = Batch::default();
    batch.writes = places.map(write).into();
    batch.writes.sort_by_key(|write| write.keyspace);
    store.open().commit(Commit::new(&batch, Durability::Sync))
}
