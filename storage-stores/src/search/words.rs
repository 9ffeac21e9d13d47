//! The words of a text.

use std::borrow::Cow;
use std::ops::Range;

use super::unicode::{folded, is_mark, is_word_char};

/// The longest word in bytes, as it is folded. What is longer is cut, in texts as in queries.
pub const WORD_LEN_MAX: usize = 255;

/// A word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// The word as it is found: in lower case, without diacritics, at most [`WORD_LEN_MAX`] bytes of it.
    pub folded: Cow<'t, str>,
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
    /// How many words stand before it.
    pub position: usize,
}

/// The words of a text, one after the other, as SQLite's `unicode61` makes them with its default
/// `remove_diacritics 1`: runs of letters, numbers and private-use characters, in lower case.
///
/// A Latin letter with one diacritic becomes the letter alone. Text that is written without spaces is one word.
///
/// ```
/// use storage_stores::search::words;
///
/// let words: Vec<_> = words("Où est l'ÉTÉ?").map(|word| word.folded).collect();
/// assert_eq!(words, ["ou", "est", "l", "ete"]);
/// ```
pub fn words(text: &str) -> Words<'_> {
    Words { text, at: 0, position: 0 }
}

/// An iterator over words.
#[derive(Clone, Debug)]
pub struct Words<'t> {
    text: &'t str,
    at: usize,
    position: usize,
}

impl<'t> Iterator for Words<'t> {
    type Item = Word<'t>;

    fn next(&mut self) -> Option<Word<'t>> {
        let rest = &self.text[self.at..];
        let Some(gap) = rest.find(is_word_char) else {
            self.at = self.text.len();
            return None;
        };
        let start = self.at + gap;
        let rest = &self.text[start..];
        let len = rest.find(|char| !is_word_char(char) && !is_mark(char)).unwrap_or(rest.len());
        self.at = start + len;
        let position = self.position;
        self.position += 1;
        Some(Word { folded: fold(&rest[..len]), range: start..self.at, position })
    }
}

/// A word as it is found. One that is so already is not copied.
fn fold(word: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if word.len() <= WORD_LEN_MAX && word.bytes().all(is_folded) {
        return Cow::Borrowed(word);
    }
    let mut text = String::with_capacity(word.len().min(WORD_LEN_MAX));
    for char in word.chars().filter_map(folded) {
        if text.len() + char.len_utf8() > WORD_LEN_MAX {
            break;
        }
        text.push(char);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).map(|word| word.folded.into_owned()).collect()
    }

    #[test]
    fn words_are_runs_of_letters_numbers_and_private_characters() {
        assert_eq!(
            folded("don't stop-me_now 3.14 \u{e000}x Ⅷ ½"),
            ["don", "t", "stop", "me", "now", "3", "14", "\u{e000}x", "ⅷ", "½"]
        );
        assert_eq!(folded(""), Vec::<String>::new());
        assert_eq!(folded("... \u{301} 🙂"), Vec::<String>::new());
    }

    #[test]
    fn diacritics_of_latin_letters_are_removed() {
        assert_eq!(folded("Ångström ÇA e\u{301}te\u{301} Ḿ"), ["angstrom", "ca", "ete", "m"]);
        assert_eq!(
            folded("Й ά ế"),
            ["й", "ά", "ế"],
            "other scripts, and letters with two marks, keep theirs"
        );
    }

    #[test]
    fn ranges_and_positions_are_those_of_the_text() {
        let text = "Ĝis, la e\u{301}!";
        let found: Vec<_> = words(text).map(|word| (&text[word.range], word.position)).collect();
        assert_eq!(found, [("Ĝis", 0), ("la", 1), ("e\u{301}", 2)]);
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let text = format!("{} b", "я".repeat(500));
        assert_eq!(folded(&text), ["я".repeat(127), "b".to_owned()]);
        assert_eq!(folded(&"A".repeat(300)), ["a".repeat(WORD_LEN_MAX)]);
    }
}
