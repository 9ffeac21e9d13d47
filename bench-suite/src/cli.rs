//! The arguments, and the page of help.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};

use crate::workload::Profile;
use crate::workload::kill::Orders;

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                                   every row up to 10^5 records, about three minutes
  cargo xtask bench --workload tasks                  the task store's table
  cargo xtask bench --workload get,put --engine mem   two rows of one engine, with hand-written code beside it
  cargo xtask bench --save before                     keep this run; later: --compare before
  cargo xtask bench goals                             what the project has promised, measured
  cargo xtask bench goals --engine redb               the promises about one engine

Reading the tables:
  `vs bare` is the time of ours over the time of hand-written code in the same rounds, with its 95 %
  interval; `~` behind it means that it is no real difference. `time/op` is wall time x threads /
  operations. Percentiles come from a pass with a clock around each operation. Compare only rows of one
  class, in the column `survives`: what a finished write does.

Rows come in families (tasks, engine, concurrency, growth). A row of the task store's published table
comes twice: `faithful` is what the original really measures, `honest` what the row's name says.
report.md says what each row is.";

/// Measures every engine, and the hand-written code beside it, in one interleaved run.
///
/// Prints a table for each family of workloads, and writes report.json and report.md; a smoke run smoke.json and smoke.md.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", after_help = EXAMPLES, group = ArgGroup::new("profile"))]
pub struct Arguments {
    /// What to do instead of a run
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Up to 10^5 records, about three minutes (the default)
    #[arg(long, group = "profile")]
    pub quick: bool,

    /// Up to 10^7 records, as long as it takes; goes on where an interrupted run ended
    #[arg(long, group = "profile")]
    pub full: bool,

    /// Every row once and without figures: does everything run?
    #[arg(long, group = "profile", conflicts_with_all = ["save", "compare"])]
    pub smoke: bool,

    /// Only these engines, with the hand-written code and the ports beside ours
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub engine: Vec<String>,

    /// Only these workloads or families
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub workload: Vec<String>,

    /// Print the names of what would run, and measure nothing
    #[arg(long, global = true)]
    pub list: bool,

    /// What keys, values and the order of operations derive from
    #[arg(long, default_value_t = 1, global = true)]
    pub seed: u64,

    /// Where the report goes, and the files of engines that have some
    #[arg(long, value_name = "DIR", default_value = "bench-out", global = true)]
    pub out: PathBuf,

    /// Keep this run under a name
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,

    /// Show what changed since the run that was kept under a name
    #[arg(long, value_name = "NAME")]
    pub compare: Option<String>,

    /// End with an error if a row got slower
    #[arg(long, requires = "compare")]
    pub fail_on_regression: bool,
}

/// What to do instead of a run.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Measure every number that the project has set itself, and judge it
    ///
    /// A goal is met when the whole 95 % interval is within its bound, missed when it is outside, else
    /// undecided. Writes goals.json.
    Goals(Goals),

    /// Fill a store and wait to be killed; the rows about opening after a kill start this
    #[command(hide = true)]
    BeKilled(Orders),
}

/// Which goals.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Goals {
    /// Only the goals of these engines
    #[arg(long = "engine", id = "goals_engine", value_name = "NAME,...", value_delimiter = ',')]
    pub engine: Vec<String>,

    /// Only these goals, by the names in the first column, or all whose names begin so
    #[arg(long = "goal", value_name = "NAME,...", value_delimiter = ',')]
    pub goal: Vec<String>,
}

impl Arguments {
    /// How much is done.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match (self.full, self.smoke) {
            (true, _) => Profile::Full,
            (_, true) => Profile::Smoke,
            _ => Profile::Quick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_default_is_quick_and_profiles_exclude_each_other() {
        assert_eq!(parsed("bench").unwrap().profile(), Profile::Quick);
        assert_eq!(parsed("bench --full").unwrap().profile(), Profile::Full);
        assert!(parsed("bench --full --smoke").is_err());
        assert!(parsed("bench --smoke --save x").is_err());
        assert!(parsed("bench --fail-on-regression").is_err());
    }

    #[test]
    fn listing_goes_with_everything() {
        assert!(parsed("bench --smoke --list").unwrap().list);
        assert!(parsed("bench goals --list").unwrap().list);
    }

    #[test]
    fn names_are_lists_and_goals_take_the_directory() {
        let arguments = parsed("bench --engine mem,fs --workload get").unwrap();
        assert_eq!(arguments.engine, ["mem", "fs"]);
        let goals = parsed("bench goals --out there").unwrap();
        assert_eq!(
            (goals.command, goals.out),
            (Some(Command::Goals(Goals::default())), PathBuf::from("there"))
        );
    }
}
