//! A full disk: what does not fit is refused, and nothing that was told is lost.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use storage_conformance::small_disk;
use storage_core::Kind;
use storage_sqlite::SqliteEngine;

#[test]
fn full_disk_refuses_and_loses_nothing() {
    small_disk::fill("full_disk_refuses_and_loses_nothing", &[Kind::Full], |path| SqliteEngine::open(path))
        .unwrap();
}
