//! The example that imports the history of a repository, run on small repositories that are made for it.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../examples/import_git_history.rs"]
#[allow(dead_code, reason = "its `main` belongs to the example")]
mod import_git_history;

use std::path::Path;
use std::process::Command;

use import_git_history::run;

/// Runs git in a folder, for an author and at a time.
fn git(folder: &Path, author: &str, time: &str, arguments: &[&str]) {
    let email = format!("{author}@example.org");
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .envs([("GIT_AUTHOR_NAME", author), ("GIT_COMMITTER_NAME", author)])
        .envs([("GIT_AUTHOR_EMAIL", &*email), ("GIT_COMMITTER_EMAIL", &*email)])
        .envs([("GIT_AUTHOR_DATE", time), ("GIT_COMMITTER_DATE", time)])
        .output()
        .expect("git can be run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn commit(folder: &Path, author: &str, time: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    git(folder, author, time, &["add", "."]);
    git(folder, author, time, &["commit", "-m", "more of \"it\""]);
}

/// Four commits by two authors of three files, one of them with a name that needs care.
fn small(folder: &Path) {
    git(folder, "ann", "2024-01-01T00:00:00", &["init"]);
    commit(folder, "ann", "2024-01-01T09:30:00+02:00", &[("a.txt", "one\n"), ("dash-ed+ü.txt", "x\n")]);
    commit(folder, "ann", "2024-01-02T09:10:00+02:00", &[("a.txt", "one\ntwo\n")]);
    commit(folder, "bob", "2024-01-03T23:10:00-05:00", &[("a.txt", "three\n"), ("b.bin", "\0\0")]);
    commit(folder, "ann", "2024-01-04T10:10:00+02:00", &[("b.bin", "\0\0\0")]);
}

fn printed(url: &str, repository: &Path, members: &str) -> String {
    let repository = repository.display().to_string();
    let arguments = [url, "--repository", &repository, "--members", members].map(str::to_owned);
    let mut out = Vec::new();
    run(&arguments, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The lines behind a heading.
fn table<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    lines.take_while(|line| !line.is_empty()).map(str::trim).collect()
}

fn assert_statistics(text: &str) {
    let authors = table(text, "Top authors (2 in all)");
    assert!(
        authors[0].starts_with("ann") && authors[0].contains("3 commits") && authors[0].contains("+3 -0")
    );
    assert!(
        authors[1].starts_with("bob") && authors[1].contains("1 commits") && authors[1].contains("+1 -2")
    );
    let files = table(text, "Most changed files (3 in all)");
    assert!(files[0].starts_with("3 times") && files[0].ends_with("2 authors  a.txt"), "{files:?}");
    assert!(files[1].starts_with("2 times") && files[1].ends_with("b.bin"), "{files:?}");
    assert!(files[2].ends_with("dash-ed+ü.txt"), "{files:?}");
    let hours = table(text, "Commits by the hour");
    assert_eq!(hours.len(), 3);
    assert!(hours[0].starts_with("09:00      2") && hours[2].starts_with("23:00      1"), "{hours:?}");
}

#[test]
fn a_history_is_imported_and_counted_on_every_engine() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let stores = tempfile::tempdir().unwrap();
    let file = |name: &str| stores.path().join(name).display().to_string();
    for url in ["mem:".to_owned(), format!("fs:{}", file("fs")), format!("redb:{}", file("redb"))]
        .into_iter()
        .chain([format!("sqlite:{}", file("sqlite.db")), "sqlite::memory:".to_owned()])
    {
        for members in ["1", "3"] {
            let text = printed(&url, folder.path(), members);
            assert_statistics(&text);
            assert_eq!(table(&text, "The group").len().to_string(), members, "{url}: {text}");
        }
    }
}

#[test]
fn only_what_is_new_is_imported_and_counted_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let stores = tempfile::tempdir().unwrap();
    let url = format!("redb:{}", stores.path().join("history.redb").display());
    let first = printed(&url, folder.path(), "2");
    assert!(first.starts_with("4 of 4 commits") && first.contains("with 6 changes"), "{first}");
    let again = printed(&url, folder.path(), "2");
    assert!(again.starts_with("0 of 4 commits"), "{again}");
    assert!(table(&again, "The group").iter().all(|member| member.contains(": 0 messages")), "{again}");
    assert_statistics(&again);
    commit(folder.path(), "cyd", "2024-01-05T12:00:00", &[("c.txt", "new\n")]);
    let more = printed(&url, folder.path(), "2");
    assert!(more.starts_with("1 of 5 commits"), "{more}");
    assert_eq!(table(&more, "Top authors (3 in all)").len(), 3);
}

#[test]
fn a_shallow_clone_is_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", folder.path().display());
    git(clone.path(), "ann", "2024-01-01T00:00:00", &["clone", "--depth", "2", &from, "."]);
    let text = printed("mem:", clone.path(), "2");
    assert!(text.starts_with("2 of 2 commits") && text.contains("is shallow"), "{text}");
}

#[test]
fn what_is_no_repository_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let told = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        run(&arguments, &mut Vec::new()).unwrap_err().to_string()
    };
    let nowhere = folder.path().display().to_string();
    let error = told(&["--repository", &nowhere]);
    assert!(error.contains("is in no git repository") && error.contains("--repository"), "{error}");
    git(folder.path(), "ann", "2024-01-01T00:00:00", &["init"]);
    let error = told(&["--repository", &nowhere]);
    assert!(error.contains("has no commit yet"), "{error}");
    assert!(told(&["--members", "0"]).contains("1 to 64"));
    assert!(told(&["--wrong"]).contains("usage"));
    assert!(told(&["nosuch:", "--repository", "."]).contains("nosuch"));
}
