//! The same program on every engine: `cargo run -p storage --example every_engine [URL...]`.
//!
//! It keeps books with an index by year and a counter of loans, lends them from four threads at once, and prints what
//! came of it: the same on each engine, in its own time. Then it copies the first store into a file and looks again.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Instant;

use storage::{AnyEngine, Database, Direction, Index, KeyRange, Keyspace, Table};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Title and year.
const BOOKS: [(&str, u16); 5] =
    [("Emma", 1815), ("Middlemarch", 1871), ("Dracula", 1897), ("Ulysses", 1922), ("Dune", 1965)];

const LOANS: usize = 50;

/// Runs the program on one database, and tells what it found.
fn run(db: &Database<AnyEngine>) -> Outcome<String> {
    let by_year = Index::on("by_year", |_: &String, year: &u16| *year);
    let books = Table::<String, u16>::define("books").index(&by_year).open(db)?;
    let loans = Keyspace::new("loans")?;
    db.transact(|txn| BOOKS.iter().try_for_each(|(title, year)| books.put(txn, &title.to_string(), year)))?;
    thread::scope(|scope| -> storage::Result<()> {
        let lenders: Vec<_> = (0..4)
            .map(|lender| {
                scope.spawn(move || {
                    (0..LOANS).try_for_each(|loan| {
                        let (title, _) = BOOKS[(lender + loan) % BOOKS.len()];
                        db.transact(|txn| txn.add(loans, title, 1)).map(drop)
                    })
                })
            })
            .collect();
        lenders.into_iter().try_for_each(|lender| lender.join().expect("a lender does not panic"))
    })?;
    look(db, &books, &by_year)
}

fn look(
    db: &Database<AnyEngine>,
    books: &Table<String, u16>,
    by_year: &Index<String, u16, u16>,
) -> Outcome<String> {
    let snapshot = db.snapshot()?;
    let newest_first = books.range_by(by_year, &snapshot, KeyRange::all(), Direction::Reverse)?.to_vec()?;
    let loans = Keyspace::new("loans")?;
    let lines = newest_first.iter().map(|(title, year)| {
        let lent = snapshot.counter(loans, title)?;
        Ok(format!("  {year} {title}, lent {lent} times"))
    });
    Ok(lines.collect::<storage::Result<Vec<_>>>()?.join("\n"))
}

fn main() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let mut urls: Vec<String> = env::args().skip(1).collect();
    if urls.is_empty() {
        let file = |name: &str| directory.path().join(name).display().to_string();
        urls = vec![
            "mem:".into(),
            format!("fs:{}", file("library")),
            format!("fs:{}?files=books", file("library-of-files")),
            format!("redb:{}", file("library.redb")),
            format!("redb:{}?journal=true", file("library-with-journal.redb")),
            format!("sqlite:{}", file("library.db")),
            "sqlite::memory:".into(),
        ];
    }
    let mut first = None;
    for url in &urls {
        let begun = Instant::now();
        let db = storage::open(url)?;
        let found = run(&db)?;
        println!("{url} ({} ms)\n{found}", begun.elapsed().as_millis());
        let (_, expected) = first.get_or_insert_with(|| (db.clone(), found.clone()));
        if *expected != found {
            return Err(format!("{url} answers otherwise than {}", urls[0]).into());
        }
    }
    let Some((db, expected)) = first else { return Ok(()) };
    let copy = format!("redb:{}", directory.path().join("copy.redb").display());
    let target = storage::engine(&copy)?;
    let copied = db.copy_to(&target, |_| ())?;
    let by_year = Index::on("by_year", |_: &String, year: &u16| *year);
    let db = Database::new(target)?;
    let books = Table::<String, u16>::define("books").index(&by_year).open(&db)?;
    let same = look(&db, &books, &by_year)? == expected;
    println!(
        "copied {} records of {} into a file: {}",
        copied.records,
        urls[0],
        if same { "the same" } else { "other" }
    );
    Ok(())
}
