//! What calls cost, counted in what the engine is asked for.

use storage_core::Result;

use super::{SCOPE, found, index, put, put_many};
use crate::case::counted;
use crate::subject::Subject;

pub(crate) fn write_puts_one_record_and_counts<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let text = "buy two bottles of milk and bread ".repeat(5);
    db.transact(|txn| put(txn, SCOPE, "0", &text))?;
    for document in ["1", "2"] {
        db.engine().reset();
        db.transact(|txn| put(txn, SCOPE, document, &text))?;
        let counts = db.engine().counts();
        // The words of the document; documents, words, and weight of the fresh ones.
        assert_eq!((counts.commits, counts.writes, counts.range_deletes), (1, 4, 0), "{counts:?}");
        assert!(counts.bytes_written < text.len() as u64 + 200, "{counts:?}");
        assert_eq!((counts.ranges, counts.entries), (0, 0), "{counts:?}");
    }
    db.engine().reset();
    index()?.tend(&db, SCOPE)?;
    let counts = db.engine().counts();
    assert!(counts.commits == 0 && counts.reads() <= 2, "where nothing is due, two counters: {counts:?}");
    Ok(())
}

pub(crate) fn search_reads_the_segments_of_its_words<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    put_many(&db, 1_152, "milk")?;
    assert!(index()?.tend(&db, SCOPE)?);
    let snapshot = db.snapshot()?;
    for (text, matching, segments) in [("own0003", 1, 1), ("milk", 1_152, 4), ("\"milk own0003\"", 1, 5)] {
        db.engine().reset();
        assert_eq!(found(&snapshot, text)?.len(), matching);
        let counts = db.engine().counts();
        assert!(counts.entries <= segments, "one record for each segment of each word: {text} {counts:?}");
        assert!(counts.values <= segments + 2 + 4, "counters, and keys of documents: {text} {counts:?}");
    }
    Ok(())
}
