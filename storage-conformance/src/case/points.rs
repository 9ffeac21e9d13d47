//! Single records: put, read, deleted.

use storage_core::{Attributes, Direction, Key, KeyRange, Result, Table, TransactOptions};

use super::{all, at, elsewhere, notes, open, shown, some, timed};
use crate::subject::Subject;

pub(crate) fn absent_key_reads_none<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    assert_eq!(shown(db.get(notes(), "a")?), None);
    assert_eq!(shown(db.snapshot()?.get(notes(), "a")?), None);
    assert_eq!(db.transact(|txn| Ok(shown(txn.get(notes(), "a")?)))?.value, None);
    db.put(notes(), "b", "1")?;
    assert_eq!(shown(db.get(notes(), "a")?), None);
    assert_eq!(shown(db.get(notes(), "c")?), None);
    Ok(())
}

pub(crate) fn put_value_reads_back<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    assert_eq!(shown(db.get(notes(), "a")?), some("1"));
    assert_eq!(shown(db.snapshot()?.get(notes(), "a")?), some("1"));
    assert_eq!(db.transact(|txn| Ok(shown(txn.get(notes(), "a")?)))?.value, some("1"));
    assert_eq!(all(&db, notes())?, "a=1");
    Ok(())
}

pub(crate) fn put_replaces_the_value<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for value in ["1", "22", "", "4"] {
        db.put(notes(), "a", value)?;
        assert_eq!(shown(db.get(notes(), "a")?), some(value));
    }
    assert_eq!(all(&db, notes())?, "a=4");
    Ok(())
}

pub(crate) fn delete_removes_the_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    db.put(notes(), "b", "2")?;
    db.delete(notes(), "a")?;
    assert_eq!(shown(db.get(notes(), "a")?), None);
    assert_eq!(shown(db.snapshot()?.get(notes(), "a")?), None);
    assert_eq!(all(&db, notes())?, "b=2");
    Ok(())
}

pub(crate) fn delete_of_an_absent_key_changes_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.delete(notes(), "a")?;
    db.put(notes(), "b", "2")?;
    db.delete(notes(), "a")?;
    db.delete(notes(), "bb")?;
    assert_eq!(all(&db, notes())?, "b=2");
    Ok(())
}

pub(crate) fn put_after_delete_reads_back<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for round in 0..5 {
        db.put(notes(), "a", round.to_string())?;
        assert_eq!(shown(db.get(notes(), "a")?), Some(round.to_string()));
        db.delete(notes(), "a")?;
        assert_eq!(shown(db.get(notes(), "a")?), None);
    }
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn empty_value_is_not_absence<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "")?;
    assert_eq!(shown(db.get(notes(), "a")?), some(""));
    assert_eq!(all(&db, notes())?, "a=");
    Ok(())
}

pub(crate) fn values_keep_all_bytes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let every: Vec<u8> = (0..=255).collect();
    let zeros = vec![0; 100];
    let ones = vec![0xff; 100];
    for value in [&every, &zeros, &ones] {
        db.put(notes(), "a", value)?;
        assert_eq!(db.get(notes(), "a")?.as_deref(), Some(value.as_slice()));
        assert_eq!(db.snapshot()?.get(notes(), "a")?.as_deref(), Some(value.as_slice()));
    }
    Ok(())
}

pub(crate) fn keys_keep_all_bytes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut keys: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    keys.extend([
        vec![0, 0],
        vec![0xff, 0xff],
        vec![0xff, 0],
        (0..=255).collect(),
        vec![0xff; 300],
        vec![0; 300],
    ]);
    db.transact(|txn| {
        keys.iter().enumerate().try_for_each(|(at, key)| txn.put(notes(), key, at.to_string()))
    })?;
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(shown(db.get(notes(), key)?), Some(at.to_string()), "key {}", key.escape_ascii());
    }
    Ok(())
}

pub(crate) fn keys_that_start_alike_are_distinct<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let keys: [&[u8]; 5] = [b"a", b"a\0", b"a\0\0", b"aa", b"a\xff"];
    for key in keys {
        db.put(notes(), key, key)?;
    }
    db.delete(notes(), b"a\0")?;
    for key in keys {
        let found = db.get(notes(), key)?.map(|value| value.to_vec());
        assert_eq!(found.as_deref(), Some(key).filter(|key| *key != b"a\0"));
    }
    Ok(())
}

pub(crate) fn keys_that_differ_in_case_are_distinct<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let keys = ["straße", "STRASSE", "Straße", "é", "e\u{301}", "con", "CON", ".", "..", "a/b", "a\\b"];
    for key in keys {
        db.put(notes(), key, key)?;
    }
    for key in keys {
        assert_eq!(db.get(notes(), key)?.as_deref(), Some(key.as_bytes()));
    }
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Default::default())?.keys()?.len(), 11);
    Ok(())
}

pub(crate) fn large_values_come_back_whole<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let value = |seed: usize, len: usize| -> Vec<u8> { (0..len).map(|at| (at * 31 + seed) as u8).collect() };
    let lens = [4095, 4096, 4097, 65_536, 1 << 20, (3 << 20) + 1];
    for (seed, len) in lens.into_iter().enumerate() {
        db.put(notes(), seed.to_string(), value(seed, len))?;
    }
    let snapshot = db.snapshot()?;
    for (seed, len) in lens.into_iter().enumerate() {
        let found = snapshot.get(notes(), seed.to_string())?.map(|value| value.to_vec());
        assert!(found.as_deref() == Some(&value(seed, len)), "a value of {len} bytes comes back changed");
    }
    Ok(())
}

pub(crate) fn values_grow_and_shrink<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for len in [0, 1, 10_000, 10, 100_000, 0, 3] {
        db.put(notes(), "a", vec![b'x'; len])?;
        assert_eq!(db.get(notes(), "a")?.map(|value| value.len()), Some(len));
    }
    Ok(())
}

pub(crate) fn user_byte_is_kept_beside_the_value<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for byte in [1, 0x7f, 0xff] {
        let attributes = Attributes::new().user_byte(byte);
        db.put_with(notes(), "a", "1", attributes, TransactOptions::new())?;
        assert_eq!(db.get(notes(), "a")?.map(|found| found.user_byte()), Some(byte));
        assert_eq!(db.snapshot()?.get(notes(), "a")?.map(|found| found.user_byte()), Some(byte));
    }
    Ok(())
}

pub(crate) fn user_byte_is_read_alike_by_every_reader<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, String>::define("words").open(&db)?;
    let (words, key) = (table.keyspace(), Key::of(&1_u64)?);
    db.transact(|txn| {
        txn.put_with(notes(), "a", "1", Attributes::new().user_byte(3))?;
        table.put_with(txn, &1, &"one".into(), Attributes::new().user_byte(4))?;
        assert_eq!(txn.get(notes(), "a")?.map(|found| found.user_byte()), Some(3), "its own write");
        let mut range = txn.range(notes(), KeyRange::all(), Direction::Reverse)?;
        assert_eq!(range.next()?.map(|entry| entry.user_byte()), Some(3), "its own write in a range");
        Ok(())
    })?;
    let snapshot = db.snapshot()?;
    for (keyspace, key, byte) in [(notes(), b"a".as_slice(), 3), (words, key.as_slice(), 4)] {
        assert_eq!(db.get(keyspace, key)?.map(|found| found.user_byte()), Some(byte));
        let many = snapshot.get_many(keyspace, &[key])?;
        assert_eq!(many[0].as_ref().map(|found| found.user_byte()), Some(byte));
        let mut range = snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?;
        assert_eq!(range.next()?.map(|entry| entry.user_byte()), Some(byte));
        let in_transaction = db.transact(|txn| Ok(txn.get(keyspace, key)?.map(|found| found.user_byte())))?;
        assert_eq!(in_transaction.value, Some(byte));
    }
    Ok(())
}

pub(crate) fn put_forgets_what_was_beside_the_value<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let attributes = Attributes::new().user_byte(7).expires_at(at(10));
    db.put_with(notes(), "a", "1", attributes, TransactOptions::new())?;
    db.put(notes(), "a", "2")?;
    clock.set(at(10));
    let found = db.get(notes(), "a")?.expect("the later put does not expire");
    assert_eq!((found.user_byte(), found.expires_at()), (0, None));
    Ok(())
}

pub(crate) fn get_many_answers_in_the_order_asked<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    super::fill(&db, notes(), &["a", "b", "c", "d"])?;
    db.delete(notes(), "c")?;
    let asked = ["d", "x", "a", "c", "d", "b"];
    let expected = ["d", "-", "a", "-", "d", "b"];
    let snapshot = db.snapshot()?;
    let found = snapshot.get_many(notes(), &asked)?;
    let found: Vec<_> = found.into_iter().map(|found| shown(found).unwrap_or("-".into())).collect();
    assert_eq!(found, expected);
    let found = db.transact(|txn| {
        let found = txn.get_many(notes(), &asked)?;
        Ok(found.into_iter().map(|found| shown(found).unwrap_or("-".into())).collect::<Vec<_>>())
    })?;
    assert_eq!(found.value, expected);
    Ok(())
}

pub(crate) fn get_many_of_nothing_is_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    assert!(db.snapshot()?.get_many::<&str>(notes(), &[])?.is_empty());
    Ok(())
}

pub(crate) fn put_is_seen_by_other_handles_and_threads<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let other = db.clone();
    for round in 0..20 {
        db.put(notes(), "a", round.to_string())?;
        assert_eq!(shown(other.get(notes(), "a")?), Some(round.to_string()));
        let seen = elsewhere(|| Ok(shown(other.snapshot()?.get(notes(), "a")?)))?;
        assert_eq!(seen, Some(round.to_string()));
    }
    Ok(())
}

pub(crate) fn found_value_is_not_changed_by_later_puts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "before")?;
    let found = db.get(notes(), "a")?;
    db.put(notes(), "a", "after!")?;
    db.delete(notes(), "a")?;
    assert_eq!(shown(found), some("before"));
    Ok(())
}
