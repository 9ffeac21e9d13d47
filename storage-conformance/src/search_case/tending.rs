//! Tending an index changes how it is stored, and nothing that is found.

use storage_core::{Database, Engine, Result};
use storage_stores::search::Hits;

use super::{SCOPE, fill, found, index, name, put_many, search};
use crate::case::open;
use crate::subject::Subject;

const QUERIES: [&str; 8] = [
    "milk",
    "own00*",
    "\"milk own0007\"",
    "filler milk",
    "own0449",
    "name:milk",
    "fil*",
    "\"filler filler\"",
];

fn all<E: Engine>(db: &Database<E>) -> Result<Vec<Hits>> {
    let snapshot = db.snapshot()?;
    QUERIES.iter().map(|text| search(&snapshot, SCOPE, text, 100)).collect()
}

pub(crate) fn tended_index_finds_the_same<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    assert!(!index()?.tend(&db, SCOPE)?, "nothing is there");
    put_many(&db, 450, "milk")?;
    let fresh = all(&db)?;
    assert!(index()?.tend(&db, SCOPE)?);
    assert!(!index()?.tend(&db, SCOPE)?, "once is enough");
    assert_eq!(all(&db)?, fresh);
    assert_eq!(fresh[0].total, 450);
    // Some of the documents in segments are replaced, and some go.
    fill(&db, &[(&name(7), "bread"), (&name(8), "milk")])?;
    assert!(db.transact(|txn| index()?.remove(txn, SCOPE, name(9)))?.value);
    assert!(!db.transact(|txn| index()?.remove(txn, SCOPE, name(9)))?.value);
    let snapshot = db.snapshot()?;
    assert_eq!(found(&snapshot, "\"milk own0007\"")?, [""; 0]);
    assert_eq!((found(&snapshot, "milk")?.len(), found(&snapshot, "own000*")?.len()), (448, 7));
    Ok(())
}

pub(crate) fn segments_forget_documents_that_went<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db, 800, "milk")?;
    assert!(index()?.tend(&db, SCOPE)?);
    db.transact(|txn| {
        (0..800).filter(|number| number % 3 > 0).try_for_each(|number| {
            assert!(index()?.remove(txn, SCOPE, name(number))?);
            Ok(())
        })
    })?;
    let before = all(&db)?;
    assert_eq!(before[0].total, 267);
    assert!(index()?.tend(&db, SCOPE)?, "it is worth it");
    assert_eq!(all(&db)?, before);
    assert!(!index()?.tend(&db, SCOPE)?);
    // What is left is as good as new.
    put_many(&db, 800, "butter")?;
    assert!(index()?.tend(&db, SCOPE)?);
    let snapshot = db.snapshot()?;
    assert_eq!((found(&snapshot, "milk")?.len(), found(&snapshot, "butter")?.len()), (0, 800));
    assert_eq!(found(&snapshot, "own0799")?, ["k0799"]);
    Ok(())
}
