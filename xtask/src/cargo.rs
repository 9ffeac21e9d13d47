//! Starting cargo: always at the root of the workspace, always the cargo that started us.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// A call for the whole workspace, with what is built only when it is asked for: the async face.
pub fn everything(call: &[&str]) -> Command {
    let mut command = cargo(&root(), call);
    command.args(["--workspace", "--features", "tokio"]);
    command
}

/// The root of the workspace: the folder above this crate.
pub fn root() -> PathBuf {
    // Cargo names the crate's folder at run time too: that one is right even if the checkout was moved.
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().expect("the crate is a folder of the workspace").to_owned()
}

/// A call of cargo, to be completed by `arg` and `env`.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments);
    // What `cargo run` tells us about this crate is not meant for the crates that it builds next.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it with our input and output, and waits.
pub fn run(mut command: Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::Ended(line(&command), status)) }
}

/// Runs it and returns what it wrote to its standard output; its errors go to ours.
pub fn output(mut command: Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(&command, &error))?;
    if !output.status.success() {
        return Err(Failure::Ended(line(&command), output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::new(format!("`{}` printed no UTF-8: {error}", line(&command))))
}

/// Whether it runs and succeeds, with nothing printed.
pub fn succeeds(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` could not be started: {error}", line(command)))
}

/// The call as one would type it.
fn line(command: &Command) -> String {
    let words = command.get_args().map(OsStr::to_string_lossy);
    words.fold("cargo".to_owned(), |line, word| line + " " + &word)
}
