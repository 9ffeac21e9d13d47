//! What is indexed is found, until it is replaced or removed.

use storage_core::{Kind, Result};
use storage_stores::search::{FIELDS_MAX, SCOPE_LEN_MAX, SearchQuery, TextIndex};

use super::{SCOPE, fill, found, index, keys, put, search};
use crate::case::{open, refused};
use crate::subject::Subject;

pub(crate) fn words_prefixes_and_phrases_are_found<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(
        &db,
        &[
            ("1", "Buy two bottles of milk."),
            ("2", "Two milk bottles; a bottle-opener."),
            ("3", "Lait, CRÈME brûlée"),
            ("4", "Молоко и ХЛЕБ, 牛奶和面包"),
            ("5", ""),
        ],
    )?;
    let snapshot = db.snapshot()?;
    let expected: [(&str, &[&str]); 14] = [
        ("milk", &["1", "2"]),
        ("MILK two", &["1", "2"]),
        ("milk bread", &[]),
        ("bottle", &["2"]),
        ("bottle*", &["1", "2"]),
        ("\"two bottles\"", &["1"]),
        ("\"two bot\"*", &["1"]),
        ("\"bottles two\"", &[]),
        ("\"bottle opener\" milk", &["2"]),
        ("creme", &["3"]),
        ("Brulée", &["3"]),
        ("хлеб", &["4"]),
        ("牛奶*", &["4"]),
        ("牛奶", &[]),
    ];
    for (text, expected) in expected {
        assert_eq!(found(&snapshot, text)?, expected, "{text}");
    }
    Ok(())
}

pub(crate) fn best_documents_come_first<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(
        &db,
        &[
            ("long", "milk and a great many other words that have nothing to do with it"),
            ("often", "milk milk milk"),
            ("short b", "milk bread"),
            ("short a", "milk butter"),
            ("other 1", "butter"),
            ("other 2", "bread"),
            ("other 3", "water"),
            ("other 4", "wine"),
            ("other 5", "beer"),
        ],
    )?;
    let snapshot = db.snapshot()?;
    let all = search(&snapshot, SCOPE, "milk", 10)?;
    assert_eq!(
        (keys(&all), all.total),
        (["often", "short a", "short b", "long"].map(str::to_owned).to_vec(), 4)
    );
    assert!(all.hits[0].score > all.hits[1].score && all.hits[2].score > all.hits[3].score);
    assert_eq!(all.hits[1].score, all.hits[2].score, "then keys decide");
    for limit in 0..5 {
        let best = search(&snapshot, SCOPE, "milk", limit)?;
        assert_eq!((&best.hits[..], best.total), (&all.hits[..limit.min(4)], 4));
    }
    // log((9 - 4 + 0.5) / (4 + 0.5)), times BM25 for 3 of 3 words, in documents of 26 words over 9.
    let average = 26.0 / 9.0;
    let expected = (5.5_f64 / 4.5).ln() * (3.0 * 2.2) / (3.0 + 1.2 * (0.25 + 0.75 * 3.0 / average));
    assert!((all.hits[0].score - expected).abs() < 1e-12, "{} {expected}", all.hits[0].score);
    Ok(())
}

pub(crate) fn put_replaces_what_was_indexed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk bread"), ("2", "milk"), ("1", "bread butter"), ("1", "butter wine")])?;
    let snapshot = db.snapshot()?;
    assert_eq!(found(&snapshot, "milk")?, ["2"]);
    assert_eq!(found(&snapshot, "bread")?, [""; 0]);
    assert_eq!(found(&snapshot, "wine")?, ["1"]);
    db.transact(|txn| {
        put(txn, SCOPE, "3", "milk")?;
        put(txn, SCOPE, "3", "beer")?;
        put(txn, SCOPE, "4", "beer")?;
        index()?.remove(txn, SCOPE, "4").map(|removed| assert!(removed))
    })?;
    let snapshot = db.snapshot()?;
    assert_eq!((found(&snapshot, "milk")?, found(&snapshot, "beer")?), (vec!["2".into()], vec!["3".into()]));
    // The statistics are those of what is there: the scores are those of an index in which nothing was replaced.
    let expected = search(&snapshot, SCOPE, "milk", 1)?;
    let anew = TextIndex::new("case_text_anew", &["name", "content"])?;
    db.transact(|txn| {
        [("1", "butter wine"), ("2", "milk"), ("3", "beer")]
            .iter()
            .try_for_each(|(document, content)| anew.put(txn, SCOPE, document, &[("content", content)]))
    })?;
    let query = SearchQuery::all("milk").expect("it is a word");
    assert_eq!(anew.search(&db.snapshot()?, SCOPE, &query, 1)?, expected);
    Ok(())
}

pub(crate) fn removed_document_is_found_nowhere<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, &[("1", "milk"), ("2", "milk")])?;
    let remove = |document: &str| {
        db.transact(|txn| index()?.remove(txn, SCOPE, document)).map(|outcome| outcome.value)
    };
    assert!(remove("1")?);
    assert!(!remove("1")? && !remove("3")?);
    assert_eq!(found(&db.snapshot()?, "milk")?, ["2"]);
    db.transact(|txn| index()?.remove_all(txn, SCOPE))?;
    assert_eq!(found(&db.snapshot()?, "milk")?, [""; 0]);
    fill(&db, &[("1", "milk")])?;
    assert_eq!(found(&db.snapshot()?, "milk")?, ["1"]);
    Ok(())
}

pub(crate) fn fields_and_keys_narrow_a_search<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let index = index()?;
    db.transact(|txn| {
        index.put(txn, SCOPE, "a/1", &[("name", "milk"), ("content", "bread")])?;
        index.put(txn, SCOPE, "a/2", &[("name", "bread"), ("content", "milk and bread")])?;
        index.put(txn, SCOPE, "b/1", &[("name", "two"), ("name", "parts"), ("content", "milk")])
    })?;
    let snapshot = db.snapshot()?;
    assert_eq!(found(&snapshot, "name:milk")?, ["a/1"]);
    assert_eq!(found(&snapshot, "content:milk")?, ["a/2", "b/1"]);
    assert_eq!(found(&snapshot, "name:bread content:milk")?, ["a/2"]);
    assert_eq!(found(&snapshot, "\"milk bread\"")?, [""; 0], "a phrase stands in one field");
    assert_eq!(found(&snapshot, "\"two parts\"")?, [""; 0], "and in one text of it");
    let milk = SearchQuery::all("milk").expect("it is a word");
    for (prefix, expected) in [("", 3), ("a/", 2), ("a/2", 1), ("b", 1), ("c", 0)] {
        let hits = index.search(&snapshot, SCOPE, &milk.clone().under(prefix), 10)?;
        assert_eq!(hits.total, expected, "{prefix}");
        assert!(keys(&hits).iter().all(|key| key.starts_with(prefix)));
    }
    let weighing = index.clone().weighing("name", 10.0)?;
    assert_eq!(keys(&weighing.search(&snapshot, SCOPE, &milk, 1)?), ["a/1"]);
    Ok(())
}

pub(crate) fn arguments_are_checked<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let index = index()?;
    let longest = "s".repeat(SCOPE_LEN_MAX - 5);
    let put = |scope: &str, document: &str, field: &str, text: &str| {
        db.transact(|txn| index.put(txn, scope, document, &[(field, text)])).map(drop)
    };
    refused(Kind::Invalid, put(SCOPE, "1", "title", "milk"));
    refused(Kind::TooLarge, put(&format!("{longest}s"), "1", "content", "milk"));
    refused(Kind::TooLarge, put(SCOPE, &"d".repeat(2100), "content", "milk"));
    put(&longest, "1", "content", &"w".repeat(5_000))?;
    let snapshot = db.snapshot()?;
    for (text, expected) in [("w".repeat(5_000), 1), ("w".repeat(255), 1), ("w".repeat(254), 0)] {
        let query = SearchQuery::all(&text).expect("it is a word");
        assert_eq!(index.search(&snapshot, &longest, &query, 1)?.total, expected, "words are cut alike");
    }
    let elsewhere = SearchQuery::all("milk").expect("it is a word").in_field("title");
    refused(Kind::Invalid, index.search(&snapshot, SCOPE, &elsewhere, 1));
    for fields in [&[][..], &["a"; FIELDS_MAX + 1][..], &["a", "a"][..], &["A"][..], &[""][..], &["a:"][..]] {
        refused(Kind::Invalid, TextIndex::new("case_text", fields));
    }
    for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Kind::Invalid, index.clone().weighing("name", weight));
    }
    refused(Kind::Invalid, index.weighing("title", 1.0));
    Ok(())
}
