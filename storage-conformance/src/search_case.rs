//! The cases of the text index, by theme, and the few words in which they are written.

pub(crate) mod costs;
pub(crate) mod damage;
pub(crate) mod documents;
pub(crate) mod races;
pub(crate) mod reopening;
pub(crate) mod scopes;
pub(crate) mod tending;
pub(crate) mod visibility;

use storage_core::{Database, Engine, Key, Read, Result, Transaction};
use storage_stores::search::{Hits, TextIndex};

/// The scope of a case that needs one.
pub(crate) const SCOPE: &str = "ann";

/// The index of a case: each has a store of its own.
pub(crate) fn index() -> Result<TextIndex> {
    TextIndex::new("case_text", &["name", "content"])
}

/// Indexes the content of a document.
pub(crate) fn put<E: Engine>(
    txn: &mut Transaction<'_, E>,
    scope: &str,
    document: &str,
    content: &str,
) -> Result<()> {
    index()?.put(txn, scope, document, &[("content", content)])
}

/// Indexes documents, each in a transaction of its own.
pub(crate) fn fill<E: Engine>(db: &Database<E>, documents: &[(&str, &str)]) -> Result<()> {
    documents
        .iter()
        .try_for_each(|(document, content)| db.transact(|txn| put(txn, SCOPE, document, content)).map(drop))
}

/// So many documents `k0000`, `k0001`, ..., whose words are enough to be settled in segments, in one transaction.
///
/// Each has the word of the case, and a word of its own.
pub(crate) fn put_many<E: Engine>(db: &Database<E>, count: usize, word: &str) -> Result<()> {
    let rest = "filler ".repeat(80);
    db.transact(|txn| {
        (0..count)
            .try_for_each(|number| put(txn, SCOPE, &name(number), &format!("{word} own{number:04} {rest}")))
    })
    .map(drop)
}

/// The name of such a document.
pub(crate) fn name(number: usize) -> String {
    format!("k{number:04}")
}

/// The best hits of what a person typed.
#[track_caller]
pub(crate) fn search(reader: &impl Read, scope: &str, text: &str, limit: usize) -> Result<Hits> {
    let query = index()?.parse(text).expect("the case writes a query");
    index()?.search(reader, scope, &query, limit)
}

/// The documents that match, in the order of their keys.
pub(crate) fn found(reader: &impl Read, text: &str) -> Result<Vec<String>> {
    found_in(reader, SCOPE, text)
}

/// The same in a scope.
pub(crate) fn found_in(reader: &impl Read, scope: &str, text: &str) -> Result<Vec<String>> {
    let mut found = keys(&search(reader, scope, text, usize::MAX)?);
    found.sort();
    Ok(found)
}

/// The documents of hits, the best first.
pub(crate) fn keys(hits: &Hits) -> Vec<String> {
    let name = |key: &Key| String::from_utf8_lossy(key).into_owned();
    hits.hits.iter().map(|hit| name(&hit.document)).collect()
}
