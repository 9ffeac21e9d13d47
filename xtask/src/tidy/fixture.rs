//! A small tree in a temporary folder, for the tests of the rules.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::Finding;
use super::tree::Tree;

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub struct Fixture(TempDir);

impl Fixture {
    /// An empty tree.
    pub fn new() -> Self {
        Fixture(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    /// A workspace that keeps every rule: core, one engine, and a crate called tokio that core may ask for.
    pub fn workspace() -> Self {
        let fixture = Fixture::new();
        fixture.members(&["storage-core", "storage-mem"]);
        fixture.package("outside/tokio", "");
        fixture.package(
            "storage-core",
            "[dependencies]\ntokio = { path = \"../outside/tokio\", optional = true }\n",
        );
        fixture.package("storage-mem", "[dependencies]\nstorage-core = { path = \"../storage-core\" }\n");
        fixture.file("Cargo.lock", "version = 4\n");
        fixture
    }

    /// Writes the manifest of a workspace with these crates. What stands in `outside` is a foreign crate.
    pub fn members(&self, names: &[&str]) -> &Self {
        let manifest =
            format!("[workspace]\nresolver = \"3\"\nmembers = {names:?}\nexclude = [\"outside\"]\n");
        self.file("Cargo.toml", &manifest)
    }

    /// Adds a library with a title page, named as its folder; `manifest` is what follows the package's name.
    pub fn package(&self, folder: &str, manifest: &str) -> &Self {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let head = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n");
        self.file(&format!("{folder}/Cargo.toml"), &(head + manifest));
        self.file(&format!("{folder}/src/lib.rs"), "//! The title page.\n")
    }

    /// Writes a text file, and the folders above it.
    pub fn file(&self, path: &str, text: &str) -> &Self {
        self.bytes(path, text.as_bytes())
    }

    /// Writes a file of any content, and the folders above it.
    pub fn bytes(&self, path: &str, bytes: &[u8]) -> &Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(path, bytes).expect("the file can be written");
        self
    }

    /// Where the tree stands.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The tree as the rules see it.
    pub fn tree(&self) -> Tree {
        Tree::read(self.root()).expect("the tree can be read")
    }

    /// What a rule finds, each as it is printed.
    pub fn findings(&self, rule: fn(&Tree) -> Vec<Finding>) -> Vec<String> {
        rule(&self.tree()).iter().map(Finding::to_string).collect()
    }
}
