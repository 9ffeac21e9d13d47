//! Damaged records: never a wrong value, each named, the others readable.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Database, Engine, Key, KeyRange, Keyspace, Kind, PageRequest, Result, Table};

use super::people::{People, person};
use super::{at, letters, open, refused, timed};
use crate::subject::{DamageRecord, Subject};

/// The power that the list of cases says is there.
fn power<S: Subject>(subject: &S) -> DamageRecord<S::Engine> {
    subject.damage().expect("the case runs only where the engine has the power")
}

/// Cuts the value of a record short.
fn cut<S: Subject>(subject: &S, db: &Database<S::Engine>, keyspace: Keyspace, key: &[u8]) -> Result<()> {
    let damaged = power(subject)(db.engine(), keyspace, key, &mut |value| value.truncate(value.len() / 2))?;
    assert!(damaged, "there is a record to damage");
    Ok(())
}

fn squares<E: Engine>(db: &Database<E>) -> Result<Table<u64, u64>> {
    let table = Table::define("squares").open(db)?;
    db.transact(|txn| (1..=5).try_for_each(|n| table.put(txn, &n, &(n * n))))?;
    Ok(table)
}

pub(crate) fn damage_to_an_absent_record_is_told<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let damaged = power(subject)(db.engine(), letters(), b"absent", &mut |value| value.clear())?;
    assert!(!damaged);
    Ok(())
}

pub(crate) fn damaged_record_is_named_and_others_stay_readable<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db)?;
    let third = Key::of(&3_u64)?;
    cut(subject, &db, table.keyspace(), &third)?;
    for error in
        [refused(Kind::Corrupt, table.get(&db, &3)), refused(Kind::Corrupt, table.get(&db.snapshot()?, &3))]
    {
        assert_eq!((error.keyspace(), error.key()), (Some(table.keyspace()), Some(third.as_slice())));
    }
    for (key, square) in [(1, 1), (2, 4), (4, 16), (5, 25)] {
        assert_eq!(table.get(&db, &key)?.as_deref(), Some(&square));
    }
    Ok(())
}

pub(crate) fn range_goes_on_behind_a_damaged_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db)?;
    cut(subject, &db, table.keyspace(), &Key::of(&3_u64)?)?;
    let snapshot = db.snapshot()?;
    for direction in [Forward, Reverse] {
        let mut records = table.range(&snapshot, KeyRange::all(), direction)?;
        let mut seen = Vec::new();
        while let Some(mut record) = records.next()? {
            seen.push((record.key()?, record.value().is_ok()));
        }
        seen.sort_unstable();
        assert_eq!(seen, [(1, true), (2, true), (3, false), (4, true), (5, true)], "{direction:?}");
    }
    refused(Kind::Corrupt, table.range(&snapshot, KeyRange::all(), Forward)?.to_vec());
    Ok(())
}

pub(crate) fn page_reports_a_damaged_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db)?;
    let third = Key::of(&3_u64)?;
    cut(subject, &db, table.keyspace(), &third)?;
    let first = table.page(&db.snapshot()?, &PageRequest::first(3))?;
    assert_eq!(first.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        first.unreadable.iter().map(|error| error.key()).collect::<Vec<_>>(),
        [Some(third.as_slice())]
    );
    let second = table.page(&db.snapshot()?, &PageRequest::first(3).after(first.next))?;
    assert_eq!(second.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [4, 5]);
    Ok(())
}

pub(crate) fn index_names_the_damaged_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for key in 1..=3 {
        people.put(&db, key, &person("rome", &key.to_string(), 30))?;
    }
    let second = Key::of(&2_u64)?;
    cut(subject, &db, people.table.keyspace(), &second)?;
    let page = people.table.page_by(&people.by_city, &db.snapshot()?, &PageRequest::first(10))?;
    assert_eq!(page.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(page.unreadable.len(), 1);
    assert_eq!(page.unreadable[0].kind(), Kind::Corrupt);
    assert_eq!(
        (page.unreadable[0].keyspace(), page.unreadable[0].key()),
        (Some(people.table.keyspace()), Some(second.as_slice()))
    );
    Ok(())
}

pub(crate) fn transaction_that_reads_a_damaged_record_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db)?;
    cut(subject, &db, table.keyspace(), &Key::of(&3_u64)?)?;
    let failed = db.transact(|txn| {
        table.put(txn, &9, &81)?;
        table.get(txn, &3).map(drop)
    });
    refused(Kind::Corrupt, failed);
    assert!(!table.contains(&db, &9)?);
    Ok(())
}

pub(crate) fn damaged_record_can_be_replaced_and_deleted<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db)?;
    for key in [3_u64, 4] {
        cut(subject, &db, table.keyspace(), &Key::of(&key)?)?;
    }
    db.transact(|txn| {
        table.put(txn, &3, &9)?;
        table.delete(txn, &4)
    })?;
    let squares = table.range(&db.snapshot()?, KeyRange::all(), Forward)?.values()?;
    assert_eq!(squares.iter().map(|square| **square).collect::<Vec<_>>(), [1, 4, 9, 25]);
    Ok(())
}

pub(crate) fn damaged_counter_is_corrupt<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| txn.add(letters(), "n", 5))?;
    cut(subject, &db, letters(), b"n")?;
    refused(Kind::Corrupt, db.counter(letters(), "n"));
    refused(Kind::Corrupt, db.transact(|txn| txn.add(letters(), "n", 1)));
    refused(Kind::Corrupt, db.transact(|txn| txn.counter(letters(), "n")));
    db.put(letters(), "other", "usable")?;
    Ok(())
}

pub(crate) fn sweep_passes_damaged_records<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    for key in 1..=3 {
        people.put_until(&db, key, &person("rome", &key.to_string(), 30), at(10))?;
    }
    cut(subject, &db, people.table.keyspace(), &Key::of(&2_u64)?)?;
    clock.set(at(10));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.unreadable), (2, 1), "what entries it has cannot be told");
    assert_eq!(db.sweep(10)?.records, 0);
    people.put(&db, 4, &person("bonn", "usable", 30))
}
