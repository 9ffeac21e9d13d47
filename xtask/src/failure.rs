//! Why a command failed, and the exit code that tells it to the shell.

use std::fmt;
use std::process::{ExitCode, ExitStatus};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// One line for the reader.
    Message(String),
    /// A program ended with this status.
    Ended(String, ExitStatus),
    /// A program of ours ended with this status, and has said why.
    Told(ExitStatus),
}

impl Failure {
    /// A failure that xtask itself noticed.
    pub fn new(message: impl Into<String>) -> Self {
        Failure::Message(message.into())
    }

    /// The same failure, of a program that prints its own errors.
    pub fn told(self) -> Self {
        match self {
            Failure::Ended(_, status) => Failure::Told(status),
            other => other,
        }
    }

    /// Prints the failure as one line, unless its program has, and returns the exit code: the failed program's own, else 1.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Failure::Told(_)) {
            eprintln!("error: {self}");
        }
        let code = match self {
            Failure::Message(_) => None,
            Failure::Ended(_, status) | Failure::Told(status) => status.code(),
        };
        let code = code.and_then(|code| u8::try_from(code).ok());
        // A program that a signal ended has no code.
        ExitCode::from(code.unwrap_or(1))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Message(message) => f.write_str(message),
            Failure::Ended(program, status) => write!(f, "`{program}` failed ({status})"),
            Failure::Told(status) => write!(f, "a program failed ({status})"),
        }
    }
}
