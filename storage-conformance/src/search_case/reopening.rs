//! After closing and opening again the index is what it was.

use storage_core::Result;

use super::{SCOPE, fill, found, index, put_many, search};
use crate::case::open;
use crate::subject::Subject;

pub(crate) fn indexed_documents_are_found_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    put_many(&db, 450, "milk")?;
    assert!(index()?.tend(&db, SCOPE)?);
    fill(&db, &[("k0001", "bread"), ("new", "milk")])?;
    let before = search(&db.snapshot()?, SCOPE, "milk", 500)?;
    assert_eq!(before.total, 450);
    db.close()?;
    let db = open(subject)?;
    assert_eq!(search(&db.snapshot()?, SCOPE, "milk", 500)?, before);
    fill(&db, &[("new", "bread")])?;
    assert_eq!(found(&db.snapshot()?, "bread")?, ["k0001", "new"]);
    Ok(())
}
