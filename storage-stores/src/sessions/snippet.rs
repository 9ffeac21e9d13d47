//! Finding a piece of text without regard to case, and showing it among its neighbours.

/// A text to look for, in lower case.
#[derive(Clone, Debug)]
pub(super) struct Needle(String);

/// Where something was found, in bytes of the text that was looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Needle(text.chars().flat_map(char::to_lowercase).collect())
    }

    /// The first place where it stands in a text.
    pub(super) fn find_in(&self, text: &str) -> Option<Hit> {
        match text.is_ascii() {
            true => self.find_in_ascii(text.as_bytes()),
            false => self.find_in_any(text),
        }
    }

    fn find_in_ascii(&self, text: &[u8]) -> Option<Hit> {
        let needle = self.0.as_bytes();
        let Some((first, rest)) = needle.split_first() else { return Some(Hit { start: 0, end: 0 }) };
        let last = text.len().checked_sub(needle.len())?;
        let is_here = |start: &usize| {
            text[*start].eq_ignore_ascii_case(first)
                && text[start + 1..start + needle.len()].eq_ignore_ascii_case(rest)
        };
        let start = (0..=last).find(is_here)?;
        Some(Hit { start, end: start + needle.len() })
    }

    /// A character can be longer or shorter in lower case, and even be several; so places are looked up in the text
    /// itself.
    fn find_in_any(&self, text: &str) -> Option<Hit> {
        let lower: String = text.chars().flat_map(char::to_lowercase).collect();
        let found = lower.find(&self.0)?;
        let found_end = found + self.0.len();
        let mut hit = Hit { start: 0, end: text.len() };
        let mut lower_at = 0;
        for (at, character) in text.char_indices() {
            if lower_at <= found {
                hit.start = at;
            }
            if lower_at >= found_end {
                hit.end = at;
                break;
            }
            lower_at += character.to_lowercase().map(char::len_utf8).sum::<usize>();
        }
        Some(hit)
    }
}

/// The neighbours of the first place where `query` stands in `text`, whatever the case; `None` if it stands nowhere.
///
/// It begins with the word in which the byte `radius` before the place is. From the one `radius` behind it, it goes to
/// the end of that word, and then takes one more. Three dots stand for what is left out at either side.
///
/// ```
/// use storage_stores::sessions::snippet;
///
/// let text = "This is a test of the search functionality with some context";
/// let expected = "...test of the search functionality with...";
/// assert_eq!(snippet(text, "Search", 10).as_deref(), Some(expected));
/// assert_eq!(snippet(text, "nothing", 10), None);
/// ```
pub fn snippet(text: &str, query: &str, radius: usize) -> Option<String> {
    Needle::new(query).find_in(text).map(|hit| around(text, hit, radius))
}

/// The neighbours of a hit.
pub(super) fn around(text: &str, hit: Hit, radius: usize) -> String {
    let mut start = hit.start.saturating_sub(radius);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    start = text[..start].trim_end_matches(is_word).len();
    let mut end = hit.end.saturating_add(radius).min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let behind = text[end..].trim_start_matches(is_word);
    let behind = behind.trim_start_matches(char::is_whitespace).trim_start_matches(is_word);
    end = text.len() - behind.len();
    let before = if start > 0 { "..." } else { "" };
    let after = if end < text.len() { "..." } else { "" };
    format!("{before}{}{after}", &text[start..end])
}

fn is_word(character: char) -> bool {
    !character.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_end_at_words() {
        let cases = [
            (
                "This is a test of the search functionality with some context",
                "search",
                "...test of the search functionality with...",
            ),
            ("Search at the beginning", "Search", "Search at the beginning"),
            ("The query is at the end search", "search", "...at the end search"),
            ("one", "one", "one"),
            ("", "", ""),
        ];
        for (text, query, expected) in cases {
            assert_eq!(snippet(text, query, 10).as_deref(), Some(expected));
        }
        assert_eq!(snippet("a b c d e f", "c", 0).as_deref(), Some("...c d..."));
        assert_eq!(snippet("a b", "c", 10), None);
    }

    #[test]
    fn hits_are_places_of_the_text_though_lower_case_is_longer_or_shorter() {
        // In lower case the first is longer, the second shorter, the third of one byte instead of three.
        for strange in ["\u{130}", "\u{1e9e}", "\u{212a}"] {
            let text = format!("{strange}{strange} NEEDLE {strange}");
            let hit = Needle::new("needle").find_in(&text).unwrap();
            assert_eq!(&text[hit.start..hit.end], "NEEDLE", "{strange}");
            let hit = Needle::new(strange).find_in(&text).unwrap();
            assert_eq!(&text[hit.start..hit.end], strange);
            for radius in 0..text.len() + 2 {
                assert!(snippet(&text, "NEEDLE", radius).unwrap().contains("NEEDLE"));
            }
        }
        assert_eq!(Needle::new("KELVIN").find_in("300 \u{212a}elvin").map(|hit| hit.start), Some(4));
        let half = Needle::new("\u{307}").find_in("a\u{130}b").unwrap();
        assert_eq!((half.start, half.end), (1, 3), "a character is found whole");
    }

    #[test]
    fn snippets_cut_no_character() {
        let text = "äöü ÄÖÜ \u{1f600}\u{1f600} straße Ναι ñandú 漢字 かな and so on";
        for word in ["straße", "ÑANDÚ", "ναι", "漢字", "\u{1f600}"] {
            for radius in 0..40 {
                let found = snippet(text, word, radius).unwrap();
                assert!(found.to_lowercase().contains(&word.to_lowercase()), "{word} in {found}");
            }
        }
    }
}
