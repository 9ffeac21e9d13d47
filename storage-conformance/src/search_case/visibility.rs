//! An index changes with the transaction that changes it.

use storage_core::{Kind, Result};

use super::{SCOPE, fill, found, index, put, put_many};
use crate::case::{elsewhere, open, refused};
use crate::subject::Subject;

pub(crate) fn uncommitted_documents_are_found_in_their_transaction_alone<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk"), ("2", "milk")])?;
    db.transact(|txn| {
        put(txn, SCOPE, "3", "milk")?;
        index()?.remove(txn, SCOPE, "1")?;
        assert_eq!(found(txn, "milk")?, ["2", "3"]);
        let others = elsewhere(|| found(&db.snapshot()?, "milk"))?;
        assert_eq!(others, ["1", "2"]);
        Ok(())
    })?;
    assert_eq!(found(&db.snapshot()?, "milk")?, ["2", "3"]);
    Ok(())
}

pub(crate) fn failed_transaction_leaves_no_words<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk")])?;
    let failed = db.transact(|txn| {
        put(txn, SCOPE, "2", "milk")?;
        index()?.remove(txn, SCOPE, "1")?;
        Err::<(), _>(storage_core::Error::new(Kind::Invalid, "the case changed its mind"))
    });
    refused(Kind::Invalid, failed);
    assert_eq!(found(&db.snapshot()?, "milk")?, ["1"]);
    Ok(())
}

pub(crate) fn snapshots_find_what_was_there<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db, 450, "milk")?;
    let fresh = db.snapshot()?;
    assert!(index()?.tend(&db, SCOPE)?);
    let settled = db.snapshot()?;
    db.transact(|txn| {
        (0..400).try_for_each(|number| index()?.remove(txn, SCOPE, super::name(number)).map(drop))
    })?;
    assert!(index()?.tend(&db, SCOPE)?);
    fill(&db, &[("k0449", "bread")])?;
    for snapshot in [&fresh, &settled] {
        assert_eq!(found(snapshot, "milk")?.len(), 450);
        assert_eq!(found(snapshot, "own0000")?, ["k0000"]);
        assert_eq!(found(snapshot, "bread")?, [""; 0]);
    }
    assert_eq!(found(&db.snapshot()?, "milk")?.len(), 49);
    Ok(())
}
