//! `cargo xtask new-engine NAME`: a crate that fulfils the engine contract as far as one can without storing anything.
//!
//! It compiles, reads empty and refuses every commit by a typed error, so that the suite says from the first minute on
//! what is still to be done. Its files are templates in the folder `engine` of this crate.

mod trial;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

pub use trial::try_out;

/// A template and where it goes.
struct Template {
    path: &'static str,
    text: &'static str,
}

const TEMPLATES: [Template; 8] = [
    Template { path: "Cargo.toml", text: include_str!("../engine/Cargo.toml.txt") },
    Template { path: "src/lib.rs", text: include_str!("../engine/src/lib.rs") },
    Template { path: "src/engine.rs", text: include_str!("../engine/src/engine.rs") },
    Template { path: "src/snapshot.rs", text: include_str!("../engine/src/snapshot.rs") },
    Template { path: "src/cursor.rs", text: include_str!("../engine/src/cursor.rs") },
    Template { path: "src/commit.rs", text: include_str!("../engine/src/commit.rs") },
    Template { path: "src/error.rs", text: include_str!("../engine/src/error.rs") },
    Template { path: "tests/conformance.rs", text: include_str!("../engine/tests/conformance.rs") },
];

/// Longer names do not fit the lines of the templates.
const NAME_LEN_MAX: usize = 16;

/// Where the crate is named in the workspace's manifest, before which line.
const MEMBER_BEFORE: &str = "    \"storage-stores\",\n";
const DEPENDENCY_BEFORE: &str = "storage-stores = { path";

/// Why no crate was written.
#[derive(Debug)]
pub enum Refusal {
    /// The name is none for an engine.
    Name(String),
    /// There is something of this name already.
    Exists(PathBuf),
    /// The workspace's manifest has no line to put the crate before.
    Manifest(&'static str),
    /// A file could not be read or written.
    File(PathBuf, std::io::Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Name(name) => write!(
                f,
                "`{name}` is no name for an engine: a small letter, then small letters, digits and `_`, \
                 {NAME_LEN_MAX} of them at most"
            ),
            Refusal::Exists(path) => write!(f, "{} exists already", path.display()),
            Refusal::Manifest(line) => {
                write!(f, "Cargo.toml has no line that begins with `{}`", line.trim())
            }
            Refusal::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::new(format!("new-engine: {refusal}"))
    }
}

/// Writes the crate of a new engine into the workspace under `root`, and says what comes next.
pub fn run(root: &Path, name: &str) -> Result<(), Failure> {
    write(root, name)?;
    println!("storage-{name} is written, and a member of the workspace.");
    println!("Run `cargo test -p storage-{name}` to see what it lacks, and open docs/adding-an-engine.md.");
    Ok(())
}

/// Writes the crate, or nothing: what can be refused is refused before the first file.
fn write(root: &Path, name: &str) -> Result<(), Refusal> {
    check_name(name)?;
    let folder = root.join(format!("storage-{name}"));
    if folder.symlink_metadata().is_ok() {
        return Err(Refusal::Exists(folder));
    }
    let manifest_path = root.join("Cargo.toml");
    let manifest = fs::read_to_string(&manifest_path).map_err(file(&manifest_path))?;
    let manifest = with_member(&manifest, name)?;
    for template in &TEMPLATES {
        let path = folder.join(template.path);
        let above = path.parent().expect("a template stands in the crate's folder");
        fs::create_dir_all(above).map_err(file(above))?;
        fs::write(&path, filled(template.text, name)).map_err(file(&path))?;
    }
    fs::write(&manifest_path, manifest).map_err(file(&manifest_path))
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Refusal {
    let path = path.to_owned();
    move |error| Refusal::File(path, error)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    let goes_on = name.chars().all(|next| matches!(next, 'a'..='z' | '0'..='9' | '_'));
    match begins && goes_on && name.len() <= NAME_LEN_MAX {
        true => Ok(()),
        false => Err(Refusal::Name(name.to_owned())),
    }
}

fn with_member(manifest: &str, name: &str) -> Result<String, Refusal> {
    let member = format!("    \"storage-{name}\",\n");
    let dependency = format!("storage-{name} = {{ path = \"storage-{name}\" }}\n");
    let manifest = inserted(manifest, &member, MEMBER_BEFORE)?;
    inserted(&manifest, &dependency, DEPENDENCY_BEFORE)
}

fn inserted(text: &str, line: &str, before: &'static str) -> Result<String, Refusal> {
    let at = text.find(&format!("\n{before}")).ok_or(Refusal::Manifest(before))? + 1;
    Ok([&text[..at], line, &text[at..]].concat())
}

fn filled(template: &str, name: &str) -> String {
    template.replace("@name@", name).replace("@Name@", &type_name(name))
}

/// `note_book` as types are named: `NoteBook`.
fn type_name(name: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    name.split('_').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    const MANIFEST: &str = "[workspace]\nmembers = [\n    \"storage-core\",\n    \"storage-stores\",\n]\n\n\
                            [workspace.dependencies]\nstorage-core = { path = \"storage-core\" }\n\
                            storage-stores = { path = \"storage-stores\" }\n";

    fn workspace() -> Fixture {
        let fixture = Fixture::new();
        fixture.file("Cargo.toml", MANIFEST);
        fixture
    }

    fn text(fixture: &Fixture, path: &str) -> String {
        fs::read_to_string(fixture.root().join(path)).unwrap()
    }

    #[test]
    fn crate_is_written_and_becomes_a_member() {
        let fixture = workspace();
        write(fixture.root(), "note_book").unwrap();
        for Template { path, .. } in &TEMPLATES {
            let text = text(&fixture, &format!("storage-note_book/{path}"));
            assert!(!text.contains('@'), "{path} has a hole");
        }
        let manifest = text(&fixture, "Cargo.toml");
        assert!(manifest.contains("    \"storage-note_book\",\n    \"storage-stores\",\n"), "{manifest}");
        assert!(manifest.contains("storage-note_book = { path = \"storage-note_book\" }\nstorage-stores"));
        assert!(text(&fixture, "storage-note_book/src/lib.rs").contains("pub use engine::NoteBookEngine;"));
    }

    #[test]
    fn names_that_are_none_are_refused_and_nothing_is_written() {
        let fixture = workspace();
        for name in ["", "Notes", "1st", "_notes", "note-book", "../notes", "nötes", "a_name_much_too_long"]
        {
            let refusal = write(fixture.root(), name).unwrap_err();
            assert!(matches!(&refusal, Refusal::Name(named) if named == name), "{refusal}");
        }
        assert_eq!(fixture.tree().files.len(), 1);
        assert_eq!(text(&fixture, "Cargo.toml"), MANIFEST);
    }

    #[test]
    fn name_that_is_taken_is_refused() {
        let fixture = workspace();
        fixture.file("storage-notes/README.md", "mine\n");
        let refusal = write(fixture.root(), "notes").unwrap_err();
        assert!(matches!(refusal, Refusal::Exists(_)), "{refusal}");
        assert!(write(fixture.root(), "paper").is_ok());
        assert!(matches!(write(fixture.root(), "paper"), Err(Refusal::Exists(_))));
    }

    #[test]
    fn manifest_of_another_workspace_is_refused_and_nothing_is_written() {
        let fixture = Fixture::workspace();
        let refusal = write(fixture.root(), "notes").unwrap_err();
        assert!(matches!(refusal, Refusal::Manifest(_)), "{refusal}");
        assert!(!fixture.root().join("storage-notes").exists());
        assert!(matches!(write(Fixture::new().root(), "notes"), Err(Refusal::File(..))));
    }
}
