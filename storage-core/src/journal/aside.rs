//! Commits that are too long for a file of the journal: each in a file of its own, which a record of the journal names.
//!
//! The file is durable before its record is written, so a record that is there has one. It is removed once the engine
//! has made durable what it holds; what a crash leaves of it is removed when the journal is opened.

use std::io;

use crate::error::{Error, Result};

use super::disk::Disk;
use super::error;
use super::frame::Aside;

const PREFIX: &str = "large-";

fn name(version: u64) -> String {
    format!("{PREFIX}{version}")
}

/// The version that a name is made of. Whatever else has such a name may be somebody else's.
fn version(file: &str) -> Option<u64> {
    let version = file.strip_prefix(PREFIX)?.parse().ok()?;
    (name(version) == file).then_some(version)
}

/// Writes the batch of a version, durably.
pub(super) fn write(disk: &dyn Disk, version: u64, batch: &[u8]) -> io::Result<Aside> {
    let name = name(version);
    let written = disk.create(&name).and_then(|file| {
        file.write_at(batch, 0)?;
        file.sync_data()?;
        disk.sync_directory()
    });
    if written.is_err() {
        // Nothing names it.
        disk.remove(&name).ok();
    }
    written.map(|()| Aside { len: batch.len() as u64, sum: crc32fast::hash(batch) })
}

/// Reads the batch of a version. `Corrupt` if it is not there as it was written.
pub(super) fn read(engine: &'static str, disk: &dyn Disk, version: u64, aside: Aside) -> Result<Vec<u8>> {
    let name = name(version);
    let failed = |cause: io::Error| -> Error { error::io(engine, "read the journal", cause) };
    let damaged = |what: &str| error::corrupt(engine, format!("{name}, which the journal names, {what}"));
    let file = disk.open(&name).map_err(failed)?.ok_or_else(|| damaged("is missing"))?;
    if file.len_bytes().map_err(failed)? != aside.len {
        return Err(damaged("has another length"));
    }
    let mut batch = vec![0; usize::try_from(aside.len).map_err(|_| damaged("is too long"))?];
    let read = file.read_at(&mut batch, 0).map_err(failed)?;
    match read == batch.len() && crc32fast::hash(&batch) == aside.sum {
        true => Ok(batch),
        false => Err(damaged("is damaged")),
    }
}

/// Removes the files of versions that nobody needs any more. What cannot be removed is when the journal is opened.
pub(super) fn remove(disk: &dyn Disk, versions: &[u64]) {
    for version in versions {
        disk.remove(&name(*version)).ok();
    }
}

/// Removes all of them.
pub(super) fn remove_all(disk: &dyn Disk) -> io::Result<()> {
    let versions = disk.names()?.into_iter().filter_map(|name| version(&name));
    versions.into_iter().try_for_each(|version| disk.remove(&name(version)))
}
