//! `bare-files`: a file a record with `std::fs`, as people write a store of documents by hand.
//!
//! A read opens, reads and closes a file. A write writes another file and renames it; nothing is forced to the disk
//! until the end. There is no order, no checksum, and no write of several records as one.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Entry, Points, Subject, Tag};
use crate::failure::{Outcome, Within};
use crate::workload::{Class, Place, Setting, Spec};

/// Its name.
pub const TAG: Tag = Tag { engine: "bare-files", mode: None, class: Class::ProcessCrash };

/// A directory of records.
#[derive(Debug)]
pub struct BareFiles {
    directory: PathBuf,
    /// Numbers the files that are not renamed yet, so that writers do not meet.
    next: AtomicU64,
    _place: Place,
}

impl BareFiles {
    fn path(&self, key: &[u8]) -> PathBuf {
        let mut name = String::with_capacity(2 * key.len());
        for byte in key {
            write!(name, "{byte:02x}").expect("a string takes everything");
        }
        self.directory.join(name)
    }
}

impl Subject for BareFiles {
    const TAG: Tag = TAG;

    fn absence(spec: &Spec) -> Option<&'static str> {
        super::fs::too_many_files(spec)
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        let place = setting.place();
        let directory = place.file("bare")?;
        fs::create_dir(&directory).within(|| directory.display().to_string())?;
        Ok(BareFiles { directory, next: AtomicU64::new(0), _place: place })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("library", "std".to_owned()),
            ("write", "another file, renamed".to_owned()),
            ("sync", "of the file system, at the end".to_owned()),
        ]
    }

    /// In one sync of the file system. Else ours, which does the same, would write these files as well.
    fn settle(&self) -> Outcome<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(fs::File::open(&self.directory)?).map_err(io::Error::from)?;
        Ok(())
    }
}

impl Points for BareFiles {
    type Value = Vec<u8>;

    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        match fs::read(self.path(key)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let new = self.directory.join(format!(".new-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        fs::write(&new, value)?;
        Ok(fs::rename(&new, self.path(key))?)
    }

    fn delete(&self, key: &[u8]) -> Outcome<bool> {
        match fs::remove_file(self.path(key)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One by one: a reader may see a part.
    fn put_batch(&self, entries: &[Entry]) -> Outcome<()> {
        entries.iter().try_for_each(|entry| self.put(&entry.key, &entry.value))
    }

    /// Without another file: nobody reads yet.
    fn load(&self, entries: &[Entry]) -> Outcome<()> {
        entries.iter().try_for_each(|entry| Ok(fs::write(self.path(&entry.key), &entry.value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::points_hold_what_was_put;
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<BareFiles>();
    }
}
