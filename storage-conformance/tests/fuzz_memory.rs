//! Memory that an input asks for is found. It stands alone, because a process has one peak.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::path::Path;
use std::time::Duration;

use storage_conformance::fuzz::{Budget, Target, search};

/// More than a target may take.
const LARGE: u32 = 300 << 20;

#[test]
fn memory_by_a_length_prefix_is_found() {
    if !Path::new("/proc/self/status").exists() {
        println!("not run: this system does not tell how much memory a process takes");
        return;
    }
    let seeds = vec![b"\x04\0\0\0four".to_vec()];
    let hungry = Target::new("memory by a prefix", seeds, |input| {
        let Some(len) = input.first_chunk().copied().map(u32::from_le_bytes) else {
            return Ok("none".into());
        };
        let room = vec![1_u8; if len > LARGE { LARGE as usize } else { 0 }];
        Ok(room.last().map_or(0, |byte| usize::from(*byte) + room.len()).to_string())
    });
    let budget = Budget { time: Duration::from_secs(20), seed: 1 };
    let failure = search(hungry, budget, Vec::new()).unwrap_err();
    assert!(failure.what.contains("one of the last hundred inputs took"), "{}", failure.what);
}
