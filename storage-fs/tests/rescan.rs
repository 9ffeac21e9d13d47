//! What other hands do to the files of records: found, taken over with the index entries, and never overwritten.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fs;
use std::path::PathBuf;

use storage_core::Direction::Forward;
use storage_core::journal::Journal;
use storage_core::{Database, Index, Key, KeyRange, Keyspace, Kind, Table};
use storage_fs::{Form, FoundChange, FsEngine, FsOptions, Rescan, adopt};

type Db = Database<Journal<FsEngine>>;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("store").join(path)
    }

    fn open(&self) -> Db {
        let options = FsOptions::at(self.path("")).form("notes", Form::Files).cache_bytes(0);
        Database::new(options.open().unwrap()).unwrap()
    }

    fn write(&self, path: &str, content: &str) {
        fs::write(self.path(path), content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }
}

fn notes() -> Keyspace {
    Keyspace::new("notes").unwrap()
}

fn key(name: &str) -> Key {
    Key::of(name).unwrap()
}

fn put(db: &Db, name: &str, value: &str) {
    db.put(notes(), key(name), value).unwrap();
    db.engine().checkpoint().unwrap();
}

fn get(db: &Db, name: &str) -> String {
    String::from_utf8(db.get(notes(), key(name)).unwrap().unwrap().to_vec()).unwrap()
}

fn rescan(db: &Db) -> Rescan {
    db.engine().engine().rescan().unwrap()
}

fn found(rescan: &Rescan) -> Vec<(&str, FoundChange)> {
    rescan.found.iter().map(|found| (found.path.as_str(), found.change)).collect()
}

fn adopted(db: &Db) -> usize {
    let found = rescan(db).found;
    let keys = adopt(db, db.engine().engine(), &found).unwrap();
    db.engine().checkpoint().unwrap();
    keys.len()
}

#[test]
fn edits_additions_and_removals_are_found_and_taken_over() {
    let place = Place::new();
    let db = place.open();
    ["edited", "removed", "left"].into_iter().for_each(|name| put(&db, name, "[1]"));
    assert_eq!(rescan(&db), Rescan::default());
    place.write("notes/edited.json", "[2]");
    let error = db.get(notes(), key("edited")).unwrap_err().to_string();
    assert!(error.contains("`FsEngine::rescan`"), "of the same length: {error}");
    place.write("notes/edited.json", "[1, 2]");
    place.write("notes/added.json", "[3]");
    fs::remove_file(place.path("notes/removed.json")).unwrap();
    let expected = [
        ("notes/added.json", FoundChange::Added),
        ("notes/edited.json", FoundChange::Changed),
        ("notes/removed.json", FoundChange::Removed),
    ];
    let changes = rescan(&db);
    assert_eq!(found(&changes), expected);
    assert!(changes.strange.is_empty() && changes.kept.is_empty(), "{changes:?}");
    for name in ["edited", "removed"] {
        let error = db.get(notes(), key(name)).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        let root = place.path("").parent().unwrap().display().to_string();
        for part in ["`FsEngine::rescan`", "`adopt`", &format!("notes/{name}.json"), &root] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert!(db.get(notes(), key("added")).unwrap().is_none());
    assert_eq!(adopted(&db), 3);
    let check = |db: &Db| {
        assert_eq!(
            (get(db, "edited"), get(db, "added"), get(db, "left")),
            ("[1, 2]".into(), "[3]".into(), "[1]".into())
        );
        assert!(db.get(notes(), key("removed")).unwrap().is_none());
        assert_eq!(rescan(db), Rescan::default());
    };
    check(&db);
    db.close().unwrap();
    check(&place.open());
}

#[test]
fn touched_and_copied_files_are_what_they_were() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "[1]");
    put(&db, "b", "[2]");
    fs::File::open(place.path("notes/a.json")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::copy(place.path("notes/b.json"), place.path("copy")).unwrap();
    fs::rename(place.path("copy"), place.path("notes/b.json")).unwrap();
    assert_eq!(rescan(&db), Rescan::default());
    assert_eq!((get(&db, "a"), get(&db, "b")), ("[1]".into(), "[2]".into()));
}

#[test]
fn hand_edit_is_never_overwritten() {
    let place = Place::new();
    let db = place.open();
    ["put", "deleted", "lost"].into_iter().for_each(|name| put(&db, name, "[1]"));
    place.write("notes/put.json", "by hand");
    place.write("notes/deleted.json", "by another hand");
    place.write("notes/new.json", "before there was a record");
    put(&db, "put", "[2]");
    db.delete(notes(), key("deleted")).unwrap();
    put(&db, "new", "[3]");
    assert_eq!((get(&db, "put"), get(&db, "new")), ("[2]".into(), "[3]".into()));
    assert_eq!((place.read("notes/put.json"), place.read("notes/new.json")), ("[2]".into(), "[3]".into()));
    let kept = ["notes.deleted.json", "notes.new.json", "notes.put.json"];
    assert_eq!(rescan(&db).kept, kept);
    assert_eq!(place.read(".storage/kept/notes.put.json"), "by hand");
    assert_eq!(place.read(".storage/kept/notes.deleted.json"), "by another hand");
    assert_eq!(place.read(".storage/kept/notes.new.json"), "before there was a record");
    place.write("notes/put.json", "by hand again");
    put(&db, "put", "[4]");
    assert_eq!(rescan(&db).kept.len(), 4);
    assert_eq!(place.read(".storage/kept/notes.put.json"), "by hand");
    db.close().unwrap();
    assert_eq!(rescan(&place.open()).kept.len(), 4);
}

#[test]
fn strange_names_are_told_and_left() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "[1]");
    db.put(Keyspace::new("lines").unwrap(), key("a"), "[1]").unwrap();
    db.engine().checkpoint().unwrap();
    let files = [
        "notes/A.json",
        "notes/%61.json",
        "notes/b",
        "notes/c.md",
        "notes/%zz.txt",
        "lines/b.json",
        "top.json",
    ];
    files.into_iter().for_each(|path| place.write(path, "[1]"));
    fs::create_dir(place.path("notes/d.json")).unwrap();
    fs::create_dir(place.path("No keyspace")).unwrap();
    let mut expected: Vec<_> = files.map(str::to_owned).into_iter().collect();
    expected.extend(["notes/d.json".to_owned(), "No keyspace".to_owned()]);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        std::os::unix::fs::symlink(place.path("top.json"), place.path("notes/e.json")).unwrap();
        let no_text = std::ffi::OsStr::from_bytes(b"\xff.json");
        fs::write(place.path("notes").join(no_text), "[1]").unwrap();
        expected.extend(["notes/e.json".to_owned(), "notes/\u{fffd}.json".to_owned()]);
    }
    expected.sort();
    let changes = rescan(&db);
    assert_eq!(changes.strange, expected);
    assert!(changes.found.is_empty(), "{changes:?}");
    db.close().unwrap();
    assert_eq!(rescan(&place.open()).strange, expected);
}

/// A file is renamed from what its content was to what it is.
#[test]
fn file_with_another_extension_is_the_same_record() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "[1]");
    fs::remove_file(place.path("notes/a.json")).unwrap();
    place.write("notes/a.txt", "text");
    assert_eq!(found(&rescan(&db)), [("notes/a.txt", FoundChange::Changed)]);
    assert_eq!(adopted(&db), 1);
    assert_eq!(get(&db, "a"), "text");
    assert_eq!(rescan(&db), Rescan::default());
}

/// Its record stands in the file that its content asks for, and the other would be found for ever.
#[test]
fn file_with_a_wrong_extension_is_given_the_right_one() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "[1]");
    place.write("notes/b.json", "text");
    assert_eq!(adopted(&db), 1);
    assert_eq!(place.read("notes/b.txt"), "text");
    assert!(!place.path("notes/b.json").exists());
    assert_eq!(rescan(&db), Rescan::default());
}

#[test]
fn records_that_are_still_to_be_written_are_left_out() {
    let place = Place::new();
    let db = place.open();
    ["a", "b"].into_iter().for_each(|name| put(&db, name, "[1]"));
    fs::remove_dir_all(place.path("notes")).unwrap();
    db.put(notes(), key("a"), "[2]").unwrap();
    let paths = found(&rescan(&db)).len();
    // The checkpoint may have come by itself in between.
    assert!(paths <= 1, "the record that was put is found removed");
    db.engine().checkpoint().unwrap();
    assert_eq!(found(&rescan(&db)), [("notes/b.json", FoundChange::Removed)]);
    assert_eq!(adopted(&db), 1);
    assert_eq!(get(&db, "a"), "[2]");
}

#[test]
fn file_that_changed_since_it_was_found_is_refused() {
    let place = Place::new();
    let db = place.open();
    put(&db, "a", "[1]");
    place.write("notes/a.json", "[1, 2]");
    let changes = rescan(&db);
    place.write("notes/a.json", "[1, 2, 3]");
    let refused = adopt(&db, db.engine().engine(), &changes.found).unwrap_err();
    assert_eq!(refused.kind(), Kind::Invalid);
    assert!(refused.to_string().contains("notes/a.json"), "{refused}");
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Person {
    name: String,
    mail: String,
}

#[test]
fn taking_over_in_a_table_changes_its_indexes() {
    let place = Place::new();
    let by_name = Index::on("by_name", |_: &String, person: &Person| person.name.clone());
    let by_mail = Index::on("by_mail", |_: &String, person: &Person| person.mail.clone()).unique();
    let db = place.open();
    let people = Table::define("notes").index(&by_name).index(&by_mail).open(&db).unwrap();
    let person = |name: &str, mail: &str| Person { name: name.into(), mail: mail.into() };
    for (id, name, mail) in [("a", "Ann", "ann@a"), ("b", "Bob", "bob@b")] {
        db.transact(|txn| people.put(txn, &id.to_owned(), &person(name, mail))).unwrap();
    }
    db.engine().checkpoint().unwrap();
    let named = |name: &str| {
        let range = KeyRange::within(name).unwrap();
        db.transact(|txn| people.range_by(&by_name, txn, range.clone(), Forward)?.to_vec())
            .unwrap()
            .value
            .len()
    };
    let text = |path: &str| place.read(path);
    place.write("notes/c.json", &text("notes/b.json").replace("Bob", "Cid").replace("bob@b", "cid@c"));
    assert_eq!(adopted(&db), 1);
    assert_eq!((named("Ann"), named("Bob"), named("Cid")), (1, 1, 1));
    // The same mail twice: all of it is refused, and the files stay as they are.
    place.write("notes/d.json", &text("notes/b.json").replace("Bob", "Dan"));
    place.write("notes/e.json", &text("notes/b.json").replace("Bob", "Eve").replace("bob@b", "eve@e"));
    let refused = |kind: Kind| {
        let changes = rescan(&db).found;
        let error = adopt(&db, db.engine().engine(), &changes).unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!(rescan(&db).found, changes);
    };
    refused(Kind::AlreadyExists);
    assert_eq!((named("Dan"), named("Eve")), (0, 0));
    fs::remove_file(place.path("notes/d.json")).unwrap();
    assert_eq!(adopted(&db), 1);
    assert_eq!(named("Eve"), 1);
    // What is no person is refused too.
    place.write("notes/f.json", "[1]");
    refused(Kind::Invalid);
    fs::remove_file(place.path("notes/f.json")).unwrap();
    // The entries of what stood in an edited file, or in one that is gone, go with it.
    place.write("notes/a.json", &text("notes/a.json").replace("Ann", "Zoe"));
    fs::remove_file(place.path("notes/b.json")).unwrap();
    assert_eq!(adopted(&db), 2);
    assert_eq!((named("Ann"), named("Zoe"), named("Bob")), (0, 1, 0));
}
