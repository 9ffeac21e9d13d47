//! `cargo xtask crash`: power cuts in random scripts, for as long as one likes, by the same code as the tests.

use crate::cargo;
use crate::failure::Failure;

/// What is run: a package, which of its tests are built, and which of them run.
const TESTS: [(&str, &[&str], &str); 3] = [
    ("storage-conformance", &["--test", "crash_journal"], RANDOM),
    ("storage-redb", &["--lib"], RANDOM),
    ("storage-fs", &["--lib"], RANDOM),
];

const RANDOM: &str = "no_power_cut_in_a_random_script";

/// Runs each part for its share of the time, from `seed` on. What it tried is printed.
pub fn run(seconds: u64, seed: u64) -> Result<(), Failure> {
    let part = (seconds / TESTS.len() as u64).max(1);
    for (package, built, tests) in TESTS {
        let mut command = cargo::cargo(&cargo::root(), &["test", "--release", "--package", package]);
        command.env("STORAGE_CRASH_SECONDS", part.to_string()).env("STORAGE_CRASH_SEED", seed.to_string());
        command.args(built).args(["--", tests, "--nocapture"]);
        cargo::run(command)?;
    }
    Ok(())
}
