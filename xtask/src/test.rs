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
    tests(filter).and(schedules).and(examples)
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
