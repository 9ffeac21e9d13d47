//! Random histories of an index against a search that reads every text.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use storage_core::{Database, Read};
use storage_mem::MemEngine;
use storage_stores::search::{SearchQuery, TextIndex, words};

const FIELDS: [&str; 2] = ["name", "content"];

/// What is done to an index.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, [String; 2]),
    Remove(u8),
    /// Makes many documents that stay, so that what is there is settled.
    Settle,
    RemoveAll,
}

/// A phrase that is looked for.
#[derive(Clone, Debug)]
struct Sought {
    words: Vec<&'static str>,
    is_prefix: bool,
    field: Option<usize>,
}

const ALPHABET: [&str; 6] = ["a", "ab", "abc", "b", "ba", "É"];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&ALPHABET[..]), 0..8).prop_map(|words| words.join(" "))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (any::<u8>(), text(), text()).prop_map(|(document, name, content)| {
            Step::Put(document % 40, [name, content])
        }),
        4 => any::<u8>().prop_map(|document| Step::Remove(document % 40)),
        1 => Just(Step::Settle),
        1 => Just(Step::RemoveAll),
    ]
}

fn sought() -> impl Strategy<Value = Sought> {
    let words = prop::collection::vec(prop::sample::select(&ALPHABET[..]), 1..4);
    (words, any::<bool>(), prop::option::of(0..FIELDS.len())).prop_map(|(words, is_prefix, field)| Sought {
        words,
        is_prefix,
        field,
    })
}

impl Sought {
    fn query(&self) -> SearchQuery {
        let text = self.words.join(" ");
        let query = if self.is_prefix { SearchQuery::prefix(&text) } else { SearchQuery::phrase(&text) };
        self.field.map_or(query.clone(), |field| query.map(|query| query.in_field(FIELDS[field]))).unwrap()
    }

    fn stands_in(&self, texts: &[String; 2]) -> bool {
        let sought: Vec<_> = self.words.iter().map(|word| folded(word).remove(0)).collect();
        let fields = texts.iter().enumerate().filter(|(field, _)| self.field.is_none_or(|own| own == *field));
        fields.map(|(_, text)| folded(text)).any(|found| {
            found.windows(sought.len()).any(|found| {
                let (last, first) = (sought.len() - 1, ..sought.len() - 1);
                found[first] == sought[first]
                    && match self.is_prefix {
                        true => found[last].starts_with(&sought[last]),
                        false => found[last] == sought[last],
                    }
            })
        })
    }
}

fn folded(text: &str) -> Vec<String> {
    words(text).map(|word| word.folded.into_owned()).collect()
}

/// Fails unless the index finds the texts that have all phrases.
fn assert_found(
    index: &TextIndex,
    reader: &impl Read,
    texts: &BTreeMap<u8, [String; 2]>,
    sought: &[Sought],
) -> TestCaseResult {
    let query = sought.iter().map(Sought::query).reduce(|query, next| query.and(next).unwrap()).unwrap();
    let is_found = |texts: &[String; 2]| sought.iter().all(|sought| sought.stands_in(texts));
    let expected: Vec<u8> = texts.iter().filter(|(_, texts)| is_found(texts)).map(|(key, _)| *key).collect();
    let keys = |query: &SearchQuery| {
        let found = index.search(reader, "s", query, usize::MAX).unwrap();
        let mut keys: Vec<u8> = found.hits.iter().map(|hit| hit.document[1]).collect();
        keys.sort_unstable();
        keys
    };
    prop_assert_eq!(keys(&query.clone().under("d")), expected, "{:?}", sought);
    prop_assert_eq!(keys(&query.under("e")), Vec::<u8>::new());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn searches_find_what_reading_every_text_finds(
        steps in prop::collection::vec(step(), 1..60),
        queries in prop::collection::vec(prop::collection::vec(sought(), 1..3), 1..20),
    ) {
        let db = Database::new(MemEngine::new()).unwrap();
        let index = TextIndex::new("property_text", &FIELDS).unwrap();
        let mut texts = BTreeMap::new();
        let ballast = "w ".repeat(1_000);
        for step in &steps {
            db.transact(|txn| match step {
                Step::Put(key, [name, content]) => {
                    index.put(txn, "s", [b'd', *key], &[("name", name), ("content", content)])
                }
                Step::Remove(key) => {
                    assert_eq!(index.remove(txn, "s", [b'd', *key])?, texts.contains_key(key));
                    Ok(())
                }
                Step::Settle => {
                    (0..33).try_for_each(|key| index.put(txn, "s", [b'z', key], &[("content", &ballast)]))
                }
                Step::RemoveAll => index.remove_all(txn, "s"),
            })
            .unwrap();
            match step {
                Step::Put(key, new) => drop(texts.insert(*key, new.clone())),
                Step::Remove(key) => drop(texts.remove(key)),
                Step::Settle => assert!(index.tend(&db, "s").unwrap()),
                Step::RemoveAll => texts.clear(),
            }
        }
        let snapshot = db.snapshot().unwrap();
        for sought in &queries {
            assert_found(&index, &snapshot, &texts, sought)?;
        }
        // In a transaction its own writes count.
        db.transact(|txn| {
            index.put(txn, "s", [b'd', 0], &[("name", "ab abc"), ("content", "é")])?;
            texts.insert(0, ["ab abc".to_owned(), "é".to_owned()]);
            for sought in &queries {
                assert_found(&index, txn, &texts, sought).unwrap();
            }
            Ok(())
        })
        .unwrap();
    }
}
