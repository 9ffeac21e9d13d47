//! Opening tables beside other work: a definition is settled once, and nothing slips past it.

use std::thread;

use storage_core::{Attributes, Codec, Error, Index, Key, KeyRange, Kind, Result, Table, TransactOptions};

use super::people::{People, Person, person};
use super::{at, notes, open, refused, runs, scripted, timed, wait_until};
use crate::subject::Subject;

pub(crate) fn empty_table_that_is_open_keeps_its_definition<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let by_city = Index::on("by_city", |_: &u64, person: &Person| person.city.clone()).version(2);
    refused(Kind::Invalid, Table::define("people").index(&by_city).open(&db));
    refused(Kind::Invalid, Table::<u64, Person>::define("people").open(&db));
    let again = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    again.put(&db, 2, &person("bonn", "bob", 30))?;
    assert_eq!(people.by(&db, &again.by_city, KeyRange::all())?, [2, 1]);
    people.is_consistent(&db)
}

pub(crate) fn keyspace_with_expired_records_is_no_table<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = storage_core::Keyspace::new("people")?;
    for keyspace in [people, notes()] {
        let attributes = Attributes::new().expires_at(at(10));
        db.put_with(keyspace, "junk", "no person", attributes, TransactOptions::new())?;
    }
    clock.set(at(10));
    refused(Kind::Invalid, People::open(&db));
    assert_eq!(db.sweep(10)?.records, 2, "what is no record of a table is swept like any other");
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.is_consistent(&db)
}

pub(crate) fn raw_put_in_line_behind_the_opening_of_its_table_is_indexed<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let keyspace = storage_core::Keyspace::new("people")?;
    let raw = Codec::Json.encode_template(&person("rome", "ann", 30))?;
    let key = Key::of(&1_u64)?;
    let gate = script.hold_commits();
    let people = thread::scope(|scope| {
        let leader = scope.spawn(|| db.put(notes(), "leader", ""));
        gate.wait_for_a_commit();
        let opening = scope.spawn(|| People::open(&db));
        wait_until("the opening waits", || db.statistics().waiting == 1);
        let put = scope.spawn(|| db.put(keyspace, &key, raw.bytes()));
        wait_until("the put waits", || db.statistics().waiting == 2);
        gate.open();
        leader.join().expect("a put does not panic")?;
        put.join().expect("a put does not panic")?;
        opening.join().expect("it does not panic")
    })?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1]);
    people.is_consistent(&db)
}

pub(crate) fn raw_put_in_line_before_the_opening_of_its_table_is_found_by_it<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let keyspace = storage_core::Keyspace::new("people")?;
    let raw = Codec::Json.encode_template(&person("rome", "ann", 30))?;
    let key = Key::of(&1_u64)?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let leader = scope.spawn(|| db.put(notes(), "leader", ""));
        gate.wait_for_a_commit();
        let put = scope.spawn(|| db.put(keyspace, &key, raw.bytes()));
        wait_until("the put waits", || db.statistics().waiting == 1);
        let opening = scope.spawn(|| People::open(&db));
        wait_until("the opening waits", || db.statistics().waiting == 2);
        gate.open();
        leader.join().expect("a put does not panic")?;
        put.join().expect("a put does not panic")?;
        refused(Kind::Invalid, opening.join().expect("it does not panic"));
        Ok::<_, Error>(())
    })?;
    db.delete(keyspace, &key)?;
    People::open(&db)?.is_consistent(&db)
}

pub(crate) fn puts_into_a_table_without_indexes_never_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, u64>::define("numbers").open(&db)?;
    let put = |value: u64| db.transact(|txn| table.put(txn, &1, &value)).map(drop);
    let again = runs(&db, |txn| table.put(txn, &1, &1), |_| put(2))?;
    assert_eq!((again, db.statistics().conflicts), (1, 0));
    assert_eq!(table.get(&db, &1)?.as_deref(), Some(&1), "the last commit is the one that counts");
    Ok(())
}

pub(crate) fn opening_a_table_again_disturbs_nobody<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let read = runs(&db, |txn| people.table.get(txn, &1).map(drop), |db| People::open(db).map(drop))?;
    let written = runs(
        &db,
        |txn| people.table.put(txn, &2, &person("bonn", "bob", 40)),
        |db| People::open(db).map(drop),
    )?;
    assert_eq!((read, written, db.statistics().conflicts), (1, 1, 0));
    let refused_definition = runs(
        &db,
        |txn| people.table.get(txn, &1).map(drop),
        |db| {
            refused(Kind::Invalid, Table::<u64, Person>::define("people").open(db));
            Ok(())
        },
    )?;
    assert_eq!(refused_definition, 1, "what was refused was not opened");
    people.is_consistent(&db)
}
