//! Reading records of older and newer schema versions.

use serde::{Deserialize, Serialize};
use storage_core::Direction::Forward;
use storage_core::{Attributes, Codec, Database, Engine, Key, KeyRange, Kind, Result, Table, TableBuilder};

use super::{open, refused};
use crate::subject::Subject;

/// Version 0 was the name alone, version 1 had both names, version 2 has a year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Author {
    first: String,
    last: String,
    born: Option<u16>,
}

fn author(first: &str, last: &str, born: Option<u16>) -> Author {
    Author { first: first.into(), last: last.into(), born }
}

fn version_0<E: Engine>(db: &Database<E>) -> Result<Table<u64, String>> {
    Table::define("authors").open(db)
}

fn version_1<E: Engine>(db: &Database<E>) -> Result<Table<u64, (String, String)>> {
    let split = |name: String| match name.split_once(' ') {
        Some((first, last)) => (first.to_owned(), last.to_owned()),
        None => (String::new(), name),
    };
    Table::define("authors").codec(Codec::Json).schema(1).upcast(0, split).open(db)
}

fn version_2() -> TableBuilder<u64, Author> {
    Table::define("authors")
        .schema(2)
        .compress_above(64)
        .upcast(0, |name: String| author("", &name, None))
        .upcast(1, |(first, last): (String, String)| Author { first, last, born: None })
}

pub(crate) fn older_records_are_read_as_what_they_become<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (oldest, older, newest) = (version_0(&db)?, version_1(&db)?, version_2().open(&db)?);
    db.transact(|txn| {
        oldest.put(txn, &1, &"Homer".to_owned())?;
        older.put(txn, &2, &("Jane".to_owned(), "Austen".to_owned()))?;
        newest.put(txn, &3, &author("Italo", &"Calvino".repeat(20), Some(1923)))?;
        assert_eq!(newest.get(txn, &1)?.as_deref(), Some(&author("", "Homer", None)));
        Ok(())
    })?;
    let authors = [
        author("", "Homer", None),
        author("Jane", "Austen", None),
        author("Italo", &"Calvino".repeat(20), Some(1923)),
    ];
    for (key, author) in (1..).zip(&authors) {
        assert_eq!(newest.get(&db, &key)?.as_deref(), Some(author), "at once");
        assert_eq!(newest.get(&db, &key)?.as_deref(), Some(author), "and again");
    }
    let snapshot = db.snapshot()?;
    let read = newest.range(&snapshot, KeyRange::all(), Forward)?.values()?;
    assert!(read.iter().map(|author| &**author).eq(&authors), "{read:?}");
    assert_eq!(older.get(&db, &1)?.as_deref(), Some(&(String::new(), "Homer".to_owned())));
    Ok(())
}

pub(crate) fn record_that_is_put_again_has_the_newest_schema<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (oldest, newest) = (version_0(&db)?, version_2().open(&db)?);
    db.transact(|txn| oldest.put(txn, &1, &"Homer".to_owned()))?;
    db.transact(|txn| {
        let homer = newest.get(txn, &1)?.expect("it was put");
        newest.put(txn, &1, &Author { born: Some(8), ..(*homer).clone() })?;
        newest.put_at_commit(txn, &2, &author("Italo", "Calvino", None), Attributes::new())
    })?;
    assert_eq!(newest.get(&db, &1)?.as_deref(), Some(&author("", "Homer", Some(8))));
    for key in [1, 2] {
        let error = refused(Kind::Invalid, oldest.get(&db, &key));
        assert!(error.to_string().contains("schema version 2"), "{error}");
        assert_eq!(error.key().map(<[u8]>::is_empty), Some(false), "it names the record: {error}");
    }
    Ok(())
}

pub(crate) fn record_without_an_upcast_is_named_and_others_stay_readable<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let (oldest, older) = (version_0(&db)?, version_1(&db)?);
    db.transact(|txn| {
        oldest.put(txn, &1, &"Homer".to_owned())?;
        older.put(txn, &2, &("Jane".to_owned(), "Austen".to_owned()))
    })?;
    let gap = Table::<u64, Author>::define("authors")
        .schema(2)
        .upcast(1, |(first, last): (String, String)| Author { first, last, born: None })
        .open(&db)?;
    let error = refused(Kind::Invalid, gap.get(&db, &1));
    assert!(error.to_string().contains("schema version 0"), "{error}");
    let snapshot = db.snapshot()?;
    let mut range = gap.range(&snapshot, KeyRange::all(), Forward)?;
    let mut first = range.next()?.expect("it is there");
    refused(Kind::Invalid, first.value());
    let mut second = range.next()?.expect("it is there");
    assert_eq!(*second.value()?, author("Jane", "Austen", None));
    Ok(())
}

pub(crate) fn raw_puts_are_read_as_the_newest_schema<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let newest = version_2().codec(Codec::Json).open(&db)?;
    let key = Key::of(&7_u64)?;
    db.put(newest.keyspace(), &key, r#"{"first":"Jane","last":"Austen","born":1775}"#)?;
    assert_eq!(newest.get(&db, &7)?.as_deref(), Some(&author("Jane", "Austen", Some(1775))));
    Ok(())
}

pub(crate) fn upcasts_that_contradict_one_another_are_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let twice = version_2().upcast(1, |name: String| author("", &name, None));
    refused(Kind::Invalid, twice.open(&db));
    let from_the_newest = version_2().upcast(2, |name: String| author("", &name, None));
    refused(Kind::Invalid, from_the_newest.open(&db));
    Ok(())
}

pub(crate) fn table_without_a_codec_has_the_engines<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let value = author("Jane", "Austen", Some(1775));
    let authors = Table::<u64, Author>::define("authors").open(&db)?;
    db.transact(|txn| authors.put(txn, &1, &value))?;
    let mut expected = Vec::new();
    db.capabilities().codec.encode(&value, &mut expected)?;
    let key = Key::of(&1_u64)?;
    assert_eq!(db.get(authors.keyspace(), &key)?.as_deref(), Some(expected.as_slice()));
    db.close()?;
    drop((authors, db));
    // One that is named stands above it.
    for codec in [Codec::Json, Codec::Bincode] {
        let db = open(subject)?;
        let authors = Table::<u64, Author>::define("writers").codec(codec).open(&db)?;
        db.transact(|txn| authors.put(txn, &1, &value))?;
        let mut expected = Vec::new();
        codec.encode(&value, &mut expected)?;
        assert_eq!(db.get(authors.keyspace(), &key)?.as_deref(), Some(expected.as_slice()));
        db.close()?;
    }
    Ok(())
}
