//! Which crate may depend on which: arrows point down, never from engine to engine.
//!
//! Read from cargo itself, not from the manifests, so that a renamed or inherited dependency counts as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Finding;
use crate::cargo;
use crate::failure::Failure;

/// What a crate may depend on among ours.
enum Below {
    Only(&'static [&'static str]),
    Anything,
}

struct Place {
    name: &'static str,
    below: Below,
    /// Allowed in tests on top of `below`.
    in_tests: &'static [&'static str],
}

const CORE: &[&str] = &["storage-core"];
/// The engine on which the examples in documentation run.
const EXAMPLES: &[&str] = &["storage-mem"];
const CONFORMANCE: &[&str] = &["storage-conformance"];
const UNDER_THE_DOOR: &[&str] = &[
    "storage-core",
    "storage-fs",
    "storage-mem",
    "storage-postgres",
    "storage-redb",
    "storage-sqlite",
    "storage-stores",
];

const PLACES: [Place; 11] = [
    Place { name: "storage-core", below: Below::Only(&[]), in_tests: EXAMPLES },
    Place { name: "storage-mem", below: Below::Only(CORE), in_tests: CONFORMANCE },
    Place { name: "storage-fs", below: Below::Only(CORE), in_tests: CONFORMANCE },
    Place { name: "storage-sqlite", below: Below::Only(CORE), in_tests: CONFORMANCE },
    Place { name: "storage-redb", below: Below::Only(CORE), in_tests: CONFORMANCE },
    Place { name: "storage-postgres", below: Below::Only(CORE), in_tests: CONFORMANCE },
    Place { name: "storage-stores", below: Below::Only(CORE), in_tests: EXAMPLES },
    Place { name: "storage", below: Below::Only(UNDER_THE_DOOR), in_tests: CONFORMANCE },
    Place {
        name: "storage-conformance",
        below: Below::Only(&["storage-core", "storage-stores"]),
        in_tests: EXAMPLES,
    },
    Place { name: TOP, below: Below::Anything, in_tests: &[] },
    Place { name: "xtask", below: Below::Only(&[]), in_tests: &[] },
];

/// The place of a crate whose manifest says `place = "engine"`, as those of `cargo xtask new-engine` do.
const ENGINE: Place = Place { name: "engine", below: Below::Only(CORE), in_tests: CONFORMANCE };

/// Depends on everything; nobody depends on it.
const TOP: &str = "bench-suite";

/// Asks cargo for the workspace under `root` and checks every arrow in it.
pub fn check(root: &Path) -> Result<Vec<Finding>, Failure> {
    let printed = cargo::output(cargo::cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&printed)
        .map_err(|error| Failure::new(format!("`cargo metadata` printed no JSON: {error}")))?;
    let packages = array(&metadata, "packages");
    let ours: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
    let mut findings = Vec::new();
    for package in packages {
        findings.extend(check_package(root, package, &ours)?);
    }
    if ours.contains("storage-core") {
        findings.extend(core_without_tokio(root)?);
    }
    Ok(findings)
}

fn check_package(root: &Path, package: &Value, ours: &BTreeSet<&str>) -> Result<Vec<Finding>, Failure> {
    let name = text(package, "name");
    let manifest = Manifest::read(root, Path::new(text(package, "manifest_path")))?;
    let stated = package["metadata"]["storage"]["place"].as_str();
    let engine = stated.filter(|place| *place == "engine").map(|_| &ENGINE);
    let Some(place) = PLACES.iter().find(|place| place.name == name).or(engine) else {
        let message =
            format!("{name} has no place among the crates yet: give it one in xtask/src/tidy/arrows.rs");
        return Ok(vec![manifest.finding("name", message)]);
    };
    let mut findings = Vec::new();
    for dependency in array(package, "dependencies") {
        let target = text(dependency, "name");
        if ours.contains(target) && !place.may_depend_on(target, text(dependency, "kind") == "dev") {
            findings.push(manifest.finding(target, format!("{name} must not depend on {target}")));
        }
    }
    Ok(findings)
}

impl Place {
    fn may_depend_on(&self, target: &str, in_tests: bool) -> bool {
        if target == TOP {
            return false;
        }
        let below = match self.below {
            Below::Anything => true,
            Below::Only(names) => names.contains(&target),
        };
        below || (in_tests && self.in_tests.contains(&target))
    }
}

/// Whoever takes core as it is must not get an async runtime with it, through whatever crate it came.
fn core_without_tokio(root: &Path) -> Result<Option<Finding>, Failure> {
    let call =
        ["tree", "--package", "storage-core", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let printed = cargo::output(cargo::cargo(root, &call))?;
    let brings = printed.lines().any(|line| line.split(' ').next() == Some("tokio"));
    let manifest = Manifest::read(root, &root.join("storage-core/Cargo.toml"))?;
    Ok(brings
        .then(|| manifest.finding("tokio", "the default features of storage-core bring tokio".to_owned())))
}

/// A Cargo.toml, to name the line that a finding is about.
struct Manifest {
    path: String,
    text: String,
}

impl Manifest {
    fn read(root: &Path, path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
        // Cargo resolves symbolic links in the paths that it prints.
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let path = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        Ok(Manifest { path, text })
    }

    /// A finding at the line that begins with `key`; at the top if there is none, as for a renamed
    /// dependency.
    fn finding(&self, key: &str, message: String) -> Finding {
        let begins = |line: &str| {
            let rest = line.trim_start().strip_prefix(key);
            rest.is_some_and(|rest| rest.starts_with([' ', '=', '.']))
        };
        let line = self.text.lines().position(begins).map_or(1, |at| at + 1);
        Finding::new(&self.path, line, message)
    }
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The text under the key; empty where cargo writes null, as for the kind of an ordinary dependency.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    fn findings(fixture: &Fixture) -> Vec<String> {
        let mut findings = check(fixture.root()).unwrap();
        findings.sort();
        findings.iter().map(Finding::to_string).collect()
    }

    fn dependency(name: &str) -> String {
        format!("{name} = {{ path = \"../{name}\" }}\n")
    }

    #[test]
    fn arrows_that_point_down_pass() {
        let fixture = Fixture::workspace();
        fixture.members(&[
            "storage-core",
            "storage-mem",
            "storage-stores",
            "storage-conformance",
            "bench-suite",
        ]);
        let core = dependency("storage-core");
        fixture.package("storage-stores", &format!("[dependencies]\n{core}"));
        let stores = dependency("storage-stores");
        fixture.package("storage-conformance", &format!("[dependencies]\n{core}{stores}"));
        let conformance = dependency("storage-conformance");
        let engine = format!("[dependencies]\n{core}\n[dev-dependencies]\n{conformance}");
        fixture.package("storage-mem", &engine);
        let mem = dependency("storage-mem");
        fixture.package("bench-suite", &format!("[dependencies]\n{mem}{stores}{conformance}"));
        assert_eq!(findings(&fixture), [""; 0]);
    }

    #[test]
    fn arrows_that_point_up_or_aside_are_found() {
        let fixture = Fixture::workspace();
        fixture.members(&["storage-core", "storage-mem", "storage-fs", "bench-suite", "storage-new"]);
        let bench = dependency("bench-suite");
        fixture.package("bench-suite", "");
        fixture.package("storage-new", "");
        fixture.package("storage-core", &format!("[dev-dependencies]\n{bench}"));
        let aside =
            format!("[dependencies]\nstorage-core.path = \"../storage-core\"\n{}", dependency("storage-mem"));
        fixture.package("storage-fs", &aside);
        assert_eq!(
            findings(&fixture),
            [
                "storage-core/Cargo.toml:7: storage-core must not depend on bench-suite",
                "storage-fs/Cargo.toml:8: storage-fs must not depend on storage-mem",
                "storage-new/Cargo.toml:2: storage-new has no place among the crates yet: \
                 give it one in xtask/src/tidy/arrows.rs",
            ]
        );
    }

    #[test]
    fn conformance_is_for_the_tests_of_an_engine_only() {
        let fixture = Fixture::workspace();
        fixture.members(&["storage-core", "storage-mem", "storage-conformance"]);
        fixture.package("storage-conformance", "");
        let engine = format!("[dependencies]\n{}", dependency("storage-conformance"));
        fixture.package("storage-mem", &engine);
        assert_eq!(
            findings(&fixture),
            ["storage-mem/Cargo.toml:7: storage-mem must not depend on storage-conformance"]
        );
    }

    #[test]
    fn crate_that_says_it_is_an_engine_is_judged_as_one() {
        let fixture = Fixture::workspace();
        fixture.members(&["storage-core", "storage-mem", "storage-new"]);
        let engine = "[package.metadata.storage]\nplace = \"engine\"\n\n[dependencies]\n";
        fixture.package("storage-new", &format!("{engine}{}", dependency("storage-core")));
        assert_eq!(findings(&fixture), [""; 0]);
        fixture.package("storage-new", &format!("{engine}{}", dependency("storage-mem")));
        assert_eq!(
            findings(&fixture),
            ["storage-new/Cargo.toml:10: storage-new must not depend on storage-mem"]
        );
    }

    #[test]
    fn tokio_by_default_is_found_and_by_choice_is_not() {
        let fixture = Fixture::workspace();
        assert_eq!(findings(&fixture), [""; 0]);
        let optional = "[features]\ndefault = [\"async\"]\nasync = [\"dep:tokio\"]\n\n\
                        [dependencies]\ntokio = { path = \"../outside/tokio\", optional = true }\n";
        fixture.package("storage-core", optional);
        assert_eq!(
            findings(&fixture),
            ["storage-core/Cargo.toml:11: the default features of storage-core bring tokio"]
        );
    }
}
