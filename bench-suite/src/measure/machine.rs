//! The machine card: where the figures come from.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::forced;
use super::meter::clock_ns;
use super::probe::{CpuProbe, fsync_us, key_ns};
use super::process::field;
use super::statistics::Interval;
use crate::failure::{Outcome, Within};

/// More than this between two measurements of the same thing is worth a warning.
const NOISE_MAX: f64 = 0.1;
/// No disk that keeps its promise is faster than this.
const FSYNC_US_MIN: f64 = 10.0;

/// The machine card. What a system does not tell is `None`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The model of the CPU.
    pub cpu: Option<String>,
    /// How many threads run at once.
    pub cores: usize,
    /// The main memory.
    pub memory_bytes: Option<u64>,
    /// The disk under the directory of the report.
    pub disk: Disk,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The load of the last minute, when the run began.
    pub load_before: Option<f64>,
    /// The load of the last minute, when it ended.
    pub load_after: Option<f64>,
    /// Writing 8 KiB and forcing them to the disk: the median, in microseconds.
    pub fsync_us: f64,
    /// SHA-256 of 4 KiB, in nanoseconds.
    pub sha256_4k_ns: f64,
    /// CRC-32 of 4 KiB, in nanoseconds.
    pub crc32_4k_ns: f64,
    /// How many times as long as the machine of the originals' figures this one takes.
    pub cpu_scale: f64,
    /// What a latency contains for reading the clock.
    pub clock_ns: u64,
    /// What the time of a row of single records contains for choosing a record and making its key.
    pub key_ns: f64,
    /// The same thing against itself, measured before anything else. Empty in a smoke run.
    pub noise_floor: Vec<Noise>,
    /// The compiler.
    pub rustc: Option<String>,
    /// The commit that was built.
    pub commit: Option<String>,
    /// The versions of the libraries.
    pub versions: BTreeMap<String, String>,
}

/// The disk under a directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disk {
    /// The device.
    pub device: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// The file system.
    pub file_system: Option<String>,
    /// The options it is mounted with.
    pub options: Option<String>,
}

/// One row measured against itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Noise {
    /// The row.
    pub row: String,
    /// The ratio, which ought to be 1.
    pub ratio: Interval,
    /// How far the interval strays from 1, as a share.
    pub noise: f64,
}

impl Machine {
    /// The card of this machine, with its probes taken in `directory`.
    pub fn look(directory: &Path) -> Outcome<Self> {
        let cpu = CpuProbe::take();
        forced::probe(directory).within(|| format!("probing the disk in {}", directory.display()))?;
        Ok(Machine {
            cpu: read("/proc/cpuinfo").and_then(|text| named(&text, "model name")),
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: read("/proc/meminfo")
                .and_then(|text| field(&text, "MemTotal:"))
                .map(|kib| kib * 1024),
            disk: disk(directory),
            kernel: read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            load_before: load(),
            load_after: None,
            fsync_us: fsync_us(directory)
                .within(|| format!("probing the disk in {}", directory.display()))?,
            sha256_4k_ns: cpu.sha256_ns,
            crc32_4k_ns: cpu.crc32_ns,
            cpu_scale: cpu.scale(),
            clock_ns: clock_ns(),
            key_ns: key_ns(),
            noise_floor: Vec::new(),
            rustc: known(env!("BENCH_RUSTC")),
            commit: known(env!("BENCH_COMMIT")),
            versions: versions(env!("BENCH_LIBRARIES")),
        })
    }

    /// The largest noise of any row that was measured against itself.
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.noise_floor.iter().map(|noise| noise.noise).fold(0.0, f64::max)
    }

    /// What a reader must know before believing a figure.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.noise() > NOISE_MAX {
            let percent = self.noise() * 100.0;
            warnings.push(format!(
                "the same thing measured twice differed by up to {percent:.0} %: the machine is noisy"
            ));
        }
        if let Some(load) = self.load_before.filter(|&load| load > self.cores as f64 / 2.0) {
            warnings.push(format!("the load was {load:.1} before the run began: something else was running"));
        }
        if self.fsync_us < FSYNC_US_MIN {
            warnings.push(format!(
                "forcing a block to the disk took {:.0} us: probably nothing is forced",
                self.fsync_us
            ));
        }
        if cfg!(debug_assertions) {
            warnings.push("this is a build without optimisation: no figure means anything".to_owned());
        }
        warnings
    }
}

/// The load of the last minute.
#[must_use]
pub fn load() -> Option<f64> {
    read("/proc/loadavg")?.split_whitespace().next()?.parse().ok()
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn versions(list: &str) -> BTreeMap<String, String> {
    let pairs = list.split(';').filter_map(|pair| pair.split_once(' '));
    pairs.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// The value of `name : value`.
fn named(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn disk(directory: &Path) -> Disk {
    let (Some(mounts), Ok(directory)) = (read("/proc/self/mountinfo"), directory.canonicalize()) else {
        return Disk::default();
    };
    let Some(mount) = mount_of(&mounts, &directory) else { return Disk::default() };
    // In 512-byte sectors, whatever the device's are. A file system without a device has no such file.
    let sectors =
        read(&format!("/sys/dev/block/{}/size", mount.number)).and_then(|text| text.trim().parse().ok());
    Disk {
        device: Some(mount.device),
        bytes: sectors.map(|sectors: u64| sectors * 512),
        file_system: Some(mount.file_system),
        options: Some(mount.options),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    number: String,
    device: String,
    file_system: String,
    options: String,
}

/// The mount with the longest path above `directory`. The fields are those of proc_pid_mountinfo(5).
fn mount_of(mounts: &str, directory: &Path) -> Option<Mount> {
    let parse = |line: &str| {
        let (first, second) = line.split_once(" - ")?;
        let first: Vec<&str> = first.split(' ').collect();
        let second: Vec<&str> = second.split(' ').collect();
        let point = Path::new(first.get(4)?);
        let mount = Mount {
            number: (*first.get(2)?).to_owned(),
            device: (*second.get(1)?).to_owned(),
            file_system: (*second.first()?).to_owned(),
            options: (*first.get(5)?).to_owned(),
        };
        directory.starts_with(point).then_some((point.components().count(), mount))
    };
    // The last of equally long ones lies on top.
    mounts.lines().filter_map(parse).max_by_key(|(depth, _)| *depth).map(|(_, mount)| mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_is_the_one() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      30 22 0:25 / /tmp rw,nosuid - tmpfs tmpfs rw,size=1g\n\
                      31 22 8:2 / /tmpfiles rw - xfs /dev/sda2 rw\n";
        let of = |path: &str| mount_of(mounts, Path::new(path)).map(|mount| mount.file_system);
        assert_eq!(of("/home/me").as_deref(), Some("ext4"));
        assert_eq!(of("/tmp/bench").as_deref(), Some("tmpfs"));
        assert_eq!(of("/tmpfiles/a").as_deref(), Some("xfs"));
        assert_eq!(mount_of(mounts, Path::new("/")).map(|mount| mount.number).as_deref(), Some("8:1"));
    }

    #[test]
    fn a_noisy_machine_is_warned_of() {
        let quiet = Machine::look(&std::env::temp_dir()).unwrap();
        let ratio = Interval { low: 0.8, median: 1.0, high: 1.0 };
        let noisy = Machine {
            noise_floor: vec![Noise { row: "get".to_owned(), ratio, noise: 0.25 }],
            fsync_us: 1.0,
            ..quiet
        };
        let warnings = noisy.warnings().join("; ");
        assert!(warnings.contains("25 %") && warnings.contains("took 1 us"), "{warnings}");
    }

    #[test]
    fn versions_come_from_the_list() {
        let versions = versions("dashmap 6.2.1;parking_lot 0.12.5");
        assert_eq!(versions["dashmap"], "6.2.1");
        assert!(super::versions("").is_empty());
    }
}
