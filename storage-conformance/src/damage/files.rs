//! A directory as its files, and back.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::crash::{Broken, Image};

/// Where memory is a file system, on Linux: thousands of stores are written there, and none needs to last.
const IN_MEMORY: &str = "/dev/shm";

/// A directory for one state.
pub(super) fn temporary() -> Result<TempDir, Broken> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("storage-damage-");
    builder.tempdir_in(IN_MEMORY).or_else(|_| builder.tempdir()).map_err(|error| failed(&error))
}

/// The files of a directory and of those in it, by their names from there, with `/` between.
pub(super) fn read(directory: &Path) -> Result<Image, Broken> {
    let mut image = Image::new();
    read_into(&mut image, directory, "").map_err(|error| failed(&error))?;
    Ok(image)
}

fn read_into(image: &mut Image, directory: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => read_into(image, &entry.path(), &format!("{name}/"))?,
            false => drop(image.insert(name, fs::read(entry.path())?)),
        }
    }
    Ok(())
}

/// Writes the files of an image into an empty directory.
pub(super) fn write(directory: &Path, image: &Image) -> Result<(), Broken> {
    for (name, bytes) in image {
        let path = directory.join(name);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes)).map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn failed(error: &io::Error) -> Broken {
    Broken(format!("the files cannot be kept: {error}"))
}
