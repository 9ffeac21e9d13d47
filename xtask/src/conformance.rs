//! `cargo xtask conformance`: long runs of the random histories that the tests run short.

use std::ffi::OsString;

use crate::cargo;
use crate::failure::Failure;

/// Runs the harness; its exit code becomes ours.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let call = ["run", "--release", "--package", "storage", "--example", "conformance", "--"];
    let mut command = cargo::cargo(&cargo::root(), &call);
    command.args(arguments);
    cargo::run(command).map_err(Failure::told)
}
