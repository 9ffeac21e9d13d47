//! The text files of the repository, read once for all rules.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Folders that hold what was built or measured, not what was written.
const SKIPPED: [&str; 3] = [".git", "target", "bench-out"];

/// Every text file under a root, in the order of their paths.
#[derive(Debug)]
pub struct Tree {
    /// The files; binary ones are left out.
    pub files: Vec<TextFile>,
}

/// A file that is valid UTF-8.
#[derive(Debug)]
pub struct TextFile {
    /// Relative to the root, with `/`.
    pub path: String,
    /// The whole content.
    pub text: String,
}

impl Tree {
    /// Reads the tree. Symbolic links are not followed.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", root.display())))?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Tree { files })
    }

    /// The files written in Rust.
    pub fn rust(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl TextFile {
    /// The folder of the crate that the file belongs to; the file's own name at the top.
    pub fn package(&self) -> &str {
        self.folders().next().unwrap_or(&self.path)
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The folders above the file, outermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let folder = self.path.rsplit_once('/').map(|(folder, _)| folder);
        folder.into_iter().flat_map(|folder| folder.split('/'))
    }

    /// The lines with their numbers, counted from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

fn read_folder(folder: &Path, above: &str, files: &mut Vec<TextFile>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = format!("{above}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_ref()) {
            read_folder(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
        {
            files.push(TextFile { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::tidy::fixture::Fixture;

    #[test]
    fn text_is_read_and_built_or_binary_files_are_not() {
        let fixture = Fixture::new();
        fixture.file("b/src/x.rs", "//! x\n").file("a.md", "a\n").file("target/debug/y.rs", "y");
        fixture.bytes("a.bin", &[0xff, 0xfe]);
        let tree = fixture.tree();
        let paths: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a.md", "b/src/x.rs"]);
        assert_eq!(tree.files[1].package(), "b");
        assert_eq!(tree.files[1].name(), "x.rs");
        assert_eq!(tree.files[0].folders().count(), 0);
    }
}
