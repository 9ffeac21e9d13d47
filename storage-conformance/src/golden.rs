//! Golden stores: one record of each kind that the layer writes, by which an older file is known to read as it did.
//!
//! An engine that stores keeps one file for each version of its format that was ever released. [`write()`] made it then,
//! and [`check`] reads it for ever after; [`Releases`] is what a test of the engine runs.

mod releases;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_core::Direction::{Forward, Reverse};
use storage_core::key::Template;
use storage_core::{
    Attributes, Codec, Database, Engine, Index, Key, KeyRange, Keyspace, Kind, ManualClock, Options, Result,
    Sequence, Table, Timestamp, TransactOptions,
};

pub use releases::Releases;

/// When a golden store is written: the first second of 2026.
const WRITTEN_AT: Timestamp = Timestamp::from_nanos(1_767_225_600_000_000_000);

/// One record expires this long after, and is read before and after.
const LIFETIME: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    title: String,
    shelf: u32,
    isbn: Option<String>,
    notes: Vec<String>,
}

fn book(title: &str, shelf: u32, isbn: &str) -> Book {
    let notes = vec!["first edition".to_owned(), "signed".to_owned()];
    Book { title: title.to_owned(), shelf, isbn: Some(isbn.to_owned()), notes }
}

/// Long enough to be compressed, and regular enough to become smaller.
fn long_text() -> String {
    "all work and no play makes a dull store. ".repeat(40)
}

/// What the store holds: the keyspaces and tables, opened.
struct Library<E: Engine> {
    db: Database<E>,
    raw: Keyspace,
    counters: Keyspace,
    log: Keyspace,
    books: Table<u64, Book>,
    by_shelf: Index<u64, Book, u32>,
    by_isbn: Index<u64, Book, Option<String>>,
    by_title: Index<u64, Book, String>,
    texts: Table<String, String>,
    readable: Table<(String, i64), Book>,
}

impl<E: Engine> Library<E> {
    fn open(engine: E, clock: ManualClock) -> Result<Self> {
        let db = Database::with_options(engine, Options::new().clock(clock).sweep_by_hand())?;
        let by_shelf = Index::on("by_shelf", |_: &u64, book: &Book| book.shelf);
        let by_isbn = Index::on("by_isbn", |_: &u64, book: &Book| book.isbn.clone()).unique();
        let by_title = Index::on("by_title", |_: &u64, book: &Book| book.title.clone()).covering();
        let books = Table::define("books").index(&by_shelf).index(&by_isbn).index(&by_title).open(&db)?;
        Ok(Library {
            raw: Keyspace::new("raw")?,
            counters: Keyspace::new("counters")?,
            log: Keyspace::new("log")?,
            texts: Table::define("texts").compress_above(256).open(&db)?,
            readable: Table::define("readable").codec(Codec::Json).open(&db)?,
            books,
            by_shelf,
            by_isbn,
            by_title,
            db,
        })
    }

    fn positions(&self) -> Result<Sequence> {
        Ok(Sequence::new(self.counters, b"positions")?.starting_at(1))
    }

    /// Appends an entry to the log, and returns its position.
    fn append(&self, entry: &str) -> Result<u64> {
        let positions = self.positions()?;
        let mut drawn = None;
        let outcome = self.db.transact(|txn| {
            let number = txn.next(&positions)?;
            drawn = Some(number);
            let value = Template::from(entry.as_bytes().to_vec());
            txn.put_template(self.log, Template::of(&number), value, Attributes::new())
        })?;
        Ok(outcome.number(drawn.expect("the body ran")))
    }
}

/// Writes a golden store into an engine that is empty, and closes it.
///
/// It returns the errors of the database on it.
pub fn write<E: Engine>(engine: E) -> Result<()> {
    let library = Library::open(engine, ManualClock::at(WRITTEN_AT))?;
    let (db, raw) = (&library.db, library.raw);
    db.put(raw, b"plain", b"value")?;
    db.put(raw, b"empty", b"")?;
    db.put(raw, [0, 0xff, 0], [0, 1, 0xfe, 0xff])?;
    db.put_with(raw, b"marked", b"value", Attributes::new().user_byte(200), TransactOptions::new())?;
    let mortal = Attributes::new().expires_at(WRITTEN_AT.after(LIFETIME)).user_byte(7);
    db.put_with(raw, b"mortal", b"value", mortal, TransactOptions::new())?;
    db.transact(|txn| {
        txn.add(library.counters, b"hits", 40)?;
        txn.add(library.counters, b"debts", -7)
    })?;
    for entry in ["one", "two"] {
        library.append(entry)?;
    }
    db.transact(|txn| {
        library.books.put(txn, &1, &book("Moby-Dick", 3, "978-1"))?;
        library.books.put(txn, &2, &book("Emma", 1, "978-2"))?;
        let mortal = Attributes::new().expires_at(WRITTEN_AT.after(LIFETIME));
        library.books.put_with(txn, &3, &book("Ulysses", 1, "978-3"), mortal)?;
        library.texts.put(txn, &"long".to_owned(), &long_text())?;
        library.texts.put(txn, &"short".to_owned(), &"a word".to_owned())?;
        library.readable.put(txn, &("shelf".to_owned(), -5), &book("Middlemarch", 9, "978-9"))
    })?;
    db.close()
}

/// Reads a golden store and panics at the first difference. Then it writes to it, as its application would go on to.
///
/// It returns the errors of the database on it.
pub fn check<E: Engine>(engine: E) -> Result<()> {
    let clock = ManualClock::at(WRITTEN_AT.after(LIFETIME).before(Duration::from_nanos(1)));
    let library = Library::open(engine, clock.clone())?;
    check_raw(&library)?;
    check_tables(&library)?;
    clock.advance(Duration::from_nanos(1));
    let Library { db, raw, books, by_shelf, .. } = &library;
    assert!(db.get(*raw, b"mortal")?.is_none(), "its time has come");
    assert!(books.get(db, &3)?.is_none(), "its time has come");
    let swept = db.sweep(100)?;
    assert_eq!(swept.records, 2, "{swept:?}");
    db.transact(|txn| books.put(txn, &2, &book("Emma", 4, "978-2")))?;
    let snapshot = db.snapshot()?;
    let mut shelves = books.range_by(by_shelf, &snapshot, KeyRange::all(), Forward)?;
    assert_eq!(shelves.to_vec()?.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [1, 2]);
    drop(shelves);
    drop(snapshot);
    db.close()
}

fn check_raw<E: Engine>(library: &Library<E>) -> Result<()> {
    let Library { db, raw, counters, log, .. } = library;
    let snapshot = db.snapshot()?;
    let records = snapshot.range(*raw, &KeyRange::all(), Forward)?.to_vec()?;
    let expected: [(&[u8], &[u8]); 5] = [
        (&[0, 0xff, 0], &[0, 1, 0xfe, 0xff]),
        (b"empty", b""),
        (b"marked", b"value"),
        (b"mortal", b"value"),
        (b"plain", b"value"),
    ];
    assert_eq!(records.len(), expected.len());
    for ((key, value), (expected_key, expected_value)) in records.iter().zip(expected) {
        assert_eq!((key.as_slice(), value.as_slice()), (expected_key, expected_value));
    }
    let beside = |key: &[u8]| -> Result<(u8, Option<Timestamp>)> {
        let found = db.get(*raw, key)?.expect("it was listed");
        Ok((found.user_byte(), found.expires_at()))
    };
    assert_eq!(beside(b"plain")?, (0, None));
    assert_eq!(beside(b"marked")?, (200, None));
    assert_eq!(beside(b"mortal")?, (7, Some(WRITTEN_AT.after(LIFETIME))));
    assert_eq!((db.counter(*counters, b"hits")?, db.counter(*counters, b"debts")?), (40, -7));
    assert_eq!(library.append("three")?, 3, "the sequence goes on");
    let entries = db.snapshot()?.range(*log, &KeyRange::all(), Reverse)?.to_vec()?;
    let expected = [(3_u64, "three"), (2, "two"), (1, "one")];
    for ((key, value), (position, entry)) in entries.iter().zip(expected) {
        assert_eq!((key, value.as_slice()), (&Key::of(&position)?, entry.as_bytes()));
    }
    assert_eq!(entries.len(), expected.len());
    Ok(())
}

fn check_tables<E: Engine>(library: &Library<E>) -> Result<()> {
    let Library { db, books, by_shelf, by_isbn, by_title, texts, readable, .. } = library;
    let of = |key: u64| books.get(db, &key).map(|found| found.map(Arc::unwrap_or_clone));
    assert_eq!(of(1)?, Some(book("Moby-Dick", 3, "978-1")));
    assert_eq!(of(2)?, Some(book("Emma", 1, "978-2")));
    assert_eq!(of(3)?, Some(book("Ulysses", 1, "978-3")));
    let snapshot = db.snapshot()?;
    let mut shelves = books.range_by(by_shelf, &snapshot, KeyRange::all(), Forward)?;
    assert_eq!(shelves.to_vec()?.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [2, 3, 1]);
    let mut titles = books.range_by(by_title, &snapshot, KeyRange::all(), Reverse)?;
    assert_eq!(titles.to_vec()?.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [3, 1, 2]);
    let held = books.get_by(by_isbn, &snapshot, &Some("978-1".to_owned()))?;
    assert_eq!(held.map(|(key, book)| (key, book.title.clone())), Some((1, "Moby-Dick".to_owned())));
    let taken = db.transact(|txn| books.put(txn, &4, &book("Another", 1, "978-1")));
    assert_eq!(taken.map(drop).map_err(|error| error.kind()), Err(Kind::AlreadyExists));
    assert_eq!(texts.get(db, "long")?.as_deref(), Some(&long_text()));
    assert_eq!(texts.get(db, "short")?.as_deref().map(String::as_str), Some("a word"));
    let found = readable.get(db, &("shelf".to_owned(), -5_i64))?;
    assert_eq!(found.as_deref(), Some(&book("Middlemarch", 9, "978-9")));
    Ok(())
}
