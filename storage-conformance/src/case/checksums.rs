//! Checksums: a flipped bit in a value is an error wherever it is read, never a value.

use storage_core::Direction::Forward;
use storage_core::{Database, KeyRange, Kind, Result};

use super::{fill, keys, letters, notes, open, refused, shown, some};
use crate::plain::PlainStore;
use crate::subject::Subject;

/// Flips one bit of a record's value, counted from the first of its first byte.
fn flip<S: Subject>(subject: &S, db: &Database<S::Engine>, key: &str, bit: usize) -> Result<()> {
    let damage = subject.damage().expect("the case runs only where the engine has the power");
    let damaged =
        damage(db.engine(), notes(), key.as_bytes(), &mut |value| value[bit / 8] ^= 1 << (bit % 8))?;
    assert!(damaged, "there is a record to damage");
    Ok(())
}

pub(crate) fn every_flipped_bit_is_found<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "value", "z"])?;
    for bit in 0.."value".len() * 8 {
        flip(subject, &db, "value", bit)?;
        let error = refused(Kind::Corrupt, db.get(notes(), "value"));
        assert_eq!((error.keyspace(), error.key()), (Some(notes()), Some(b"value".as_slice())), "bit {bit}");
        flip(subject, &db, "value", bit)?;
        assert_eq!(shown(db.get(notes(), "value")?), some("value"));
    }
    Ok(())
}

pub(crate) fn damaged_record_is_not_copied<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    flip(subject, &db, "b", 5)?;
    let error = refused(Kind::Corrupt, db.copy_to(&PlainStore::default().open(), |_| ()));
    assert_eq!(error.key(), Some(b"b".as_slice()));
    Ok(())
}

pub(crate) fn every_kind_of_read_is_verified<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    flip(subject, &db, "b", 3)?;
    refused(Kind::Corrupt, db.get(notes(), "b"));
    refused(Kind::Corrupt, db.snapshot()?.get(notes(), "b"));
    refused(Kind::Corrupt, db.snapshot()?.get_many(notes(), &["a", "b"]));
    refused(Kind::Corrupt, db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec());
    refused(Kind::Corrupt, db.transact(|txn| txn.get(notes(), "b").map(drop)));
    refused(Kind::Corrupt, db.transact(|txn| txn.range(notes(), KeyRange::all(), Forward)?.to_vec()));
    Ok(())
}

pub(crate) fn other_records_stay_readable_beside_a_flipped_bit<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    fill(&db, letters(), &["b"])?;
    flip(subject, &db, "b", 0)?;
    for key in ["a", "c"] {
        assert_eq!(shown(db.get(notes(), key)?), some(key));
    }
    assert_eq!(shown(db.get(letters(), "b")?), some("b"));
    assert_eq!(keys(&db, notes(), &KeyRange::all(), Forward)?, "a b c", "keys are read without values");
    let snapshot = db.snapshot()?;
    let mut range = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    let mut readable = Vec::new();
    while let Some(mut record) = range.next()? {
        readable.push(record.value().is_ok());
    }
    assert_eq!(readable, [true, false, true]);
    Ok(())
}

pub(crate) fn appended_and_missing_bytes_are_found<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let damage = subject.damage().expect("the case runs only where the engine has the power");
    type Change = fn(&mut Vec<u8>);
    let changes: [Change; 4] =
        [|value| value.push(0), |value| value.truncate(4), Vec::clear, |value| value.reverse()];
    for change in changes {
        db.put(notes(), "a", "value")?;
        assert!(damage(db.engine(), notes(), b"a", &mut |value| change(value))?);
        refused(Kind::Corrupt, db.get(notes(), "a"));
    }
    db.put(notes(), "a", "value")?;
    assert_eq!(shown(db.get(notes(), "a")?), some("value"));
    Ok(())
}

pub(crate) fn value_of_another_record_is_found<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "first")?;
    let damage = subject.damage().expect("the case runs only where the engine has the power");
    assert!(damage(db.engine(), notes(), b"a", &mut |value| *value = b"other".to_vec())?);
    refused(Kind::Corrupt, db.get(notes(), "a"));
    Ok(())
}
