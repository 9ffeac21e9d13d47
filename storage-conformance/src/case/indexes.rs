//! Indexes: kept in the same commit as their records, whoever writes them and however they go.

use std::sync::atomic::{AtomicUsize, Ordering};

use storage_core::Direction::Forward;
use storage_core::{Attributes, Codec, Index, Key, KeyRange, Kind, Result, Table, Transaction};

use super::people::{People, Person, person};
use super::{at, open, refused, runs, timed, together};
use crate::subject::Subject;

pub(crate) fn index_orders_by_its_fields_then_by_key<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for (key, city, age) in
        [(1, "rome", 30), (300, "bonn", 30), (2, "rome", 7), (5, "bonn", 300), (70_000, "bonn", 1)]
    {
        people.put(&db, key, &person(city, &key.to_string(), age))?;
    }
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [5, 300, 70_000, 1, 2]);
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?, [70_000, 2, 1, 300, 5]);
    assert_eq!(people.by(&db, &people.by_city, KeyRange::within("rome")?)?, [1, 2]);
    assert_eq!(
        people.by(&db, &people.by_age, KeyRange::of(Key::of(&7_u32)?..Key::of(&31_u32)?)?)?,
        [2, 1, 300]
    );
    assert_eq!(people.by(&db, &people.by_email, KeyRange::within("300@example.org")?)?, [300]);
    people.is_consistent(&db)
}

pub(crate) fn entries_follow_their_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.put(&db, 2, &person("rome", "bob", 40))?;
    people.put(&db, 1, &person("bonn", "ann", 31))?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::within("rome")?)?, [2]);
    people.is_consistent(&db)?;
    people.put(&db, 1, &person("bonn", "ann", 31))?;
    people.is_consistent(&db)?;
    people.delete(&db, 2)?;
    people.delete(&db, 2)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?, [1]);
    Ok(())
}

pub(crate) fn record_may_have_many_entries_or_none<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let tagged = |name: &str, tags: &[&str]| Person {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..person("rome", name, 1)
    };
    people.put(&db, 1, &tagged("ann", &["x", "y", "x"]))?;
    people.put(&db, 2, &tagged("bob", &[]))?;
    people.put(&db, 3, &tagged("eve", &["y"]))?;
    assert_eq!(people.by(&db, &people.by_tag, KeyRange::all())?, [1, 1, 3]);
    people.put(&db, 1, &tagged("ann", &["y", "z"]))?;
    assert_eq!(people.by(&db, &people.by_tag, KeyRange::within("x")?)?, [0_u64; 0]);
    assert_eq!(people.by(&db, &people.by_tag, KeyRange::within("y")?)?, [1, 3]);
    people.is_consistent(&db)
}

pub(crate) fn covering_index_shows_the_newest_value<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    // The fields stay, the record does not.
    people.put(&db, 1, &person("bonn", "ann", 30))?;
    let snapshot = db.snapshot()?;
    let seen = people.table.range_by(&people.by_age, &snapshot, KeyRange::all(), Forward)?.values()?;
    assert_eq!(seen[0].city, "bonn");
    Ok(())
}

pub(crate) fn transaction_sees_its_own_entries<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.put(&db, 2, &person("rome", "bob", 30))?;
    let before = db.snapshot()?;
    db.transact(|txn| {
        people.table.put(txn, &1, &person("bonn", "ann", 30))?;
        people.table.delete(txn, &2)?;
        people.table.put(txn, &3, &person("rome", "eve", 30))?;
        let romans =
            people.table.range_by(&people.by_city, txn, KeyRange::within("rome")?, Forward)?.to_vec()?;
        assert_eq!(romans.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [3]);
        let holder = people.table.get_by(&people.by_email, txn, &"eve@example.org".to_owned())?;
        assert_eq!(holder.map(|(key, _)| key), Some(3));
        Ok(())
    })?;
    let romans =
        people.table.range_by(&people.by_city, &before, KeyRange::within("rome")?, Forward)?.to_vec()?;
    assert_eq!(romans.len(), 2, "an older snapshot shows the older index");
    people.is_consistent(&db)
}

pub(crate) fn unique_value_has_one_holder<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let error = refused(Kind::AlreadyExists, people.put(&db, 2, &person("bonn", "ann", 40)));
    assert!(error.to_string().contains("by_email"), "it names the index: {error}");
    assert!(people.table.get(&db, &2)?.is_none());
    people.put(&db, 1, &person("bonn", "ann", 31))?;
    let (key, holder) = people
        .table
        .get_by(&people.by_email, &db.snapshot()?, &"ann@example.org".to_owned())?
        .expect("it is held");
    assert_eq!((key, holder.age), (1, 31));
    assert!(people.table.get_by(&people.by_email, &db.snapshot()?, &"bob@example.org".to_owned())?.is_none());
    people.is_consistent(&db)
}

pub(crate) fn unique_value_is_free_once_given_up<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.delete(&db, 1)?;
    people.put(&db, 2, &person("rome", "ann", 30))?;
    people.put(&db, 2, &person("rome", "bob", 30))?;
    people.put(&db, 3, &person("rome", "ann", 30))?;
    // Two records exchange their values in one transaction, by way of a third value.
    db.transact(|txn| {
        people.table.put(txn, &2, &person("rome", "between", 30))?;
        people.table.put(txn, &3, &person("rome", "bob", 30))?;
        people.table.put(txn, &2, &person("rome", "ann", 30))
    })?;
    db.transact(|txn| {
        people.table.delete(txn, &2)?;
        people.table.put(txn, &4, &person("rome", "ann", 30))
    })?;
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?, [4, 3]);
    people.is_consistent(&db)
}

pub(crate) fn unique_value_is_held_by_pending_records_too<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let twice = db.transact(|txn| {
        people.table.put(txn, &1, &person("rome", "ann", 30))?;
        people.table.put(txn, &2, &person("rome", "ann", 30))
    });
    refused(Kind::AlreadyExists, twice);
    people.is_consistent(&db)?;
    let passed_over = db.transact(|txn| {
        people.table.put(txn, &1, &person("rome", "ann", 30))?;
        refused(Kind::AlreadyExists, people.table.put(txn, &2, &person("rome", "ann", 30)));
        people.table.put(txn, &2, &person("rome", "bob", 30))
    });
    passed_over?;
    people.is_consistent(&db)
}

pub(crate) fn one_of_many_threads_gets_a_unique_value<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for round in 0..5 {
        let name = format!("name{round}");
        let won = together(6, |thread| {
            match people.put(&db, 10 * round + thread as u64, &person("rome", &name, 1)) {
                Ok(()) => Ok(1),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::AlreadyExists, "{error:?}");
                    Ok(0)
                }
            }
        })?;
        assert_eq!(won.iter().sum::<u32>(), 1, "round {round}");
    }
    people.is_consistent(&db)
}

pub(crate) fn expired_holder_frees_its_unique_value<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    clock.set(at(9));
    refused(Kind::AlreadyExists, people.put(&db, 2, &person("rome", "ann", 30)));
    clock.set(at(10));
    assert!(people.table.get_by(&people.by_email, &db.snapshot()?, &"ann@example.org".to_owned())?.is_none());
    people.put(&db, 2, &person("bonn", "ann", 40))?;
    people.is_consistent(&db)?;
    // The sweep of the former holder leaves the entry of the new one.
    assert_eq!(db.sweep(10)?.records, 1);
    people.is_consistent(&db)?;
    let holder = people.table.get_by(&people.by_email, &db.snapshot()?, &"ann@example.org".to_owned())?;
    assert_eq!(holder.map(|(key, _)| key), Some(2));
    Ok(())
}

pub(crate) fn former_holder_comes_back_without_the_value<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    clock.set(at(10));
    people.put(&db, 2, &person("bonn", "ann", 40))?;
    refused(Kind::AlreadyExists, people.put(&db, 1, &person("rome", "ann", 30)));
    people.put(&db, 1, &person("rome", "other", 30))?;
    people.is_consistent(&db)?;
    people.delete(&db, 1)?;
    people.is_consistent(&db)
}

pub(crate) fn entries_expire_with_their_record<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    people.put(&db, 2, &person("rome", "bob", 30))?;
    people.put_until(&db, 3, &person("rome", "eve", 30), at(10))?;
    people.put(&db, 3, &person("rome", "eve", 30))?;
    clock.set(at(10));
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [2, 3]);
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?, [2, 3]);
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.stale), (1, 1));
    people.is_consistent(&db)
}

pub(crate) fn sweep_removes_entries_with_their_record<S: Subject>(subject: &S) -> Result<()> {
    use storage_core::engine::{Cursor, Intent, Snapshot};
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    let tags = vec!["x".to_owned(), "y".to_owned()];
    people.put_until(&db, 1, &Person { tags, ..person("rome", "ann", 30) }, at(10))?;
    clock.set(at(10));
    assert_eq!(db.sweep(10)?.records, 1);
    let snapshot = storage_core::Engine::snapshot(db.engine(), Intent::Read)?;
    for index in ["by_city", "by_email", "by_age", "by_tag"] {
        let mut cursor = snapshot.range(people.entries(index)?, &KeyRange::all(), Forward)?;
        assert!(!cursor.advance()?, "an entry of {index} is left");
    }
    Ok(())
}

pub(crate) fn raw_writes_to_a_table_keep_its_indexes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let keyspace = people.table.keyspace();
    let raw = |person: &Person| Codec::Json.encode_template(person);
    db.put(keyspace, Key::of(&1_u64)?, raw(&person("rome", "ann", 30))?.bytes())?;
    people.put(&db, 2, &person("rome", "bob", 30))?;
    people.is_consistent(&db)?;
    db.put(keyspace, Key::of(&2_u64)?, raw(&person("bonn", "bob", 31))?.bytes())?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [2, 1]);
    refused(Kind::AlreadyExists, db.put(keyspace, Key::of(&3_u64)?, raw(&person("rome", "ann", 1))?.bytes()));
    db.delete(keyspace, Key::of(&1_u64)?)?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?, [2]);
    Ok(())
}

pub(crate) fn raw_record_that_cannot_be_indexed_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let keyspace = people.table.keyspace();
    for (key, value) in
        [(Key::of(&1_u64)?, "no JSON"), (Key::of(&2_u64)?, "{}"), (Key::from(b"no tuple"), "{}")]
    {
        let error = db.put(keyspace, &key, value).expect_err("its entries cannot be computed");
        assert_eq!(error.kind(), Kind::Invalid, "{error:?}");
        assert_eq!(error.keyspace(), Some(keyspace));
    }
    assert_eq!(people.table.get(&db, &1)?.as_deref(), Some(&person("rome", "ann", 30)));
    people.is_consistent(&db)
}

pub(crate) fn range_delete_in_a_table_takes_the_entries<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    for key in 1..=6 {
        people.put(&db, key, &person("rome", &key.to_string(), 30))?;
    }
    people.put_until(&db, 3, &person("rome", "3", 30), at(5))?;
    clock.set(at(5));
    let part = KeyRange::of(Key::of(&2_u64)?..Key::of(&5_u64)?)?;
    db.delete_range(people.table.keyspace(), &part)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1, 5, 6]);
    people.is_consistent(&db)?;
    db.transact(|txn| {
        people.table.put(txn, &7, &person("bonn", "pending", 30))?;
        txn.delete_range(people.table.keyspace(), KeyRange::all())?;
        people.table.put(txn, &1, &person("bonn", "1", 30))?;
        people.table.put(txn, &8, &person("bonn", "pending", 30))
    })?;
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?, [1, 8]);
    people.is_consistent(&db)
}

pub(crate) fn phantom_in_an_index_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let read = |txn: &mut Transaction<'_, _>| {
        people.table.range_by(&people.by_city, txn, KeyRange::within("rome")?, Forward)?.to_vec().map(drop)
    };
    assert_eq!(runs(&db, read, |db| people.put(db, 2, &person("rome", "bob", 30)))?, 2);
    assert_eq!(runs(&db, read, |db| people.put(db, 3, &person("bonn", "eve", 30)))?, 1);
    assert_eq!(runs(&db, read, |db| people.put(db, 1, &person("bonn", "ann", 30)))?, 2);
    Ok(())
}

pub(crate) fn two_puts_of_one_indexed_record_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    let write = |txn: &mut Transaction<'_, _>| people.table.put(txn, &1, &person("bonn", "ann", 30));
    assert_eq!(
        runs(&db, write, |db| people.put(db, 1, &person("oslo", "ann", 30)))?,
        2,
        "which entries go depends"
    );
    people.is_consistent(&db)
}

pub(crate) fn index_of_another_table_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let unopened: Index<u64, Person, u32> = Index::on("by_size", |_, person: &Person| person.age);
    let snapshot = db.snapshot()?;
    refused(Kind::Invalid, people.table.range_by(&unopened, &snapshot, KeyRange::all(), Forward));
    refused(Kind::Invalid, Table::define("others").index(&people.by_age).open(&db));
    let others = Table::<u64, Person>::define("people_too").open(&db)?;
    refused(Kind::Invalid, others.range_by(&people.by_age, &snapshot, KeyRange::all(), Forward));
    refused(Kind::Invalid, people.table.get_by(&people.by_age, &db.snapshot()?, &30));
    Ok(())
}

pub(crate) fn table_with_other_indexes_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    refused(Kind::Invalid, Table::<u64, Person>::define("people").open(&db));
    let one = Index::on("by_city", |_: &u64, person: &Person| person.city.clone());
    refused(Kind::Invalid, Table::define("people").index(&one).open(&db));
    people.put(&db, 2, &person("rome", "bob", 30))?;
    people.is_consistent(&db)
}

pub(crate) fn entry_past_the_limit_is_too_large<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    refused(Kind::TooLarge, people.put(&db, 1, &person(&"r".repeat(2_600), "ann", 30)));
    assert!(people.table.get(&db, &1)?.is_none());
    people.put(&db, 1, &person(&"r".repeat(2_000), "ann", 30))?;
    people.is_consistent(&db)
}

pub(crate) fn expiry_of_a_table_record_can_be_set_and_taken_back<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    let ann = person("rome", "ann", 30);
    people.put_until(&db, 1, &ann, at(10))?;
    people.put_until(&db, 1, &ann, at(30))?;
    clock.set(at(20));
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1]);
    db.transact(|txn| people.table.put_with(txn, &1, &ann, Attributes::new()))?;
    clock.set(at(30));
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1]);
    people.is_consistent(&db)
}

pub(crate) fn index_function_that_panics_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let calls = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&calls);
    let by_text = Index::on("by_text", move |_: &u64, text: &String| {
        count.fetch_add(1, Ordering::SeqCst);
        match text.as_str() {
            "bad" => std::panic::resume_unwind(Box::new("the index function panics")),
            _ => text.clone(),
        }
    });
    let table = Table::define("texts").index(&by_text).open(&db)?;
    let put = |key: u64, text: &str| db.transact(|txn| table.put(txn, &key, &text.to_owned()));
    put(1, "good")?;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| put(2, "bad")));
    assert!(panicked.is_err());
    put(3, "better")?;
    let texts = table.range_by(&by_text, &db.snapshot()?, KeyRange::all(), Forward)?.to_vec()?;
    assert_eq!(texts.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [3, 1]);
    assert!(calls.load(Ordering::SeqCst) >= 3);
    Ok(())
}

pub(crate) fn transaction_overtaken_by_opening_its_table_runs_again<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let keyspace = storage_core::Keyspace::new("people")?;
    let raw = Codec::Json.encode_template(&person("rome", "ann", 30))?;
    let key = Key::of(&1_u64)?;
    let again = runs(&db, |txn| txn.put(keyspace, &key, raw.bytes()), |db| People::open(db).map(drop))?;
    assert_eq!(again, 2, "the first run knew of no indexes");
    let people = People::open(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1]);
    people.is_consistent(&db)
}

pub(crate) fn two_indexes_of_one_name_are_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let by_age = || Index::on("by_age", |_: &u64, person: &Person| person.age);
    refused(Kind::Invalid, Table::define("people").index(&by_age()).index(&by_age()).open(&db));
    let people = People::open(&db)?;
    people.put(&db, 1, &person("rome", "ann", 30))?;
    people.is_consistent(&db)
}
