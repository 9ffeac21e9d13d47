//! Typed tables: records with keys and values of their own types.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use storage_core::Direction::{Forward, Reverse};
use storage_core::{
    Attributes, Codec, CommitTime, Database, Engine, Key, KeyRange, Keyspace, Kind, Number, Result, Sequence,
    Table,
};

use super::{at, elsewhere, letters, open, refused, timed};
use crate::subject::Subject;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    title: String,
    words: Vec<String>,
    rating: Option<i32>,
}

fn note(title: &str) -> Note {
    let words = title.split(' ').map(str::to_owned).collect();
    Note { title: title.into(), words, rating: Some(-3) }
}

fn titles<E: Engine>(db: &Database<E>, table: &Table<u64, Note>, codec_name: &str) -> Result<Vec<String>> {
    let notes = table.range(&db.snapshot()?, KeyRange::all(), Forward)?.values()?;
    assert!(notes.iter().all(|note| note.rating == Some(-3)), "{codec_name}");
    Ok(notes.iter().map(|note| note.title.clone()).collect())
}

pub(crate) fn typed_records_come_back<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for (name, codec) in [("by_bincode", Codec::Bincode), ("by_json", Codec::Json)] {
        let table = Table::<u64, Note>::define(name).codec(codec).open(&db)?;
        assert!(table.get(&db, &1)?.is_none() && !table.contains(&db, &1)?);
        db.transact(|txn| (1..=3).try_for_each(|key| table.put(txn, &key, &note(&format!("note {key}")))))?;
        assert_eq!(table.get(&db, &2)?.as_deref(), Some(&note("note 2")));
        assert!(table.contains(&db, &2)?);
        db.transact(|txn| {
            table.delete(txn, &2)?;
            table.put(txn, &3, &note("changed"))
        })?;
        assert_eq!(titles(&db, &table, name)?, ["note 1", "changed"]);
    }
    Ok(())
}

pub(crate) fn table_reads_alike_from_database_snapshot_and_transaction<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<String, u32>::define("ages").open(&db)?;
    db.transact(|txn| table.put(txn, &"ann".into(), &41))?;
    let snapshot = db.snapshot()?;
    let in_transaction = db.transact(|txn| {
        table.put(txn, &"bob".into(), &5)?;
        assert_eq!(table.get(txn, "bob")?.as_deref(), Some(&5), "its own write");
        table.get(txn, "ann")
    })?;
    for age in [table.get(&db, "ann")?, table.get(&snapshot, "ann")?, in_transaction.value] {
        assert_eq!(age.as_deref(), Some(&41));
    }
    assert_eq!(table.get(&snapshot, "bob")?, None);
    let both = table.range(&db.snapshot()?, KeyRange::all(), Reverse)?.to_vec()?;
    assert_eq!(both, [("bob".to_owned(), Arc::new(5)), ("ann".to_owned(), Arc::new(41))]);
    Ok(())
}

pub(crate) fn typed_keys_are_read_in_the_order_of_their_values<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<(String, i64), ()>::define("ordered").open(&db)?;
    let ordered =
        [("", 0), ("a", -70_000), ("a", -1), ("a", 0), ("a", 255), ("a", 256), ("a\0", -5), ("b", i64::MIN)];
    db.transact(|txn| {
        ordered
            .iter()
            .rev()
            .try_for_each(|(name, number)| table.put(txn, &((*name).to_owned(), *number), &()))
    })?;
    let snapshot = db.snapshot()?;
    let keys = |range: KeyRange, direction| -> Result<Vec<(String, i64)>> {
        Ok(table.range(&snapshot, range, direction)?.to_vec()?.into_iter().map(|(key, _)| key).collect())
    };
    fn owned(keys: &[(&str, i64)]) -> Vec<(String, i64)> {
        keys.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
    }
    assert_eq!(keys(KeyRange::all(), Forward)?, owned(&ordered));
    let mut within = owned(&ordered[1..6]);
    assert_eq!(keys(KeyRange::within(&("a",))?, Forward)?, within);
    within.reverse();
    assert_eq!(keys(KeyRange::within(&("a",))?, Reverse)?, within);
    let between = KeyRange::of(Key::of(&("a", -1_i64))?..Key::of(&("a", 256_i64))?)?;
    assert_eq!(keys(between, Forward)?, owned(&ordered[2..5]));
    Ok(())
}

pub(crate) fn compressed_values_come_back<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, String>::define("compressed").compress_above(100).open(&db)?;
    let values = ["short".to_owned(), "long and repetitive ".repeat(500), "x".repeat(100), "y".repeat(101)];
    db.transact(|txn| values.iter().zip(0..).try_for_each(|(value, key)| table.put(txn, &key, value)))?;
    db.transact(|txn| {
        table.put(txn, &9, &values[1])?;
        assert_eq!(table.get(txn, &9)?.as_deref(), Some(&values[1]), "its own write");
        assert_eq!(table.get(txn, &1)?.as_deref(), Some(&values[1]));
        table.delete(txn, &9)
    })?;
    for (value, key) in values.iter().zip(0..) {
        assert_eq!(table.get(&db, &key)?.as_deref(), Some(value));
    }
    let listed = table.range(&db.snapshot()?, KeyRange::all(), Forward)?.values()?;
    assert!(listed.iter().map(|value| &**value).eq(&values));
    // Raw reads unpack too.
    assert!(db.get(table.keyspace(), Key::of(&1_u64)?)?.expect("it is there").len() > 9_000);
    Ok(())
}

pub(crate) fn table_reads_what_another_codec_wrote<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let compact = Table::<u64, Note>::define("notes").open(&db)?;
    let readable = Table::<u64, Note>::define("notes").codec(Codec::Json).open(&db)?;
    db.transact(|txn| {
        compact.put(txn, &1, &note("compact"))?;
        readable.put(txn, &2, &note("readable"))
    })?;
    assert_eq!(titles(&db, &compact, "bincode")?, ["compact", "readable"]);
    assert_eq!(titles(&db, &readable, "json")?, ["compact", "readable"]);
    Ok(())
}

pub(crate) fn shared_value_is_read_like_any_other<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, Note>::define("notes").open(&db)?;
    let shared = Arc::new(note("shared"));
    db.transact(|txn| table.put_shared(txn, &1, Arc::clone(&shared), Attributes::new()))?;
    assert_eq!(table.get(&db, &1)?, Some(shared));
    db.transact(|txn| table.put(txn, &1, &note("changed")))?;
    assert_eq!(titles(&db, &table, "bincode")?, ["changed"]);
    Ok(())
}

pub(crate) fn value_of_another_type_is_corrupt_and_named<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let numbers = Table::<u64, u32>::define("mixed").open(&db)?;
    let texts = Table::<u64, String>::define("mixed").open(&db)?;
    db.transact(|txn| {
        numbers.put(txn, &1, &7)?;
        texts.put(txn, &2, &"text".to_owned())
    })?;
    let error = refused(Kind::Corrupt, texts.get(&db, &1));
    assert_eq!(error.keyspace(), Some(texts.keyspace()));
    assert_eq!(error.key(), Some(Key::of(&1_u64)?.as_slice()));
    assert_eq!(texts.get(&db, &2)?.as_deref().map(String::as_str), Some("text"));
    Ok(())
}

pub(crate) fn table_may_be_opened_again_as_it_is<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let first = Table::<u64, u32>::define("numbers").open(&db)?;
    db.transact(|txn| first.put(txn, &1, &1))?;
    let second = elsewhere(|| Table::<u64, u32>::define("numbers").open(&db))?;
    assert_eq!(second.get(&db, &1)?.as_deref(), Some(&1));
    db.transact(|txn| second.clone().put(txn, &2, &2))?;
    assert_eq!(first.get(&db, &2)?.as_deref(), Some(&2));
    Ok(())
}

pub(crate) fn illegal_table_name_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for name in ["", "Upper", "dot.ted", "_tables"] {
        refused(Kind::Invalid, Table::<u64, u32>::define(name).open(&db));
    }
    refused(Kind::TooLarge, Table::<u64, u32>::define(&"n".repeat(49)).open(&db));
    Ok(())
}

pub(crate) fn keyspace_with_other_records_is_no_table<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(letters(), "a", "raw")?;
    refused(Kind::Invalid, Table::<u64, u32>::define("letters").open(&db));
    db.put(letters(), "b", "still writable")?;
    db.delete_range(letters(), &KeyRange::all())?;
    let table = Table::<u64, u32>::define("letters").open(&db)?;
    db.transact(|txn| table.put(txn, &1, &1))?;
    Ok(())
}

pub(crate) fn counters_do_not_stand_in_tables<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, u32>::define("numbers").open(&db)?;
    refused(Kind::Invalid, db.transact(|txn| txn.add(table.keyspace(), "n", 1)));
    let sequence = Sequence::new(table.keyspace(), b"n")?;
    refused(Kind::Invalid, db.transact(|txn| txn.next(&sequence)));
    Ok(())
}

pub(crate) fn typed_records_expire<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let table = Table::<u64, u32>::define("numbers").open(&db)?;
    let expiring = Attributes::new().expires_at(at(10));
    db.transact(|txn| {
        table.put_with(txn, &1, &1, expiring)?;
        table.put(txn, &2, &2)
    })?;
    assert_eq!(table.range(&db.snapshot()?, KeyRange::all(), Forward)?.values()?.len(), 2);
    clock.set(at(10));
    assert!(table.get(&db, &1)?.is_none() && !table.contains(&db, &1)?);
    assert_eq!(table.range(&db.snapshot()?, KeyRange::all(), Forward)?.values()?, [Arc::new(2)]);
    assert_eq!(db.sweep(10)?.records, 1);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    position: Number,
    at: CommitTime,
    text: String,
}

pub(crate) fn numbers_and_times_of_the_commit_fill_typed_records<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let sequence = Sequence::new(letters(), b"positions")?.starting_at(255);
    for (name, codec) in [("log_bincode", Codec::Bincode), ("log_json", Codec::Json)] {
        let log = Table::<(String, Number), Entry>::define(name).codec(codec).open(&db)?;
        clock.set(at(7));
        let outcome = db.transact(|txn| {
            let position = txn.next(&sequence)?;
            let entry = Entry { position, at: CommitTime::AtCommit, text: "first".into() };
            log.put_at_commit(txn, &("log".into(), position), &entry, Attributes::new())?;
            Ok(position)
        })?;
        let position = Number::Known(outcome.number(outcome.value));
        let stored = log.get(&db, &("log".to_owned(), position))?.expect("it has its number");
        let expected = Entry { position, at: CommitTime::Known(at(7)), text: "first".into() };
        assert_eq!(*stored, expected);
    }
    assert_eq!(db.counter(letters(), "positions")?, 256);
    Ok(())
}

pub(crate) fn raw_record_that_is_none_of_a_table_is_told_by_its_readers<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, Note>::define("notes").codec(Codec::Json).open(&db)?;
    let keyspace = Keyspace::new("notes")?;
    let raw = Codec::Json.encode_template(&note("raw"))?;
    db.put(keyspace, Key::of(&1_u64)?, raw.bytes())?;
    db.put(keyspace, Key::of(&2_u64)?, "no JSON")?;
    db.put(keyspace, "no tuple", raw.bytes())?;
    assert_eq!(
        table.get(&db, &1)?.as_deref(),
        Some(&note("raw")),
        "a raw record is read by the table's codec"
    );
    refused(Kind::Corrupt, table.get(&db, &2));
    let snapshot = db.snapshot()?;
    let mut records = table.range(&snapshot, KeyRange::all(), Forward)?;
    let mut seen = Vec::new();
    while let Some(mut record) = records.next()? {
        seen.push((record.key().is_ok(), record.value().is_ok()));
    }
    assert_eq!(seen, [(true, true), (true, false), (false, true)]);
    Ok(())
}

/// A record whose second part may have no encoded form.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Fickle {
    text: String,
    #[serde(serialize_with = "encode_end")]
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum End {
    Fine,
    Fails,
    Panics,
}

fn encode_end<S: Serializer>(end: &End, serializer: S) -> Result<S::Ok, S::Error> {
    match end {
        End::Fine => end.serialize(serializer),
        End::Fails => Err(serde::ser::Error::custom("it has no encoded form")),
        End::Panics => resume_unwind(Box::new("it cannot be encoded")),
    }
}

pub(crate) fn value_that_cannot_be_encoded_leaves_nothing_in_the_next<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let fickle = |text: &str, end| Fickle { text: text.into(), end };
    for (name, codec) in [("by_bincode", Codec::Bincode), ("by_json", Codec::Json)] {
        let table = Table::<u64, Fickle>::define(name).codec(codec).open(&db)?;
        let put = |value: Fickle| db.transact(|txn| table.put(txn, &1, &value)).map(drop);
        for (round, end) in [End::Fails, End::Panics, End::Fails].into_iter().enumerate() {
            match end {
                End::Panics => {
                    let panicked = catch_unwind(AssertUnwindSafe(|| put(fickle("begun and cut off", end))));
                    assert!(panicked.is_err());
                }
                _ => drop(refused(Kind::Invalid, put(fickle("begun and given up", end)))),
            }
            let whole = fickle(&format!("round {round}"), End::Fine);
            let mut encoded = Vec::new();
            codec.encode(&whole, &mut encoded)?;
            put(fickle(&whole.text, End::Fine))?;
            assert_eq!(table.get(&db, &1)?.as_deref(), Some(&whole));
            let stored = db.get(table.keyspace(), Key::of(&1_u64)?)?.expect("it was put");
            assert_eq!(*stored, *encoded, "{name}: nothing but the value");
        }
    }
    Ok(())
}
