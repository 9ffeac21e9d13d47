//! Probes of the machine: how long it takes to force a block to the disk, and how fast the CPU is.
//!
//! The originals' published figures come from another machine. Its own probes are known, so the ratio of ours
//! to those turns such a figure into what the original would need here.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::statistics::median;
use crate::failure::Outcome;
use crate::workload::keys::Keys;

/// SHA-256 of 4 KiB on the machine of the published figures, in nanoseconds.
const REFERENCE_SHA256_NS: f64 = 2_400.0;
/// CRC-32 of 4 KiB there, in nanoseconds.
const REFERENCE_CRC32_NS: f64 = 50.0;

/// Writing 8 KiB and forcing them to the disk there, in microseconds.
pub const REFERENCE_FSYNC_US: f64 = 170.0;

/// Bytes of a block that is hashed.
const HASHED_LEN: usize = 4 << 10;
/// Bytes of a block that is forced to the disk.
const SYNCED_LEN: usize = 8 << 10;

/// Repetitions of a CPU probe: enough that another program's time slice does not decide the median.
const CPU_ROUNDS: u32 = 201;

/// How fast the CPU is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuProbe {
    /// SHA-256 of 4 KiB, in nanoseconds.
    pub sha256_ns: f64,
    /// CRC-32 of 4 KiB, in nanoseconds.
    pub crc32_ns: f64,
}

impl CpuProbe {
    /// Measures it.
    #[must_use]
    pub fn take() -> Self {
        let block = vec![0x5A_u8; HASHED_LEN];
        CpuProbe {
            sha256_ns: median_ns(100, || {
                black_box(Sha256::digest(black_box(&block)));
            }),
            crc32_ns: median_ns(2_000, || {
                black_box(crc32fast::hash(black_box(&block)));
            }),
        }
    }

    /// How many times as long as the machine of the published figures this one takes: the median of both
    /// probes.
    #[must_use]
    pub fn scale(&self) -> f64 {
        f64::midpoint(self.sha256_ns / REFERENCE_SHA256_NS, self.crc32_ns / REFERENCE_CRC32_NS)
    }
}

/// What it takes to choose a record and make its key, in nanoseconds.
#[must_use]
pub fn key_ns() -> f64 {
    let keys = Keys::new(1, 10_000);
    let mut serial = 0;
    median_ns(10_000, || {
        serial += 1;
        black_box(keys.existing(serial));
    })
}

/// The median over many repetitions of the time of one call, each over `calls`.
fn median_ns(calls: u32, mut call: impl FnMut()) -> f64 {
    let times: Vec<f64> = (0..CPU_ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_nanos() as f64 / f64::from(calls)
        })
        .collect();
    median(&times).unwrap_or_default()
}

/// The median time to write 8 KiB into a file in `directory` and force them to the disk, in microseconds.
pub fn fsync_us(directory: &Path) -> Outcome<f64> {
    let path = directory.join(".fsync-probe");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for round in 0..31_u8 {
        let block = [round; SYNCED_LEN];
        let start = Instant::now();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed().as_nanos() as f64 / 1_000.0);
    }
    drop(file);
    fs::remove_file(path)?;
    Ok(median(&times).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_one_on_the_machine_of_the_figures() {
        let same = CpuProbe { sha256_ns: REFERENCE_SHA256_NS, crc32_ns: REFERENCE_CRC32_NS };
        assert!((same.scale() - 1.0).abs() < 1e-9);
        let slower = CpuProbe { sha256_ns: 4_800.0, crc32_ns: 200.0 };
        assert!((slower.scale() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_disk_probe_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        assert!(fsync_us(directory.path()).unwrap() > 0.0);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
