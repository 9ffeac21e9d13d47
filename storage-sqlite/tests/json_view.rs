//! What the `sqlite3` shell is shown of tables with the JSON codec.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use storage_core::{Codec, Database, Engine as _, Keyspace, Kind, Table};
use storage_sqlite::SqliteEngine;

#[derive(Clone, Serialize, Deserialize)]
struct Book {
    title: String,
    shelf: u32,
    isbn: Option<String>,
}

fn book(title: &str, shelf: u32) -> Book {
    Book { title: title.to_owned(), shelf, isbn: None }
}

/// The rows of a view: its columns, each as text.
fn rows(connection: &Connection, text: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(text).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut shown = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cell = |column| match row.get::<_, rusqlite::types::Value>(column).unwrap() {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        shown.push((0..columns).map(cell).collect());
    }
    shown
}

#[test]
fn json_table_is_shown_with_a_column_for_each_field() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let db = Database::new(SqliteEngine::open(&path).unwrap()).unwrap();
    let books = Table::<String, Book>::define("books").codec(Codec::Json).open(&db).unwrap();
    db.transact(|txn| {
        books.put(txn, &"emma".to_owned(), &book("Emma", 1))?;
        books.put(txn, &"moby".to_owned(), &book("Moby-Dick \"the whale\"", 3))
    })
    .unwrap();
    let keyspace = Keyspace::new("books").unwrap();
    let view = db.engine().create_json_view(keyspace, &["title", "shelf", "isbn"]).unwrap();
    assert_eq!(view, "books$json");
    let shell = Connection::open(&path).unwrap();
    let shown = rows(&shell, "SELECT * FROM books$json ORDER BY key");
    assert_eq!(shown, [["emma", "Emma", "1", "Null"], ["moby", "Moby-Dick \"the whale\"", "3", "Null"]]);
    let one = rows(&shell, "SELECT title FROM books$json WHERE shelf > 2");
    assert_eq!(one, [["Moby-Dick \"the whale\""]]);
    db.transact(|txn| books.put(txn, &"emma".to_owned(), &book("Emma", 7))).unwrap();
    drop(shell);
    let fewer = db.engine().create_json_view(keyspace, &["shelf"]).unwrap();
    let shell = Connection::open(&path).unwrap();
    assert_eq!(rows(&shell, &format!("SELECT * FROM {fewer}")), [["emma", "7"], ["moby", "3"]]);
    let mut names: Vec<_> = db.engine().keyspaces().unwrap().into_iter().map(Keyspace::name).collect();
    names.sort_unstable();
    assert_eq!(names, ["_tables", "books"], "a view is no keyspace");
}

#[test]
fn keys_are_shown_as_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let db = Database::new(SqliteEngine::open(&path).unwrap()).unwrap();
    let numbers = Table::<i64, u32>::define("numbers").codec(Codec::Json).open(&db).unwrap();
    let keys = [0, 1, 255, 256, 65_536, 1 << 40, i64::MAX];
    db.transact(|txn| keys.iter().try_for_each(|key| numbers.put(txn, key, &1))).unwrap();
    db.transact(|txn| numbers.put(txn, &-1, &1)).unwrap();
    let pairs = Table::<(String, u32), u32>::define("pairs").codec(Codec::Json).open(&db).unwrap();
    db.transact(|txn| pairs.put(txn, &("a".to_owned(), 1), &1)).unwrap();
    for name in ["numbers", "pairs"] {
        db.engine().create_json_view(Keyspace::new(name).unwrap(), &[]).unwrap();
    }
    let shell = Connection::open(&path).unwrap();
    let shown: Vec<_> = rows(&shell, "SELECT key FROM numbers$json").concat();
    let mut expected: Vec<_> = keys.iter().map(i64::to_string).collect();
    expected.insert(0, "13FE".to_owned());
    assert_eq!(shown, expected);
    assert_eq!(rows(&shell, "SELECT key FROM pairs$json"), [["0261001501"]]);
}

#[test]
fn names_that_are_none_are_refused() {
    let db = Database::new(SqliteEngine::memory().unwrap()).unwrap();
    let notes = Keyspace::new("notes").unwrap();
    let refused = |fields: &[&str]| db.engine().create_json_view(notes, fields).unwrap_err().kind();
    assert_eq!(refused(&["title"]), Kind::Invalid, "there is no table yet");
    db.put(notes, "a", "1").unwrap();
    for name in ["", "a b", "a\"b", "a'; DROP TABLE notes; --", "a$b", &"x".repeat(65)] {
        assert_eq!(refused(&["title", name]), Kind::Invalid, "{name}");
    }
    db.engine().create_json_view(notes, &["title"]).unwrap();
}
