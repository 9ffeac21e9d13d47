//! `cargo xtask bench`: builds the bench suite optimised and hands it every argument.

use std::ffi::OsString;

use crate::cargo;
use crate::failure::Failure;

/// Runs the bench suite; its exit code becomes ours.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let mut command = cargo::cargo(&cargo::root(), &["run", "--release", "--package", "bench-suite", "--"]);
    command.args(arguments);
    cargo::run(command).map_err(Failure::told)
}
