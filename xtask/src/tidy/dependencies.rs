//! Every foreign crate that the workspace names has its line, saying what it is for, in the list of
//! dependencies.

use super::Finding;
use super::tree::Tree;

const MANIFEST: &str = "Cargo.toml";
const SECTION: &str = "[workspace.dependencies]";
const LIST: &str = "docs/decisions/0001-dependencies.md";

/// Compares the root manifest with the list.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = |path| tree.files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(text(MANIFEST).lines()) {
        if line.starts_with('[') {
            inside = line == SECTION;
        }
        // Crates of ours are named by their path.
        let Some((name, _)) =
            line.split_once(" = ").filter(|(_, value)| inside && !value.contains("path = "))
        else {
            continue;
        };
        let row = format!("| {name} |");
        if !text(LIST).lines().any(|line| line.starts_with(&row)) {
            findings.push(Finding::new(MANIFEST, number, format!("{name} has no line in {LIST}")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    const TEXT: &str =
        "[workspace.dependencies]\nours = { path = \"ours\" }\n\nserde = \"1\"\n\n[profile.dev]\ndebug = 1\n";

    #[test]
    fn a_listed_dependency_passes() {
        let fixture = Fixture::new();
        fixture.file(MANIFEST, TEXT).file(LIST, "| crate | for |\n|---|---|\n| serde | fields |\n");
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn an_unlisted_dependency_is_found() {
        let fixture = Fixture::new();
        fixture.file(MANIFEST, TEXT).file(LIST, "| serde_json | text |\n");
        let message = "Cargo.toml:4: serde has no line in docs/decisions/0001-dependencies.md";
        assert_eq!(fixture.findings(check), [message]);
    }
}
