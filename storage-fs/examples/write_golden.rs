//! Writes a golden store of today's format: `cargo run -p storage-fs --example write_golden -- DIRECTORY`.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use storage_conformance::golden;
use storage_core::journal::JournalOptions;
use storage_fs::{Form, FsOptions};

/// Short, for it is kept with the sources.
const JOURNAL_LEN: u64 = 16 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: write_golden DIRECTORY")?;
    let journal = JournalOptions::default().with_file_len(JOURNAL_LEN);
    golden::write(FsOptions::at(&root).form("readable", Form::Files).journal(journal).open()?)?;
    println!("{}", root.display());
    Ok(())
}
