//! `cargo xtask tidy`: what a program can check of the structure and the style, one rule a file.
//!
//! A rule reads the tree and returns findings; all of them are listed before the command fails.

mod arrows;
mod decisions;
mod dependencies;
#[cfg(test)]
pub mod fixture;
mod floors;
mod foreign;
mod names;
mod rust;
mod sleeps;
mod tree;
mod words;

use std::fmt;
use std::path::Path;

use crate::failure::Failure;
use tree::Tree;

/// One breach of a rule, printed as `file:line: message`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Relative to the root, with `/`.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what to do where that is not plain.
    pub message: String,
}

impl Finding {
    /// A finding at one line of one file.
    pub fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Finding { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// The rules that need nothing but the text.
const RULES: [fn(&Tree) -> Vec<Finding>; 7] = [
    names::check,
    words::check,
    sleeps::check,
    foreign::check,
    decisions::check,
    dependencies::check,
    floors::check,
];

/// Checks the tree under `root`, prints every finding, and fails if there is one.
pub fn run(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let mut findings = arrows::check(root)?;
    for rule in RULES {
        findings.extend(rule(&tree));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, no finding", tree.files.len());
        return Ok(());
    }
    Err(Failure::new(format!("tidy: {} finding(s), listed above", findings.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixture::Fixture;

    #[test]
    fn a_clean_workspace_passes_and_one_fault_fails_it() {
        let fixture = Fixture::workspace();
        run(fixture.root()).unwrap();
        fixture.file("storage-core/src/util.rs", "//! Odds and ends.\n");
        let failure = run(fixture.root()).unwrap_err();
        assert_eq!(failure.to_string(), "tidy: 1 finding(s), listed above");
    }
}
