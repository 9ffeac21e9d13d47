//! A trial of the templates: a crate is written into a copy of the workspace, checked, and run through the suite.
//!
//! An engine that refuses every commit must fail wherever something has to be stored, and nowhere else. So each test
//! that fails must say that commits are not written, and both suites must find the powers that the crate states.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::Refusal;
use crate::cargo;
use crate::failure::Failure;
use crate::tidy;

/// The name under which the crate is written into the copy.
const NAME: &str = "sample";

/// How many suites its tests run: that of engines, and one for each store.
const SUITES: usize = 5;

/// What was built or measured, and the history.
const SKIPPED: [&str; 3] = [".git", "target", "bench-out"];

/// What the refusal of a commit says.
const REFUSAL: &str = "commits are not written yet";

/// Writes a crate from the templates into a copy of the workspace, and looks whether it is what it says.
pub fn try_out() -> Result<(), Failure> {
    let root = cargo::root();
    let copy = root.join("target/new-engine");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|error| Refusal::File(copy.clone(), error))?;
    }
    copy_folder(&root, &copy)?;
    super::write(&copy, NAME)?;
    let package = format!("storage-{NAME}");
    cargo::run(cargo::cargo(&copy, &["fmt", "--package", &package, "--check"]))?;
    tidy::run(&copy)?;
    let clippy = ["clippy", "--offline", "--package", &package, "--all-targets", "--", "-D", "warnings"];
    cargo::run(in_target(&root, cargo::cargo(&copy, &clippy)))?;
    let tests = ["test", "--offline", "--package", &package, "--no-fail-fast"];
    let mut tests = in_target(&root, cargo::cargo(&copy, &tests));
    let output = tests.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::new(format!("the suite could not be started: {error}")))?;
    let summary = judge(&String::from_utf8_lossy(&output.stdout), SUITES)?;
    println!("new-engine: {summary}");
    Ok(())
}

/// The foreign crates are built once for the workspace and its copy.
fn in_target(root: &Path, mut command: std::process::Command) -> std::process::Command {
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        command.env("CARGO_TARGET_DIR", root.join("target"));
    }
    command
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(to).map_err(super::file(to))?;
    for entry in fs::read_dir(from).map_err(super::file(from))? {
        let entry = entry.map_err(super::file(from))?;
        let kind = entry.file_type().map_err(super::file(from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        // In a second worktree, .git is a file.
        if SKIPPED.contains(&entry.file_name().to_string_lossy().as_ref()) {
            continue;
        }
        if kind.is_dir() {
            copy_folder(&path, &target)?;
        } else if kind.is_file() {
            fs::copy(&path, &target).map_err(super::file(&path))?;
        }
    }
    Ok(())
}

/// Reads what the tests of so many suites printed: fails unless some pass, some fail, and those that fail do so for want
/// of commits.
fn judge(output: &str, suites: usize) -> Result<String, Failure> {
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for line in output.lines() {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
        else {
            continue;
        };
        match result {
            "ok" => passed.push(name),
            "FAILED" => failed.push(name),
            _ => {}
        }
    }
    let coverages = passed.iter().filter(|name| name.ends_with("::coverage")).count();
    let unexplained: Vec<_> = failed.iter().filter(|name| !is_for_want_of_commits(output, name)).collect();
    if passed.is_empty() || failed.is_empty() || coverages != 2 * suites {
        let counts = format!("{} tests pass, {} fail", passed.len(), failed.len());
        return Err(Failure::new(format!("the suite does not judge the new crate as it should: {counts}")));
    }
    if !unexplained.is_empty() {
        return Err(Failure::new(format!("tests of the new crate fail for another reason: {unexplained:?}")));
    }
    Ok(format!("{} tests pass, and {} fail for want of commits", passed.len(), failed.len()))
}

/// Whether a test that failed printed that commits are refused.
fn is_for_want_of_commits(output: &str, name: &str) -> bool {
    let Some((_, rest)) = output.split_once(&format!("---- {name} stdout ----\n")) else { return false };
    let printed = rest.split_once("\n---- ").map_or(rest, |(printed, _)| printed);
    let printed = printed.split_once("\nfailures:\n").map_or(printed, |(printed, _)| printed);
    printed.contains(REFUSAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "test typed::coverage ... ok\ntest erased::coverage ... ok\n\
                        test typed::coverage ... ok\ntest erased::coverage ... ok\n\
                        test typed::points::one ... FAILED\ntest typed::points::two ... FAILED\n\nfailures:\n\n";

    #[test]
    fn failures_for_want_of_commits_are_as_they_should_be() {
        let output = format!(
            "{HEAD}---- typed::points::one stdout ----\na: {REFUSAL}\n\n\
             ---- typed::points::two stdout ----\nb: {REFUSAL}\n\n\nfailures:\n    typed::points::one\n"
        );
        assert_eq!(judge(&output, 2).unwrap(), "4 tests pass, and 2 fail for want of commits");
    }

    #[test]
    fn failure_for_another_reason_is_named() {
        let output = format!(
            "{HEAD}---- typed::points::one stdout ----\nleft: 1\n\n\
             ---- typed::points::two stdout ----\nb: {REFUSAL}\n\n\nfailures:\n    typed::points::one\n"
        );
        let failure = judge(&output, 2).unwrap_err().to_string();
        assert!(failure.contains("typed::points::one") && !failure.contains("two"), "{failure}");
    }

    #[test]
    fn suite_that_does_not_run_or_finds_nothing_is_told() {
        for output in ["", "test typed::coverage ... ok\n", "test typed::points::one ... FAILED\n"] {
            assert!(judge(output, 2).is_err(), "{output}");
        }
    }
}
