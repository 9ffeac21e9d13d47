//! Keyspaces: kept apart, and some kept from callers.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use storage_core::Direction::{Forward, Reverse};
use storage_core::key::Template;
use storage_core::{Attributes, Codec, KeyRange, Keyspace, Kind, Result, Sequence};

use super::{all, fill, keys, letters, notes, open, refused, shown, some};
use crate::subject::Subject;

pub(crate) fn keyspaces_are_independent<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "note")?;
    db.put(letters(), "a", "letter")?;
    assert_eq!(shown(db.get(notes(), "a")?), some("note"));
    db.delete(notes(), "a")?;
    assert_eq!(shown(db.get(notes(), "a")?), None);
    assert_eq!(shown(db.get(letters(), "a")?), some("letter"));
    Ok(())
}

pub(crate) fn unwritten_keyspace_reads_empty<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let unwritten = Keyspace::new("unwritten")?;
    assert_eq!(shown(db.get(unwritten, "a")?), None);
    assert_eq!(all(&db, unwritten)?, "");
    assert_eq!(keys(&db, unwritten, &KeyRange::prefix(b"a"), Reverse)?, "");
    assert_eq!(shown(db.snapshot()?.get_many(unwritten, &["a"])?.remove(0)), None);
    db.delete(unwritten, "a")?;
    db.delete_range(unwritten, &KeyRange::all())?;
    assert_eq!(all(&db, unwritten)?, "");
    Ok(())
}

pub(crate) fn keyspace_first_written_after_a_snapshot_is_empty_there<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let before = db.snapshot()?;
    db.put(letters(), "a", "1")?;
    assert_eq!(shown(before.get(letters(), "a")?), None);
    assert!(before.range(letters(), &KeyRange::all(), Forward)?.next()?.is_none());
    Ok(())
}

pub(crate) fn one_commit_spans_keyspaces<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, letters(), &["x", "y"])?;
    db.transact(|txn| {
        txn.put(letters(), "a", "1")?;
        txn.put(notes(), "a", "2")?;
        txn.delete(letters(), "x")?;
        txn.put(letters(), "b", "3")
    })?;
    assert_eq!(all(&db, notes())?, "a=2");
    assert_eq!(all(&db, letters())?, "a=1 b=3 y=y");
    Ok(())
}

pub(crate) fn ranges_stay_in_their_keyspace<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let neighbours = [Keyspace::new("n")?, Keyspace::new("na")?, Keyspace::new("na_")?, Keyspace::new("nb")?];
    for keyspace in neighbours {
        db.put(keyspace, "k", keyspace.name())?;
        db.put(keyspace, b"\xff\xff", "")?;
        db.put(keyspace, b"\0", "")?;
    }
    for keyspace in neighbours {
        let expected = format!(r"\x00= k={} \xff\xff=", keyspace.name());
        assert_eq!(all(&db, keyspace)?, expected);
        assert_eq!(keys(&db, keyspace, &KeyRange::all(), Reverse)?, r"\xff\xff k \x00");
    }
    Ok(())
}

pub(crate) fn range_delete_stays_in_its_keyspace<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    fill(&db, letters(), &["a", "b"])?;
    db.delete_range(notes(), &KeyRange::all())?;
    assert_eq!(all(&db, notes())?, "");
    assert_eq!(all(&db, letters())?, "a=a b=b");
    Ok(())
}

pub(crate) fn a_hundred_keyspaces_are_kept_apart<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let keyspaces = (0..100).map(|at| Keyspace::new(&format!("many_{at}"))).collect::<Result<Vec<_>>>()?;
    db.transact(|txn| keyspaces.iter().try_for_each(|keyspace| txn.put(*keyspace, "k", keyspace.name())))?;
    for keyspace in keyspaces {
        assert_eq!(all(&db, keyspace)?, format!("k={}", keyspace.name()));
    }
    Ok(())
}

/// Engines that make a place for a keyspace when it is first written do so while others look for it.
pub(crate) fn keyspaces_appear_while_they_are_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let keyspaces =
        (0..64).map(|at| Keyspace::new(&format!("appearing_{at}"))).collect::<Result<Vec<_>>>()?;
    // An engine that refuses commits fails here, not in a reader that waits for one.
    db.put(notes(), "k", "first")?;
    let is_over = AtomicBool::new(false);
    let read = || -> Result<()> {
        // Who waits for the last one looks for it while all the others appear.
        for keyspace in keyspaces.iter().rev() {
            loop {
                let was_over = is_over.load(SeqCst);
                let value = shown(db.get(*keyspace, "k")?);
                let range = all(&db, *keyspace)?;
                assert!(range.is_empty() || range == format!("k={}", keyspace.name()), "{range}");
                if let Some(value) = value {
                    assert_eq!((&*value, range.is_empty()), (keyspace.name(), false));
                    break;
                }
                assert!(!was_over, "{keyspace:?} was there");
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(read)).collect();
        let written =
            keyspaces.iter().try_for_each(|keyspace| db.put(*keyspace, "k", keyspace.name()).map(drop));
        is_over.store(true, SeqCst);
        written?;
        readers.into_iter().try_for_each(|reader| reader.join().expect("no reader panics"))
    })
}

pub(crate) fn what_core_keeps_is_not_written_by_callers<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let kept =
        [notes().derived("index")?, Keyspace::from_stored("_expiry")?, Keyspace::from_stored("_tables")?];
    for keyspace in kept {
        refused(Kind::Invalid, db.put(keyspace, "a", "1"));
        refused(Kind::Invalid, db.delete(keyspace, "a"));
        refused(Kind::Invalid, db.delete_range(keyspace, &KeyRange::all()));
        refused(Kind::Invalid, db.transact(|txn| txn.put(keyspace, "a", "1")));
        refused(Kind::Invalid, db.transact(|txn| txn.delete(keyspace, "a")));
        refused(Kind::Invalid, db.transact(|txn| txn.add(keyspace, "a", 1)));
        let sequence = Sequence::new(keyspace, b"a")?;
        refused(Kind::Invalid, db.transact(|txn| txn.next(&sequence)));
        let holed = db.transact(|txn| {
            let number = txn.next(&Sequence::new(notes(), b"numbers")?)?;
            let value = Codec::Json.encode_template(&1)?;
            txn.put_template(keyspace, Template::of(&number), value, Attributes::new())
        });
        refused(Kind::Invalid, holed);
        refused(Kind::Invalid, db.watch(keyspace, KeyRange::all()));
        assert_eq!(all(&db, keyspace)?, "");
    }
    assert_eq!(all(&db, notes())?, "", "no number was drawn");
    Ok(())
}
