//! A process that fills a store and is killed: this program again, started with a command that help hides.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use super::opening::written;
use super::{Family, Ops, Place, Spec};
use crate::contestant::{Reopen, Tag};
use crate::failure::{Failure, Outcome};

/// The name of the command.
const COMMAND: &str = "be-killed";
/// What the process says once everything is on the disk.
const WRITTEN: &str = "written";

/// What the process is told.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Where the store is
    pub place: PathBuf,
    /// The engine
    pub engine: String,
    /// How many records it holds
    #[arg(long)]
    pub records: u64,
    /// The size of each
    #[arg(long)]
    pub value_bytes: u64,
    /// Which of the engine's modes
    #[arg(long)]
    pub mode: Option<String>,
}

/// Starts the process, waits until everything is on the disk, and kills it.
pub fn fill_and_kill(tag: &Tag, place: &Place, spec: &Spec, seed: u64) -> Outcome<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).arg(place.path()).arg(tag.engine).args(["--seed", &seed.to_string()]);
    command.args(["--records", &spec.records.to_string()]);
    command.args(["--value-bytes", &spec.value_bytes.unwrap_or_default().to_string()]);
    if let Some(mode) = tag.mode {
        command.args(["--mode", mode]);
    }
    let mut victim = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut said = String::new();
    let heard = victim.stdout.take().map(|out| BufReader::new(out).read_line(&mut said));
    victim.kill()?;
    victim.wait()?;
    heard.transpose()?;
    if said.trim_end() == WRITTEN {
        Ok(())
    } else {
        Err(Failure::new(format!("the process that was to be killed ended early and said `{said}`")))
    }
}

/// Fills the store of a contestant, says so, and waits for its end.
pub fn fill_until_killed<S: Reopen>(orders: &Orders, seed: u64) -> Outcome<()> {
    let spec = Spec {
        family: Family::Engine,
        workload: COMMAND,
        variant: None,
        threads: 1,
        records: orders.records,
        value_bytes: Some(orders.value_bytes),
        ops: Ops::Fixed(1),
        sizes_together: false,
    };
    let place = Place::new(orders.place.clone());
    let store = written::<S>(&place, &spec, seed)?;
    // Neither is ever dropped: closing the store or removing its files is what must not happen.
    let (_store, _place) = (std::mem::ManuallyDrop::new(store), std::mem::ManuallyDrop::new(place));
    println!("{WRITTEN}");
    io::stdout().flush()?;
    // Ends only if whoever started this ended before.
    io::stdin().read_to_end(&mut Vec::new())?;
    Err(Failure::new("nobody killed this process"))
}
