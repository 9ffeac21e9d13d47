//! Words that must not be written: unfinished or silenced code, and paths that exist on one machine only.
//!
//! The patterns are put together from parts, so that this file passes its own rule.

use super::Finding;
use super::rust::find_word;
use super::tree::{TextFile, Tree};

struct Refused {
    word: &'static str,
    why: &'static str,
}

/// In Rust files, comments and strings included.
const IN_RUST: [Refused; 9] = [
    Refused { word: concat!("to", "do!"), why: UNFINISHED },
    Refused { word: concat!("unimple", "mented!"), why: UNFINISHED },
    Refused { word: concat!("TO", "DO"), why: UNFINISHED },
    Refused { word: concat!("FIX", "ME"), why: UNFINISHED },
    Refused { word: concat!("XX", "X"), why: UNFINISHED },
    Refused { word: concat!("db", "g!"), why: "left over from debugging" },
    Refused { word: concat!("#[ig", "nore"), why: "a test that does not run" },
    Refused { word: concat!("```ig", "nore"), why: "an example that does not run" },
    Refused {
        word: concat!("should_", "panic"),
        why: "passes on any panic: catch it and look at its message",
    },
];

/// In every text file.
const ANYWHERE: [Refused; 2] = [
    Refused { word: concat!("../", "shared"), why: OUTSIDE },
    Refused { word: concat!("/wo", "rk/"), why: OUTSIDE },
];

const UNFINISHED: &str = "marks unfinished work";
const OUTSIDE: &str = "a path outside the repository: copy what is needed, in your own words";

/// Looks for the refused words in every text file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let in_rust = tree.rust().flat_map(|file| find(file, &IN_RUST));
    in_rust.chain(tree.files.iter().flat_map(|file| find(file, &ANYWHERE))).collect()
}

fn find(file: &TextFile, refused: &[Refused]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.numbered() {
        for Refused { word, why } in refused.iter().filter(|refused| stands_in(line, refused.word)) {
            findings.push(Finding::new(&file.path, number, format!("`{word}`: {why}")));
        }
    }
    findings
}

/// Whether the word stands in the line as a word of its own.
fn stands_in(line: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let is_name = word.ends_with(char::is_alphanumeric);
    find_word(line, word).is_some_and(|at| !(is_name && goes_on(&line[at + word.len()..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    #[test]
    fn words_that_only_contain_a_refused_one_pass() {
        let fixture = Fixture::new();
        fixture.file("a/src/lib.rs", "//! A todo list; network/work/sheets; shared.\nconst MAXXX: u8 = 1;\n");
        fixture.file("NOTES.md", concat!("FIX", "ME in prose is not code.\n"));
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn each_refused_word_is_found_with_its_line() {
        for Refused { word, why } in &IN_RUST {
            let fixture = Fixture::new();
            fixture.file("a/src/lib.rs", &format!("//! A page.\nfn a() {{}} // {word}\n"));
            assert_eq!(fixture.findings(check), [format!("a/src/lib.rs:2: `{word}`: {why}")]);
        }
        for Refused { word, why } in &ANYWHERE {
            let fixture = Fixture::new();
            fixture.file("docs/a.md", &format!("See {word}/x.\n"));
            assert_eq!(fixture.findings(check), [format!("docs/a.md:1: `{word}`: {why}")]);
        }
    }
}
