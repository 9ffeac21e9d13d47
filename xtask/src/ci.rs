//! `cargo xtask ci`: everything that a change must pass, in the order in which a failure is cheapest to
//! learn.
//!
//! clippy and rustdoc share the checked dependencies, the tests and the documentation's examples share the
//! built ones; only the bench, which runs as users run it, builds them once more, optimised.

use std::time::{Duration, Instant};

use crate::cargo;
use crate::failure::Failure;
use crate::{bench, new_engine, test, tidy};

struct Step {
    name: &'static str,
    run: fn() -> Result<(), Failure>,
}

const STEPS: [Step; 7] = [
    Step { name: "fmt", run: || cargo::run(cargo::cargo(&cargo::root(), &["fmt", "--all", "--check"])) },
    Step { name: "clippy", run: clippy },
    Step { name: "doc", run: doc },
    Step { name: "tidy", run: || tidy::run(&cargo::root()) },
    Step { name: "test", run: || test::run(None) },
    Step { name: "new-engine", run: new_engine::try_out },
    Step { name: "bench --smoke", run: || bench::run(&["--smoke".into()]) },
];

/// Runs the steps in order and stops at the first that fails.
pub fn run() -> Result<(), Failure> {
    run_steps(&STEPS)
}

fn run_steps(steps: &[Step]) -> Result<(), Failure> {
    let started = Instant::now();
    let mut summary = Vec::new();
    let mut failed = None;
    for step in steps {
        if failed.is_some() {
            summary.push(format!("  {:<16} not run", step.name));
            continue;
        }
        println!("==> {}", step.name);
        let began = Instant::now();
        let ended = (step.run)();
        let word = if ended.is_ok() { "passed" } else { "FAILED" };
        let line = format!("{:<16} {word} {:>8}", step.name, seconds(began.elapsed()));
        println!("<== {line}");
        summary.push(format!("  {line}"));
        failed = ended.err().map(|failure| (step.name, failure));
    }
    println!("\nci, {} in all:\n{}", seconds(started.elapsed()), summary.join("\n"));
    match failed {
        None => Ok(()),
        Some((name, failure)) => Err(Failure::new(format!("ci: {name}: {failure}"))),
    }
}

fn clippy() -> Result<(), Failure> {
    let mut command = cargo::everything(&["clippy", "--all-targets"]);
    command.args(["--", "-D", "warnings"]);
    cargo::run(command)?;
    // As applications take them: nothing may lean on what only tests switch on.
    let call = ["clippy", "-p", "storage-core", "-p", "storage-stores", "--", "-D", "warnings"];
    cargo::run(cargo::cargo(&cargo::root(), &call))
}

fn doc() -> Result<(), Failure> {
    let mut command = cargo::everything(&["doc", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    cargo::run(command)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let steps = [
            Step { name: "first", run: || Ok(()) },
            Step { name: "second", run: || Err(Failure::new("no")) },
            Step { name: "third", run: || panic!("a step after the failed one runs") },
        ];
        let failure = run_steps(&steps).unwrap_err();
        assert_eq!(failure.to_string(), "ci: second: no");
    }

    #[test]
    fn steps_that_all_pass_pass() {
        run_steps(&[Step { name: "only", run: || Ok(()) }]).unwrap();
    }
}
