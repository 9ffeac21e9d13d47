//! Records whose bytes were damaged: a search that needs them says so.

use storage_core::{Database, Key, Keyspace, Kind, Result};

use super::{SCOPE, fill, found, found_in, index, name, put, put_many};
use crate::case::{open, refused};
use crate::subject::Subject;

/// The parts of the index that cases damage.
const FRESH: u8 = 1;
const POSTINGS: u8 = 6;

fn damage<S: Subject>(subject: &S, db: &Database<S::Engine>, part: u8, rest: &[u8]) -> Result<()> {
    let damage = subject.damage().expect("the case needs this power");
    let mut key = Key::of(Key::of(SCOPE)?.as_slice())?;
    key.push(part);
    key.extend_from_slice(rest);
    let is_there = damage(db.engine(), Keyspace::new("case_text")?, &key, &mut |bytes| bytes.truncate(3))?;
    assert!(is_there);
    Ok(())
}

pub(crate) fn unreadable_document_is_reported<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk"), ("2", "milk")])?;
    db.transact(|txn| put(txn, "bob", "1", "milk"))?;
    damage(subject, &db, FRESH, b"1")?;
    let error = refused(Kind::Corrupt, found(&db.snapshot()?, "milk"));
    assert!(error.key().is_some_and(|key| key.ends_with(b"1")), "{error:?}");
    assert_eq!(found_in(&db.snapshot()?, "bob", "milk")?, ["1"]);
    // What was indexed can be indexed anew.
    db.transact(|txn| index()?.remove_all(txn, SCOPE))?;
    fill(&db, &[("1", "milk")])?;
    assert_eq!(found(&db.snapshot()?, "milk")?, ["1"]);
    Ok(())
}

pub(crate) fn unreadable_words_are_in_nobody_elses_way<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db, 400, "milk")?;
    assert!(index()?.tend(&db, SCOPE)?);
    damage(subject, &db, POSTINGS, b"milk\0\0\0\0\0")?;
    let snapshot = db.snapshot()?;
    refused(Kind::Corrupt, found(&snapshot, "milk"));
    refused(Kind::Corrupt, found(&snapshot, "mil* filler"));
    assert_eq!(found(&snapshot, "filler")?.len(), 400);
    assert_eq!(found(&snapshot, "own0003")?, [name(3)]);
    fill(&db, &[("new", "bread")])?;
    assert_eq!(found(&db.snapshot()?, "bread")?, ["new"]);
    Ok(())
}
