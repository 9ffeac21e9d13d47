//! Files: a name that says what is inside, a header, and a length that one can read at a sitting.

use super::Finding;
use super::tree::Tree;

/// Names that say nothing about the content.
const REFUSED: [&str; 5] = ["mod.rs", "util.rs", "utils.rs", "common.rs", "helpers.rs"];

/// Above this a file holds more than one idea.
const LINES_MAX: usize = 600;

/// Checks the names, headers and lengths of all Rust files.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        if REFUSED.contains(&file.name()) {
            let message = format!("`{}` says nothing: name the file after its one idea", file.name());
            findings.push(Finding::new(&file.path, 1, message));
        }
        if file.folders().any(|folder| folder == "src") && !file.text.starts_with("//!") {
            findings.push(Finding::new(&file.path, 1, "does not begin with a `//!` header"));
        }
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            let message = format!("{lines} lines, limit is {LINES_MAX}: split the file along its ideas");
            findings.push(Finding::new(&file.path, LINES_MAX + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    #[test]
    fn a_named_file_with_a_header_and_600_lines_passes() {
        let fixture = Fixture::new();
        fixture.file("a/src/noun.rs", &format!("//! One idea.\n{}", "\n".repeat(599)));
        fixture.file("a/tests/claims.rs", "use a::A;\n").file("a/build.rs", "fn main() {}\n");
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn a_refused_name_a_missing_header_and_line_601_are_found() {
        let fixture = Fixture::new();
        fixture.file("a/src/long.rs", &format!("//! One idea.\n{}", "\n".repeat(600)));
        fixture.file("a/src/sub/mod.rs", "//! Parts.\n").file("a/tests/common.rs", "\n");
        fixture.file("a/src/bare.rs", "use std::fmt;\n");
        assert_eq!(
            fixture.findings(check),
            [
                "a/src/bare.rs:1: does not begin with a `//!` header",
                "a/src/long.rs:601: 601 lines, limit is 600: split the file along its ideas",
                "a/src/sub/mod.rs:1: `mod.rs` says nothing: name the file after its one idea",
                "a/tests/common.rs:1: `common.rs` says nothing: name the file after its one idea",
            ]
        );
    }
}
