//! The bench program: reads its arguments, runs, and turns a failure into one readable line.

use std::process::ExitCode;

use bench_suite::cli::Arguments;
use clap::Parser;

fn main() -> ExitCode {
    match bench_suite::run::run(&Arguments::parse()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
