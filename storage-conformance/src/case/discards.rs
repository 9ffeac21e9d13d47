//! Records of an indexed table that cannot be read: listed, discarded with their entries, and put anew.

use storage_core::{
    Attributes, Database, Engine, Key, KeyRange, Keyspace, Kind, ManualClock, Result, Table, Write,
};

use super::people::{People, Person, person};
use super::planted::{of_unknown_codec, plant, sealed, spoiled};
use super::{all, at, elsewhere, events, fill, notes, open, refused, runs, timed};
use crate::subject::Subject;

/// What can be wrong with a record, as one that is written over it.
type Damage = fn(Keyspace, Key) -> Result<Write>;

const DAMAGES: [(&str, Damage); 3] = [
    ("bytes that are no person", |keyspace, key| sealed(keyspace, key, b"{\"city\":")),
    ("a codec that does not exist", |keyspace, key| of_unknown_codec(keyspace, key, b"{}")),
    // Where stamps are verified it is the stamp that is wrong; elsewhere its codec.
    ("a stamp that fits nothing", |keyspace, key| Ok(spoiled(keyspace, key))),
];

fn opened<S: Subject>(subject: &S) -> Result<(Database<S::Engine>, ManualClock, People)> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    Ok((db, clock, people))
}

/// Leaves three people, of whom the second is damaged after each was indexed.
fn damage_the_second<E: Engine>(db: &Database<E>, people: &People, damage: Damage) -> Result<()> {
    db.delete_range(people.table.keyspace(), &KeyRange::all())?;
    for (key, name) in [(1, "ann"), (2, "bob"), (3, "eve")] {
        people.put(db, key, &tagged(name))?;
    }
    damage_record(db, people, 2, damage)
}

fn damage_record<E: Engine>(db: &Database<E>, people: &People, key: u64, damage: Damage) -> Result<()> {
    plant(db.engine(), vec![damage(people.table.keyspace(), Key::of(&key)?)?])
}

fn tagged(name: &str) -> Person {
    Person { tags: vec!["tall".into(), name.into()], ..person("rome", name, 30) }
}

fn discard<E: Engine>(db: &Database<E>, people: &People, key: u64) -> Result<()> {
    db.transact(|txn| people.table.discard(txn, &key)).map(drop)
}

/// The keys of the records that cannot be read.
fn damaged<E: Engine>(db: &Database<E>, people: &People) -> Result<Vec<Key>> {
    let errors = people.table.damaged(&db.snapshot()?, &KeyRange::all())?;
    let key = |error: &storage_core::Error| {
        assert_eq!((error.kind(), error.keyspace()), (Kind::Corrupt, Some(people.table.keyspace())));
        Key::from(error.key().expect("it names the record"))
    };
    Ok(errors.iter().map(key).collect())
}

pub(crate) fn damaged_record_of_an_indexed_table_is_discarded<S: Subject>(subject: &S) -> Result<()> {
    let (db, _, people) = opened(subject)?;
    for (what, damage) in DAMAGES {
        damage_the_second(&db, &people, damage)?;
        refused(Kind::Corrupt, people.put(&db, 2, &tagged("bob")));
        refused(Kind::Corrupt, people.delete(&db, 2));
        assert_eq!(damaged(&db, &people)?, [Key::of(&2_u64)?], "{what}");
        let watch = db.watch(people.table.keyspace(), KeyRange::all())?;
        discard(&db, &people, 2)?;
        assert_eq!(events(&watch)?.len(), 1, "{what}: it is a deletion like any other");
        assert!(people.table.get(&db, &2)?.is_none() && damaged(&db, &people)?.is_empty(), "{what}");
        people.is_consistent(&db)?;
        assert_eq!(people.by(&db, &people.by_tag, KeyRange::within("tall")?)?, [1, 3]);
        // Its unique value is free, and what is put in its place has its own entries only.
        people.put(&db, 2, &person("bonn", "new", 50))?;
        people.put(&db, 4, &tagged("bob"))?;
        people.is_consistent(&db)?;
        assert_eq!(people.by(&db, &people.by_city, KeyRange::within("bonn")?)?, [2]);
    }
    Ok(())
}

pub(crate) fn discard_and_put_in_one_transaction_replace_a_damaged_record<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, _, people) = opened(subject)?;
    for (_, damage) in DAMAGES {
        damage_the_second(&db, &people, damage)?;
        db.transact(|txn| {
            people.table.discard(txn, &2)?;
            assert!(people.table.get(txn, &2)?.is_none());
            // The values that it held are free at once, to it and to others.
            people.table.put(txn, &4, &tagged("bob"))?;
            people.table.put(txn, &2, &tagged("bobby"))?;
            // What this transaction wrote is deleted like any other record.
            people.table.discard(txn, &4)?;
            people.table.discard(txn, &2)?;
            people.table.put(txn, &2, &tagged("bob"))
        })?;
        people.is_consistent(&db)?;
        assert_eq!(people.table.get(&db, &2)?.as_deref(), Some(&tagged("bob")));
    }
    Ok(())
}

pub(crate) fn discard_deletes_a_readable_record_as_delete_does<S: Subject>(subject: &S) -> Result<()> {
    let (db, _, people) = opened(subject)?;
    people.put(&db, 1, &tagged("ann"))?;
    people.put(&db, 2, &tagged("bob"))?;
    for key in [2, 2, 99] {
        discard(&db, &people, key)?;
        people.is_consistent(&db)?;
    }
    assert!(people.table.contains(&db, &1)? && !people.table.contains(&db, &2)?);
    fill(&db, notes(), &["a", "b"])?;
    db.transact(|txn| txn.discard(notes(), "a"))?;
    assert_eq!(all(&db, notes())?, "b=b");
    refused(Kind::Invalid, db.transact(|txn| txn.discard(Keyspace::from_stored("_expiry")?, "a")));
    refused(Kind::Invalid, db.transact(|txn| txn.discard(notes(), "")));
    Ok(())
}

pub(crate) fn entries_of_keys_that_end_alike_are_told_apart<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let by_city = storage_core::Index::on("by_city", |_: &(String, String), city: &String| city.clone());
    let table = Table::<(String, String), String>::define("homes").index(&by_city).open(&db)?;
    let key = |first: &str, second: &str| (first.to_owned(), second.to_owned());
    // As bytes, every one of these ends with the first.
    let keys = [key("c", "d"), key("a\u{2}c", "d"), key("a\0\u{2}c", "d")];
    db.transact(|txn| keys.iter().try_for_each(|key| table.put(txn, key, &"rome\u{2}c".to_owned())))?;
    plant(db.engine(), vec![sealed(table.keyspace(), Key::of(&keys[0])?, b"no text")?])?;
    db.transact(|txn| table.discard(txn, &keys[0]))?;
    let snapshot = db.snapshot()?;
    let mut left = table.range_by(&by_city, &snapshot, KeyRange::all(), Default::default())?.to_vec()?;
    left.sort_unstable();
    let mut expected = [&keys[1], &keys[2]];
    expected.sort_unstable();
    assert_eq!(left.iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    Ok(())
}

pub(crate) fn discarded_record_leaves_a_unique_value_that_another_has_taken<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock, people) = opened(subject)?;
    people.put_until(&db, 1, &tagged("ann"), at(10))?;
    clock.set(at(10));
    people.put(&db, 2, &tagged("ann"))?;
    damage_record(&db, &people, 1, DAMAGES[0].1)?;
    discard(&db, &people, 1)?;
    people.is_consistent(&db)?;
    refused(Kind::AlreadyExists, people.put(&db, 3, &tagged("ann")));
    // The same where the other takes it in the very transaction.
    people.put_until(&db, 4, &tagged("eve"), at(20))?;
    clock.set(at(20));
    damage_record(&db, &people, 4, DAMAGES[0].1)?;
    db.transact(|txn| {
        people.table.put(txn, &5, &tagged("eve"))?;
        people.table.discard(txn, &4)
    })?;
    people.is_consistent(&db)?;
    refused(Kind::AlreadyExists, people.put(&db, 3, &tagged("eve")));
    Ok(())
}

pub(crate) fn discard_conflicts_with_who_writes_the_record_meanwhile<S: Subject>(subject: &S) -> Result<()> {
    let (db, _, people) = opened(subject)?;
    damage_the_second(&db, &people, DAMAGES[0].1)?;
    let mut tries = 0;
    db.transact(|txn| {
        tries += 1;
        people.table.discard(txn, &2)?;
        if tries == 1 {
            elsewhere(|| {
                discard(&db, &people, 2)?;
                people.put(&db, 2, &tagged("mended"))
            })?;
        }
        Ok(())
    })?;
    assert_eq!(tries, 2);
    people.is_consistent(&db)?;
    assert!(people.table.get(&db, &2)?.is_none(), "the later of the two discarded what the other put");
    // One that writes another record of the table is no conflict, though the walk passed its entries.
    damage_record(&db, &people, 3, DAMAGES[0].1)?;
    let undisturbed = runs(&db, |txn| people.table.discard(txn, &3), |db| people.put(db, 7, &tagged("new")))?;
    assert_eq!(undisturbed, 1);
    people.is_consistent(&db)
}

pub(crate) fn damaged_entry_goes_with_its_record<S: Subject>(subject: &S) -> Result<()> {
    let (db, _, people) = opened(subject)?;
    people.put(&db, 1, &tagged("ann"))?;
    people.put(&db, 2, &tagged("bob"))?;
    let ending = |fields: Key| -> Result<Key> { Ok([fields.as_slice(), &Key::of(&2_u64)?].concat().into()) };
    for (index, entry) in [
        ("by_email", Key::of("bob@example.org")?),
        ("by_city", ending(Key::of("rome")?)?),
        ("by_age", ending(Key::of(&30_u32)?)?),
        ("by_tag", ending(Key::of("tall")?)?),
    ] {
        plant(db.engine(), vec![spoiled(people.entries(index)?, entry)])?;
    }
    refused(Kind::Corrupt, people.put(&db, 2, &person("bonn", "bobby", 40)));
    discard(&db, &people, 2)?;
    people.is_consistent(&db)?;
    people.put(&db, 2, &tagged("bob"))?;
    people.is_consistent(&db)
}

pub(crate) fn damaged_records_are_listed_with_their_reasons<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock, people) = opened(subject)?;
    for key in 1..=9 {
        people.put_until(&db, key, &tagged(&key.to_string()), at(10))?;
    }
    assert!(damaged(&db, &people)?.is_empty());
    for (key, (_, damage)) in [2, 5, 8].into_iter().zip(DAMAGES) {
        damage_record(&db, &people, key, damage)?;
    }
    let expected = [2_u64, 5, 8].iter().map(Key::of).collect::<Result<Vec<_>>>()?;
    assert_eq!(damaged(&db, &people)?, expected);
    let part = KeyRange::of(Key::of(&3_u64)?..Key::of(&8_u64)?)?;
    assert_eq!(people.table.damaged(&db.snapshot()?, &part)?.len(), 1);
    // What is past its end is of interest as long as it is there.
    clock.set(at(10));
    assert_eq!(damaged(&db, &people)?, expected);
    for key in expected {
        db.transact(|txn| txn.discard(people.table.keyspace(), &key))?;
    }
    assert_eq!(db.sweep(100)?.records, 6);
    people.is_consistent(&db)
}

pub(crate) fn sweeps_pass_damaged_records_of_an_indexed_table<S: Subject>(subject: &S) -> Result<()> {
    const RECORDS: u64 = 600;
    let (db, clock, people) = opened(subject)?;
    let expiring = Attributes::new().expires_at(at(10));
    db.transact(|txn| {
        (0..RECORDS).try_for_each(|key| {
            let person = person("rome", &key.to_string(), 30);
            people.table.put_with(txn, &key, &person, expiring)
        })
    })?;
    // More of them than one transaction of a sweep looks at, and all before those that can be read. The end in a stamp
    // is that of the record before it, so that the sweeper takes it for due.
    let damage: Vec<_> = (0..RECORDS / 2)
        .map(|key| {
            let key = Key::of(&key)?;
            let stamp = db.engine().get(people.table.keyspace(), &key)?.expect("it was put").stamp;
            let record = storage_core::Record { stamp, value: storage_core::Payload::new(b"{") };
            Ok(Write { keyspace: people.table.keyspace(), key, change: storage_core::Change::Put(record) })
        })
        .collect::<Result<_>>()?;
    plant(db.engine(), damage)?;
    clock.set(at(10));
    let swept = db.sweep(usize::MAX)?;
    assert_eq!((swept.records, swept.unreadable), (300, 300));
    for _ in 0..2 {
        let swept = db.sweep(1)?;
        assert_eq!((swept.records, swept.unreadable, swept.stale), (0, 300, 0), "they are met and passed");
    }
    people.put_until(&db, 1_000, &tagged("ann"), at(10))?;
    assert_eq!(db.sweep(1)?.records, 1, "those behind them have their turn");
    for error in people.table.damaged(&db.snapshot()?, &KeyRange::all())? {
        let key = error.key().expect("it names the record");
        db.transact(|txn| txn.discard(people.table.keyspace(), key))?;
    }
    let swept = db.sweep(usize::MAX)?;
    assert_eq!((swept.records, swept.unreadable, swept.stale), (0, 0, 300), "only what named them is left");
    assert_eq!(db.sweep(10)?, Default::default());
    people.is_consistent(&db)
}

pub(crate) fn damaged_stamp_is_not_believed_about_its_end<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock, people) = opened(subject)?;
    damage_the_second(&db, &people, DAMAGES[2].1)?;
    people.put_until(&db, 5, &tagged("late"), at(10))?;
    damage_record(&db, &people, 5, DAMAGES[2].1)?;
    clock.set(at(10));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.unreadable + swept.stale), (0, 1), "{swept:?}");
    for key in [2, 5] {
        discard(&db, &people, key)?;
        people.put(&db, key, &tagged("mended"))?;
        assert_eq!(people.by(&db, &people.by_tag, KeyRange::within("mended")?)?, [key]);
        people.delete(&db, key)?;
    }
    people.is_consistent(&db)
}
