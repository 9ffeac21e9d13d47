//! Scopes are indexes of their own, whatever they are called.

use storage_core::Result;
use storage_core::key::ToTuple;
use storage_stores::search::SearchQuery;

use super::index;
use crate::case::open;
use crate::subject::Subject;

pub(crate) fn scopes_are_apart<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let index = index()?;
    let scopes: [&dyn ToTuple; 9] =
        [&(), &"", &"a", &"a\0", &"a\0\u{1}", &("a", 1_u8), &("a", "b"), &b"a".as_slice(), &1_u8];
    for (number, scope) in scopes.iter().enumerate() {
        db.transact(|txn| {
            index.put(txn, scope, "same", &[("content", "milk")])?;
            (0..number)
                .try_for_each(|other| index.put(txn, scope, format!("{other}"), &[("content", "bread")]))
        })?;
    }
    let found = |scope: &dyn ToTuple, word: &str| -> Result<usize> {
        let query = SearchQuery::all(word).expect("it is a word");
        Ok(index.search(&db.snapshot()?, &scope, &query, 1)?.total)
    };
    for (number, scope) in scopes.iter().enumerate() {
        assert_eq!((found(scope, "milk")?, found(scope, "bread")?), (1, number));
    }
    // Each goes alone.
    for (number, scope) in scopes.iter().enumerate() {
        db.transact(|txn| index.remove_all(txn, scope))?;
        for (other, scope) in scopes.iter().enumerate() {
            assert_eq!(found(scope, "milk")?, usize::from(other > number));
        }
    }
    Ok(())
}
