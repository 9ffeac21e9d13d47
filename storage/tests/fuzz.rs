//! URLs that nobody would write: each is opened or refused in words, and none creates a file.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![cfg(all(feature = "mem", feature = "redb", feature = "sqlite"))]

use std::path::Path;

use storage::Kind;
use storage_conformance::fuzz::{Answer, Budget, Target, fuzz};

/// A place below which nothing can be created, because it is not there.
const NOWHERE: &str = "/there/is/no/such/directory";

const SEEDS: [&str; 8] = [
    "/app.redb?quick_repair=every-commit&cache_bytes=1048576&read_only=false",
    "/app.db?profile=small&busy_timeout=7&page_bytes=4096&temp_store=memory&must_exist=true",
    "/a%20store%3f.db?mmap_bytes=0&autocheckpoint_pages=0",
    "?must_exist=true&must_exist=true",
    "?cache_bytes=-1&cache_bytes",
    "//host/a.redb",
    "/%00?%00=%ff",
    "",
];

fn read(input: &[u8]) -> Answer {
    let rest = String::from_utf8_lossy(input);
    let mut answer = String::new();
    for scheme in ["mem", "redb", "sqlite", "x"] {
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        for url in [format!("{scheme}:{NOWHERE}{rest}"), format!("{scheme}:?{query}")] {
            match storage::engine(&url) {
                Ok(_) if url == "mem:?" => answer.push('o'),
                Ok(_) => return Err(format!("{url:?} opens something")),
                Err(error) if error.kind() == Kind::Invalid => answer.push('i'),
                Err(error) if error.kind() == Kind::Unavailable => answer.push('u'),
                Err(error) => return Err(format!("{url:?} is refused with {error:?}")),
            }
        }
    }
    let without_scheme = storage::engine(&rest.replace(':', ""));
    match without_scheme.map(drop) {
        Err(error) if error.kind() == Kind::Invalid => Ok(answer),
        other => Err(format!("{rest:?} without a scheme: {other:?}")),
    }
}

#[test]
fn fuzzed_urls_are_refused_in_words() {
    let seeds = SEEDS.map(|seed| seed.as_bytes().to_vec()).into();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    let fuzzed = fuzz(Target::new("urls", seeds, read), Budget::new(), &fixtures);
    let fuzzed = fuzzed.unwrap_or_else(|failure| panic!("{failure}"));
    println!("urls: {fuzzed}");
    assert!(fuzzed.inputs > 100 && fuzzed.answers > 1, "{fuzzed}");
    assert!(!Path::new(NOWHERE).exists());
}
