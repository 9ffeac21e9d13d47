//! What is searched for: phrases of one word or more, all of which a document must have.

use storage_core::Key;
use thiserror::Error as ThisError;

use super::index::TextIndex;
use super::words::words;

/// How many words a query has at most.
pub const QUERY_WORDS_MAX: usize = 64;

/// Why a text is no query.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum QueryError {
    /// No letter and no number stands in it.
    #[error("query has no words")]
    NoWords,
    /// A quote is opened and not closed.
    #[error("quote at byte {at} is not closed")]
    UnbalancedQuote {
        /// Where it is opened.
        at: usize,
    },
    /// A star stands behind no word, so that everything would begin so.
    #[error("star at byte {at} stands behind no word")]
    LoneStar {
        /// Where it stands.
        at: usize,
    },
    /// It has more words than [`QUERY_WORDS_MAX`].
    #[error("query has {words} words, limit is {QUERY_WORDS_MAX}")]
    TooLong {
        /// How many it has.
        words: usize,
    },
}

/// What is searched for. A document is found if it has all of its phrases.
///
/// Texts are taken apart as documents are, so that case and diacritics do not count, and nothing in them is an operator.
///
/// ```
/// use storage_stores::search::SearchQuery;
///
/// let query = SearchQuery::phrase("buy bread")?.and(SearchQuery::prefix("mil")?.in_field("title"))?;
/// # Ok::<(), storage_stores::search::QueryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    pub(super) phrases: Vec<Phrase>,
    /// How the keys of the documents begin.
    pub(super) under: Key,
}

/// Words that stand one after the other in one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    /// At least one.
    pub(super) words: Vec<String>,
    pub(super) last: Last,
    pub(super) field: Option<Box<str>>,
}

/// What the last word of a phrase is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Whole,
    /// How a word begins.
    Prefix,
}

impl Phrase {
    /// Whether the word of the phrase at a place only begins one.
    pub(super) fn is_prefix(&self, index: usize) -> bool {
        self.last == Last::Prefix && index + 1 == self.words.len()
    }
}

impl SearchQuery {
    /// Every word of a text, wherever each stands.
    pub fn all(text: &str) -> Result<Self, QueryError> {
        let phrases = words(text).map(|word| Phrase {
            words: vec![word.folded.into_owned()],
            last: Last::Whole,
            field: None,
        });
        SearchQuery::of(phrases.collect())
    }

    /// The words of a text, one after the other in one field. A single word is the shortest phrase.
    pub fn phrase(text: &str) -> Result<Self, QueryError> {
        SearchQuery::of(phrase(text, Last::Whole, None).into_iter().collect())
    }

    /// The same, where the last word can go on.
    pub fn prefix(text: &str) -> Result<Self, QueryError> {
        SearchQuery::of(phrase(text, Last::Prefix, None).into_iter().collect())
    }

    /// This and another one together. Where both look under a key, the other's counts.
    pub fn and(mut self, other: Self) -> Result<Self, QueryError> {
        self.phrases.extend(other.phrases);
        if !other.under.is_empty() {
            self.under = other.under;
        }
        let words = self.len();
        if words <= QUERY_WORDS_MAX { Ok(self) } else { Err(QueryError::TooLong { words }) }
    }

    /// The same in one field, for phrases that have none.
    #[must_use]
    pub fn in_field(mut self, field: &str) -> Self {
        for phrase in &mut self.phrases {
            phrase.field.get_or_insert_with(|| field.into());
        }
        self
    }

    /// The same among the documents whose keys begin so.
    ///
    /// The statistics stay those of all documents.
    #[must_use]
    pub fn under(mut self, prefix: impl AsRef<[u8]>) -> Self {
        self.under = Key::from(prefix.as_ref());
        self
    }

    fn of(phrases: Vec<Phrase>) -> Result<Self, QueryError> {
        let query = SearchQuery { phrases, under: Key::new() };
        match query.len() {
            0 => Err(QueryError::NoWords),
            1..=QUERY_WORDS_MAX => Ok(query),
            words => Err(QueryError::TooLong { words }),
        }
    }

    fn len(&self) -> usize {
        self.phrases.iter().map(|phrase| phrase.words.len()).sum()
    }
}

/// The phrase of a text; `None` where it has no words.
fn phrase(text: &str, last: Last, field: Option<&str>) -> Option<Phrase> {
    let words: Vec<_> = words(text).map(|word| word.folded.into_owned()).collect();
    if words.is_empty() { None } else { Some(Phrase { words, last, field: field.map(Box::from) }) }
}

impl TextIndex {
    /// What a person typed: words, `prefix*`, `"a phrase"`, `"a phra"*`, each also as `field:word`.
    ///
    /// All of them must be there; there are no other operators. A piece without spaces that is several words, such as
    /// `self-made` or `12:30`, is a phrase; one that is none is passed over. What stands before a colon is a field only
    /// if the index has it.
    ///
    /// ```
    /// # let index = storage_stores::search::TextIndex::new("parsed_text", &["title", "content"])?;
    /// use storage_stores::search::QueryError;
    ///
    /// assert!(index.parse("title:milk bott* \"two bottles\" https://example.org").is_ok());
    /// assert_eq!(index.parse("\"two bottles"), Err(QueryError::UnbalancedQuote { at: 0 }));
    /// assert_eq!(index.parse("milk *"), Err(QueryError::LoneStar { at: 5 }));
    /// assert_eq!(index.parse("?!"), Err(QueryError::NoWords));
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn parse(&self, text: &str) -> Result<SearchQuery, QueryError> {
        let mut phrases = Vec::new();
        let mut at = 0;
        while let Some(gap) = text[at..].find(|char: char| !char.is_whitespace()) {
            at += gap;
            let field = text[at..].split_once(':').map(|(name, _)| name);
            let field = field.filter(|name| self.find_field(name).is_some());
            at += field.map_or(0, |name| name.len() + 1);
            let rest = &text[at..];
            let (piece, len) = match rest.strip_prefix('"') {
                Some(quoted) => match quoted.find('"') {
                    Some(len) => (&quoted[..len], len + 2),
                    None => return Err(QueryError::UnbalancedQuote { at }),
                },
                None => {
                    let ends = |char: char| char.is_whitespace() || char == '"' || char == '*';
                    let len = rest.find(ends).unwrap_or(rest.len());
                    (&rest[..len], len)
                }
            };
            at += len;
            let last = match text[at..].starts_with('*') {
                true => Last::Prefix,
                false => Last::Whole,
            };
            match (phrase(piece, last, field), last) {
                (Some(phrase), _) => phrases.push(phrase),
                (None, Last::Prefix) => return Err(QueryError::LoneStar { at }),
                (None, Last::Whole) => {}
            }
            at += usize::from(last == Last::Prefix);
        }
        SearchQuery::of(phrases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The phrases of a query: `field:one two*`.
    fn parsed(text: &str) -> Result<Vec<String>, QueryError> {
        let index = TextIndex::new("query_tests", &["name", "tags"]).unwrap();
        let show = |phrase: &Phrase| {
            let field = phrase.field.as_ref().map_or(String::new(), |field| format!("{field}:"));
            let star = if phrase.last == Last::Prefix { "*" } else { "" };
            format!("{field}{}{star}", phrase.words.join(" "))
        };
        Ok(index.parse(text)?.phrases.iter().map(show).collect())
    }

    fn assert_parsed(text: &str, expected: &[&str]) {
        assert_eq!(parsed(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn pieces_are_words_phrases_and_prefixes() {
        assert_parsed(" Milk  BREAD ", &["milk", "bread"]);
        assert_parsed("mil* \"Buy  bread\" \"buy br\"*", &["mil*", "buy bread", "buy br*"]);
        assert_parsed("self-made 12:30 - https://a.org", &["self made", "12 30", "https a org"]);
        assert_parsed("one\"two three\"four", &["one", "two three", "four"]);
        assert_parsed("a*b", &["a*", "b"]);
        assert_parsed("AND OR NOT NEAR ( ) ^ {", &["and", "or", "not", "near"]);
    }

    #[test]
    fn fields_are_those_of_the_index() {
        assert_parsed(
            "name:milk tags:\"a b\" tags:x* other:y",
            &["name:milk", "tags:a b", "tags:x*", "other y"],
        );
        assert_parsed("name: milk", &["milk"]);
        assert_parsed("name:tags:x", &["name:tags x"]);
    }

    #[test]
    fn what_is_no_query_is_told() {
        for text in ["", "  ", "\"\"", "...", "name:", "🙂"] {
            assert_eq!(parsed(text), Err(QueryError::NoWords), "{text}");
        }
        assert_eq!(parsed("a name:\"b"), Err(QueryError::UnbalancedQuote { at: 7 }));
        assert_eq!(parsed("a name:*"), Err(QueryError::LoneStar { at: 7 }));
        assert_eq!(parsed("\"-\"*"), Err(QueryError::LoneStar { at: 3 }));
        assert_eq!(parsed("a**"), Err(QueryError::LoneStar { at: 2 }));
        assert_eq!(parsed(&"a ".repeat(65)), Err(QueryError::TooLong { words: 65 }));
        assert_eq!(parsed(&"a ".repeat(64)).unwrap().len(), 64);
        let long = SearchQuery::all(&"a ".repeat(64)).unwrap();
        assert_eq!(long.clone().and(long), Err(QueryError::TooLong { words: 128 }));
    }
}
