//! Files of every format that was released read as they did when they were written.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::{fs, iter};

use storage_conformance::golden;
use storage_sqlite::SqliteEngine;

/// A file of each format. `cargo run -p storage-sqlite --example write_golden -- FILE` writes one of today's.
const FILES: [(&str, &[u8]); 1] = [("format 1", include_bytes!("golden/format-1.db.lz4"))];

fn check(path: &Path) {
    golden::check(SqliteEngine::open(path).unwrap()).unwrap();
}

#[test]
fn files_of_every_format_read_as_they_were_written() {
    for (format, packed) in FILES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        fs::write(&path, lz4_flex::decompress_size_prepended(packed).unwrap()).unwrap();
        println!("{format}");
        check(&path);
    }
}

#[test]
fn file_that_is_written_now_reads_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    golden::write(SqliteEngine::open(&path).unwrap()).unwrap();
    check(&path);
}

#[test]
fn damaged_golden_file_is_noticed() {
    let (_, packed) = FILES[0];
    let whole = lz4_flex::decompress_size_prepended(packed).unwrap();
    let places = whole.windows(9).enumerate().filter(|(_, bytes)| *bytes == b"Moby-Dick");
    let places: Vec<_> = places.map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "the title stands in the file");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let mut changed = whole;
    places.iter().zip(iter::repeat(b'B')).for_each(|(at, byte)| changed[*at] = byte);
    fs::write(&path, changed).unwrap();
    let checked = std::panic::catch_unwind(|| golden::check(SqliteEngine::open(&path).unwrap()));
    assert!(!matches!(checked, Ok(Ok(()))), "another title is not the one that was written");
}
