//! URLs: what they open, and what they are refused with.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![cfg(all(feature = "fs", feature = "mem", feature = "redb", feature = "sqlite"))]

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use storage::engines::storage_redb::{QuickRepair, RedbEngine};
use storage::engines::storage_sqlite::{SqliteEngine, TempStore};
use storage::{Access, Error, KeyRange, Keyspace, Kind};

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn redb(path: &Path, rest: &str) -> String {
    format!("redb:{}{rest}", path.display())
}

fn refused(url: &str) -> Error {
    let error = storage::open(url).map(drop).expect_err(url);
    assert_eq!(error.kind(), Kind::Invalid, "{url}: {error}");
    error
}

#[test]
fn memory_is_opened_anew_each_time() {
    storage::open("mem:").unwrap().put(notes(), "a", "1").unwrap();
    assert!(storage::open("mem:").unwrap().get(notes(), "a").unwrap().is_none());
}

#[test]
fn file_is_opened_where_the_url_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a store: 100 % good?.redb");
    let escaped = path.display().to_string().replace('%', "%25").replace('?', "%3f");
    let db = storage::open(&format!("redb:{escaped}")).unwrap();
    db.put(notes(), "a", "1").unwrap();
    db.close().unwrap();
    drop(db);
    assert!(path.exists());
    let db = storage::open(&format!("redb://{escaped}?read_only=true")).unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert_eq!(db.capabilities().access, Access::ReadOnly);
}

#[test]
fn options_reach_the_engine() {
    let directory = tempfile::tempdir().unwrap();
    let url = redb(
        &directory.path().join("a.redb"),
        "?quick_repair=every-commit&cache_bytes=1048576&read_only=false",
    );
    let engine = storage::engine(&url).unwrap();
    let settings = engine.downcast_ref::<RedbEngine>().unwrap().settings();
    assert_eq!((settings.quick_repair, settings.cache_bytes), (QuickRepair::EveryCommit, 1 << 20));
    assert_eq!(settings.access, Access::ReadWrite);
}

#[test]
fn sqlite_is_opened_in_a_file_and_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let url =
        format!("sqlite:{}?cache_bytes=1048576&profile=small&busy_timeout=7&page_bytes=4096", path.display());
    let engine = storage::engine(&url).unwrap();
    let settings = engine.downcast_ref::<SqliteEngine>().unwrap().settings().clone();
    assert_eq!(
        (settings.cache_bytes, settings.page_bytes),
        (1 << 20, 4096),
        "what is given beside a profile counts"
    );
    assert_eq!((settings.temp_store, settings.busy_timeout), (TempStore::File, Duration::from_millis(7)));
    assert!(path.exists());
    let db = storage::open("sqlite::memory:").unwrap();
    db.put(notes(), "a", "1").unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn what_cannot_be_understood_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.redb");
    let cases = [
        ("", "an engine and a colon"),
        ("notes.redb", "an engine and a colon"),
        (":memory:", "no engine \"\""),
        ("mysql:a", "no engine \"mysql\""),
        ("Mem:", "no engine \"Mem\""),
        ("mem:notes", "notes"),
        ("mem:?cache_bytes=1", "no options"),
        ("redb:", "names no file"),
        ("redb:?read_only=true", "names no file"),
        ("sqlite:", "names no file"),
        ("fs:", "names no file"),
        ("fs:a?form=xml", "lines, files"),
        ("fs:a?files=Notes", "Notes"),
        ("fs:a?files=notes,notes", "\"notes\" is named twice"),
        ("fs:a?files=notes,other&lines=notes", "\"notes\" is named twice"),
        ("fs:a%00", "NUL"),
        ("redb:a%00b", "NUL"),
        ("sqlite:a%00b", "NUL"),
        ("sqlite::memory:x", "`sqlite::memory:`"),
        ("sqlite::memory", "`sqlite::memory:`"),
        ("sqlite::Memory:", "`sqlite:./:Memory:`"),
        ("fs:a?read_only=true", "no option \"read_only\""),
        ("sqlite::memory:?read_only=true", "no option \"read_only\""),
        ("sqlite::memory:?temp_store=disk", "memory, file"),
        ("redb://host/a.redb", "names a server"),
        ("redb:a%2", "hexadecimal"),
        ("redb:a%zz", "hexadecimal"),
        (&redb(&path, "?cache=1"), "no option \"cache\""),
        (&redb(&path, "?cache_bytes=much"), "\"much\""),
        (&redb(&path, "?cache_bytes=-1"), "\"-1\""),
        (&redb(&path, "?cache_bytes"), "no value"),
        (&redb(&path, "?must_exist=true&must_exist=true"), "twice"),
        (&redb(&path, "?quick_repair=never"), "at-sync, every-commit"),
        (&redb(&path, "?read_only=1"), "true, false"),
        (&redb(&path, "?journal=yes"), "true, false"),
        (&redb(&path, "?read_only=%ff"), "UTF-8"),
    ];
    for (url, part) in cases {
        let error = refused(url).to_string();
        assert!(error.contains(part), "{url}: {error}");
    }
    assert!(!path.exists(), "nothing is created for a URL that is refused");
}

#[test]
fn plain_files_are_opened_in_the_forms_that_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let db = storage::open(&format!("fs:{}?files=notes,drafts&cache_bytes=1000", root.display())).unwrap();
    db.put(notes(), "a", "1").unwrap();
    db.put(Keyspace::new("events").unwrap(), "a", "1").unwrap();
    db.close().unwrap();
    assert_eq!(std::fs::read(root.join("notes/=a.json")).unwrap(), b"1");
    assert!(root.join("events/000001.jsonl").exists());
}

#[test]
fn redb_is_opened_with_a_journal_where_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.redb");
    let db = storage::open(&redb(&path, "?journal=true")).unwrap();
    db.put(notes(), "a", "1").unwrap();
    assert!(directory.path().join("a.redb.journal-0").exists());
    db.close().unwrap();
    drop(db);
    let db = storage::open(&redb(&path, "")).unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
    assert!(!directory.path().join("a.redb.journal-0").exists());
}

#[test]
fn opening_that_fails_names_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nothing").display().to_string();
    for engine in ["fs", "redb", "sqlite"] {
        let error = refused(&format!("{engine}:{path}?must_exist=true")).to_string();
        assert!(error.contains(&path), "{engine}: {error}");
    }
}

#[test]
fn copy_goes_between_any_two_engines() {
    let directory = tempfile::tempdir().unwrap();
    let by_len = storage::Index::on("by_len", |_: &String, text: &String| text.len() as u64);
    let open = |url: &str| {
        let db = storage::open(url).unwrap();
        let table = storage::Table::<String, String>::define("texts").index(&by_len).open(&db).unwrap();
        (db, table)
    };
    let url = |engine: usize, name: &str| {
        let path = directory.path().join(name).display().to_string();
        [
            format!("fs:{path}"),
            format!("fs:{path}?form=files"),
            format!("redb:{path}"),
            format!("redb:{path}?journal=true"),
            format!("sqlite:{path}"),
        ][engine]
            .clone()
    };
    for from in 0..5 {
        let source = url(from, &format!("from-{from}"));
        let (db, texts) = open(&source);
        db.transact(|txn| {
            texts.put(txn, &"a".to_owned(), &"one".to_owned())?;
            texts.put(txn, &"B".to_owned(), &"more\nlines".to_owned())?;
            txn.add(notes(), "count", 7)
        })
        .unwrap();
        db.close().unwrap();
        drop(db);
        for to in 0..5 {
            let target = url(to, &format!("to-{from}-{to}"));
            let copied = storage::copy(&source, &target, |_| ()).unwrap();
            assert_eq!(copied.records, copied.verified, "{source} to {target}");
            let (db, texts) = open(&target);
            let snapshot = db.snapshot().unwrap();
            let mut range =
                texts.range_by(&by_len, &snapshot, KeyRange::all(), storage::Direction::Reverse).unwrap();
            let keys: Vec<_> = range.to_vec().unwrap().into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys, ["B", "a"], "{source} to {target}");
            assert_eq!(snapshot.counter(notes(), "count").unwrap(), 7);
        }
    }
}

#[test]
fn copy_goes_from_url_to_url() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (redb(&directory.path().join("a.redb"), ""), redb(&directory.path().join("b.redb"), ""));
    let db = storage::open(&from).unwrap();
    db.put(notes(), "a", "1").unwrap();
    db.close().unwrap();
    drop(db);
    let copied = storage::copy(&from, &to, |_| ()).unwrap();
    assert_eq!((copied.records, copied.verified), (1, 1));
    let again = storage::copy(&from, &to, |_| ()).expect_err("it is not empty");
    assert_eq!(again.kind(), Kind::Invalid);
    let db = storage::open(&to).unwrap();
    assert_eq!(db.get(notes(), "a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn path_with_a_nul_is_invalid_on_every_engine() {
    use storage::engines::{storage_fs::FsOptions, storage_redb::RedbOptions, storage_sqlite::SqliteOptions};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a\0b");
    for opened in [
        FsOptions::at(&path).open().map(drop),
        RedbOptions::at(&path).open().map(drop),
        RedbOptions::at(&path).journalled().map(drop),
        SqliteOptions::at(&path).open().map(drop),
    ] {
        let error = opened.expect_err("it is no path");
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn copy_creates_nothing_for_a_url_that_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.redb");
    storage::copy(&redb(&path, ""), "nothing", |_| ()).expect_err("the second is no URL");
    assert!(!path.exists());
}

#[test]
fn copy_of_a_store_that_is_not_there_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for scheme in ["fs", "redb", "sqlite"] {
        let (from, to) = (directory.path().join("missing"), directory.path().join("copy"));
        let copied = storage::copy(
            &format!("{scheme}:{}", from.display()),
            &format!("{scheme}:{}", to.display()),
            |_| (),
        );
        assert_eq!(copied.expect_err("nothing is there").kind(), Kind::Invalid);
        assert!(!from.exists() && !to.exists(), "{scheme}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_in_words(text in "(fs|mem|redb|sqlite|x)?:?[ -~é%?&=]{0,30}") {
        // A path that could be created is looked for only.
        let url = match text.split_once('?') {
            Some((path, _)) => format!("{path}?must_exist=true"),
            None => format!("{text}?must_exist=true"),
        };
        match storage::engine(&url) {
            Ok(engine) => prop_assert!(false, "{} is there: {:?}", url, engine),
            Err(error) => prop_assert!([Kind::Invalid, Kind::Unavailable].contains(&error.kind()), "{error:?}"),
        }
    }
}
