//! Searches against those of SQLite's FTS5: the same hits, the same scores.

use rusqlite::Connection;
use storage_core::Database;
use storage_mem::MemEngine;
use storage_stores::search::{SearchQuery, TextIndex};

use crate::corpus::{Message, Random, WORDS, messages};

const SCOPE: &str = "ann";
const DOCUMENTS: usize = 12_000;
const FIELDS: [&str; 4] = ["name", "prompt", "tags", "content"];

/// Both indexes over the same messages. A document's key is its number, of eight bytes.
struct Both {
    db: Database<MemEngine>,
    index: TextIndex,
    fts5: Connection,
}

impl Both {
    fn empty() -> Self {
        let fts5 = Connection::open_in_memory().unwrap();
        fts5.execute_batch(
            "CREATE VIRTUAL TABLE text USING fts5(name, prompt, tags, content, tokenize = 'unicode61')",
        )
        .unwrap();
        let db = Database::new(MemEngine::new()).unwrap();
        Both { db, index: TextIndex::new("fts5_text", &FIELDS).unwrap(), fts5 }
    }

    fn put(&self, number: u64, message: &Message) {
        let texts: Vec<_> = FIELDS.into_iter().zip(message.iter().map(String::as_str)).collect();
        self.db.transact(|txn| self.index.put(txn, SCOPE, number.to_be_bytes(), &texts)).unwrap();
        self.index.tend(&self.db, SCOPE).unwrap();
        let [name, prompt, tags, content] = message;
        self.fts5.execute("DELETE FROM text WHERE rowid = ?", [number as i64]).unwrap();
        self.fts5
            .prepare_cached("INSERT INTO text(rowid, name, prompt, tags, content) VALUES (?, ?, ?, ?, ?)")
            .unwrap()
            .execute((number as i64, name, prompt, tags, content))
            .unwrap();
    }

    fn remove(&self, number: u64) {
        assert!(self.db.transact(|txn| self.index.remove(txn, SCOPE, number.to_be_bytes())).unwrap().value);
        self.index.tend(&self.db, SCOPE).unwrap();
        assert_eq!(self.fts5.execute("DELETE FROM text WHERE rowid = ?", [number as i64]).unwrap(), 1);
    }

    /// Fails unless both find the same; returns how many.
    fn assert_same(&self, query: &SearchQuery, expression: &str) -> usize {
        let mut select = self
            .fts5
            .prepare_cached("SELECT rowid, bm25(text) FROM text WHERE text MATCH ? ORDER BY rowid")
            .unwrap();
        let rows = select.query_map([expression], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
        let expected: Vec<(u64, f64)> =
            rows.unwrap().map(|row| row.map(|(number, score)| (number as u64, -score)).unwrap()).collect();
        let found = self.index.search(&self.db.snapshot().unwrap(), SCOPE, query, usize::MAX).unwrap();
        assert!(
            found.hits.is_sorted_by(|one, other| one.score > other.score
                || one.score == other.score && one.document < other.document)
        );
        assert_eq!(found.total, found.hits.len());
        let mut hits: Vec<(u64, f64)> = found
            .hits
            .iter()
            .map(|hit| (u64::from_be_bytes((*hit.document).try_into().unwrap()), hit.score))
            .collect();
        hits.sort_by_key(|(number, _)| *number);
        let numbers = |hits: &[(u64, f64)]| hits.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&hits), numbers(&expected), "{expression}");
        for ((number, score), (_, expected)) in hits.iter().zip(&expected) {
            assert!(
                (score - expected).abs() <= expected.abs() * 1e-9,
                "{expression}: {number} {score} {expected}"
            );
        }
        let best = self.index.search(&self.db.snapshot().unwrap(), SCOPE, query, 10).unwrap();
        assert_eq!(best.hits[..], found.hits[..found.hits.len().min(10)], "{expression}");
        assert_eq!(best.total, found.total);
        found.total
    }

    /// Compares queries of every kind; returns how many found something.
    fn assert_all_same(&self, random: &mut Random) -> usize {
        let mut found = 0;
        let mut compare = |text: &str, expression: &str| {
            let query = self.index.parse(text).unwrap();
            found += usize::from(self.assert_same(&query, expression) > 0);
        };
        for word in WORDS {
            compare(word, &format!("\"{word}\""));
            compare(&format!("\"{word}\"*"), &format!("\"{word}\" *"));
        }
        for _ in 0..20 {
            let (one, two, three) = (random.word(), random.word(), random.word());
            let field = FIELDS[random.below(4)];
            let start: String = one.chars().take(1 + random.below(3)).collect();
            compare(&format!("{one} {two}"), &format!("\"{one}\" \"{two}\""));
            compare(&format!("{one} {two} {three}"), &format!("\"{one}\" \"{two}\" \"{three}\""));
            compare(&format!("\"{one} {two}\""), &format!("\"{one} {two}\""));
            compare(&format!("\"{one} {two}\" {three}"), &format!("\"{one} {two}\" AND \"{three}\""));
            compare(&format!("\"{start}\"*"), &format!("\"{start}\" *"));
            compare(&format!("\"{two} {start}\"*"), &format!("\"{two} {start}\" *"));
            compare(&format!("{field}:{one}"), &format!("{field} : \"{one}\""));
            compare(&format!("{field}:\"{one} {two}\""), &format!("{field} : \"{one} {two}\""));
            compare(
                &format!("{field}:\"{start}\"* {two}"),
                &format!("({field} : \"{start}\" *) AND \"{two}\""),
            );
        }
        found
    }
}

#[test]
fn hits_and_scores_are_those_of_fts5() {
    let mut random = Random::new(1);
    let both = Both::empty();
    both.fts5.execute_batch("BEGIN").unwrap();
    for (number, message) in messages(&mut random, DOCUMENTS).iter().enumerate() {
        both.put(number as u64, message);
    }
    assert!(both.assert_all_same(&mut random) > 200);
    // Others in their place, and a quarter gone, so that segments are taken apart.
    for (number, message) in messages(&mut random, 2_000).iter().enumerate() {
        both.put(5 * number as u64, message);
    }
    (0..DOCUMENTS as u64).step_by(4).for_each(|number| both.remove(number));
    assert!(both.assert_all_same(&mut random) > 200);
}
