//! Tests do not sleep: a sleep is too short on a busy machine and too long on every other.
//!
//! A line that has to may say so: `// tidy: allow(sleep)` and the reason.

use std::collections::BTreeSet;

use super::Finding;
use super::rust::{self, find_word};
use super::tree::{TextFile, Tree};

const SLEEP: &str = "thread::sleep";
const ALLOWED: &str = "// tidy: allow(sleep)";

/// Looks for sleeps in `tests/` folders, in what only tests compile, and in the whole of storage-conformance.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let test_modules: Vec<String> = tree.rust().flat_map(outside_modules).collect();
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = rust::code(&file.text);
        let whole = is_test_file(file) || test_modules.iter().any(|module| in_module(&file.path, module));
        let test_lines = if whole { BTreeSet::new() } else { rust::test_code(&code).lines };
        for ((number, line), code) in file.numbered().zip(code.lines()) {
            if find_word(code, SLEEP).is_none() || !(whole || test_lines.contains(&number)) {
                continue;
            }
            let message = match line.split_once(ALLOWED) {
                Some((_, reason)) if !reason.trim().is_empty() => continue,
                Some(_) => "an allowed sleep names its reason",
                None => "a test sleeps: wait for the event itself, or use a fake clock",
            };
            findings.push(Finding::new(&file.path, number, message));
        }
    }
    findings
}

fn is_test_file(file: &TextFile) -> bool {
    file.package() == "storage-conformance" || file.folders().any(|folder| folder == "tests")
}

/// The paths, without `.rs`, of the modules that the file declares for tests only.
fn outside_modules(file: &TextFile) -> Vec<String> {
    let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main")) => folder,
        _ => stem,
    };
    let modules = rust::test_code(&rust::code(&file.text)).modules;
    modules.iter().map(|module| format!("{folder}/{module}")).collect()
}

fn in_module(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    const BODY: &str = "fn a() {\n    std::thread::sleep(PAUSE);\n}\n";

    #[test]
    fn sleeps_outside_tests_and_allowed_ones_pass() {
        let fixture = Fixture::new();
        fixture.file(
            "a/src/lib.rs",
            &format!("//! A page; no thread::sleep.\n{BODY}#[cfg(test)]\nmod tests {{}}\n"),
        );
        let allowed = BODY.replace(";\n", "; // tidy: allow(sleep) the kernel offers no event\n");
        fixture.file("a/tests/claims.rs", &allowed);
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn a_sleep_is_found_wherever_tests_stand() {
        let fixture = Fixture::new();
        fixture.file("a/tests/claims.rs", BODY);
        fixture.file("a/src/lib.rs", &format!("//! A page.\n#[cfg(test)]\nmod tests {{\n{BODY}}}\n"));
        fixture.file("b/src/lib.rs", "//! A page.\n#[cfg(test)]\nmod claims;\n");
        fixture.file("b/src/claims.rs", &format!("//! Claims.\n{BODY}"));
        fixture.file("storage-conformance/src/case.rs", &format!("//! Cases.\n{BODY}"));
        let found = fixture.findings(check);
        let message = "a test sleeps: wait for the event itself, or use a fake clock";
        let places = [
            "a/src/lib.rs:5",
            "a/tests/claims.rs:2",
            "b/src/claims.rs:3",
            "storage-conformance/src/case.rs:3",
        ];
        assert_eq!(found, places.map(|place| format!("{place}: {message}")));
    }

    #[test]
    fn an_allowed_sleep_without_a_reason_is_found() {
        let fixture = Fixture::new();
        fixture.file("a/tests/claims.rs", &BODY.replace(";\n", "; // tidy: allow(sleep)\n"));
        assert_eq!(fixture.findings(check), ["a/tests/claims.rs:2: an allowed sleep names its reason"]);
    }
}
