//! Who conflicts with whom: writers of the same document, and nobody else.

use storage_core::Result;

use super::{SCOPE, fill, found, index, name, put, put_many};
use crate::case::{open, runs, together};
use crate::subject::Subject;

pub(crate) fn writers_of_different_documents_never_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk"), ("2", "milk"), ("3", "milk")])?;
    let puts = runs(&db, |txn| put(txn, SCOPE, "1", "milk bread"), |db| fill(db, &[("new", "milk")]))?;
    assert_eq!(puts, 1);
    let replaces = runs(&db, |txn| put(txn, SCOPE, "1", "milk"), |db| fill(db, &[("2", "milk butter")]))?;
    assert_eq!(replaces, 1);
    let removes = runs(
        &db,
        |txn| index()?.remove(txn, SCOPE, "3").map(drop),
        |db| db.transact(|txn| index()?.remove(txn, SCOPE, "2")).map(drop),
    )?;
    assert_eq!(removes, 1);
    assert_eq!(found(&db.snapshot()?, "milk")?, ["1", "new"]);
    Ok(())
}

pub(crate) fn writers_of_one_document_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let both = runs(&db, |txn| put(txn, SCOPE, "1", "milk"), |db| fill(db, &[("1", "bread")]))?;
    assert_eq!(both, 2);
    let snapshot = db.snapshot()?;
    assert_eq!((found(&snapshot, "milk")?.len(), found(&snapshot, "bread")?.len()), (1, 0));
    Ok(())
}

pub(crate) fn tending_lets_writers_be<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db, 400, "milk")?;
    let tend = |db: &_| index()?.tend(db, SCOPE).map(|any| assert!(any));
    assert_eq!(runs(&db, |txn| put(txn, SCOPE, "a new one", "milk"), tend)?, 1);
    // Those that are settled are removed while others are.
    let removes = runs(
        &db,
        |txn| index()?.remove(txn, SCOPE, name(1)).map(drop),
        |db| db.transact(|txn| index()?.remove(txn, SCOPE, name(2))).map(drop),
    )?;
    assert_eq!(removes, 1);
    assert_eq!(found(&db.snapshot()?, "milk")?.len(), 399);
    Ok(())
}

pub(crate) fn writers_and_tenders_at_once_agree<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let rest = "filler ".repeat(400);
    together(4, |thread| {
        for number in 0..60 {
            let document = name(number * 4 + thread);
            let text = format!("milk t{thread} {rest}");
            db.transact(|txn| put(txn, SCOPE, &document, &text))?;
            if number % 3 == 0 {
                db.transact(|txn| index()?.remove(txn, SCOPE, &document))?;
            }
            index()?.tend(&db, SCOPE)?;
        }
        Ok(())
    })?;
    let snapshot = db.snapshot()?;
    assert_eq!(found(&snapshot, "milk")?.len(), 160);
    let expected = |thread: usize| -> Vec<String> {
        (0..60).filter(|number| number % 3 != 0).map(|number| name(number * 4 + thread)).collect()
    };
    for thread in 0..4 {
        assert_eq!(found(&snapshot, &format!("t{thread}"))?, expected(thread));
    }
    Ok(())
}
