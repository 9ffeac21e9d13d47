//! Records what the program was built from: the compiler, the commit, and the versions in the lock file.

use std::path::Path;
use std::process::Command;

/// The libraries whose versions stand on the machine card.
const LIBRARIES: [&str; 10] = [
    "dashmap",
    "libsqlite3-sys",
    "parking_lot",
    "redb",
    "rusqlite",
    "storage-core",
    "storage-fs",
    "storage-mem",
    "storage-redb",
    "storage-sqlite",
];

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo::rustc-env=BENCH_RUSTC={}", line(&rustc, &["--version"]).unwrap_or_default());
    println!("cargo::rustc-env=BENCH_COMMIT={}", line("git", &["rev-parse", "HEAD"]).unwrap_or_default());
    println!("cargo::rustc-env=BENCH_LIBRARIES={}", libraries("../Cargo.lock"));
    for watched in ["build.rs", "../Cargo.lock", "../.git/logs/HEAD"] {
        // A path that does not exist would make cargo run this every time.
        if Path::new(watched).exists() {
            println!("cargo::rerun-if-changed={watched}");
        }
    }
}

/// The first line that a command prints; nothing if it cannot run or fails, as git does outside a clone.
fn line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

/// `name version` of each library, joined by semicolons.
fn libraries(lock: &str) -> String {
    let text = std::fs::read_to_string(lock).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for pair in lines.windows(2) {
        let name = pair[0].strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
        let version = pair[1].strip_prefix("version = \"").and_then(|rest| rest.strip_suffix('"'));
        if let (Some(name), Some(version)) = (name, version)
            && LIBRARIES.contains(&name)
        {
            found.push(format!("{name} {version}"));
        }
    }
    found.join(";")
}
