//! Numbered records in tables with indexes: the commit computes their entries.

use serde::{Deserialize, Serialize};
use storage_core::Direction::Forward;
use storage_core::{
    Attributes, CommitTime, Database, Engine, Index, KeyRange, Kind, Number, Result, Sequence, Table,
    Timestamp,
};

use super::{at, letters, refused, timed, together};
use crate::subject::Subject;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    position: Number,
    at: CommitTime,
    name: String,
}

struct Log {
    table: Table<Number, Entry>,
    by_name: Index<Number, Entry, String>,
    by_time: Index<Number, Entry, (CommitTime, Number)>,
    positions: Sequence,
}

impl Log {
    fn open<E: Engine>(db: &Database<E>) -> Result<Self> {
        let by_name = Index::on("by_name", |_, entry: &Entry| {
            if entry.name == "panics" {
                std::panic::resume_unwind(Box::new("the index function panics"));
            }
            entry.name.clone()
        })
        .unique();
        let by_time = Index::on("by_time", |_, entry: &Entry| (entry.at, entry.position));
        let table = Table::define("log").index(&by_name).index(&by_time).open(db)?;
        Ok(Log { table, by_name, by_time, positions: Sequence::new(letters(), b"positions")?.starting_at(1) })
    }

    fn append<E: Engine>(&self, db: &Database<E>, name: &str, attributes: Attributes) -> Result<u64> {
        let outcome = db.transact(|txn| {
            let position = txn.next(&self.positions)?;
            let entry = Entry { position, at: CommitTime::AtCommit, name: name.into() };
            self.table.put_at_commit(txn, &position, &entry, attributes)?;
            Ok(position)
        })?;
        Ok(outcome.number(outcome.value))
    }

    fn names<E: Engine>(&self, db: &Database<E>) -> Result<Vec<String>> {
        let entries =
            self.table.range_by(&self.by_time, &db.snapshot()?, KeyRange::all(), Forward)?.values()?;
        Ok(entries.iter().map(|entry| entry.name.clone()).collect())
    }
}

pub(crate) fn numbered_records_are_indexed_by_what_they_became<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let log = Log::open(&db)?;
    for (name, nanos) in [("b", 5), ("a", 300), ("c", 70_000)] {
        clock.set(at(nanos));
        log.append(&db, name, Attributes::new())?;
    }
    assert_eq!(log.names(&db)?, ["b", "a", "c"]);
    let (key, entry) =
        log.table.get_by(&log.by_name, &db.snapshot()?, &"a".to_owned())?.expect("it was appended");
    assert_eq!(
        (key, entry.position, entry.at),
        (Number::Known(2), Number::Known(2), CommitTime::Known(at(300)))
    );
    let since: Timestamp = at(100);
    let later = KeyRange::of(storage_core::Key::of(&(since,))?..)?;
    let found = log.table.range_by(&log.by_time, &db.snapshot()?, later, Forward)?.to_vec()?;
    assert_eq!(found.len(), 2);
    Ok(())
}

pub(crate) fn numbered_record_with_a_taken_unique_value_fails_at_commit<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, _) = timed(subject)?;
    let log = Log::open(&db)?;
    assert_eq!(log.append(&db, "a", Attributes::new())?, 1);
    refused(Kind::AlreadyExists, log.append(&db, "a", Attributes::new()));
    assert_eq!(log.append(&db, "b", Attributes::new())?, 2, "no number was burnt");
    assert_eq!(log.names(&db)?, ["a", "b"]);
    Ok(())
}

pub(crate) fn numbered_record_takes_the_unique_value_of_an_expired_one<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let log = Log::open(&db)?;
    log.append(&db, "a", Attributes::new().expires_at(at(10)))?;
    clock.set(at(9));
    refused(Kind::AlreadyExists, log.append(&db, "a", Attributes::new()));
    clock.set(at(10));
    assert_eq!(log.append(&db, "a", Attributes::new())?, 2);
    assert_eq!(db.sweep(10)?.records, 1);
    let holder = log.table.get_by(&log.by_name, &db.snapshot()?, &"a".to_owned())?;
    assert_eq!(holder.map(|(key, _)| key), Some(Number::Known(2)));
    Ok(())
}

pub(crate) fn panic_of_an_index_function_at_commit_fails_that_member_alone<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (db, _) = timed(subject)?;
    let log = Log::open(&db)?;
    let done = together(6, |thread| match thread {
        2 => Ok(Some(refused(Kind::Invalid, log.append(&db, "panics", Attributes::new())).kind())),
        _ => log.append(&db, &format!("name{thread}"), Attributes::new()).map(|_| None),
    })?;
    assert_eq!(done.iter().flatten().count(), 1);
    assert_eq!(log.names(&db)?.len(), 5);
    assert_eq!(db.counter(letters(), "positions")?, 5, "no number was burnt");
    log.append(&db, "usable", Attributes::new()).map(drop)
}

pub(crate) fn one_of_many_appenders_gets_a_unique_value<S: Subject>(subject: &S) -> Result<()> {
    let (db, _) = timed(subject)?;
    let log = Log::open(&db)?;
    let won = together(8, |_| match log.append(&db, "same", Attributes::new()) {
        Ok(_) => Ok(1),
        Err(error) => {
            assert_eq!(error.kind(), Kind::AlreadyExists, "{error:?}");
            Ok(0)
        }
    })?;
    assert_eq!(won.iter().sum::<u32>(), 1);
    assert_eq!((log.names(&db)?.len(), db.counter(letters(), "positions")?), (1, 1));
    Ok(())
}

pub(crate) fn numbered_record_replaces_an_indexed_one<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let log = Log::open(&db)?;
    log.append(&db, "a", Attributes::new())?;
    clock.set(at(50));
    // The key is known, the value waits for its time.
    db.transact(|txn| {
        let entry = Entry { position: Number::Known(1), at: CommitTime::AtCommit, name: "b".into() };
        log.table.put_at_commit(txn, &Number::Known(1), &entry, Attributes::new())
    })?;
    assert_eq!(log.names(&db)?, ["b"]);
    assert!(
        log.table.get_by(&log.by_name, &db.snapshot()?, &"a".to_owned())?.is_none(),
        "the old entry is gone"
    );
    log.append(&db, "a", Attributes::new())?;
    assert_eq!(log.names(&db)?, ["b", "a"]);
    Ok(())
}

pub(crate) fn record_that_waits_frees_what_it_replaces_at_once<S: Subject>(subject: &S) -> Result<()> {
    let (db, _) = timed(subject)?;
    let log = Log::open(&db)?;
    log.append(&db, "a", Attributes::new())?;
    let entry = |position, name: &str| Entry { position, at: CommitTime::AtCommit, name: name.into() };
    db.transact(|txn| {
        log.table.put_at_commit(txn, &Number::Known(1), &entry(Number::Known(1), "b"), Attributes::new())?;
        let position = txn.next(&log.positions)?;
        log.table.put_at_commit(txn, &position, &entry(position, "a"), Attributes::new())
    })?;
    let snapshot = db.snapshot()?;
    let holder = |name: &str| log.table.get_by(&log.by_name, &snapshot, &name.to_owned());
    assert_eq!(holder("a")?.map(|(key, _)| key), Some(Number::Known(2)));
    assert_eq!(holder("b")?.map(|(key, _)| key), Some(Number::Known(1)));
    Ok(())
}
