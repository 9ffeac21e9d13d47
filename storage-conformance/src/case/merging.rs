//! Maxima: counters that are raised at commit without being read, alone and among additions.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Database, Engine, KeyRange, Kind, Result, Sequence, Table, Transaction};

use super::{all, notes, open, refused, runs, together};
use crate::subject::Subject;

fn max<E: Engine>(db: &Database<E>, key: &str, value: i64) -> Result<()> {
    db.transact(|txn| txn.max(notes(), key, value)).map(drop)
}

fn add<E: Engine>(db: &Database<E>, key: &str, delta: i64) -> Result<()> {
    db.transact(|txn| txn.add(notes(), key, delta)).map(drop)
}

pub(crate) fn largest_value_is_kept<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for value in [5, -7, 9, 3] {
        max(&db, "n", value)?;
    }
    assert_eq!(db.counter(notes(), "n")?, 9);
    assert_eq!(db.snapshot()?.counter(notes(), "n")?, 9);
    for value in [-4, -9] {
        max(&db, "negative", value)?;
        assert_eq!(db.counter(notes(), "negative")?, -4, "one that is not there takes the value");
    }
    for value in [i64::MIN, i64::MAX] {
        max(&db, "extreme", value)?;
        assert_eq!(db.counter(notes(), "extreme")?, value);
    }
    Ok(())
}

pub(crate) fn maxima_of_many_threads_do_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    together(8, |thread| (0..50).try_for_each(|step| max(&db, "n", (thread * 31 + step * 17) as i64 % 500)))?;
    let largest = (0..8).flat_map(|thread| (0..50).map(move |step| (thread * 31 + step * 17) % 500)).max();
    assert_eq!(Some(db.counter(notes(), "n")?), largest);
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn maximum_that_is_overtaken_does_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let raise = |txn: &mut Transaction<'_, _>| txn.max(notes(), "n", 7);
    assert_eq!(runs(&db, raise, |db| max(db, "n", 10))?, 1);
    assert_eq!(db.counter(notes(), "n")?, 10, "it is raised at commit, not lowered to what was known");
    assert_eq!(runs(&db, raise, |db| db.delete(notes(), "n"))?, 1);
    assert_eq!(db.counter(notes(), "n")?, 7);
    Ok(())
}

pub(crate) fn maximum_conflicts_with_those_who_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    assert_eq!(runs(&db, |txn| txn.counter(notes(), "n").map(drop), |db| max(db, "n", 1))?, 2);
    let read_own = |txn: &mut Transaction<'_, _>| {
        txn.max(notes(), "n", 3)?;
        txn.counter(notes(), "n").map(drop)
    };
    assert_eq!(runs(&db, read_own, |db| max(db, "n", 9))?, 2);
    assert_eq!(db.counter(notes(), "n")?, 9);
    Ok(())
}

pub(crate) fn maxima_and_additions_take_effect_in_their_order<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for key in ["low", "high"] {
        add(&db, key, if key == "low" { 2 } else { 50 })?;
    }
    db.transact(|txn| {
        for key in ["absent", "high", "low"] {
            txn.add(notes(), key, 3)?;
            txn.max(notes(), key, 20)?;
            txn.add(notes(), key, -5)?;
            txn.max(notes(), key, 10)?;
        }
        let read = ["absent", "high", "low"].map(|key| txn.counter(notes(), key));
        assert_eq!(read.into_iter().collect::<Result<Vec<_>>>()?, [15, 48, 15]);
        for direction in [Forward, Reverse] {
            let records = txn.range(notes(), KeyRange::all(), direction)?.to_vec()?;
            let mut values: Vec<_> = records.iter().map(|(_, value)| value.clone()).collect();
            values.sort_unstable();
            assert_eq!(values, [15_i64, 15, 48].map(|value| value.to_le_bytes().to_vec()));
        }
        Ok(())
    })?;
    db.transact(|txn| {
        txn.max(notes(), "max_first", -8)?;
        txn.add(notes(), "max_first", 3)?;
        txn.add(notes(), "add_first", 3)?;
        txn.max(notes(), "add_first", -8)
    })?;
    let keys = ["absent", "high", "low", "max_first", "add_first"];
    let counts = keys.map(|key| db.counter(notes(), key));
    assert_eq!(counts.into_iter().collect::<Result<Vec<_>>>()?, [15, 48, 15, -5, 3]);
    Ok(())
}

pub(crate) fn maximum_after_other_writes_goes_by_them<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for key in ["a", "b"] {
        add(&db, key, 100)?;
    }
    db.put(notes(), "text", "not a counter")?;
    db.transact(|txn| {
        txn.delete(notes(), "a")?;
        txn.max(notes(), "a", 1)?;
        txn.delete_range(notes(), KeyRange::point(b"b"))?;
        txn.max(notes(), "b", -2)?;
        txn.delete(notes(), "text")?;
        txn.max(notes(), "text", 3)?;
        txn.max(notes(), "text", 2)?;
        txn.max(notes(), "c", 5)?;
        txn.delete(notes(), "c")
    })?;
    let counts = ["a", "b", "text"].map(|key| db.counter(notes(), key));
    assert_eq!(counts.into_iter().collect::<Result<Vec<_>>>()?, [1, -2, 3]);
    assert!(db.get(notes(), "c")?.is_none());
    Ok(())
}

pub(crate) fn maximum_of_another_record_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "text", "12345678")?;
    let error = refused(Kind::Invalid, max(&db, "text", 1));
    assert_eq!(error.key(), Some(b"text".as_slice()));
    assert_eq!(all(&db, notes())?, "text=12345678");
    let table = Table::<u64, u64>::define("numbers").open(&db)?;
    refused(Kind::Invalid, db.transact(|txn| txn.max(table.keyspace(), "n", 1)));
    refused(Kind::Invalid, max(&db, "", 1));
    Ok(())
}

pub(crate) fn only_the_last_sum_has_to_fit_64_bits<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    add(&db, "n", i64::MIN)?;
    let failed = db.transact(|txn| {
        txn.put(notes(), "other", "1")?;
        txn.max(notes(), "n", i64::MIN)?;
        txn.add(notes(), "n", -1)
    });
    refused(Kind::Invalid, failed);
    assert_eq!(db.counter(notes(), "n")?, i64::MIN);
    assert!(db.get(notes(), "other")?.is_none());
    db.transact(|txn| {
        txn.add(notes(), "n", -1)?;
        txn.max(notes(), "n", 0)
    })?;
    assert_eq!(db.counter(notes(), "n")?, 0);
    let failed = db.transact(|txn| {
        txn.max(notes(), "n", i64::MAX)?;
        txn.add(notes(), "n", 1)
    });
    refused(Kind::Invalid, failed);
    assert_eq!(db.counter(notes(), "n")?, 0);
    Ok(())
}

pub(crate) fn sequence_goes_on_behind_a_maximum<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let sequence = Sequence::new(notes(), b"n")?;
    max(&db, "n", 41)?;
    let drawn = db.transact(|txn| txn.next(&sequence))?;
    assert_eq!(drawn.number(drawn.value), 42);
    max(&db, "n", 7)?;
    let drawn = db.transact(|txn| txn.next(&sequence))?;
    assert_eq!(drawn.number(drawn.value), 43);
    Ok(())
}
