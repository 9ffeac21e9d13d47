//! `cargo xtask crash`, `damage` and `fuzz`: the harnesses of the tests, for as long as one likes, by the same code.

use crate::cargo;
use crate::failure::Failure;

/// A harness: the parts that it has, and how they are told for how long and from which seed.
pub struct Harness {
    seconds: &'static str,
    seed: &'static str,
    parts: &'static [Part],
}

/// What is run: a package, which of its tests are built, which of them run, and how many of these there are.
struct Part {
    package: &'static str,
    built: &'static [&'static str],
    tests: &'static str,
    count: u64,
}

const fn part(
    package: &'static str,
    built: &'static [&'static str],
    tests: &'static str,
    count: u64,
) -> Part {
    Part { package, built, tests, count }
}

/// Power cuts in random scripts on simulated disks, and processes that are killed.
pub const CRASH: Harness = Harness {
    seconds: "STORAGE_CRASH_SECONDS",
    seed: "STORAGE_CRASH_SEED",
    parts: &[
        part("storage-conformance", &["--test", "crash_journal"], "no_power_cut_in_a_random_script", 1),
        part("storage-redb", &["--lib"], "no_power_cut_in_a_random_script", 1),
        part("storage-fs", &["--lib"], "no_power_cut_in_a_random_script", 1),
        part("storage-redb", &["--test", "kills"], "commits_", 4),
        part("storage-sqlite", &["--test", "kills"], "commits_", 3),
        part("storage-fs", &["--test", "kills"], "commits_", 4),
    ],
};

/// Files with random damage.
pub const DAMAGE: Harness = Harness {
    seconds: "STORAGE_DAMAGE_SECONDS",
    seed: "STORAGE_DAMAGE_SEED",
    parts: &[
        part("storage-redb", &["--test", "damage"], "damage_to_", 4),
        part("storage-fs", &["--test", "damage"], "damage_to_", 3),
        part("storage-sqlite", &["--test", "damage"], "damage_to_", 2),
    ],
};

/// Bytes that nobody wrote, for whatever reads bytes from outside.
pub const FUZZ: Harness = Harness {
    seconds: "STORAGE_FUZZ_SECONDS",
    seed: "STORAGE_FUZZ_SEED",
    parts: &[
        part("storage-conformance", &["--test", "fuzz"], "fuzzed_", 8),
        part("storage", &["--test", "fuzz"], "fuzzed_", 1),
    ],
};

/// Runs each test of a harness for the same share of the time, one after the other, from `seed` on. What it tried is
/// printed.
pub fn run(harness: &Harness, seconds: u64, seed: u64) -> Result<(), Failure> {
    let tests: u64 = harness.parts.iter().map(|part| part.count).sum();
    let share = (seconds / tests).max(1);
    for Part { package, built, tests, .. } in harness.parts {
        let mut command = cargo::cargo(&cargo::root(), &["test", "--release", "--package", package]);
        command.env(harness.seconds, share.to_string()).env(harness.seed, seed.to_string());
        command.args(*built).args(["--", tests, "--nocapture", "--test-threads", "1"]);
        cargo::run(command)?;
    }
    Ok(())
}
