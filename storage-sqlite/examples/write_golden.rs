//! Writes a golden file of today's format: `cargo run -p storage-sqlite --example write_golden -- FILE`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use storage_conformance::golden;
use storage_core::engine::Compact;
use storage_sqlite::SqliteEngine;

fn main() -> Result<(), Box<dyn Error>> {
    let packed = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: write_golden FILE")?;
    let path = packed.with_extension("unpacked");
    golden::write(SqliteEngine::open(&path)?)?;
    SqliteEngine::open(&path)?.compact()?;
    fs::write(&packed, lz4_flex::compress_prepend_size(&fs::read(&path)?))?;
    fs::remove_file(&path)?;
    println!("{} bytes in {}", fs::metadata(&packed)?.len(), packed.display());
    Ok(())
}
