//! Copying everything into the store of another engine.

use std::sync::atomic::{AtomicU32, Ordering};

use storage_core::{
    AnyEngine, Attributes, Database, Engine, Error, KeyRange, Kind, Result, Sequence, TransactOptions,
};

use super::people::{People, person};
use super::{all, at, fill, letters, notes, open, quiet, refused, shown, some};
use crate::liars::{Lie, Lying};
use crate::plain::{PlainEngine, PlainStore};
use crate::scripted::Scripted;
use crate::subject::Subject;

/// One thing of each kind that a database holds.
fn furnish<E: Engine>(db: &Database<E>) -> Result<()> {
    fill(db, notes(), &["a", "b"])?;
    let attributes = Attributes::new().expires_at(at(100)).user_byte(7);
    db.put_with(notes(), "ends", "soon", attributes, TransactOptions::new())?;
    let large = vec![b'x'; 3 << 20];
    db.put(letters(), "large 1", &large)?;
    db.put(letters(), "large 2", &large)?;
    let sequence = Sequence::new(letters(), b"numbers")?;
    db.transact(|txn| {
        txn.add(letters(), "count", 41)?;
        txn.next(&sequence).map(drop)
    })?;
    let people = People::open(db)?;
    people.put(db, 1, &person("rome", "ann", 30))?;
    people.put(db, 2, &person("bonn", "bob", 40))
}

/// Looks at what was furnished, and goes on with it.
fn inspect<E: Engine>(db: &Database<E>) -> Result<()> {
    assert_eq!(all(db, notes())?, "a=a b=b ends=soon");
    let ends = db.get(notes(), "ends")?.expect("it is live");
    assert_eq!((ends.user_byte(), ends.expires_at()), (7, Some(at(100))));
    drop(ends);
    assert_eq!(db.get(letters(), "large 2")?.map(|value| value.len()), Some(3 << 20));
    db.transact(|txn| txn.add(letters(), "count", 1))?;
    assert_eq!(db.counter(letters(), "count")?, 42);
    let sequence = Sequence::new(letters(), b"numbers")?;
    assert_eq!(db.transact(|txn| txn.next(&sequence))?.numbers, [1]);
    let people = People::open(db)?;
    people.is_consistent(db)?;
    assert_eq!(people.by(db, &people.by_city, KeyRange::all())?, [2, 1]);
    refused(Kind::AlreadyExists, people.put(db, 3, &person("oslo", "ann", 1)));
    Ok(())
}

fn plain() -> (Database<PlainEngine>, PlainStore) {
    let store = PlainStore::default();
    let db = Database::with_options(store.open(), quiet()).expect("a plain store opens");
    (db, store)
}

pub(crate) fn copy_in_another_engine_reads_alike<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    furnish(&db)?;
    let store = PlainStore::default();
    let mut reports = 0;
    let copied = db.copy_to(&store.open(), |_| reports += 1)?;
    assert_eq!(copied.records, copied.verified);
    assert!(copied.records >= 17 && copied.bytes > 6 << 20 && reports > 3, "{copied:?}, {reports} reports");
    inspect(&db)?;
    let copy = Database::with_options(store.open(), quiet())?;
    inspect(&copy)?;
    assert_eq!(copy.sweep(10)?.records, 0, "what expires is noted, and not due");
    Ok(())
}

pub(crate) fn copy_of_another_engine_reads_alike<S: Subject>(subject: &S) -> Result<()> {
    let (from, _) = plain();
    furnish(&from)?;
    let target = AnyEngine::new(subject.open()?);
    from.copy_to(&target, |_| ())?;
    let copy = Database::with_options(target, quiet())?;
    inspect(&copy)
}

pub(crate) fn copy_shows_one_moment<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let store = PlainStore::default();
    let mut failed = None;
    db.copy_to(&store.open(), |_| {
        let change = db.put(notes(), "late", "").and_then(|()| db.delete(notes(), "b"));
        let change = change.and_then(|()| db.put(letters(), "new", ""));
        failed = change.err().or(failed.take());
    })?;
    assert!(failed.is_none(), "{failed:?}");
    let copy = Database::with_options(store.open(), quiet())?;
    assert_eq!((all(&copy, notes())?, all(&copy, letters())?), ("a=a b=b".into(), String::new()));
    assert_eq!(all(&db, notes())?, "a=a late=");
    Ok(())
}

pub(crate) fn copy_into_a_store_that_holds_something_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let (from, _) = plain();
    fill(&from, notes(), &["a"])?;
    let target = AnyEngine::new(subject.open()?);
    let db = Database::with_options(target.clone(), quiet())?;
    db.put(letters(), "mine", "stays")?;
    refused(Kind::Invalid, from.copy_to(&target, |_| ()));
    assert_eq!((shown(db.get(letters(), "mine")?), shown(db.get(notes(), "a")?)), (some("stays"), None));
    db.delete(letters(), "mine")?;
    from.copy_to(&target, |_| ())?;
    assert_eq!(shown(db.get(notes(), "a")?), some("a"));
    Ok(())
}

pub(crate) fn copy_that_ended_early_is_no_database<S: Subject>(subject: &S) -> Result<()> {
    let (from, _) = plain();
    furnish(&from)?;
    let (engine, script) = Scripted::new(subject.open()?);
    let target = AnyEngine::new(engine);
    let commits = AtomicU32::new(0);
    script.on_commit(move |_| match commits.fetch_add(1, Ordering::SeqCst) {
        0..3 => Ok(()),
        _ => Err(Error::new(Kind::Full, "the script says so")),
    });
    refused(Kind::Full, from.copy_to(&target, |_| ()));
    script.let_commits_pass();
    for error in [
        refused(Kind::Invalid, Database::with_options(target.clone(), quiet())),
        refused(Kind::Invalid, from.copy_to(&target, |_| ())),
    ] {
        assert!(error.to_string().contains("delete its files, and copy again"), "{error}");
    }
    Ok(())
}

pub(crate) fn copy_that_does_not_read_back_the_same_is_corrupt<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    furnish(&db)?;
    for lie in [Lie::HalfOfABatch, Lie::CutValues, Lie::NoExpiry, Lie::NoUserByte] {
        let target = AnyEngine::new(Lying::new(PlainStore::default().open(), lie)?);
        refused(Kind::Corrupt, db.copy_to(&target, |_| ()));
        refused(Kind::Invalid, Database::with_options(target, quiet()));
    }
    db.copy_to(&Lying::honest(PlainStore::default().open())?, |_| ()).map(drop)
}
