//! Checks a store of plain files: `cargo run -p storage-fs --example check -- DIRECTORY`.
//!
//! It reads every line and every file, and lists what other hands did to the files of records. It exits with 1 where
//! something is damaged. Nothing is changed but what opening does: commits that a crash left in the journal are written.

use std::error::Error;
use std::process::ExitCode;

use storage_core::Engine;
use storage_core::engine::Check;
use storage_fs::FsOptions;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(root) = std::env::args_os().nth(1) else {
        eprintln!("name the directory of the store");
        return Ok(ExitCode::FAILURE);
    };
    let store = FsOptions::at(&root).must_exist().open()?;
    let rescan = store.engine().rescan()?;
    for found in &rescan.found {
        println!("{}: {:?}, adopt it by `storage_fs::adopt`", found.path, found.change);
    }
    for path in &rescan.strange {
        println!("{path}: no record's");
    }
    for name in &rescan.kept {
        println!(".storage/kept/{name}: found where the store had to write");
    }
    let checked = store.check();
    store.close()?;
    Ok(match checked {
        Ok(checked) => {
            println!("{} bytes are as they were written", checked.bytes);
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    })
}
