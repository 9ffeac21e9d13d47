//! The oldest versions of libraries that we may depend on: below them they lose data, or do not fit together.
//!
//! Read from Cargo.lock by package and parent. A library that somebody else's crate brings along in another
//! version is not our choice, and not what our code runs on.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::{TextFile, Tree};

enum Bound {
    AtLeast(Version),
    Exactly(Version),
    /// At least this, and below the next major version.
    Within(Version),
}

const FLOORS: [(&str, Bound); 7] = [
    ("bincode", Bound::Exactly(Version::new(2, 0, 1))),
    ("bytes", Bound::AtLeast(Version::new(1, 11, 1))),
    ("dashmap", Bound::Within(Version::new(6, 0, 0))),
    ("lz4_flex", Bound::AtLeast(Version::new(0, 13, 0))),
    ("redb", Bound::AtLeast(Version::new(4, 4, 0))),
    ("rusqlite", Bound::AtLeast(Version::new(0, 41, 0))),
    ("tokio-postgres", Bound::AtLeast(Version::new(0, 7, 18))),
];

/// Compares what our crates depend on with the bounds.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.files.iter().find(|file| file.path == "Cargo.lock") else {
        return vec![Finding::new(
            "Cargo.lock",
            1,
            "is missing: the versions that were tested are part of the source",
        )];
    };
    let packages = packages(lock);
    let mut findings = Vec::new();
    for parent in packages.iter().filter(|package| !package.is_foreign) {
        for dependency in &parent.dependencies {
            let Some((_, bound)) =
                FLOORS.iter().find(|(name, _)| Some(*name) == dependency.split(' ').next())
            else {
                continue;
            };
            let of_dependency = packages.iter().filter(|package| package.answers_to(dependency));
            findings.extend(of_dependency.filter_map(|package| breach(lock, parent, package, bound)));
        }
    }
    findings
}

fn breach(lock: &TextFile, parent: &Package<'_>, package: &Package<'_>, bound: &Bound) -> Option<Finding> {
    let version = Version::parse(package.version);
    let (keeps, wanted) = match bound {
        Bound::AtLeast(least) => (version >= Some(*least), format!("at least {least}")),
        Bound::Exactly(exact) => (version == Some(*exact), format!("exactly {exact}")),
        Bound::Within(least) => {
            let below = Version::new(least.major + 1, 0, 0).first_preview();
            (version >= Some(*least) && version < Some(below), format!("{}.x", least.major))
        }
    };
    let Package { name, version, line, .. } = package;
    let message = format!("{} depends on {name} {version}, it must be {wanted}", parent.name);
    (!keeps).then(|| Finding::new(&lock.path, *line, message))
}

/// One `[[package]]` of the lock file.
#[derive(Default)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    /// Where it begins.
    line: usize,
    /// Whether it comes from a registry or a repository: ours have no source.
    is_foreign: bool,
    /// Each a name; with the version where the lock file holds several, and the source where even that is not
    /// enough.
    dependencies: Vec<&'a str>,
}

impl Package<'_> {
    fn answers_to(&self, dependency: &str) -> bool {
        let mut words = dependency.split(' ');
        words.next() == Some(self.name) && words.next().is_none_or(|version| version == self.version)
    }
}

fn packages(lock: &TextFile) -> Vec<Package<'_>> {
    let mut packages: Vec<Package<'_>> = Vec::new();
    for (number, line) in lock.numbered() {
        if line == "[[package]]" {
            packages.push(Package { line: number, ..Package::default() });
        }
        let Some(package) = packages.last_mut() else { continue };
        let fields = BTreeMap::from([("name", &mut package.name), ("version", &mut package.version)]);
        for (key, place) in fields {
            if let Some(value) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(" = ")) {
                *place = value.trim_matches('"');
            }
        }
        package.is_foreign |= line.starts_with("source = ");
        if let Some(dependency) = line.strip_prefix(" \"") {
            package.dependencies.push(dependency.trim_end_matches(['"', ',']));
        }
    }
    packages
}

/// Ordered as cargo orders versions, up to the names of previews.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    /// False for a preview, which comes before its release.
    released: bool,
}

impl Version {
    const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Version { major, minor, patch, released: true }
    }

    const fn first_preview(self) -> Self {
        Version { released: false, ..self }
    }

    /// None for what is no version, which keeps no bound.
    fn parse(text: &str) -> Option<Self> {
        let text = text.split('+').next().unwrap_or(text);
        let (numbers, released) = text.split_once('-').map_or((text, true), |(numbers, _)| (numbers, false));
        let mut numbers = numbers.split('.').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Version { major: next()?, minor: next()?, patch: next()?, released })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";

    fn lock(ours: &[&str], foreign: &[(&str, &str, &[&str])]) -> Fixture {
        let list =
            |names: &[&str]| -> String { names.iter().map(|name| format!(" \"{name}\",\n")).collect() };
        let mut text = format!(
            "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\ndependencies = [\n{}]\n",
            list(ours)
        );
        for (name, version, dependencies) in foreign {
            text += &format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{REGISTRY}");
            text += &format!("dependencies = [\n{}]\n", list(dependencies));
        }
        let fixture = Fixture::new();
        fixture.file("Cargo.lock", &text);
        fixture
    }

    #[test]
    fn versions_on_the_bounds_pass() {
        let foreign: [(&str, &str, &[&str]); 7] = [
            ("bincode", "2.0.1", &[]),
            ("bytes", "1.11.1", &[]),
            ("dashmap", "6.99.0", &[]),
            ("lz4_flex", "0.14.0", &[]),
            ("redb", "4.4.0", &[]),
            ("rusqlite", "0.41.0+build", &[]),
            ("tokio-postgres", "0.7.18", &[]),
        ];
        let ours = foreign.map(|(name, _, _)| name);
        assert_eq!(lock(&ours, &foreign).findings(check), [""; 0]);
    }

    #[test]
    fn an_older_version_under_a_foreign_parent_passes() {
        let foreign: [(&str, &str, &[&str]); 3] =
            [("bincode", "1.3.3", &[]), ("bincode", "2.0.1", &[]), ("heed", "0.22.0", &["bincode 1.3.3"])];
        assert_eq!(lock(&["bincode 2.0.1", "heed"], &foreign).findings(check), [""; 0]);
    }

    #[test]
    fn versions_beside_the_bounds_are_found_with_their_parent() {
        let foreign: [(&str, &str, &[&str]); 7] = [
            ("bincode", "2.0.2", &[]),
            ("bytes", "1.11.0", &[]),
            ("dashmap", "7.0.0-rc1", &[]),
            ("lz4_flex", "0.9.5", &[]),
            ("redb", "4.4.0-beta", &[]),
            ("rusqlite", "0.40.9", &[]),
            ("tokio-postgres", "0.7.17", &[]),
        ];
        let ours = foreign.map(|(name, _, _)| name);
        let wanted = [
            "Cargo.lock:14: ours depends on bincode 2.0.2, it must be exactly 2.0.1",
            "Cargo.lock:21: ours depends on bytes 1.11.0, it must be at least 1.11.1",
            "Cargo.lock:28: ours depends on dashmap 7.0.0-rc1, it must be 6.x",
            "Cargo.lock:35: ours depends on lz4_flex 0.9.5, it must be at least 0.13.0",
            "Cargo.lock:42: ours depends on redb 4.4.0-beta, it must be at least 4.4.0",
            "Cargo.lock:49: ours depends on rusqlite 0.40.9, it must be at least 0.41.0",
            "Cargo.lock:56: ours depends on tokio-postgres 0.7.17, it must be at least 0.7.18",
        ];
        let found = lock(&ours, &foreign).findings(check);
        let cut = |line: &str| line.split_once(": ").map(|(_, message)| message.to_owned());
        assert_eq!(found.iter().map(|line| cut(line)).collect::<Vec<_>>(), wanted.map(cut));
    }

    #[test]
    fn one_of_two_versions_is_judged_alone_and_its_line_is_named() {
        let foreign: [(&str, &str, &[&str]); 2] = [("redb", "2.6.0", &[]), ("redb", "4.4.0", &[])];
        let found = lock(&["redb 2.6.0"], &foreign).findings(check);
        assert_eq!(found, ["Cargo.lock:10: ours depends on redb 2.6.0, it must be at least 4.4.0"]);
    }

    #[test]
    fn a_missing_lock_file_is_found() {
        assert_eq!(Fixture::new().findings(check).len(), 1);
    }
}
