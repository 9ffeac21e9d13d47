//! What was dropped, after the store was closed and opened again.

use storage_core::{Attributes, Kind, Result, Table};

use super::dropping::{entries, populated, stored};
use super::people::{People, person};
use super::{all, at, fill, letters, notes, open, refused, timed};
use crate::subject::Subject;

pub(crate) fn dropped_records_do_not_come_back_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = populated(&db)?;
    fill(&db, notes(), &["a"])?;
    fill(&db, letters(), &["a"])?;
    db.drop_keyspace(people.table.keyspace())?;
    db.drop_keyspace(notes())?;
    db.close()?;
    let db = open(subject)?;
    assert_eq!((all(&db, notes())?, all(&db, letters())?), (String::new(), "a=a".to_owned()));
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(entries(&db, &people)?, 0);
    Ok(())
}

pub(crate) fn table_that_is_not_open_is_dropped_with_its_entries<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = populated(&db)?.table.keyspace();
    db.close()?;
    let db = open(subject)?;
    db.drop_keyspace(table)?;
    refused(Kind::Invalid, db.put(table, "raw", "1"));
    let people = People::open(&db)?;
    assert_eq!((stored(&db, table)?, entries(&db, &people)?), (0, 0));
    people.put(&db, 1, &person("rome", "ann", 1))?;
    people.is_consistent(&db)
}

pub(crate) fn drop_of_everything_forgets_tables_that_are_not_open<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = populated(&db)?.table.keyspace();
    Table::<u64, u64>::define("other").open(&db)?;
    db.close()?;
    let db = open(subject)?;
    let other = Table::<u64, u64>::define("other").open(&db)?;
    refused(Kind::Invalid, db.put(table, "raw", "1"));
    db.drop_all()?;
    db.put(table, "raw", "1")?;
    assert!(People::open(&db).is_err(), "it holds records that are no table's");
    db.transact(|txn| other.put(txn, &1, &1))?;
    db.close()?;
    let db = open(subject)?;
    assert_eq!(all(&db, table)?, "raw=1");
    refused(Kind::Invalid, db.put(other.keyspace(), "raw", "1"));
    db.delete(table, "raw")?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 1))?;
    people.is_consistent(&db)
}

pub(crate) fn sweep_forgets_the_dropped_records_of_a_table_that_is_not_open<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let mortal = Attributes::new().expires_at(at(10));
    db.transact(|txn| people.table.put_with(txn, &1, &person("rome", "ann", 30), mortal))?;
    db.close()?;
    let (db, clock) = timed(subject)?;
    db.drop_keyspace(people.table.keyspace())?;
    clock.set(at(10));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.stale, swept.skipped), (0, 1, 0));
    assert_eq!(db.sweep(10)?, Default::default(), "nothing is left to look at");
    Ok(())
}
