//! Counters: added to at commit, without being read.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Attributes, Database, Engine, KeyRange, Kind, Result, TransactOptions, Transaction};

use super::{all, at, elsewhere, fill, notes, open, refused, runs, timed, together};
use crate::subject::Subject;

fn add<E: Engine>(db: &Database<E>, key: &str, delta: i64) -> Result<()> {
    db.transact(|txn| txn.add(notes(), key, delta)).map(drop)
}

pub(crate) fn additions_add_up<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    assert_eq!(db.counter(notes(), "n")?, 0, "a counter that is not there holds 0");
    for delta in [5, -7, 0, 100] {
        add(&db, "n", delta)?;
    }
    assert_eq!(db.counter(notes(), "n")?, 98);
    assert_eq!(db.snapshot()?.counter(notes(), "n")?, 98);
    assert_eq!(db.transact(|txn| txn.counter(notes(), "n"))?.value, 98);
    Ok(())
}

pub(crate) fn additions_of_many_threads_do_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    together(8, |thread| (0..50).try_for_each(|_| add(&db, "n", if thread % 2 == 0 { 3 } else { -1 })))?;
    assert_eq!(db.counter(notes(), "n")?, 4 * 50 * (3 - 1));
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn addition_that_is_overtaken_does_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let once = runs(&db, |txn| txn.add(notes(), "n", 1), |db| add(db, "n", 10))?;
    assert_eq!(once, 1);
    assert_eq!(db.counter(notes(), "n")?, 11);
    Ok(())
}

pub(crate) fn counter_reads_its_pending_additions<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    add(&db, "n", 40)?;
    db.transact(|txn| {
        txn.add(notes(), "n", 1)?;
        txn.add(notes(), "n", 1)?;
        txn.add(notes(), "fresh", 7)?;
        assert_eq!(txn.counter(notes(), "n")?, 42);
        assert_eq!(txn.counter(notes(), "fresh")?, 7);
        for direction in [Forward, Reverse] {
            let records = txn.range(notes(), KeyRange::all(), direction)?.to_vec()?;
            let mut values: Vec<_> = records.iter().map(|(_, value)| value.clone()).collect();
            values.sort_unstable();
            assert_eq!(values, [7_i64.to_le_bytes(), 42_i64.to_le_bytes()]);
        }
        Ok(())
    })?;
    assert_eq!((db.counter(notes(), "n")?, db.counter(notes(), "fresh")?), (42, 7));
    Ok(())
}

pub(crate) fn reading_a_counter_is_a_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let read = |txn: &mut Transaction<'_, _>| {
        txn.add(notes(), "n", 1)?;
        txn.counter(notes(), "n").map(drop)
    };
    assert_eq!(runs(&db, read, |db| add(db, "n", 10))?, 2, "it saw a sum that is no longer true");
    assert_eq!(db.counter(notes(), "n")?, 11);
    Ok(())
}

pub(crate) fn addition_conflicts_with_those_who_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    assert_eq!(runs(&db, |txn| txn.counter(notes(), "n").map(drop), |db| add(db, "n", 1))?, 2);
    Ok(())
}

pub(crate) fn put_after_an_addition_replaces_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| {
        txn.add(notes(), "n", 5)?;
        txn.put(notes(), "n", "text")
    })?;
    assert_eq!(all(&db, notes())?, "n=text");
    Ok(())
}

pub(crate) fn addition_after_a_delete_counts_from_zero<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for key in ["a", "b", "c"] {
        add(&db, key, 10)?;
    }
    db.put(notes(), "text", "not a counter")?;
    db.transact(|txn| {
        txn.delete(notes(), "a")?;
        txn.add(notes(), "a", 1)?;
        txn.delete_range(notes(), KeyRange::of("b".."c")?)?;
        txn.add(notes(), "b", 2)?;
        txn.delete(notes(), "text")?;
        txn.add(notes(), "text", 3)?;
        txn.add(notes(), "c", 3)?;
        assert_eq!((txn.counter(notes(), "a")?, txn.counter(notes(), "b")?), (1, 2));
        txn.add(notes(), "a", 1)
    })?;
    let counts = ["a", "b", "c", "text"].map(|key| db.counter(notes(), key));
    assert_eq!(counts.into_iter().collect::<Result<Vec<_>>>()?, [2, 2, 13, 3]);
    Ok(())
}

pub(crate) fn delete_after_an_addition_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    add(&db, "a", 10)?;
    db.transact(|txn| {
        txn.add(notes(), "a", 1)?;
        txn.delete(notes(), "a")?;
        txn.add(notes(), "b", 1)?;
        txn.delete_range(notes(), KeyRange::all())
    })?;
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn addition_to_another_record_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "text", "12345678")?;
    let failed = db.transact(|txn| {
        txn.put(notes(), "other", "1")?;
        txn.add(notes(), "text", 1)
    });
    let error = refused(Kind::Invalid, failed);
    assert_eq!(error.key(), Some(b"text".as_slice()));
    refused(Kind::Invalid, db.counter(notes(), "text"));
    refused(Kind::Invalid, db.snapshot()?.counter(notes(), "text"));
    refused(Kind::Invalid, db.transact(|txn| txn.counter(notes(), "text")));
    let pending = db.transact(|txn| {
        txn.put(notes(), "fresh", "text")?;
        txn.add(notes(), "fresh", 1)
    });
    refused(Kind::Invalid, pending);
    assert_eq!(all(&db, notes())?, "text=12345678");
    Ok(())
}

pub(crate) fn sum_past_64_bits_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for (key, far, further) in [("up", i64::MAX, 1), ("down", i64::MIN, -1)] {
        add(&db, key, far)?;
        let failed = db.transact(|txn| {
            txn.put(notes(), "other", "1")?;
            txn.add(notes(), key, further)
        });
        refused(Kind::Invalid, failed);
        assert_eq!(db.counter(notes(), key)?, far);
        refused(
            Kind::Invalid,
            db.transact(|txn| {
                txn.add(notes(), "x", far)?;
                txn.add(notes(), "x", further)
            }),
        );
        add(&db, key, -further)?;
    }
    assert!(db.get(notes(), "other")?.is_none() && db.get(notes(), "x")?.is_none());
    Ok(())
}

pub(crate) fn addition_to_an_expired_record_counts_from_zero<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let attributes = Attributes::new().expires_at(at(5));
    db.put_with(notes(), "n", "not a counter", attributes, TransactOptions::new())?;
    refused(Kind::Invalid, db.transact(|txn| txn.add(notes(), "n", 3)));
    clock.set(at(5));
    add(&db, "n", 3)?;
    assert_eq!(db.counter(notes(), "n")?, 3);
    Ok(())
}

pub(crate) fn counters_stand_beside_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "c"])?;
    db.transact(|txn| {
        txn.add(notes(), "b", 1)?;
        txn.put(notes(), "d", "d")
    })?;
    let keys = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?;
    assert_eq!(keys.iter().map(|key| key.as_slice()).collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
    assert_eq!(elsewhere(|| db.counter(notes(), "b"))?, 1);
    Ok(())
}
