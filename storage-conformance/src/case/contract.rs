//! The engine contract itself, without anything of core between.

use std::collections::BTreeMap;
use std::sync::Arc;

use storage_core::Direction::{Forward, Reverse};
use storage_core::engine::{Commit, Cursor, Intent, Snapshot};
use storage_core::{
    Batch, Change, Durability, Engine, Key, KeyRange, Keyspace, Payload, Record, Result, STAMP_LEN, Stamp,
    Value, Write,
};

use super::{letters, notes, together};
use crate::subject::Subject;

fn put(keyspace: Keyspace, key: &[u8], value: &[u8]) -> Write {
    let record = Record { stamp: Stamp::unverified(), value: Payload::new(value) };
    Write { keyspace, key: Key::from(key), change: Change::Put(record) }
}

fn delete(keyspace: Keyspace, key: &[u8]) -> Write {
    Write { keyspace, key: Key::from(key), change: Change::Delete }
}

/// A batch as core makes it: range deletes, then the writes, sorted.
fn batch(range_deletes: Vec<(Keyspace, KeyRange)>, mut writes: Vec<Write>) -> Batch {
    writes.sort_by(|a, b| (a.keyspace, &a.key).cmp(&(b.keyspace, &b.key)));
    let mut batch = Batch::default();
    batch.range_deletes = range_deletes;
    batch.writes = writes;
    batch
}

fn commit<E: Engine>(engine: &E, writes: Vec<Write>) -> Result<()> {
    engine.commit(Commit::new(&batch(Vec::new(), writes), Durability::Sync))
}

/// The records of a keyspace in a snapshot, as text.
fn listed<S: Snapshot>(snapshot: &S, keyspace: Keyspace, range: &KeyRange) -> Result<String> {
    let mut cursor = snapshot.range(keyspace, range, Forward)?;
    let mut records = Vec::new();
    while cursor.advance()? {
        let key = cursor.key().escape_ascii().to_string();
        records.push(format!("{key}={}", cursor.value()?.as_ref().escape_ascii()));
    }
    Ok(records.join(" "))
}

pub(crate) fn engine_applies_range_deletes_before_writes<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let key = |at: usize| vec![b'a' + at as u8];
    commit(&engine, (0..5).map(|at| put(notes(), &key(at), b"old")).collect())?;
    let range = KeyRange::of("b".."e")?;
    let writes = vec![put(notes(), b"c", b"new"), delete(notes(), b"a"), put(letters(), b"c", b"new")];
    let batch = batch(vec![(notes(), range), (letters(), KeyRange::all())], writes);
    engine.commit(Commit::new(&batch, Durability::Sync))?;
    let snapshot = engine.snapshot(Intent::Read)?;
    assert_eq!(listed(&snapshot, notes(), &KeyRange::all())?, "c=new e=old");
    assert_eq!(listed(&snapshot, letters(), &KeyRange::all())?, "c=new");
    Ok(())
}

pub(crate) fn engine_returns_stamps_unchanged<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let stamps = [[0; STAMP_LEN], [0xff; STAMP_LEN], std::array::from_fn(|at| at as u8)];
    let writes = stamps.iter().enumerate().map(|(at, bytes)| {
        let record = Record { stamp: Stamp::from_bytes(*bytes), value: Payload::new(b"v") };
        Write { keyspace: notes(), key: Key::from([at as u8].as_slice()), change: Change::Put(record) }
    });
    commit(&engine, writes.collect())?;
    let snapshot = engine.snapshot(Intent::Read)?;
    let mut cursor = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    for (at, bytes) in stamps.iter().enumerate() {
        let key = [at as u8];
        assert!(cursor.advance()?);
        assert_eq!(cursor.stamp().as_bytes(), bytes);
        let found = engine.get(notes(), &key)?.map(|record| *record.stamp.as_bytes());
        assert_eq!(found.as_ref(), Some(bytes));
        let found = snapshot.get(notes(), &key)?.map(|record| *record.stamp.as_bytes());
        assert_eq!(found.as_ref(), Some(bytes));
        let found = snapshot.get_many(notes(), &[&key])?.remove(0).map(|record| *record.stamp.as_bytes());
        assert_eq!(found.as_ref(), Some(bytes));
    }
    Ok(())
}

pub(crate) fn engine_get_sees_every_commit_that_returned<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    for round in 0..50_u8 {
        commit(&engine, vec![put(notes(), b"a", &[round])])?;
        let seen =
            together(2, |_| Ok(engine.get(notes(), b"a")?.map(|record| record.value.as_ref().to_vec())))?;
        assert_eq!(seen, [Some(vec![round]), Some(vec![round])]);
    }
    Ok(())
}

pub(crate) fn engine_keeps_decoded_values_of_the_newest_record_alone<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let kept = |key: &[u8]| {
        let (stamp, decoded) = engine.kept(notes(), key)?;
        Some((stamp, *decoded.downcast::<u32>().expect("numbers were kept")))
    };
    let decoded = |key: &[u8], number: u32| {
        let write = put(notes(), key, b"bytes");
        if let Change::Put(record) = &write.change {
            record.value.memo().expect("a payload has a place for it").set(Arc::new(number));
        }
        write
    };
    assert_eq!(kept(b"a"), None, "nothing was written");
    commit(
        &engine,
        vec![decoded(b"a", 1), decoded(b"b", 1), decoded(b"c", 1), put(notes(), b"d", b"bytes")],
    )?;
    let pinned = engine.snapshot(Intent::Read)?;
    for key in [b"a", b"b", b"c"] {
        assert!(
            kept(key).is_none_or(|kept| kept == (Stamp::unverified(), 1)),
            "the one that was put, or none"
        );
    }
    assert_eq!(kept(b"d"), None, "none was put beside it");
    commit(&engine, vec![decoded(b"a", 2), put(notes(), b"b", b"raw"), delete(notes(), b"c")])?;
    assert!(kept(b"a").is_none_or(|(_, number)| number == 2), "the newest, whatever a snapshot holds");
    assert_eq!(kept(b"b"), None, "replaced by a record that has none");
    assert_eq!(kept(b"c"), None, "deleted");
    engine.commit(Commit::new(&batch(vec![(notes(), KeyRange::all())], Vec::new()), Durability::Sync))?;
    assert_eq!(kept(b"a"), None, "deleted with its range");
    drop(pinned);
    Ok(())
}

pub(crate) fn engine_snapshots_of_every_intent_are_pinned<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    commit(&engine, vec![put(notes(), b"a", b"1"), put(notes(), b"b", b"1")])?;
    let read = engine.snapshot(Intent::Read)?;
    let transact = engine.snapshot(Intent::Transact)?;
    commit(&engine, vec![put(notes(), b"a", b"2"), delete(notes(), b"b"), put(notes(), b"c", b"2")])?;
    for snapshot in [read, transact] {
        assert_eq!(listed(&snapshot, notes(), &KeyRange::all())?, "a=1 b=1");
    }
    assert_eq!(listed(&engine.snapshot(Intent::Read)?, notes(), &KeyRange::all())?, "a=2 c=2");
    Ok(())
}

pub(crate) fn engine_commits_on_the_snapshot_that_was_read<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    commit(&engine, vec![put(notes(), b"a", b"1")])?;
    let exclusive = engine.snapshot(Intent::Exclusive)?;
    assert_eq!(listed(&exclusive, notes(), &KeyRange::all())?, "a=1");
    let batch = batch(Vec::new(), vec![put(notes(), b"a", b"2")]);
    engine.commit(Commit::new(&batch, Durability::Sync).based_on(exclusive))?;
    assert_eq!(listed(&engine.snapshot(Intent::Read)?, notes(), &KeyRange::all())?, "a=2");
    commit(&engine, vec![put(notes(), b"b", b"3")])?;
    assert_eq!(listed(&engine.snapshot(Intent::Read)?, notes(), &KeyRange::all())?, "a=2 b=3");
    Ok(())
}

pub(crate) fn engine_commits_an_empty_batch<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    for durability in [Durability::Sync, Durability::Deferred] {
        engine.commit(Commit::new(&Batch::default(), durability))?;
    }
    engine.sync()?;
    assert_eq!(listed(&engine.snapshot(Intent::Read)?, notes(), &KeyRange::all())?, "");
    Ok(())
}

pub(crate) fn engine_does_not_judge_expiry<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let mut bytes = [0; STAMP_LEN];
    bytes[8] = 1;
    let record = Record { stamp: Stamp::from_bytes(bytes), value: Payload::new(b"long expired") };
    commit(&engine, vec![Write { keyspace: notes(), key: Key::from(b"a"), change: Change::Put(record) }])?;
    let snapshot = engine.snapshot(Intent::Read)?;
    assert!(engine.get(notes(), b"a")?.is_some(), "that is for core to say");
    assert!(snapshot.get(notes(), b"a")?.is_some());
    assert_eq!(listed(&snapshot, notes(), &KeyRange::all())?, "a=long expired");
    Ok(())
}

pub(crate) fn engine_cursors_stand_where_they_were_moved<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    commit(&engine, vec![put(notes(), b"a", b"1"), put(notes(), b"b", b"2")])?;
    let snapshot = engine.snapshot(Intent::Read)?;
    for (direction, order) in [(Forward, [b"a", b"b"]), (Reverse, [b"b", b"a"])] {
        let mut cursor = snapshot.range(notes(), &KeyRange::all(), direction)?;
        for key in order {
            assert!(cursor.advance()?);
            assert_eq!((cursor.key(), cursor.key()), (key.as_slice(), key.as_slice()));
            let value = cursor.value()?.as_ref().to_vec();
            assert_eq!(cursor.value()?.as_ref(), value, "a value can be read twice");
            assert_eq!(cursor.key(), key);
        }
        assert!(!cursor.advance()? && !cursor.advance()?);
    }
    Ok(())
}

pub(crate) fn engine_lists_every_keyspace_that_holds_a_record<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let names = || -> Result<Vec<&str>> {
        let mut names: Vec<_> = engine.keyspaces()?.into_iter().map(Keyspace::name).collect();
        names.sort_unstable();
        Ok(names)
    };
    assert!(names()?.is_empty(), "nothing was ever written");
    let (asked, emptied) = (Keyspace::new("asked_for")?, Keyspace::new("emptied")?);
    let index = letters().derived("by_size")?;
    assert!(engine.get(asked, b"a")?.is_none());
    let range_deletes = vec![(asked, KeyRange::all()), (emptied, KeyRange::all())];
    engine.commit(Commit::new(&batch(range_deletes, vec![delete(asked, b"a")]), Durability::Sync))?;
    assert!(names()?.is_empty(), "reads and deletes put no record");
    commit(&engine, vec![put(notes(), b"a", b"1")])?;
    assert_eq!(names()?, ["notes"]);
    let before = engine.snapshot(Intent::Read)?;
    let expiry = Keyspace::from_stored("_expiry")?;
    commit(&engine, vec![put(letters(), b"a", b"1"), put(index, b"a", b""), put(expiry, b"a", b"")])?;
    assert_eq!(names()?, ["_expiry", "letters", "letters.by_size", "notes"]);
    drop(before);
    commit(&engine, vec![delete(notes(), b"a")])?;
    let left: Vec<_> = names()?.into_iter().filter(|name| *name != "notes").collect();
    assert_eq!(left, ["_expiry", "letters", "letters.by_size"], "one that is empty again may be listed");
    commit(&engine, vec![put(notes(), b"b", b"2")])?;
    assert_eq!(names()?, ["_expiry", "letters", "letters.by_size", "notes"], "each once");
    Ok(())
}

pub(crate) fn engine_follows_a_long_history<S: Subject>(subject: &S) -> Result<()> {
    let engine = subject.open()?;
    let mut expected = BTreeMap::new();
    // A linear congruence: the same history in every run.
    let mut random = 7_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..300 {
        let mut range_deletes = Vec::new();
        if next(10) == 0 {
            let (from, to) = (next(40), next(40));
            let range = KeyRange::of(format!("{:02}", from.min(to))..format!("{:02}", from.max(to)))?;
            expected.retain(|key: &Vec<u8>, _| !range.contains(key));
            range_deletes.push((notes(), range));
        }
        let mut writes = BTreeMap::new();
        for _ in 0..next(6) {
            let key = format!("{:02}", next(40)).into_bytes();
            match next(3) {
                0 => writes.insert(key.clone(), delete(notes(), &key)),
                _ => writes.insert(key.clone(), put(notes(), &key, round.to_string().as_bytes())),
            };
        }
        for (key, write) in &writes {
            match &write.change {
                Change::Put(record) => drop(expected.insert(key.clone(), record.value.to_vec())),
                Change::Delete => drop(expected.remove(key)),
            }
        }
        let durability = if next(2) == 0 { Durability::Sync } else { Durability::Deferred };
        engine.commit(Commit::new(&batch(range_deletes, writes.into_values().collect()), durability))?;
        let snapshot = engine.snapshot(Intent::Read)?;
        let mut cursor = snapshot.range(notes(), &KeyRange::all(), Reverse)?;
        for (key, value) in expected.iter().rev() {
            assert!(cursor.advance()?, "round {round}: {} is missing", key.escape_ascii());
            assert_eq!(cursor.key(), key, "round {round}");
            assert_eq!(cursor.value()?.as_ref(), value, "round {round}");
        }
        assert!(!cursor.advance()?, "round {round}");
    }
    Ok(())
}
