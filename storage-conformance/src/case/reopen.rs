//! What is there after closing and opening again.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{
    Attributes, Database, Durability, Engine as _, Index, KeyRange, Keyspace, Kind, ManualClock, Result,
    Sequence, Table, Timestamp, TransactOptions,
};

use super::people::{People, Person, person};
use super::{all, at, fill, keys, letters, notes, open, quiet, refused, shown, some};
use crate::subject::Subject;

/// Closes a database and opens its store again.
pub(crate) fn reopened<S: Subject>(subject: &S, db: Database<S::Engine>) -> Result<Database<S::Engine>> {
    db.close()?;
    drop(db);
    open(subject)
}

/// The same at another time.
pub(crate) fn reopened_at<S: Subject>(
    subject: &S,
    db: Database<S::Engine>,
    now: Timestamp,
) -> Result<Database<S::Engine>> {
    db.close()?;
    drop(db);
    Database::with_options(subject.open()?, quiet().clock(ManualClock::at(now)))
}

pub(crate) fn records_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    db.put(notes(), b"\0\xff", b"\0\xff")?;
    db.put(notes(), "empty", "")?;
    db.put(letters(), "a", "letter")?;
    let attributes = Attributes::new().user_byte(9).expires_at(at(100));
    db.put_with(notes(), "beside", "2", attributes, TransactOptions::new())?;
    let db = reopened(subject, db)?;
    assert_eq!(all(&db, notes())?, r"\x00\xff=\x00\xff a=1 beside=2 empty=");
    assert_eq!(all(&db, letters())?, "a=letter");
    let found = db.get(notes(), "beside")?.expect("it has not expired");
    assert_eq!((found.user_byte(), found.expires_at()), (9, Some(at(100))));
    Ok(())
}

pub(crate) fn deletes_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d", "e"])?;
    db.delete(notes(), "a")?;
    db.delete_range(notes(), &KeyRange::of("c".."e")?)?;
    let db = reopened(subject, db)?;
    assert_eq!(all(&db, notes())?, "b=b e=e");
    db.delete(notes(), "b")?;
    let db = reopened(subject, db)?;
    assert_eq!(all(&db, notes())?, "e=e");
    Ok(())
}

pub(crate) fn order_survives_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for key in [b"b".as_slice(), b"\xff", b"a\0", b"\0", b"a", b"\x80"] {
        db.put(notes(), key, "")?;
    }
    let db = reopened(subject, db)?;
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, r"\x00 a a\x00 b \x80 \xff");
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Reverse)?, r"\xff \x80 b a\x00 a \x00");
    Ok(())
}

pub(crate) fn overwrites_survive_reopening_many_times<S: Subject>(subject: &S) -> Result<()> {
    let mut db = open(subject)?;
    for round in 0..10 {
        db.put(notes(), "a", round.to_string())?;
        db.put(notes(), format!("k{round}"), "")?;
        db = reopened(subject, db)?;
        assert_eq!(shown(db.get(notes(), "a")?), Some(round.to_string()));
    }
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::prefix(b"k"), Forward)?.keys()?.len(), 10);
    Ok(())
}

pub(crate) fn large_values_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let value: Vec<u8> = (0..2_000_003_u32).map(|at| (at % 251) as u8).collect();
    db.put(notes(), "large", &value)?;
    let db = reopened(subject, db)?;
    assert!(db.get(notes(), "large")?.as_deref() == Some(&value), "two megabytes come back changed");
    Ok(())
}

pub(crate) fn deferred_commits_survive_a_clean_close<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for round in 0..20 {
        let options = TransactOptions::from(Durability::Deferred);
        db.put_with(notes(), format!("{round:02}"), "", Attributes::new(), options)?;
    }
    let db = reopened(subject, db)?;
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 20);
    Ok(())
}

pub(crate) fn records_survive_a_drop_without_close<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    drop(db);
    assert_eq!(all(&open(subject)?, notes())?, "a=1");
    Ok(())
}

pub(crate) fn unfinished_transaction_leaves_nothing_behind<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let closed = db.transact(|txn| {
        txn.put(notes(), "b", "2")?;
        super::elsewhere(|| db.close())
    });
    refused(Kind::Closed, closed);
    drop(db);
    assert_eq!(all(&open(subject)?, notes())?, "a=1");
    Ok(())
}

pub(crate) fn counters_and_sequences_go_on_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let sequence = Sequence::new(letters(), b"numbers")?.starting_at(5);
    let db = open(subject)?;
    db.transact(|txn| {
        txn.add(notes(), "n", 40)?;
        txn.next(&sequence)
    })?;
    let db = reopened(subject, db)?;
    let outcome = db.transact(|txn| {
        txn.add(notes(), "n", 2)?;
        txn.next(&sequence)
    })?;
    assert_eq!((outcome.numbers, db.counter(notes(), "n")?), (vec![6], 42));
    Ok(())
}

pub(crate) fn records_expire_while_closed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for (key, nanos) in [("early", 10), ("late", 20)] {
        let attributes = Attributes::new().expires_at(at(nanos));
        db.put_with(notes(), key, key, attributes, TransactOptions::new())?;
    }
    let db = reopened_at(subject, db, at(10))?;
    assert_eq!(all(&db, notes())?, "late=late");
    assert_eq!(db.sweep(10)?.records, 1);
    let db = reopened_at(subject, db, at(20))?;
    assert_eq!(all(&db, notes())?, "");
    assert_eq!(db.sweep(10)?.records, 1);
    Ok(())
}

pub(crate) fn tables_and_indexes_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.put(&db, 2, &person("bonn", "bob", 20))?;
    let db = reopened(subject, db)?;
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [2, 1]);
    refused(Kind::AlreadyExists, people.put(&db, 3, &person("oslo", "ann", 1)));
    people.delete(&db, 1)?;
    people.put(&db, 3, &person("oslo", "ann", 1))?;
    people.is_consistent(&db)
}

pub(crate) fn table_is_not_written_without_its_definition<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let keyspace = people.table.keyspace();
    let db = reopened(subject, db)?;
    refused(Kind::Invalid, db.put(keyspace, "a", "raw"));
    refused(Kind::Invalid, db.delete(keyspace, "a"));
    refused(Kind::Invalid, db.delete_range(keyspace, &KeyRange::all()));
    refused(Kind::Invalid, db.transact(|txn| txn.put(keyspace, "a", "raw")));
    assert!(db.snapshot()?.range(keyspace, &KeyRange::all(), Forward)?.next()?.is_some(), "it can be read");
    let people = People::open(&db)?;
    people.put(&db, 2, &person("rome", "bob", 30))?;
    people.is_consistent(&db)
}

pub(crate) fn sweep_leaves_records_of_a_table_that_is_not_open<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    let db = reopened_at(subject, db, at(10))?;
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.skipped), (0, 1));
    let people = People::open(&db)?;
    people.is_consistent(&db)?;
    assert_eq!(db.sweep(10)?.records, 1);
    Ok(())
}

pub(crate) fn refused_definition_changes_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    // Open and empty: another definition is refused as long as this one is open.
    let people = People::open(&db)?;
    refused(Kind::Invalid, Table::<u64, Person>::define("people").open(&db));
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let db = reopened(subject, db)?;
    let people = People::open(&db)?;
    people.is_consistent(&db)
}

pub(crate) fn emptied_table_takes_another_definition<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.delete(&db, 1)?;
    let db = reopened(subject, db)?;
    let by_city = Index::on("by_city", |_: &u64, person: &Person| person.city.clone()).version(2);
    let table = Table::define("people").index(&by_city).open(&db)?;
    db.transact(|txn| table.put(txn, &1, &person("rome", "ann", 30)))?;
    assert_eq!(table.range_by(&by_city, &db.snapshot()?, KeyRange::all(), Forward)?.to_vec()?.len(), 1);
    Ok(())
}

pub(crate) fn many_keyspaces_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let keyspaces = (0..50).map(|at| Keyspace::new(&format!("many_{at}"))).collect::<Result<Vec<_>>>()?;
    let db = open(subject)?;
    db.transact(|txn| keyspaces.iter().try_for_each(|keyspace| txn.put(*keyspace, "k", keyspace.name())))?;
    let db = reopened(subject, db)?;
    for keyspace in keyspaces {
        assert_eq!(shown(db.get(keyspace, "k")?), some(keyspace.name()));
    }
    Ok(())
}

pub(crate) fn keyspaces_are_listed_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let by_name = Index::on("by_name", |_: &u64, name: &String| name.clone());
    let names = Table::<u64, String>::define("names").index(&by_name).open(&db)?;
    db.transact(|txn| names.put(txn, &1, &"ann".to_owned()))?;
    db.put(notes(), "a", "1")?;
    let db = reopened(subject, db)?;
    let mut listed: Vec<_> = db.engine().keyspaces()?.into_iter().map(Keyspace::name).collect();
    listed.sort_unstable();
    assert_eq!(listed, ["_tables", "names", "names.by_name", "notes"], "in whatever order they came");
    Ok(())
}
