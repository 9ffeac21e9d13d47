//! `cargo xtask test`: the tests of every crate, the schedules of the commit pipeline and of the memory engine, then the
//! examples in the documentation.
//!
//! nextest runs them where it is installed: it runs the tests of all crates at once and each in a process of
//! its own, but it cannot run documentation examples, so cargo does that in either case.

use crate::cargo;
use crate::failure::Failure;

/// Runs every test whose name contains `filter`, or all.
///
/// Every part runs even if one before it fails, so that one run shows every failure. The tests come last: their
/// closing lines are what a reader looks for.
pub fn run(filter: Option<&str>) -> Result<(), Failure> {
    let examples = examples(filter);
    let schedules = schedules(filter);
    let tests = tests(filter);
    let waiting = print_waiting();
    tests.and(schedules).and(examples).and(waiting)
}

/// Names the cases of which no run can show all yet: a list that passes over them would say too much.
fn print_waiting() -> Result<(), Failure> {
    let path = cargo::root().join("storage-conformance/src/suite/waiting.txt");
    let list = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    println!("{}", waiting(&list));
    Ok(())
}

fn waiting(list: &str) -> String {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<_> = lines.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    format!(
        "waiting for the crash harness: the power-cut half of {} cases: {}",
        names.len(),
        names.join(", ")
    )
}

/// Explores the schedules of the commit pipeline and of the memory engine.
fn schedules(filter: Option<&str>) -> Result<(), Failure> {
    let pipeline = explore(&["--package", "storage-conformance", "--test", "shuttle_pipeline"], filter);
    let engine = explore(&["--package", "storage-mem", "--lib"], filter);
    pipeline.and(engine)
}

/// Runs tests in a build of their own, in which the locks are shuttle's.
fn explore(tests: &[&str], filter: Option<&str>) -> Result<(), Failure> {
    let root = cargo::root();
    let mut command = cargo::cargo(&root, &["test"]);
    command.args(tests);
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{flags} --cfg shuttle"));
    command.env("CARGO_TARGET_DIR", root.join("target/shuttle"));
    command.args(filter);
    cargo::run(command)
}

fn tests(filter: Option<&str>) -> Result<(), Failure> {
    let mut command = if cargo::succeeds(cargo::cargo(&cargo::root(), &["nextest", "--version"])) {
        cargo::everything(&["nextest", "run", "--no-fail-fast"])
    } else {
        println!("cargo-nextest is not installed: cargo runs the tests");
        // The kinds are named because a bare `cargo test` would run the documentation's examples here as
        // well.
        let kinds = ["--lib", "--bins", "--tests", "--examples"];
        let mut command = cargo::everything(&["test", "--no-fail-fast"]);
        command.args(kinds);
        command
    };
    command.args(filter);
    cargo::run(command)
}

fn examples(filter: Option<&str>) -> Result<(), Failure> {
    let mut command = cargo::everything(&["test", "--doc", "--no-fail-fast"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    cargo::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_wait_are_named() {
        let line = waiting("# why\nfirst_case: after a crash\nsecond_case: the same\n");
        assert_eq!(
            line,
            "waiting for the crash harness: the power-cut half of 2 cases: first_case, second_case"
        );
    }
}
