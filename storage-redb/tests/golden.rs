//! Files of every format that was released read as they did when they were written.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;

use storage_conformance::golden::Releases;
use storage_core::Result;
use storage_redb::RedbEngine;

/// A file of each format. `cargo run -p storage-redb --example write_golden -- FILE` writes one of today's.
const FORMATS: [(&str, fn(&Path)); 1] = [("format 1", lay_out_1)];

fn lay_out_1(path: &Path) {
    let packed = include_bytes!("golden/format-1.redb.lz4");
    fs::write(path, lz4_flex::decompress_size_prepended(packed).unwrap()).unwrap();
}

fn releases() -> Releases<'static, impl Fn(&Path) -> Result<RedbEngine>> {
    Releases { formats: &FORMATS, open: |path: &Path| RedbEngine::open(path) }
}

#[test]
fn files_of_every_format_read_as_they_were_written() {
    releases().read_as_written();
}

#[test]
fn file_that_is_written_now_reads_the_same() {
    releases().written_now_reads_the_same();
}

#[test]
fn damaged_golden_file_is_noticed() {
    releases().damage_is_noticed();
}
