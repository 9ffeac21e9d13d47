//! The project's commands: `cargo xtask bench`, `test`, `conformance`, `crash`, `damage`, `fuzz`, `new-engine`, `ci`, `tidy`.
//!
//! Depends on no crate of the workspace and starts the others through cargo, so that a command is ready in
//! seconds and still runs while they do not compile.

mod bench;
mod cargo;
mod ci;
mod conformance;
mod failure;
mod harness;
mod new_engine;
mod test;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser};

/// The project's commands
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Command {
    /// Measures every engine on this machine; all arguments go to bench-suite
    #[command(disable_help_flag = true)]
    Bench(Passed),
    /// Runs the tests of every crate, then the examples in the documentation
    Test {
        /// Runs only tests whose name contains this
        filter: Option<String>,
    },
    /// Runs random histories against the model; all arguments (--histories N, --seed S) go to the harness
    #[command(disable_help_flag = true)]
    Conformance(Passed),
    /// Cuts the power of simulated disks in random scripts and says how many states were tried
    Crash(Extent),
    /// Damages the files of small stores at random places and says what became of how many
    Damage(Extent),
    /// Gives bytes that nobody wrote to whatever reads bytes from outside
    Fuzz(Extent),
    /// Writes the crate of a new engine: one that reads empty and refuses to store
    NewEngine {
        /// Its name, such as `notes`: the crate is `storage-notes`
        #[arg(required_unless_present = "trial")]
        name: Option<String>,
        /// Tries the templates in a copy of the workspace instead, as `ci` does
        #[arg(long, conflicts_with = "name")]
        trial: bool,
    },
    /// Runs everything that a change must pass, and stops at the first failure
    Ci,
    /// Checks what a program can check of the structure and the style
    Tidy,
}

#[derive(Debug, Args)]
struct Extent {
    /// For how long, in all
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// From what everything that is drawn follows
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Passed {
    /// Handed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let ended = match Command::parse() {
        Command::Bench(passed) => bench::run(&passed.arguments),
        Command::Test { filter } => test::run(filter.as_deref()),
        Command::Conformance(passed) => conformance::run(&passed.arguments),
        Command::Crash(Extent { seconds, seed }) => harness::run(&harness::CRASH, seconds, seed),
        Command::Damage(Extent { seconds, seed }) => harness::run(&harness::DAMAGE, seconds, seed),
        Command::Fuzz(Extent { seconds, seed }) => harness::run(&harness::FUZZ, seconds, seed),
        Command::NewEngine { name: Some(name), .. } => new_engine::run(&cargo::root(), &name),
        Command::NewEngine { name: None, .. } => new_engine::try_out(),
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(&cargo::root()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_subcommands_of_the_bench_are_handed_on() {
        for line in ["goals", "--smoke", "lint FILE.md --strict", "--help", "-h", "--engine mem -- x"] {
            let words = ["cargo xtask", "bench"].into_iter().chain(line.split(' '));
            let Ok(Command::Bench(passed)) = Command::try_parse_from(words) else {
                panic!("`bench {line}` is not understood");
            };
            assert_eq!(passed.arguments.join(" ".as_ref()), OsString::from(line));
        }
    }

    #[test]
    fn new_engine_takes_a_name_or_tries_the_templates() {
        let parsed =
            |words: &[&str]| Command::try_parse_from([&["cargo xtask", "new-engine"], words].concat());
        assert!(matches!(parsed(&["notes"]), Ok(Command::NewEngine { name: Some(_), trial: false })));
        assert!(matches!(parsed(&["--trial"]), Ok(Command::NewEngine { name: None, trial: true })));
        assert!(parsed(&[]).is_err() && parsed(&["notes", "--trial"]).is_err());
    }

    #[test]
    fn an_unknown_command_is_refused() {
        assert!(Command::try_parse_from(["cargo xtask", "bnech"]).is_err());
    }
}
