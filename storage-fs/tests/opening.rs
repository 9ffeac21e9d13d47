//! How stores are opened: created, refused, shared; and what is answered where the files are not what they were.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use storage_core::journal::{Journal, JournalOptions, NAMES};
use storage_core::{Database, Engine as _, Error, Keyspace, Kind, Result};
use storage_fs::{Form, FsEngine, FsOptions};

type Db = Database<Journal<FsEngine>>;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn own(&self, name: &str) -> PathBuf {
        self.root().join(".storage").join(name)
    }

    fn open(&self) -> Result<Db> {
        open(&self.root())
    }

    /// The same as a process left it that ended without closing.
    fn not_closed() -> Self {
        let (place, copy) = (Place::new(), Place::new());
        let _running = filled(&place.root());
        for (path, content) in files(&place.root()) {
            let path = copy.root().join(path.strip_prefix(place.root()).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        copy
    }

    /// A store with records in both forms, which was closed.
    fn closed() -> Self {
        let place = Place::new();
        filled(&place.root()).close().unwrap();
        place
    }
}

fn open(root: &Path) -> Result<Db> {
    let journal = JournalOptions::default().with_file_len(64 << 10);
    Database::new(FsOptions::at(root).form("pages", Form::Files).cache_bytes(0).journal(journal).open()?)
}

fn filled(root: &Path) -> Db {
    let db = open(root).unwrap();
    db.put(notes(), "a", "1").unwrap();
    db.put(pages(), "a", "2").unwrap();
    db.engine().checkpoint().unwrap();
    db
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn pages() -> Keyspace {
    Keyspace::new("pages").unwrap()
}

/// Fails with this kind, and names this.
fn refused<T>(kind: Kind, named: &str, result: Result<T>) -> Error {
    let error = result.map(drop).expect_err("it is refused");
    let told = format!("{error:?}");
    assert_eq!(error.kind(), kind, "{told}");
    assert!(told.contains(named), "{told} does not name {named}");
    error
}

/// Every file below a directory, with its content.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// Opening fails, and changes no byte.
fn refused_untouched(place: &Place, kind: Kind, named: &str) {
    let before = files(&place.root());
    let error = refused(kind, named, place.open()).to_string();
    assert!(error.contains(&place.root().display().to_string()), "{error}");
    assert!(before == files(&place.root()), "opening changed something");
}

fn holds_all(db: &Db) {
    assert_eq!(&*db.get(notes(), "a").unwrap().unwrap(), b"1");
    assert_eq!(&*db.get(pages(), "a").unwrap().unwrap(), b"2");
}

#[test]
fn settings_are_kept_and_shown() {
    let place = Place::new();
    let engine = FsOptions::at(place.root()).form("pages", Form::Files).cache_bytes(9).open().unwrap();
    let settings = engine.engine().settings();
    assert_eq!((&settings.root, settings.cache_bytes), (&place.root(), 9));
    let shown = settings.to_string();
    for part in ["store", "9 bytes", "lines", "pages in files", "created if missing"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn store_is_open_in_one_place_only() {
    let place = Place::new();
    let db = filled(&place.root());
    refused(Kind::Busy, "open elsewhere", place.open());
    db.close().unwrap();
    holds_all(&place.open().unwrap());
}

#[test]
fn store_keeps_its_id_and_no_two_have_the_same() {
    let (place, other) = (Place::closed(), Place::closed());
    let id = |place: &Place| place.open().unwrap().engine().engine().id();
    assert_eq!(id(&place), id(&place));
    assert_ne!(id(&place), id(&other));
}

#[test]
fn missing_store_is_made_or_not() {
    let place = Place::new();
    let must_exist = || FsOptions::at(place.root()).must_exist().open();
    refused(Kind::Invalid, "store", must_exist());
    assert!(!place.root().exists());
    fs::create_dir(place.root()).unwrap();
    refused(Kind::Invalid, "holds no store", must_exist());
    place.open().unwrap().close().unwrap();
    must_exist().unwrap().close().unwrap();
}

#[test]
fn root_that_is_a_file_is_refused() {
    let place = Place::new();
    fs::write(place.root(), "text").unwrap();
    refused(Kind::Invalid, "is no directory", place.open());
    assert_eq!(fs::read(place.root()).unwrap(), b"text");
}

#[test]
fn foreign_directory_is_refused() {
    let place = Place::new();
    fs::create_dir(place.root()).unwrap();
    fs::write(place.root().join("thesis.txt"), "text").unwrap();
    refused_untouched(&place, Kind::Invalid, "something else than a store");
    fs::create_dir(place.own("")).unwrap();
    refused(Kind::Corrupt, "thesis.txt", place.open());
    assert_eq!(fs::read(place.root().join("thesis.txt")).unwrap(), b"text");
}

/// Root may do everything, so that as root only this is tried: that permissions are no obstacle.
#[cfg(unix)]
#[test]
fn root_without_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::closed();
    let permit = |mode| fs::set_permissions(place.root(), fs::Permissions::from_mode(mode)).unwrap();
    permit(0o000);
    let opened = place.open();
    permit(0o700);
    match fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found)) {
        Ok(0) => {
            println!("root_without_permission_is_refused: not tried, since root may do everything");
            holds_all(&opened.unwrap());
        }
        _ => drop(refused(Kind::Unavailable, "store", opened)),
    }
}

#[test]
fn damaged_manifest_is_told_at_every_bit() {
    let place = Place::closed();
    let path = place.own("store.json");
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, changed).unwrap();
        refused(Kind::Corrupt, ".storage/store.json", place.open());
    }
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        refused(Kind::Corrupt, ".storage/store.json", place.open());
    }
    fs::write(&path, &whole).unwrap();
    holds_all(&place.open().unwrap());
}

#[test]
fn newer_format_is_refused() {
    let place = Place::closed();
    let path = place.own("store.json");
    let text = fs::read_to_string(&path).unwrap();
    let first = text.lines().next().unwrap().replacen("\"format\":1", "\"format\":2", 1);
    fs::write(&path, format!("{first}\n{:08x}\n", crc32fast::hash(first.as_bytes()))).unwrap();
    refused_untouched(&place, Kind::Invalid, "format 2");
}

#[test]
fn missing_manifest_is_told_whatever_else_is_there() {
    let place = Place::closed();
    fs::remove_file(place.own("store.json")).unwrap();
    refused_untouched(&place, Kind::Corrupt, ".storage/store.json is missing");
    NAMES.into_iter().for_each(|name| fs::remove_file(place.own(name)).unwrap());
    refused_untouched(&place, Kind::Corrupt, ".storage/store.json is missing");
    fs::remove_dir_all(place.own("lines")).unwrap();
    refused_untouched(&place, Kind::Corrupt, ".storage/store.json is missing");
}

#[test]
fn missing_journal_of_a_store_that_was_not_closed_is_told() {
    for name in NAMES {
        let place = Place::not_closed();
        fs::remove_file(place.own(name)).unwrap();
        refused_untouched(&place, Kind::Corrupt, name);
    }
}

#[test]
fn closed_store_needs_no_journal() {
    for missing in [&NAMES[..1], &NAMES[1..], &NAMES[..]] {
        let place = Place::closed();
        missing.iter().for_each(|name| fs::remove_file(place.own(name)).unwrap());
        let db = place.open().unwrap();
        holds_all(&db);
        db.put(notes(), "b", "3").unwrap();
        drop(db);
        let db = place.open().unwrap();
        holds_all(&db);
        assert_eq!(&*db.get(notes(), "b").unwrap().unwrap(), b"3");
    }
}

#[test]
fn journal_of_another_store_is_refused() {
    let (place, other) = (Place::closed(), Place::closed());
    for name in NAMES {
        fs::copy(other.own(name), place.own(name)).unwrap();
    }
    refused_untouched(&place, Kind::Invalid, "another store");
}

#[test]
fn older_copy_under_a_newer_journal_is_refused() {
    let place = Place::closed();
    let older = fs::read(place.own("store.json")).unwrap();
    place.open().unwrap().close().unwrap();
    drop(place.open().unwrap());
    fs::write(place.own("store.json"), older).unwrap();
    refused_untouched(&place, Kind::Invalid, "older copy");
}

#[test]
fn segment_that_is_missing_or_cut_is_told() {
    for segment in ["notes/000001.jsonl", ".storage/lines/pages/000001.jsonl"] {
        let place = Place::closed();
        let path = place.root().join(segment);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        refused_untouched(&place, Kind::Corrupt, segment);
        fs::remove_file(&path).unwrap();
        refused_untouched(&place, Kind::Corrupt, segment);
        fs::write(&path, &whole).unwrap();
        holds_all(&place.open().unwrap());
    }
}

/// What stands at the path of a record or of the engine's own files, and is no file.
#[cfg(unix)]
fn no_file(path: &Path, what: &str) {
    let kept = path.with_extension("before");
    match what {
        "link" => {
            fs::rename(path, &kept).unwrap();
            std::os::unix::fs::symlink(&kept, path).unwrap();
        }
        "pipe" => {
            fs::rename(path, &kept).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        _ => {
            fs::rename(path, &kept).unwrap();
            fs::create_dir(path).unwrap();
        }
    }
}

#[cfg(unix)]
#[test]
fn file_of_a_record_that_is_none_is_told_and_kept() {
    for what in ["link", "pipe", "directory"] {
        let place = Place::closed();
        let path = place.root().join("pages/=a.json");
        no_file(&path, what);
        let db = place.open().unwrap();
        assert_eq!(&*db.get(notes(), "a").unwrap().unwrap(), b"1");
        let error = refused(Kind::Corrupt, "pages/=a.json", db.get(pages(), "a"));
        assert!(format!("{error:?}").contains("key \"a\""), "{error:?}");
        db.put(pages(), "a", "3").unwrap();
        db.engine().checkpoint().unwrap();
        assert_eq!(&*db.get(pages(), "a").unwrap().unwrap(), b"3", "{what}");
        assert!(fs::symlink_metadata(place.own("kept/pages.=a.json")).is_ok(), "{what} is kept");
        assert_eq!(fs::read(place.root().join("pages/=a.before")).unwrap(), b"2");
    }
}

#[cfg(unix)]
#[test]
fn own_file_that_is_none_is_told() {
    for name in ["store.json", "journal-0", "lines/pages/000001.jsonl"] {
        for what in ["link", "pipe", "directory"] {
            let place = Place::closed();
            no_file(&place.own(name), what);
            let error = place.open().map(drop).expect_err(name);
            assert!(matches!(error.kind(), Kind::Corrupt | Kind::Unavailable), "{error:?}");
        }
    }
}

#[test]
fn root_that_is_removed_under_a_running_store_is_told() {
    let place = Place::new();
    let db = filled(&place.root());
    fs::remove_dir_all(place.root()).unwrap();
    db.put(pages(), "b", "3").unwrap();
    refused(Kind::Unavailable, "", db.engine().checkpoint());
    refused(Kind::Unavailable, "open the store again", db.put(pages(), "c", "4"));
    assert_eq!(&*db.get(pages(), "b").unwrap().unwrap(), b"3");
    assert!(db.close().is_err());
}

#[test]
fn directory_of_records_that_is_removed_does_not_stop_the_store() {
    let place = Place::new();
    let db = filled(&place.root());
    fs::remove_dir_all(place.root().join("pages")).unwrap();
    db.delete(pages(), "a").unwrap();
    db.engine().checkpoint().unwrap();
    db.put(pages(), "b", "3").unwrap();
    db.engine().checkpoint().unwrap();
    fs::remove_dir_all(place.root().join("pages")).unwrap();
    db.delete(pages(), "b").unwrap();
    db.put(pages(), "c", "4").unwrap();
    db.close().unwrap();
    let db = place.open().unwrap();
    assert!(db.get(pages(), "b").unwrap().is_none());
    assert_eq!(&*db.get(pages(), "c").unwrap().unwrap(), b"4");
}

/// No keyspace stands where a file or a directory of the store does.
#[test]
fn keyspaces_have_any_name() {
    let place = Place::new();
    let names = ["aside", "kept", "lock", "lines", "large", "journal"];
    let options = || FsOptions::at(place.root()).default_form(Form::Files).cache_bytes(0);
    let keyspaces = || names.into_iter().map(|name| Keyspace::new(name).unwrap());
    let db = Database::new(options().open().unwrap()).unwrap();
    keyspaces().for_each(|keyspace| db.put(keyspace, "a", "1").unwrap());
    let texts = storage_core::Table::<u64, String>::define("store");
    let json = storage_core::Index::on("json", |_: &u64, text: &String| text.len() as u64);
    let texts = texts.index(&json).open(&db).unwrap();
    db.transact(|txn| texts.put(txn, &1, &"long".to_owned())).unwrap();
    db.close().unwrap();
    let db = Database::new(options().open().unwrap()).unwrap();
    for keyspace in keyspaces() {
        assert_eq!(&*db.get(keyspace, "a").unwrap().unwrap(), b"1", "{}", keyspace.name());
    }
    assert!(db.engine().keyspaces().unwrap().iter().any(|keyspace| keyspace.name() == "store.json"));
}

#[test]
fn store_remembers_the_forms_of_its_records() {
    let place = Place::new();
    let written = |options: FsOptions, key: &str| {
        let engine = options.open().unwrap();
        let form = engine.engine().settings().form;
        let db = Database::new(engine).unwrap();
        db.put(pages(), key, "1").unwrap();
        db.put(notes(), key, "2").unwrap();
        db.close().unwrap();
        form
    };
    let root = place.root();
    let chosen = FsOptions::at(&root).default_form(Form::Files).form("notes", Form::Lines);
    assert_eq!(written(chosen, "a"), Form::Files);
    assert_eq!(written(FsOptions::at(&root), "b"), Form::Files);
    assert!(root.join("pages/=b.json").exists() && root.join("notes/000001.jsonl").exists());
    assert_eq!(written(FsOptions::at(&root).default_form(Form::Lines), "c"), Form::Lines);
    assert_eq!(written(FsOptions::at(&root), "d"), Form::Lines);
    assert!(root.join("pages/=a.json").exists() && !root.join("pages/=d.json").exists());
}

#[test]
fn copied_store_takes_its_files_for_its_own() {
    let place = Place::closed();
    let copy = place.0.path().join("copy");
    assert!(Command::new("cp").arg("-r").args([place.root(), copy.clone()]).status().unwrap().success());
    let db = open(&copy).unwrap();
    db.put(pages(), "a", "3").unwrap();
    db.close().unwrap();
    assert_eq!(fs::read_to_string(copy.join("pages/=a.json")).unwrap(), "3");
    assert!(!copy.join(".storage/kept").exists(), "nobody else wrote here");
}

#[test]
fn root_below_nothing_is_refused() {
    let place = Place::new();
    let below = place.root().join("store");
    assert_eq!(open(&below).unwrap_err().kind(), Kind::Invalid);
    fs::write(place.root(), "a file").unwrap();
    assert_eq!(open(&below).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(fs::read_to_string(place.root()).unwrap(), "a file");
}
