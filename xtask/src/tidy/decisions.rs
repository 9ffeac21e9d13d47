//! Decision records answer the same four questions, so that a reader who doubts one knows what would change
//! it.

use super::Finding;
use super::tree::{TextFile, Tree};

const FOLDER: &str = "docs/decisions/";
const HEADINGS: [&str; 4] = ["Context", "Choice", "Numbers", "What would undo it"];

/// A list with a line a dependency, not a record.
const LIST: &str = "0001-dependencies.md";

/// Checks the headings of every record.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().filter(|file| is_record(file)).flat_map(missing_headings).collect()
}

fn is_record(file: &TextFile) -> bool {
    let Some(name) = file.path.strip_prefix(FOLDER) else { return false };
    let numbered = name
        .split_once('-')
        .is_some_and(|(number, _)| number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit()));
    numbered && name.ends_with(".md") && name != LIST
}

fn missing_headings(file: &TextFile) -> Vec<Finding> {
    let is_heading =
        |line: &str, heading| line.starts_with('#') && line.trim_start_matches('#').trim() == heading;
    let missing =
        HEADINGS.iter().filter(|heading| !file.text.lines().any(|line| is_heading(line, **heading)));
    missing.map(|heading| Finding::new(&file.path, 1, format!("has no heading `{heading}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    #[test]
    fn a_whole_record_the_list_and_the_page_about_records_pass() {
        let fixture = Fixture::new();
        let record = "# 2: a choice\n\n## Context\n## Choice\n## Numbers\n## What would undo it\n";
        fixture.file("docs/decisions/0002-choice.md", record);
        fixture.file("docs/decisions/0001-dependencies.md", "# Dependencies\n");
        fixture.file("docs/decisions/README.md", "# Decisions\n");
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn each_missing_heading_is_found() {
        let fixture = Fixture::new();
        fixture.file("docs/decisions/0002-choice.md", "# 2\n## Context\nNumbers\n## Choice of words\n");
        let place = "docs/decisions/0002-choice.md:1: has no heading";
        let missing = ["Choice", "Numbers", "What would undo it"];
        assert_eq!(fixture.findings(check), missing.map(|heading| format!("{place} `{heading}`")));
    }
}
