//! Moving the expiry of records whose values stay as they are.

use storage_core::key::Template;
use storage_core::{
    Attributes, Codec, CommitTime, Database, Direction, Engine, Key, KeyRange, Kind, Result, Table,
    Timestamp, TransactOptions, Transaction,
};

use super::people::{People, person};
use super::{all, at, elsewhere, events, letters, notes, open, refused, runs, shown, some, timed};
use crate::subject::Subject;

fn put_until<E: Engine>(db: &Database<E>, key: &str, expires: u64) -> Result<()> {
    let attributes = Attributes::new().expires_at(at(expires)).user_byte(7);
    db.put_with(notes(), key, key, attributes, TransactOptions::new())
}

pub(crate) fn touch_moves_the_expiry_and_keeps_the_rest<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put_until(&db, "a", 10)?;
    assert!(db.touch(notes(), "a", Some(at(50)))?);
    clock.set(at(49));
    let found = db.get(notes(), "a")?.expect("it lives longer now");
    assert_eq!((&*found, found.user_byte(), found.expires_at()), (b"a".as_slice(), 7, Some(at(50))));
    assert!(db.touch(notes(), "a", None)?);
    clock.set(at(1_000));
    let found = db.get(notes(), "a")?.expect("it never ends");
    assert_eq!((&*found, found.user_byte(), found.expires_at()), (b"a".as_slice(), 7, None));
    assert!(db.touch(notes(), "a", Some(at(1_001)))?);
    clock.set(at(1_001));
    assert!(db.get(notes(), "a")?.is_none());
    Ok(())
}

pub(crate) fn touch_of_what_is_not_there_changes_nothing<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    put_until(&db, "a", 10)?;
    clock.set(at(10));
    let version = db.statistics().version;
    assert!(!db.touch(notes(), "a", None)?, "it has expired");
    assert!(!db.touch(notes(), "absent", Some(at(50)))?);
    assert_eq!(db.statistics().version, version, "nothing was committed");
    assert!(db.get(notes(), "a")?.is_none());
    Ok(())
}

pub(crate) fn touch_keeps_how_a_value_is_stored<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let texts = Table::<u64, String>::define("texts").codec(Codec::Json).compress_above(64).open(&db)?;
    let (short, long) = ("short".to_owned(), "long ".repeat(1_000));
    db.transact(|txn| {
        texts.put(txn, &1, &short)?;
        texts.put(txn, &2, &long)
    })?;
    let stored = |key: u64| -> Result<Vec<u8>> {
        let record = db.engine().get(texts.keyspace(), &Key::of(&key)?)?.expect("it is there");
        Ok(record.value.as_ref().to_vec())
    };
    let before = (stored(1)?, stored(2)?);
    assert!(before.1.len() < long.len(), "it is compressed");
    let touched =
        db.transact(|txn| Ok((texts.touch(txn, &1, Some(at(50)))?, texts.touch(txn, &3, None)?)))?;
    assert_eq!(touched.value, (true, false));
    assert!(db.transact(|txn| texts.touch(txn, &2, Some(at(50))))?.value);
    assert_eq!((stored(1)?, stored(2)?), before);
    assert_eq!(texts.get(&db, &1)?.as_deref(), Some(&short));
    assert_eq!(texts.get(&db, &2)?.as_deref(), Some(&long));
    assert_eq!(
        db.get(texts.keyspace(), Key::of(&2_u64)?)?.and_then(|found| found.expires_at()),
        Some(at(50))
    );
    Ok(())
}

pub(crate) fn touch_is_a_read_of_the_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "old")?;
    let touch = |txn: &mut Transaction<'_, _>| txn.touch(notes(), "a", Some(at(50))).map(drop);
    assert_eq!(runs(&db, touch, |db| db.put(notes(), "a", "new"))?, 2);
    assert_eq!(shown(db.get(notes(), "a")?), some("new"), "it did not put the old value back");
    assert_eq!(runs(&db, touch, |db| db.delete(notes(), "a"))?, 2);
    assert!(db.get(notes(), "a")?.is_none(), "nor what was deleted");
    assert_eq!(runs(&db, touch, |db| db.put(notes(), "a", "inserted"))?, 2, "absence is read too");
    assert_eq!(runs(&db, touch, |db| db.put(notes(), "b", "elsewhere"))?, 1);
    Ok(())
}

pub(crate) fn touch_is_a_write_of_the_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let touch = |db: &Database<_>| db.touch(notes(), "a", Some(at(50))).map(|touched| assert!(touched));
    assert_eq!(runs(&db, |txn| txn.get(notes(), "a").map(drop), touch)?, 2);
    let keys = |txn: &mut Transaction<'_, _>| {
        txn.range(notes(), KeyRange::all(), Default::default())?.keys().map(drop)
    };
    assert_eq!(runs(&db, keys, touch)?, 2);
    let watch = db.watch(notes(), KeyRange::all())?;
    touch(&db)?;
    assert_eq!(events(&watch)?, ["put a"]);
    Ok(())
}

pub(crate) fn touch_whose_record_expires_before_the_commit_finds_none<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for sweeps in [0, 1] {
        clock.advance(std::time::Duration::from_nanos(100));
        let ends = Timestamp::from_nanos(db.now().as_nanos() + 10);
        let attributes = Attributes::new().expires_at(ends);
        db.put_with(notes(), "a", "1", attributes, TransactOptions::new())?;
        let mut seen = Vec::new();
        db.transact(|txn| {
            seen.push(txn.touch(notes(), "a", None)?);
            if seen.len() == 1 {
                clock.set(ends);
                for _ in 0..sweeps {
                    assert_eq!(elsewhere(|| db.sweep(10))?.records, 1);
                }
            }
            txn.put(letters(), "tried", "")
        })?;
        assert_eq!(seen, [true, false]);
        assert!(db.get(notes(), "a")?.is_none(), "what had ended does not come back");
    }
    Ok(())
}

pub(crate) fn sweep_goes_by_the_expiry_that_was_touched<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for key in ["later", "never", "sooner"] {
        put_until(&db, key, 10)?;
    }
    db.touch(notes(), "later", Some(at(50)))?;
    db.touch(notes(), "never", None)?;
    db.touch(notes(), "sooner", Some(at(5)))?;
    clock.set(at(5));
    assert_eq!(db.sweep(10)?.records, 1);
    clock.set(at(20));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.stale), (0, 3), "what the first expiries left behind");
    assert_eq!(all(&db, notes())?, "later=later never=never");
    clock.set(at(50));
    assert_eq!(db.sweep(10)?.records, 1);
    assert_eq!(all(&db, notes())?, "never=never");
    Ok(())
}

pub(crate) fn touched_record_keeps_its_entries_over_a_sweep<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    let touched = db.transact(|txn| people.table.touch(txn, &1, Some(at(100))))?;
    assert!(touched.value);
    clock.set(at(20));
    assert_eq!(db.sweep(10)?.records, 0);
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [1]);
    Ok(())
}

pub(crate) fn index_entries_expire_with_the_touched_record<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = People::open(&db)?;
    people.put_until(&db, 1, &person("rome", "ann", 30), at(10))?;
    people.put_until(&db, 2, &person("rome", "bob", 40), at(100))?;
    db.transact(|txn| {
        assert!(people.table.touch(txn, &1, Some(at(50)))?);
        assert!(people.table.touch(txn, &2, Some(at(5)))?);
        Ok(())
    })?;
    let snapshot = db.snapshot()?;
    let mut by_age = people.table.range_by(&people.by_age, &snapshot, KeyRange::all(), Direction::Forward)?;
    assert_eq!(by_age.next()?.and_then(|record| record.expires_at()), Some(at(50)));
    let mut by_key = people.table.range(&snapshot, KeyRange::all(), Direction::Reverse)?;
    assert_eq!(by_key.next()?.and_then(|record| record.expires_at()), Some(at(5)));
    clock.set(at(5));
    people.is_consistent(&db)?;
    people.put(&db, 3, &person("bonn", "bob", 1))?;
    clock.set(at(49));
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?, [3, 1]);
    refused(Kind::AlreadyExists, people.put(&db, 4, &person("bonn", "ann", 1)));
    clock.set(at(50));
    assert_eq!(people.by(&db, &people.by_age, KeyRange::all())?, [3]);
    db.sweep(100)?;
    people.is_consistent(&db)?;
    people.put(&db, 4, &person("bonn", "ann", 1))?;
    people.is_consistent(&db)
}

pub(crate) fn touched_counter_ends_and_counts_anew<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let add = |delta| db.transact(|txn| txn.add(notes(), "n", delta)).map(drop);
    add(5)?;
    assert!(db.touch(notes(), "n", Some(at(10)))?);
    assert_eq!(db.counter(notes(), "n")?, 5);
    add(2)?;
    db.transact(|txn| txn.max(notes(), "n", 9))?;
    let found = db.get(notes(), "n")?.expect("it is live");
    assert_eq!(found.expires_at(), Some(at(10)), "a change leaves the expiry as it is");
    db.transact(|txn| {
        txn.add(notes(), "n", 1)?;
        assert_eq!(txn.get(notes(), "n")?.and_then(|found| found.expires_at()), Some(at(10)));
        let mut range = txn.range(notes(), KeyRange::all(), Default::default())?;
        assert_eq!(range.next()?.and_then(|entry| entry.expires_at()), Some(at(10)));
        Ok(())
    })?;
    assert_eq!(db.counter(notes(), "n")?, 10);
    clock.set(at(10));
    assert_eq!(db.counter(notes(), "n")?, 0);
    add(3)?;
    assert_eq!(db.sweep(10)?.records, 0);
    assert_eq!(db.counter(notes(), "n")?, 3, "a new counter never ends");
    Ok(())
}

pub(crate) fn touch_sees_what_its_transaction_wrote<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    for key in ["deleted", "in_range", "replaced"] {
        db.put(notes(), key, key)?;
    }
    db.transact(|txn| txn.add(notes(), "n", 40))?;
    db.transact(|txn| {
        txn.put_with(notes(), "own", "1", Attributes::new().user_byte(3))?;
        assert!(txn.touch(notes(), "own", Some(at(10)))?);
        txn.add(notes(), "n", 2)?;
        assert!(txn.touch(notes(), "n", Some(at(10)))?);
        txn.delete(notes(), "deleted")?;
        assert!(!txn.touch(notes(), "deleted", None)?);
        txn.delete_range(notes(), KeyRange::point(b"in_range"))?;
        assert!(!txn.touch(notes(), "in_range", None)?);
        assert!(txn.touch(notes(), "replaced", Some(at(10)))?);
        txn.put(notes(), "replaced", "2")?;
        let own = txn.get(notes(), "own")?.expect("it was put");
        assert_eq!((own.user_byte(), own.expires_at()), (3, Some(at(10))));
        Ok(())
    })?;
    assert_eq!(db.counter(notes(), "n")?, 42);
    clock.set(at(10));
    assert_eq!(all(&db, notes())?, "replaced=2");
    assert_eq!(db.sweep(10)?.records, 2);
    Ok(())
}

pub(crate) fn touch_of_a_record_that_waits_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let failed = db.transact(|txn| {
        let value = Codec::Json.encode_template(&CommitTime::AtCommit)?;
        txn.put_template(notes(), Template::of("a"), value, Attributes::new())?;
        txn.touch(notes(), Key::of("a")?, Some(at(50)))
    });
    refused(Kind::Invalid, failed);
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn touch_with_a_time_that_has_passed_ends_the_record<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    db.put(notes(), "a", "1")?;
    clock.set(at(20));
    assert!(db.touch(notes(), "a", Some(at(20)))?, "it was live until then");
    assert!(db.get(notes(), "a")?.is_none());
    assert!(!db.touch(notes(), "a", None)?);
    assert_eq!(db.sweep(10)?.records, 1);
    Ok(())
}

pub(crate) fn touch_is_refused_what_a_put_is<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    refused(Kind::Invalid, db.touch(notes(), "a", Some(Timestamp::from_nanos(0))));
    refused(Kind::Invalid, db.touch(notes(), "", None));
    refused(Kind::TooLarge, db.touch(notes(), vec![b'k'; 3_000], None));
    refused(Kind::Invalid, db.touch(notes().derived("by_size")?, "a", None));
    db.close()?;
    refused(Kind::Closed, db.touch(notes(), "a", None));
    Ok(())
}
