//! Bulk loading: bounded commits, nothing lost, and how far it came where it ends early.

use std::cell::Cell;
use std::iter;
use std::sync::Arc;

use parking_lot::Mutex;
use storage_core::Direction::Forward;
use storage_core::limits::{KEY_LEN_MAX, Limits};
use storage_core::{
    Attributes, BulkCause, BulkError, BulkLoaded, BulkOptions, Codec, Database, Durability, Error, Index,
    KeyRange, Keyspace, Kind, Result, Table,
};

use super::people::{People, Person, person};
use super::{
    all, at, counted, events, fill, letters, notes, open, quiet, refused, runs, scripted, shown, some,
    stores, timed,
};
use crate::subject::Subject;

/// Commits of so many records.
fn by(records: usize) -> BulkOptions {
    BulkOptions::new().commit_records_max(records)
}

/// The keys `0000000`, `0000001`, ..., each with its number.
fn numbered(count: usize) -> impl Iterator<Item = (String, String)> {
    (0..count).map(|at| (format!("{at:07}"), at.to_string()))
}

/// How many records are in after a load that failed by an error of this kind.
#[track_caller]
fn stopped(kind: Kind, result: Result<BulkLoaded, BulkError>) -> u64 {
    let error = result.expect_err("the load fails");
    assert_eq!(error.storage().map(Error::kind), Some(kind), "{error:?}");
    assert!(error.to_string().contains(&format!("after {} records", error.loaded().records)), "{error}");
    error.loaded().records
}

/// What a load did, in a case that does not look at its error.
fn loaded(result: Result<BulkLoaded, BulkError>) -> Result<BulkLoaded> {
    result.map_err(BulkError::into_error)
}

/// How many commits put how many records.
fn told(loaded: BulkLoaded) -> (u64, u64) {
    (loaded.commits, loaded.records)
}

pub(crate) fn bulk_load_puts_every_record<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "0000007", "old")?;
    let done = loaded(db.bulk_load(notes(), numbered(12_345), by(1_000)))?;
    assert_eq!(told(done), (13, 12_345));
    let found = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
    assert!(found.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).eq(
        numbered(12_345).collect::<Vec<_>>().iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()))
    ));
    Ok(())
}

pub(crate) fn bulk_load_of_any_order_puts_the_same<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let shuffled = numbered(1_000).collect::<Vec<_>>();
    let shuffled = (0..1_000).map(|at| shuffled[at * 389 % 1_000].clone());
    assert_eq!(told(loaded(db.bulk_load(notes(), shuffled, by(64)))?), (16, 1_000));
    loaded(db.bulk_load(letters(), numbered(1_000), by(1_000)))?;
    assert_eq!(all(&db, notes())?, all(&db, letters())?);
    Ok(())
}

pub(crate) fn sorted_bulk_load_reads_nothing_and_syncs_once<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    for (durability, syncs) in [(Durability::Sync, 1), (Durability::Deferred, 0)] {
        db.engine().reset();
        loaded(db.bulk_load(notes(), numbered(1_000), by(100).durability(durability)))?;
        let counts = db.engine().counts();
        assert_eq!((counts.reads(), counts.entries, counts.values), (0, 0, 0), "{counts:?}");
        assert_eq!((counts.commits, counts.writes, counts.syncs), (10, 1_000, syncs));
    }
    let table = Table::<u64, u64>::define("squares").open(&db)?;
    db.engine().reset();
    loaded(table.bulk_load(&db, (0..500).map(|n| (n, n * n)), by(100)))?;
    let counts = db.engine().counts();
    assert_eq!((counts.reads(), counts.commits, counts.syncs), (0, 5, 1), "without indexes nothing is read");
    Ok(())
}

pub(crate) fn commits_of_a_bulk_load_are_bounded_and_deferred<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    script.on_commit(move |attempt| {
        assert_eq!(attempt.durability, Durability::Deferred);
        assert!(attempt.batch.writes.is_sorted_by(|one, next| one.key < next.key));
        record.lock().push((attempt.batch.writes.len(), attempt.batch.len_bytes()));
        Ok(())
    });
    // Eight bytes a record, then one of 108.
    let records = || (0..10_u8).map(|at| (vec![b'k', at], vec![b'v'; if at == 7 { 106 } else { 6 }]));
    let syncs = Arc::new(Mutex::new(0));
    let count = Arc::clone(&syncs);
    script.on_sync(move || {
        *count.lock() += 1;
        Ok(())
    });
    loaded(db.bulk_load(notes(), records(), BulkOptions::new().commit_len_max(24)))?;
    assert_eq!(*seen.lock(), [(3, 24), (3, 24), (1, 8), (1, 108), (2, 16)]);
    assert_eq!(*syncs.lock(), 1);
    for (options, commits) in [(by(4), 3), (by(1), 10), (by(0), 10), (by(10), 1), (by(usize::MAX), 1)] {
        seen.lock().clear();
        assert_eq!(loaded(db.bulk_load(notes(), records(), options))?.commits, commits, "{options:?}");
        assert_eq!(seen.lock().len() as u64, commits);
    }
    Ok(())
}

pub(crate) fn last_of_records_with_one_key_wins<S: Subject>(subject: &S) -> Result<()> {
    let input = [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4"), ("c", "5"), ("a", "6"), ("c", "7")];
    for commit in [1, 2, 3, 7] {
        let db = open(subject)?;
        let watch = db.watch(notes(), KeyRange::all())?;
        assert_eq!(loaded(db.bulk_load(notes(), input, by(commit)))?.records, 7);
        assert_eq!(all(&db, notes())?, "a=6 b=4 c=7", "in commits of {commit}");
        let told = events(&watch)?;
        if commit == 7 {
            assert_eq!(told, ["put a", "put b", "put c"]);
        }
        db.delete_range(notes(), &KeyRange::all())?;
    }
    let db = open(subject)?;
    let people = People::open(&db)?;
    let twice = [(1, person("bern", "x", 1)), (2, person("bonn", "y", 2)), (1, person("rome", "z", 3))];
    loaded(people.table.bulk_load(&db, twice, BulkOptions::new()))?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [2, 1]);
    people.is_consistent(&db)
}

pub(crate) fn bulk_load_of_a_failing_input_keeps_what_was_committed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    stores(&db)?;
    let broken =
        || numbered(25).map(Ok).chain(iter::once(Err("line 26 is torn"))).chain(numbered(99).map(Ok));
    let error = db.bulk_load(notes(), broken(), by(10)).expect_err("the input fails");
    assert!(matches!(error.cause(), BulkCause::Input(cause) if cause.to_string() == "line 26 is torn"));
    assert!(error.storage().is_none());
    assert_eq!(told(error.loaded()), (2, 20));
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 20);
    let cause = refused(Kind::Invalid, Err::<(), _>(error.into_error()));
    assert!(std::error::Error::source(&cause).is_some());
    // It goes on behind what is in.
    loaded(db.bulk_load(notes(), numbered(25).skip(20), by(10)))?;
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 25);
    Ok(())
}

pub(crate) fn bulk_load_of_nothing_commits_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let version = db.snapshot()?.version();
    db.engine().reset();
    let done = loaded(db.bulk_load(notes(), iter::empty::<(&str, &str)>(), BulkOptions::new()))?;
    assert_eq!(told(done), (0, 0));
    let counts = db.engine().counts();
    assert_eq!((counts.commits, counts.syncs, counts.reads()), (0, 0, 0));
    assert_eq!(db.snapshot()?.version(), version);
    Ok(())
}

pub(crate) fn record_that_no_put_takes_ends_a_bulk_load<S: Subject>(subject: &S) -> Result<()> {
    let limits = Limits::default().with_value_len_max(60).with_transaction_len_max(64);
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    let long = "k".repeat(KEY_LEN_MAX + 1);
    let large = "v".repeat(61);
    let refusals = [
        ("", "1", Kind::Invalid),
        (long.as_str(), "1", Kind::TooLarge),
        ("large", large.as_str(), Kind::TooLarge),
    ];
    for (key, value, kind) in refusals {
        let input = [("a", "1"), ("b", "2"), ("c", "3"), (key, value), ("d", "4")];
        assert_eq!(stopped(kind, db.bulk_load(notes(), input, by(2))), 2);
        assert_eq!(all(&db, notes())?, "a=1 b=2");
    }
    // Each allowed by itself, and the two in the middle together more than a transaction.
    let input = [("a", "1"), ("b", "2"), ("c", "3"), ("full", &large[..60]), ("d", "4")];
    assert_eq!(told(loaded(db.bulk_load(notes(), input, by(2)))?), (4, 5));
    let too_much = [("a", "1"), ("longer", &large[..59])];
    assert_eq!(stopped(Kind::TooLarge, db.bulk_load(notes(), too_much, BulkOptions::new())), 1);
    let never = Attributes::new().expires_at(storage_core::Timestamp::default());
    assert_eq!(stopped(Kind::Invalid, db.bulk_load(notes(), [("a", "1", never)], BulkOptions::new())), 0);
    Ok(())
}

pub(crate) fn close_in_the_middle_ends_a_bulk_load<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let closing = numbered(100).inspect(|(key, _)| {
        if key.ends_with("50") {
            db.close().expect("it closes");
        }
    });
    assert_eq!(stopped(Kind::Closed, db.bulk_load(notes(), closing, by(20))), 40);
    let nothing = iter::empty::<(&str, &str)>();
    assert_eq!(stopped(Kind::Closed, db.bulk_load(notes(), nothing, BulkOptions::new())), 0);
    Ok(())
}

pub(crate) fn refused_commit_ends_a_bulk_load_where_it_was<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let left = Mutex::new(3);
    script.on_commit(move |_| {
        let mut left = left.lock();
        *left -= 1;
        if *left >= 0 { Ok(()) } else { Err(Error::new(Kind::Full, "the medium is full")) }
    });
    assert_eq!(stopped(Kind::Full, db.bulk_load(notes(), numbered(100), by(10))), 30);
    script.let_commits_pass();
    assert_eq!(db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 30);
    script.on_sync(|| Err(Error::new(Kind::Unavailable, "the disk is gone")));
    assert_eq!(stopped(Kind::Unavailable, db.bulk_load(notes(), numbered(100).skip(30), by(10))), 70);
    refused(Kind::Unavailable, db.get(notes(), "a"));
    Ok(())
}

pub(crate) fn bulk_load_keeps_the_indexes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 3, &Person { tags: vec!["old".into()], ..person("paris", "three", 3) })?;
    people.put(&db, 900, &person("oslo", "stays", 50))?;
    let cities = ["bern", "bonn", "rome"];
    let input = (0..300_u64).map(|key| {
        let tags = (0..key % 3).map(|tag| format!("tag{tag}")).collect();
        (key, Person { tags, ..person(cities[key as usize % 3], &format!("p{key}"), key as u32 % 40) })
    });
    assert_eq!(told(loaded(people.table.bulk_load(&db, input, by(70)))?), (5, 300));
    people.is_consistent(&db)?;
    assert!(people.by(&db, &people.by_city, KeyRange::within("paris")?)?.is_empty());
    assert!(people.by(&db, &people.by_tag, KeyRange::within("old")?)?.is_empty());
    assert_eq!(people.by(&db, &people.by_city, KeyRange::within("bern")?)?.len(), 100);
    // Raw records are indexed as well.
    let mut raw = Vec::new();
    Codec::Json.encode(&person("paris", "raw", 70), &mut raw)?;
    let keys = [5_u64, 1_000].map(|key| storage_core::Key::of(&key));
    let [five, thousand] = keys;
    stopped(
        Kind::AlreadyExists,
        db.bulk_load(people.table.keyspace(), [(five?, raw.clone()), (thousand?, raw)], by(1)),
    );
    assert_eq!(people.by(&db, &people.by_city, KeyRange::within("paris")?)?, [5]);
    people.is_consistent(&db)
}

pub(crate) fn unique_violation_ends_a_bulk_load_before_its_commit<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    people.put(&db, 100, &person("rome", "p7", 1))?;
    let input = || (0..10_u64).map(|key| (key, person("bern", &format!("p{key}"), 1)));
    assert_eq!(stopped(Kind::AlreadyExists, people.table.bulk_load(&db, input(), by(3))), 6);
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?, [0, 1, 2, 3, 4, 5, 100]);
    people.is_consistent(&db)?;
    people.delete(&db, 100)?;
    loaded(people.table.bulk_load(&db, input().skip(6), by(3)))?;
    assert_eq!(people.by(&db, &people.by_email, KeyRange::all())?.len(), 10);
    // Within one commit too.
    let twins = [(20, person("bern", "twin", 1)), (21, person("bern", "twin", 1))];
    assert_eq!(stopped(Kind::AlreadyExists, people.table.bulk_load(&db, twins, BulkOptions::new())), 0);
    people.is_consistent(&db)
}

pub(crate) fn indexed_bulk_load_past_the_transaction_limit_goes_in_parts<S: Subject>(
    subject: &S,
) -> Result<()> {
    let limits = Limits::default().with_transaction_len_max(400);
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    let by_word = Index::on("by_word", |_: &u64, word: &String| word.clone()).covering();
    let words = Table::<u64, String>::define("words").index(&by_word).open(&db)?;
    let input = (0..40_u64).map(|key| (key, format!("word number {key:02}")));
    let done = loaded(words.bulk_load(&db, input, BulkOptions::new()))?;
    assert!(done.records == 40 && done.commits > 5, "{done:?}");
    let snapshot = db.snapshot()?;
    assert_eq!(
        words.range_by(&by_word, &snapshot, KeyRange::all(), Forward)?.keys()?,
        (0..40).collect::<Vec<_>>()
    );
    let alone = [(77, "x".repeat(200)), (78, "x".repeat(380))];
    assert_eq!(stopped(Kind::TooLarge, words.bulk_load(&db, alone, BulkOptions::new())), 0);
    Ok(())
}

pub(crate) fn bulk_load_beside_and_over_counters<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.transact(|txn| {
        txn.add(notes(), "hits", 5)?;
        txn.add(notes(), "misses", 2)
    })?;
    loaded(db.bulk_load(notes(), [("a", "1"), ("misses", "gone"), ("z", "2")], BulkOptions::new()))?;
    db.transact(|txn| txn.add(notes(), "hits", 1))?;
    assert_eq!(db.counter(notes(), "hits")?, 6);
    refused(Kind::Invalid, db.counter(notes(), "misses"));
    refused(Kind::Invalid, db.transact(|txn| txn.add(notes(), "misses", 1)));
    assert_eq!(shown(db.get(notes(), "misses")?), some("gone"));
    Ok(())
}

pub(crate) fn bulk_load_keeps_what_is_beside_values<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let mortal = Attributes::new().expires_at(at(5)).user_byte(9);
    let input =
        [("a", "1", mortal), ("b", "2", Attributes::new().user_byte(7)), ("c", "3", Attributes::new())];
    loaded(db.bulk_load(notes(), input, BulkOptions::new()))?;
    let ages = Table::<u64, u32>::define("ages").open(&db)?;
    loaded(ages.bulk_load(&db, [(1, 10, mortal), (2, 20, Attributes::new())], BulkOptions::new()))?;
    let snapshot = db.snapshot()?;
    let mut range = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    let mut beside = Vec::new();
    while let Some(entry) = range.next()? {
        beside.push((entry.user_byte(), entry.expires_at()));
    }
    assert_eq!(beside, [(9, Some(at(5))), (7, None), (0, None)]);
    clock.set(at(5));
    assert_eq!(all(&db, notes())?, "b=2 c=3");
    assert_eq!(ages.range(&db.snapshot()?, KeyRange::all(), Forward)?.keys()?, [2]);
    assert_eq!(db.sweep(10)?.records, 2, "the sweeper knows them");
    Ok(())
}

pub(crate) fn bulk_load_conflicts_with_those_who_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let load = |db: &Database<S::Engine>| {
        db.bulk_load(notes(), [("a", "new"), ("b", "new")], by(1)).map(drop).map_err(BulkError::into_error)
    };
    assert_eq!(runs(&db, |txn| txn.get(notes(), "b").map(drop), load)?, 2);
    assert_eq!(runs(&db, |txn| txn.get(notes(), "c").map(drop), load)?, 1);
    Ok(())
}

pub(crate) fn bulk_load_where_none_may_write_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let taken = Cell::new(0);
    let input = || numbered(10).inspect(|_| taken.set(taken.get() + 1));
    let within = db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        Ok(stopped(Kind::Invalid, db.bulk_load(notes(), input(), by(1))))
    })?;
    let derived = Keyspace::from_stored("_expiry")?;
    assert_eq!(within.value + stopped(Kind::Invalid, db.bulk_load(derived, input(), by(1))), 0);
    assert_eq!(taken.get(), 0, "the input is not touched");
    assert_eq!(all(&db, notes())?, "a=1");
    // The input may itself write to the database: no lock is held while it runs.
    let writing = numbered(4).inspect(|(key, _)| db.put(letters(), key, "").expect("it may"));
    loaded(db.bulk_load(letters(), writing, by(3)))?;
    assert_eq!(all(&db, letters())?, "0000000=0 0000001=1 0000002=2 0000003=3");
    Ok(())
}
