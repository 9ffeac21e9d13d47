//! An engine's library is named in that engine's crate only, so that a change of library is a change of one
//! crate.

use super::Finding;
use super::rust::{self, find_word};
use super::tree::Tree;

/// The library's path, and the crate that may name it.
const OWNERS: [(&str, &str); 3] =
    [("redb::", "storage-redb"), ("rusqlite::", "storage-sqlite"), ("tokio_postgres::", "storage-postgres")];

/// Measures the bare libraries beside the engines, so it names them all.
const EVERY_LIBRARY: &str = "bench-suite";

/// Compares the text index with FTS5.
const FTS5_TESTS: &str = "storage-stores/tests/search/";

/// Looks for the libraries' paths in the code of all other crates.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_free = |path: &str, package: &str| package == EVERY_LIBRARY || path.starts_with(FTS5_TESTS);
    for file in tree.rust().filter(|file| !is_free(&file.path, file.package())) {
        let code = rust::code(&file.text);
        for (number, line) in (1..).zip(code.lines()) {
            for (path, owner) in OWNERS {
                if file.package() != owner && find_word(line, path).is_some() {
                    let message = format!("`{path}` belongs into {owner} only");
                    findings.push(Finding::new(&file.path, number, message));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixture::Fixture;

    #[test]
    fn the_owner_the_bench_and_our_own_crates_names_pass() {
        let fixture = Fixture::new();
        fixture.file("storage-redb/src/lib.rs", "//! x\nuse redb::Database;\n");
        fixture.file("bench-suite/src/bare.rs", "//! x\nuse rusqlite::Connection;\n");
        fixture.file("storage/src/lib.rs", "//! Unlike redb::Database.\npub use storage_redb::Redb;\n");
        assert_eq!(fixture.findings(check), [""; 0]);
    }

    #[test]
    fn a_library_named_elsewhere_is_found() {
        let fixture = Fixture::new();
        fixture.file(
            "storage-core/src/lib.rs",
            "//! x\n\nuse redb::Database;\nfn a(b: tokio_postgres::Row) {}\n",
        );
        fixture.file("storage-redb/src/lib.rs", "//! x\nuse ::rusqlite::Connection;\n");
        assert_eq!(
            fixture.findings(check),
            [
                "storage-core/src/lib.rs:3: `redb::` belongs into storage-redb only",
                "storage-core/src/lib.rs:4: `tokio_postgres::` belongs into storage-postgres only",
                "storage-redb/src/lib.rs:2: `rusqlite::` belongs into storage-sqlite only",
            ]
        );
    }
}
