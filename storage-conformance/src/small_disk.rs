//! A disk that fills up: what does not fit is refused as `Full`, and nothing that was told is lost.
//!
//! Only root can make a small disk, so that for others a case says that it was not tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use storage_core::{Database, Direction, Engine, KeyRange, Keyspace, Kind, Result};

/// A file system in memory, as large as it was made and no larger.
#[derive(Debug)]
pub struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    /// One of so many bytes. `None`, and a line that says so, where none can be mounted.
    pub fn new(test: &str, bytes: u64) -> Option<Self> {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        mount.arg(directory.path()).stderr(Stdio::null());
        let is_mounted = mount.status().is_ok_and(|status| status.success());
        if !is_mounted {
            println!("{test}: not tried, since no disk can be mounted here");
        }
        is_mounted.then_some(SmallDisk { directory })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.directory.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "the disk is still in use");
    }
}

/// Fills a disk with a store, and panics unless the store refuses what does not fit as one of `kinds`, has everything
/// else once there is room and it was opened again, and goes on.
///
/// `Full` is what an engine answers that knows the commit not to be there. Others say `CommitUnknown`, and, where it is
/// behind their backs that the disk fills up, `Unavailable`. It returns the errors that the store should not have.
pub fn fill<E: Engine>(test: &str, kinds: &[Kind], open: impl Fn(&Path) -> Result<E>) -> Result<()> {
    let Some(disk) = SmallDisk::new(test, 4 << 20) else { return Ok(()) };
    let (store, ballast) = (disk.path().join("store"), disk.path().join("ballast"));
    fs::write(&ballast, vec![1; 1 << 20]).expect("the disk is empty");
    let records = Keyspace::new("records")?;
    let db = Database::new(open(&store)?)?;
    let mut told = BTreeMap::new();
    let (key, refused) = loop {
        let (key, value) = (format!("{:04}", told.len()), vec![b'x'; 10_000]);
        match db.put(records, &key, &value) {
            Ok(_) => told.insert(key, value),
            Err(refused) => break (key, refused),
        };
        assert!(told.len() < 1_000, "four megabytes take ten");
    };
    assert!(kinds.contains(&refused.kind()), "{refused:?}");
    assert!(told.len() > 20, "{}", told.len());
    drop(db);
    fs::remove_file(&ballast).expect("the ballast can go");
    let db = Database::new(open(&store)?)?;
    let found = db.snapshot()?.range(records, &KeyRange::all(), Direction::Forward)?.to_vec()?;
    if refused.kind() == Kind::CommitUnknown && found.len() > told.len() {
        told.insert(key, vec![b'x'; 10_000]);
    }
    let found = found.iter().map(|(key, value)| (key.as_slice(), value));
    assert!(found.eq(told.iter().map(|(key, value)| (key.as_bytes(), value))), "{} were told", told.len());
    db.put(records, "again", "fits")?;
    db.close()
}
