//! What an engine's test does with the golden stores of its formats.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use storage_core::{Engine, Result};

use super::{check, write};

/// A title that stands in each golden store, and what damage makes of it.
const TITLE: &[u8] = b"Moby-Dick";
const OTHER_TITLE: &[u8] = b"Boby-Dick";

/// The golden stores of an engine: one of each format that was released, and how a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Releases<'a, O> {
    /// The name of a format, and what lays a store of it out at a path where nothing is.
    pub formats: &'a [(&'a str, fn(&Path))],
    /// Opens the store at a path, or creates it there.
    pub open: O,
}

impl<E: Engine, O: Fn(&Path) -> Result<E>> Releases<'_, O> {
    /// Panics unless a store of each format reads as it did when it was written, and goes on.
    pub fn read_as_written(&self) {
        for (format, lay_out) in self.formats {
            println!("{format}");
            at_new_path(|path| {
                lay_out(path);
                self.check(path).expect("the golden store opens");
            });
        }
    }

    /// Panics unless a store that is written now reads the same.
    pub fn written_now_reads_the_same(&self) {
        at_new_path(|path| {
            write((self.open)(path).expect("a new store opens")).expect("a golden store is written");
            self.check(path).expect("the golden store opens");
        });
    }

    /// Panics if another title passes for the one that was written: these checks would then find nothing.
    pub fn damage_is_noticed(&self) {
        for (_, lay_out) in self.formats {
            at_new_path(|path| {
                lay_out(path);
                assert!(damage(path) > 0, "the title stands in the store");
                let checked = catch_unwind(AssertUnwindSafe(|| self.check(path)));
                assert!(!matches!(checked, Ok(Ok(()))), "another title is not the one that was written");
            });
        }
    }

    fn check(&self, path: &Path) -> Result<()> {
        check((self.open)(path)?)
    }
}

fn at_new_path(run: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    run(&directory.path().join("store"));
}

/// Changes the title wherever it stands in a file, or in those below a directory. How often that was.
fn damage(path: &Path) -> usize {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the directory was laid out");
        return entries.map(|entry| damage(&entry.expect("it was laid out").path())).sum();
    }
    let mut bytes = fs::read(path).expect("the file was laid out");
    let titles = bytes.windows(TITLE.len()).enumerate().filter(|(_, found)| *found == TITLE);
    let places: Vec<usize> = titles.map(|(at, _)| at).collect();
    for at in &places {
        bytes[*at..*at + TITLE.len()].copy_from_slice(OTHER_TITLE);
    }
    fs::write(path, bytes).expect("the file can be written");
    places.len()
}
