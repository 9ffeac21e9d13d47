//! Opening a table with other indexes than it was written with.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use storage_core::Direction::Forward;
use storage_core::{Codec, Database, Engine, Error, Index, KeyRange, Kind, Result, Table};

use super::people::{People, Person, person};
use super::reopen::{reopened, reopened_at};
use super::{at, elsewhere, notes, open, refused, runs, scripted};
use crate::subject::Subject;

/// More than one commit of a build takes.
const MANY: u64 = 2_300;

/// The table of people without its indexes.
fn plain<E: Engine>(db: &Database<E>) -> Result<Table<u64, Person>> {
    Table::define("people").codec(Codec::Json).open(db)
}

fn put_many<E: Engine>(db: &Database<E>) -> Result<()> {
    let people = plain(db)?;
    let cities = ["rome", "bonn", "oslo"];
    for first in (0..MANY).step_by(500) {
        db.transact(|txn| {
            (first..MANY.min(first + 500)).try_for_each(|key| {
                let mut person =
                    person(cities[key as usize % cities.len()], &format!("p{key}"), key as u32 % 90);
                person.tags = (0..key % 3).map(|tag| format!("tag {tag}")).collect();
                people.put(txn, &key, &person)
            })
        })?;
    }
    Ok(())
}

pub(crate) fn new_indexes_are_built_from_the_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db)?;
    let db = reopened(subject, db)?;
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?.len() as u64, MANY);
    refused(Kind::AlreadyExists, people.put(&db, MANY, &person("rome", "p7", 1)));
    people.put(&db, 7, &person("rome", "p7", 1))?;
    people.delete(&db, 8)?;
    people.is_consistent(&db)?;
    let db = reopened(subject, db)?;
    People::open(&db)?.is_consistent(&db)
}

pub(crate) fn changed_index_is_built_anew_and_others_go<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.put(&db, 2, &person("bonn", "bob", 40))?;
    let db = reopened(subject, db)?;
    let by_city =
        Index::on("by_city", |_: &u64, person: &Person| (person.city.to_uppercase(), person.age)).version(2);
    let table = Table::define("people").codec(Codec::Json).index(&by_city).open(&db)?;
    let snapshot = db.snapshot()?;
    let records = table.range_by(&by_city, &snapshot, KeyRange::all(), Forward)?.to_vec()?;
    assert_eq!(records.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2, 1]);
    for index in ["by_email", "by_age", "by_tag"] {
        let entries = table.keyspace().derived(index)?;
        assert!(snapshot.range(entries, &KeyRange::all(), Forward)?.next()?.is_none(), "{index}");
    }
    drop(snapshot);
    let db = reopened(subject, db)?;
    People::open(&db)?.is_consistent(&db)
}

pub(crate) fn index_that_stays_is_not_touched<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    db.close()?;
    drop((people, db));
    let (db, script) = scripted(subject)?;
    script.on_commit(|attempt| {
        let kept = |index: &str| attempt.batch.writes.iter().all(|write| write.keyspace.name() != index);
        let dropped = &attempt.batch.range_deletes;
        let whole = dropped.iter().all(|(keyspace, _)| keyspace.name() != "people.by_city");
        match kept("people.by_city") && kept("people") && whole {
            true => Ok(()),
            false => Err(Error::new(Kind::Internal, "it stays as it is")),
        }
    });
    let by_city = Index::on("by_city", |_: &u64, person: &Person| person.city.clone());
    let by_length = Index::on("by_length", |_: &u64, person: &Person| person.city.len() as u64);
    let table = Table::define("people").codec(Codec::Json).index(&by_city).index(&by_length).open(&db)?;
    let snapshot = db.snapshot()?;
    assert_eq!(table.range_by(&by_city, &snapshot, KeyRange::all(), Forward)?.keys()?, [1]);
    assert_eq!(table.range_by(&by_length, &snapshot, KeyRange::all(), Forward)?.keys()?, [1]);
    Ok(())
}

pub(crate) fn unique_index_over_equal_values_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = plain(&db)?;
    let (ann, other) = (person("rome", "ann", 30), person("bonn", "ann", 40));
    db.transact(|txn| people.put(txn, &1, &ann).and_then(|()| people.put(txn, &2, &other)))?;
    let db = reopened(subject, db)?;
    refused(Kind::AlreadyExists, People::open(&db));
    refused(Kind::AlreadyExists, People::open(&db));
    refused(Kind::Invalid, db.put(people.keyspace(), "a", "raw"));
    let people = plain(&db)?;
    assert_eq!(people.get(&db, &2)?.as_deref(), Some(&other));
    db.transact(|txn| people.delete(txn, &2))?;
    let db = reopened(subject, db)?;
    People::open(&db)?.is_consistent(&db)
}

pub(crate) fn build_that_ended_early_is_begun_anew<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db)?;
    db.close()?;
    drop(db);
    for fails_at in [1, 2, 4, 5] {
        let (db, script) = scripted(subject)?;
        let commits = std::sync::atomic::AtomicU32::new(0);
        script.on_commit(move |_| match commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 {
            at if at >= fails_at => Err(Error::new(Kind::Full, "the script says so")),
            _ => Ok(()),
        });
        refused(Kind::Full, People::open(&db));
        if fails_at == 5 {
            script.let_commits_pass();
            People::open(&db)?.is_consistent(&db)?;
        }
        db.close()?;
    }
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?.len() as u64, MANY);
    Ok(())
}

pub(crate) fn expired_records_get_no_entries<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = plain(&db)?;
    let until = |key: u64, name: &str, end| {
        let attributes = storage_core::Attributes::new().expires_at(at(end));
        db.transact(|txn| people.put_with(txn, &key, &person("rome", name, 30), attributes)).map(drop)
    };
    until(1, "ann", 10)?;
    until(2, "ann", 20)?;
    let db = reopened_at(subject, db, at(10))?;
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?, [2], "it holds the value that 1 held");
    assert_eq!(db.sweep(10)?.records, 1);
    people.is_consistent(&db)?;
    let db = reopened_at(subject, db, at(20))?;
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    people.put(&db, 3, &person("rome", "ann", 1))?;
    assert_eq!(db.sweep(10)?.records, 1);
    people.is_consistent(&db)
}

pub(crate) fn older_view_does_not_show_indexes_that_were_built_since<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = plain(&db)?;
    db.transact(|txn| people.put(txn, &1, &person("rome", "ann", 30)))?;
    let db = reopened(subject, db)?;
    let before = db.snapshot()?;
    let opened = OnceLock::new();
    let mut looks = 0;
    let transactions = runs(
        &db,
        |txn| {
            txn.get(notes(), "a")?;
            looks += 1;
            if looks == 1 {
                elsewhere(|| People::open(&db).map(|people| opened.set(people).is_ok()))?;
            }
            let people: &People = opened.get().expect("it was opened");
            let found = people.table.range_by(&people.by_city, txn, KeyRange::all(), Forward)?.keys()?;
            assert_eq!(found, [1]);
            Ok(())
        },
        |_| Ok(()),
    )?;
    assert_eq!(transactions, 2, "the first began before the indexes were built");
    let people = opened.get().expect("it was opened");
    refused(Kind::Invalid, people.table.range_by(&people.by_city, &before, KeyRange::all(), Forward));
    refused(Kind::Invalid, people.table.get_by(&people.by_email, &before, &"ann@example.org".to_owned()));
    assert_eq!(people.table.range(&before, KeyRange::all(), Forward)?.keys()?, [1]);
    people.is_consistent(&db)
}

pub(crate) fn unreadable_records_get_no_entries_and_are_listed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let words = Table::<u64, String>::define("people").codec(Codec::Json).open(&db)?;
    db.transact(|txn| words.put(txn, &1, &"no person".to_owned()))?;
    let people = plain(&db)?;
    db.transact(|txn| people.put(txn, &2, &person("rome", "ann", 30)))?;
    let db = reopened(subject, db)?;
    let people = People::open(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [2]);
    let snapshot = db.snapshot()?;
    let damaged = people.table.damaged(&snapshot, &KeyRange::all())?;
    assert_eq!(damaged.len(), 1);
    drop(snapshot);
    db.transact(|txn| people.table.discard(txn, &1).map(drop))?;
    people.is_consistent(&db)
}

/// A person of an older schema, who had no email.
#[derive(Serialize, Deserialize)]
struct Inhabitant {
    name: String,
    city: String,
}

pub(crate) fn older_schemas_are_indexed_as_what_they_become<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let old = Table::<u64, Inhabitant>::define("people").codec(Codec::Json).open(&db)?;
    let inhabitant = |name: &str| Inhabitant { name: name.into(), city: "rome".into() };
    db.transact(|txn| {
        old.put(txn, &1, &inhabitant("ann")).and_then(|()| old.put(txn, &2, &inhabitant("bob")))
    })?;
    let db = reopened(subject, db)?;
    let by_email = Index::on("by_email", |_: &u64, person: &Person| person.email.clone()).unique();
    let table = Table::define("people")
        .schema(1)
        .upcast(0, |old: Inhabitant| person(&old.city, &old.name, 0))
        .index(&by_email)
        .open(&db)?;
    let snapshot = db.snapshot()?;
    assert_eq!(table.range_by(&by_email, &snapshot, KeyRange::all(), Forward)?.keys()?, [1, 2]);
    drop(snapshot);
    db.transact(|txn| table.put(txn, &1, &person("oslo", "cid", 50)))?;
    db.transact(|txn| table.delete(txn, &2))?;
    let snapshot = db.snapshot()?;
    let found = table.range_by(&by_email, &snapshot, KeyRange::all(), Forward)?.to_vec()?;
    assert_eq!(
        found.iter().map(|(key, person)| (*key, person.city.as_str())).collect::<Vec<_>>(),
        [(1, "oslo")]
    );
    Ok(())
}
