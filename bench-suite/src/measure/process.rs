//! What the kernel knows about this process and its files, read from `/proc`.
//!
//! Everything is optional: another system, or a container that hides a file, gives `None`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::allocation::give_back_free_memory;
use crate::failure::Outcome;

/// Begins a new peak of resident memory; whether the kernel lets us.
///
/// Free memory is given back first, so that the new peak starts from what is really held.
#[must_use]
pub fn reset_rss_peak() -> bool {
    give_back_free_memory();
    // "5" resets the peak; see proc_pid_clear_refs(5).
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The peak of resident memory since [`reset_rss_peak`], in bytes.
#[must_use]
pub fn rss_peak_bytes() -> Option<u64> {
    let kib = field(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")?;
    Some(kib * 1024)
}

/// Bytes that this process has caused to be written to storage.
#[must_use]
pub fn storage_bytes_written() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/io").ok()?, "write_bytes:")
}

/// Whether no process has this number. False where the system does not tell.
#[must_use]
pub fn is_gone(process: u32) -> bool {
    Path::new("/proc/self").exists() && !Path::new("/proc").join(process.to_string()).exists()
}

/// The memory that programs could still have, in bytes.
#[must_use]
pub fn available_memory() -> Option<u64> {
    Some(field(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")? * 1024)
}

/// The number after `name` at the beginning of a line.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The bytes that everything under `root` occupies on the disk.
pub fn disk_bytes(root: &Path) -> Outcome<u64> {
    let metadata = fs::symlink_metadata(root)?;
    // Blocks are of 512 bytes whatever the file system's are; see stat(2).
    let mut bytes = metadata.blocks() * 512;
    if metadata.is_dir() {
        for entry in fs::read_dir(root)? {
            bytes += disk_bytes(&entry?.path())?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name() {
        let text = "Name:\tx\nVmHWM:\t  123 kB\nwrite_bytes: 4096\n";
        assert_eq!(
            (field(text, "VmHWM:"), field(text, "write_bytes:"), field(text, "VmRSS:")),
            (Some(123), Some(4096), None)
        );
    }

    #[test]
    fn a_directory_is_as_large_as_what_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let empty = disk_bytes(root.path()).unwrap();
        let inner = root.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), vec![1; 100_000]).unwrap();
        assert!(disk_bytes(root.path()).unwrap() >= empty + 100_000);
    }
}
