//! Snippets: the part of a text that shows best why it was found.

use std::ops::Range;

use super::query::{Phrase, SearchQuery};
use super::unicode::is_mark;
use super::words::{Word, words};

/// How many bytes a snippet gives up at most so as not to begin or end inside a word.
const TRIM_MAX: usize = 24;

/// A part of a text, and what in it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snippet {
    /// The part. It is cut between characters, and between words where none is longer than a few letters.
    pub text: String,
    /// Where it stands in the whole text, in bytes.
    pub range: Range<usize>,
    /// What matches, in bytes of the part, in order and without overlaps.
    pub matches: Vec<Range<usize>>,
}

/// A phrase in a text.
struct Found {
    phrase: usize,
    range: Range<usize>,
}

impl SearchQuery {
    /// The part of a field's text, at most `len_max` bytes long, in which the most phrases of the query stand.
    ///
    /// Of several such parts it is the first; where no phrase stands in the text, its beginning.
    ///
    /// ```
    /// use storage_stores::search::SearchQuery;
    ///
    /// let query = SearchQuery::all("bread")?;
    /// let snippet = query.snippet("content", "With the milk, buy bread and butter.", 20);
    /// assert_eq!(snippet.text, "buy bread and");
    /// assert_eq!(snippet.matches, [4..9]);
    /// # Ok::<(), storage_stores::search::QueryError>(())
    /// ```
    pub fn snippet(&self, field: &str, text: &str, len_max: usize) -> Snippet {
        let words: Vec<_> = words(text).collect();
        let found = self.find(field, &words);
        let core = densest(&found, self.phrases.len(), len_max);
        let range = around(text, &words, core, len_max);
        let mut matches: Vec<Range<usize>> = Vec::new();
        for Found { range: found, .. } in found {
            if found.start < range.start || found.end > range.end {
                continue;
            }
            let found = found.start - range.start..found.end - range.start;
            match matches.last_mut() {
                Some(last) if found.start < last.end => last.end = last.end.max(found.end),
                _ => matches.push(found),
            }
        }
        Snippet { text: text[range.clone()].to_owned(), range, matches }
    }

    /// Where the phrases stand, in the order in which they begin.
    fn find(&self, field: &str, words: &[Word<'_>]) -> Vec<Found> {
        let mut found = Vec::new();
        for start in 0..words.len() {
            for (index, phrase) in self.phrases.iter().enumerate() {
                let is_sought = phrase.field.as_deref().is_none_or(|sought| sought == field);
                if is_sought && let Some(range) = stands(phrase, &words[start..]) {
                    found.push(Found { phrase: index, range });
                }
            }
        }
        found
    }
}

/// Where a phrase stands, if words begin with it.
fn stands(phrase: &Phrase, words: &[Word<'_>]) -> Option<Range<usize>> {
    let found = words.get(..phrase.words.len())?;
    let is_there = found.iter().zip(&phrase.words).enumerate().all(|(index, (word, sought))| {
        match phrase.is_prefix(index) {
            true => word.folded.starts_with(sought),
            false => word.folded == *sought,
        }
    });
    is_there.then(|| found[0].range.start..found[found.len() - 1].range.end)
}

/// The range of the matches that stand closest together: those with the most phrases, then the most of all.
fn densest(found: &[Found], phrases: usize, len_max: usize) -> Range<usize> {
    let mut counts = vec![0_usize; phrases];
    let (mut distinct, mut end) = (0, 0);
    let mut best = (0, 0, 0..0);
    for start in 0..found.len() {
        let from = found[start].range.start;
        while end < found.len() && found[end].range.end - from <= len_max {
            distinct += usize::from(counts[found[end].phrase] == 0);
            counts[found[end].phrase] += 1;
            end += 1;
        }
        if end <= start {
            // It alone is too long.
            end = start + 1;
            continue;
        }
        if (distinct, end - start) > (best.0, best.1) {
            best = (distinct, end - start, from..found[end - 1].range.end);
        }
        counts[found[start].phrase] -= 1;
        distinct -= usize::from(counts[found[start].phrase] == 0);
    }
    match (best.0, found.first()) {
        (0, Some(first)) => first.range.start..first.range.start,
        _ => best.2,
    }
}

/// A range of at most `len_max` bytes around `core`, with as much before it as behind, cut between words where that
/// costs little.
fn around(text: &str, words: &[Word<'_>], core: Range<usize>, len_max: usize) -> Range<usize> {
    if text.len() <= len_max {
        return 0..text.len();
    }
    let room = len_max.saturating_sub(core.len());
    let start = core.start.saturating_sub(room / 2).min(text.len() - len_max);
    let end = start + len_max;
    let start = match start {
        0 => 0,
        _ => {
            let next = words.partition_point(|word| word.range.start < start);
            let word = words.get(next).map(|word| word.range.start);
            let word = word.filter(|&at| at <= core.start && at - start <= TRIM_MAX);
            word.unwrap_or_else(|| cut(text, start, Side::Behind).min(core.start))
        }
    };
    let end = match end {
        end if end == text.len() => end,
        _ => {
            let next = words.partition_point(|word| word.range.end <= end);
            let word = next.checked_sub(1).map(|last| words[last].range.end);
            let word = word.filter(|&at| at >= core.end.max(start + 1) && end - at <= TRIM_MAX);
            word.unwrap_or_else(|| cut(text, end, Side::Before).max(start))
        }
    };
    start..end
}

/// On which side of a place a cut goes that the place does not allow.
#[derive(Clone, Copy)]
enum Side {
    Before,
    Behind,
}

/// The nearest place at which a text can be cut: between characters, and not before a mark.
fn cut(text: &str, mut at: usize, side: Side) -> usize {
    let is_cut = |at: usize| text.is_char_boundary(at) && !text[at..].chars().next().is_some_and(is_mark);
    while at > 0 && at < text.len() && !is_cut(at) {
        match side {
            Side::Before => at -= 1,
            Side::Behind => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::TextIndex;

    fn query(text: &str) -> SearchQuery {
        TextIndex::new("snippet_tests", &["name", "content"]).unwrap().parse(text).unwrap()
    }

    /// The part of a text with its matches in brackets.
    fn shown(sought: &str, text: &str, len_max: usize) -> String {
        let snippet = query(sought).snippet("content", text, len_max);
        assert_eq!(snippet.text, text[snippet.range]);
        let (mut shown, mut at) = (String::new(), 0);
        for found in &snippet.matches {
            shown += &format!("{}[{}]", &snippet.text[at..found.start], &snippet.text[found.clone()]);
            at = found.end;
        }
        shown + &snippet.text[at..]
    }

    #[test]
    fn matches_are_what_a_search_finds() {
        let text = "Crème brûlée, crème, la crème de la crème";
        assert_eq!(shown("creme", text, 100), "[Crème] brûlée, [crème], la [crème] de la [crème]");
        assert_eq!(shown("\"creme bru\"*", text, 100), "[Crème brûlée], crème, la crème de la crème");
        assert_eq!(
            shown("\"la creme\" crem*", text, 100),
            "[Crème] brûlée, [crème], [la crème] de [la crème]"
        );
        assert_eq!(shown("name:creme", text, 100), text, "that is another field");
        assert_eq!(shown("butter", text, 15), "Crème brûlée");
    }

    #[test]
    fn part_with_the_most_phrases_is_shown() {
        let far = "filler ".repeat(50);
        let text = format!("milk milk milk {far}bread and milk {far}bread");
        assert_eq!(shown("milk bread", &text, 30), "filler [bread] and [milk] filler");
        assert_eq!(shown("bread", &text, 30), "filler [bread] and milk");
        assert_eq!(shown("milk", &text, 30), "[milk] [milk] [milk] filler filler");
    }

    #[test]
    fn cuts_are_between_characters() {
        let words = "приве\u{301}т 你好世界你好世界你好世界你好世界 e\u{301}te\u{301} 🙂🙂🙂🙂🙂🙂🙂🙂 milk ";
        let text = words.repeat(3);
        for (sought, len) in [("milk", 4), ("你好*", 48), ("ete", 7), ("nothing", usize::MAX)] {
            for len_max in 0..=text.len() + 1 {
                let snippet = query(sought).snippet("content", &text, len_max);
                assert!(snippet.text.len() <= len_max);
                assert_eq!(snippet.text, text[snippet.range.clone()]);
                assert!(!snippet.text.starts_with(is_mark));
                assert!(!text[snippet.range.end..].starts_with(is_mark) || snippet.text.is_empty());
                let found = snippet.matches.iter().map(|found| &snippet.text[found.clone()]);
                assert!(found.clone().all(|found| found.starts_with(|char| "m你e".contains(char))));
                assert_eq!(found.count() > 0, len_max >= len, "{sought} {len_max}");
            }
        }
    }
}
