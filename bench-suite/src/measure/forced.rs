//! Counts how often this process forces data to a disk.
//!
//! The program defines `fsync` and `fdatasync` itself, in front of the C library's, counts, and asks the
//! kernel. So every library that is linked into it is counted, ours and bare alike, background threads
//! included. Where that is not in effect ([`probe`] finds out), nothing is counted.

#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Outcome;

static FORCED: AtomicU64 = AtomicU64::new(0);
static COUNTS: OnceLock<bool> = OnceLock::new();

/// Finds out, with a file in `directory`, whether calls are counted here.
pub fn probe(directory: &Path) -> Outcome<bool> {
    let path = directory.join(".fsync-count-probe");
    let file = File::create(&path)?;
    let before = FORCED.load(Ordering::Relaxed);
    file.sync_data()?;
    file.sync_all()?;
    let seen = FORCED.load(Ordering::Relaxed) >= before + 2;
    std::fs::remove_file(path)?;
    Ok(*COUNTS.get_or_init(|| seen))
}

/// How often data was forced to a disk since the start; `None` where that is not counted or not known to be.
#[must_use]
pub fn forced() -> Option<u64> {
    COUNTS.get().filter(|counts| **counts).map(|_| FORCED.load(Ordering::Relaxed))
}

#[cfg(target_os = "linux")]
fn force(call: libc::c_long, file: libc::c_int) -> libc::c_int {
    FORCED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: both calls take one file descriptor and touch no memory of ours; a wrong one is an error that
    // the caller sees in the result and in `errno`, which `syscall` sets as the C library's functions do.
    unsafe { libc::syscall(call, file) as libc::c_int }
}

/// The C library's `fdatasync`, counted.
// SAFETY: it has the signature and the effect of the function that it stands in for.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: libc::c_int) -> libc::c_int {
    force(libc::SYS_fdatasync, file)
}

/// The C library's `fsync`, counted.
// SAFETY: it has the signature and the effect of the function that it stands in for.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
extern "C" fn fsync(file: libc::c_int) -> libc::c_int {
    force(libc::SYS_fsync, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn forcing_a_file_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        assert!(probe(directory.path()).unwrap());
        let file = File::create(directory.path().join("file")).unwrap();
        let before = forced().unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        assert!(forced().unwrap() >= before + 2);
    }
}
