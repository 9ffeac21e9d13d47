//! Stores of every format that was released read as they did when they were written.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::Path;

use storage_conformance::golden::Releases;
use storage_core::Result;
use storage_core::journal::Journal;
use storage_fs::{FsEngine, FsOptions};

/// A store of each format. `cargo run -p storage-fs --example write_golden -- DIRECTORY` writes one of today's.
const FORMATS: [(&str, fn(&Path)); 1] = [("format 1", lay_out_1)];

fn lay_out_1(root: &Path) {
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1"), root);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

fn releases() -> Releases<'static, impl Fn(&Path) -> Result<Journal<FsEngine>>> {
    Releases { formats: &FORMATS, open: |path: &Path| FsOptions::at(path).open() }
}

#[test]
fn stores_of_every_format_read_as_they_were_written() {
    releases().read_as_written();
}

#[test]
fn store_that_is_written_now_reads_the_same() {
    releases().written_now_reads_the_same();
}

#[test]
fn damaged_golden_store_is_noticed() {
    releases().damage_is_noticed();
}
