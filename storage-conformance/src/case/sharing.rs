//! Two handles on one store, as two processes have them: what the other commits is never missed.

use storage_core::engine::{Commit, Intent};
use storage_core::{
    Batch, Change, Database, Direction, Durability, Engine, Index, Key, KeyRange, Keyspace, Kind, Payload,
    Record, Result, Sequence, Stamp, Table, Write,
};

use super::{all, elsewhere, events, keys, letters, notes, open, refused, runs, shown, some, together};
use crate::subject::Subject;

fn two<S: Subject>(subject: &S) -> Result<(Database<S::Engine>, Database<S::Engine>)> {
    Ok((open(subject)?, open(subject)?))
}

pub(crate) fn commit_of_another_handle_is_seen_at_once<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    one.put(notes(), "a", "1")?;
    assert_eq!(shown(other.get(notes(), "a")?), some("1"));
    let snapshot = other.snapshot()?;
    one.put(notes(), "a", "2")?;
    assert_eq!(shown(other.get(notes(), "a")?), some("2"));
    assert_eq!(shown(snapshot.get(notes(), "a")?), some("1"), "a snapshot stays as it is");
    assert_eq!(all(&other, notes())?, "a=2");
    Ok(())
}

pub(crate) fn handles_keep_each_others_writes<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    for round in 0..10 {
        one.put(notes(), format!("one {round}"), "1")?;
        other.put(notes(), format!("other {round}"), "2")?;
        other.delete(notes(), format!("one {}", round / 2))?;
    }
    assert_eq!(all(&one, notes())?, all(&other, notes())?);
    assert_eq!(all(&one, notes())?.split(' ').filter(|word| word.ends_with("=2")).count(), 10);
    Ok(())
}

pub(crate) fn reader_that_another_handle_overtook_runs_again<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    one.put(notes(), "a", "1")?;
    let read = |txn: &mut storage_core::Transaction<'_, S::Engine>| txn.get(notes(), "a").map(drop);
    assert_eq!(runs(&one, read, |_| other.put(notes(), "a", "2"))?, 2);
    // What it wrote is not known, so it counts as everything.
    assert_eq!(runs(&one, read, |_| other.put(notes(), "b", "2"))?, 2);
    assert_eq!(runs(&one, read, |_| Ok(()))?, 1);
    Ok(())
}

pub(crate) fn no_update_of_either_handle_is_lost<S: Subject>(subject: &S) -> Result<()> {
    const STEPS: u32 = 40;
    let (one, other) = two(subject)?;
    let handles = [&one, &one, &other, &other];
    together(handles.len(), |number| {
        for _ in 0..STEPS {
            handles[number].transact(|txn| {
                let before: u32 =
                    shown(txn.get(notes(), "sum")?).map_or(0, |sum| sum.parse().expect("a number"));
                txn.put(notes(), "sum", (before + 1).to_string())
            })?;
        }
        Ok(())
    })?;
    assert_eq!(shown(one.get(notes(), "sum")?), Some((4 * STEPS).to_string()));
    Ok(())
}

pub(crate) fn handles_draw_from_one_sequence_without_gaps<S: Subject>(subject: &S) -> Result<()> {
    const STEPS: u64 = 40;
    let (one, other) = two(subject)?;
    let handles = [&one, &one, &other, &other];
    let sequence = Sequence::new(letters(), b"numbers")?;
    let drawn = together(handles.len(), |number| {
        let mut drawn = Vec::new();
        for _ in 0..STEPS {
            let mut ticket = None;
            let outcome = handles[number].transact(|txn| {
                ticket = Some(txn.next(&sequence)?);
                txn.add(letters(), "count", 1)
            })?;
            drawn.push(outcome.number(ticket.expect("the body ran")));
        }
        assert!(drawn.is_sorted(), "one thread draws in order");
        Ok(drawn)
    })?;
    let mut drawn: Vec<_> = drawn.into_iter().flatten().collect();
    drawn.sort_unstable();
    assert!(drawn.into_iter().eq(0..4 * STEPS), "every number is drawn once");
    assert_eq!(one.counter(letters(), "count")?, 160);
    Ok(())
}

pub(crate) fn watch_lags_where_another_handle_committed<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    let watch = one.watch(notes(), KeyRange::all())?;
    one.put(notes(), "a", "1")?;
    other.put(notes(), "b", "1")?;
    other.put(notes(), "c", "1")?;
    one.put(notes(), "d", "1")?;
    one.put(notes(), "e", "1")?;
    assert_eq!(events(&watch)?, ["put a", "lagged", "put d", "put e"]);
    Ok(())
}

pub(crate) fn versions_grow_over_commits_of_another_handle<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    let watch = one.watch(notes(), KeyRange::all())?;
    one.put(notes(), "a", "1")?;
    other.put(notes(), "b", "1")?;
    one.put(notes(), "c", "1")?;
    let mut versions = Vec::new();
    while let Some(event) = watch.try_next()? {
        versions.push(event.version);
    }
    assert!(versions.is_sorted_by(|one, other| one < other), "{versions:?}");
    Ok(())
}

pub(crate) fn transaction_that_loses_to_another_handle_shuts_it_out<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    let mut lost = 0;
    one.transact(|txn| {
        txn.get(notes(), "a")?;
        if one.statistics().exclusive == 0 {
            lost += 1;
            elsewhere(|| other.put(notes(), "a", lost.to_string()))?;
        }
        let seen = shown(txn.get(notes(), "a")?).unwrap_or_default();
        txn.put(notes(), "seen", seen)
    })?;
    assert!(lost > 1, "it lost before it had the lane");
    assert_eq!(all(&other, notes())?, format!("a={lost} seen={lost}"));
    other.put(notes(), "a", "free")?;
    assert_eq!(shown(one.get(notes(), "a")?), some("free"));
    Ok(())
}

pub(crate) fn table_of_another_handle_is_not_written_past_its_definition<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (one, other) = two(subject)?;
    one.put(notes(), "a", "1")?;
    let texts = Table::<String, String>::define("texts").open(&other)?;
    other.transact(|txn| texts.put(txn, &"a".to_owned(), &"1".to_owned()))?;
    refused(Kind::Invalid, one.put(Keyspace::new("texts")?, "raw", "1"));
    assert_eq!(texts.get(&other, "a")?.as_deref().map(String::as_str), Some("1"));
    let texts = Table::<String, String>::define("texts").open(&one)?;
    one.transact(|txn| texts.put(txn, &"b".to_owned(), &"2".to_owned()))?;
    assert_eq!(texts.get(&other, "b")?.as_deref().map(String::as_str), Some("2"));
    Ok(())
}

pub(crate) fn table_that_another_handle_opened_otherwise_is_not_written<S: Subject>(
    subject: &S,
) -> Result<()> {
    let (one, other) = two(subject)?;
    let plain = Table::<String, String>::define("texts").open(&one)?;
    one.transact(|txn| plain.put(txn, &"a".to_owned(), &"long".to_owned()))?;
    let by_length = Index::on("by_length", |_: &String, text: &String| text.len() as u64);
    let indexed = Table::<String, String>::define("texts").index(&by_length).open(&other)?;
    refused(Kind::Unavailable, one.transact(|txn| plain.put(txn, &"b".to_owned(), &"longer".to_owned())));
    refused(Kind::Unavailable, one.put(notes(), "a", "1"));
    other.transact(|txn| indexed.put(txn, &"b".to_owned(), &"longer".to_owned()))?;
    drop(one);
    let again = open(subject)?;
    let indexed = Table::<String, String>::define("texts").index(&by_length).open(&again)?;
    again.transact(|txn| indexed.put(txn, &"c".to_owned(), &"longest".to_owned()))?;
    let snapshot = again.snapshot()?;
    let mut listed = indexed.range_by(&by_length, &snapshot, KeyRange::all(), Direction::Forward)?;
    let keys: Vec<_> = listed.to_vec()?.into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "b", "c"]);
    Ok(())
}

fn batch_of(key: &str) -> Batch {
    let record = Record { stamp: Stamp::unverified(), value: Payload::new(key.as_bytes()) };
    let write = Write { keyspace: notes(), key: Key::from(key.as_bytes()), change: Change::Put(record) };
    let mut batch = Batch::default();
    batch.writes = vec![write];
    batch
}

pub(crate) fn engine_refuses_the_first_commit_after_another_handles<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = (subject.open()?, open(subject)?);
    let commit = |key: &str| one.commit(Commit::new(&batch_of(key), Durability::Sync));
    commit("a")?;
    other.put(notes(), "b", "b")?;
    refused(Kind::ForeignCommit, commit("c"));
    let there = |other: &_| keys(other, notes(), &KeyRange::all(), Direction::Forward);
    assert_eq!(there(&other)?, "a b", "nothing was written");
    commit("c")?;
    commit("d")?;
    assert_eq!(there(&other)?, "a b c d");
    other.put(notes(), "e", "e")?;
    refused(Kind::ForeignCommit, one.snapshot(Intent::Exclusive).map(drop));
    let alone = one.snapshot(Intent::Exclusive)?;
    one.commit(Commit::new(&batch_of("f"), Durability::Sync).based_on(alone))?;
    drop(one.snapshot(Intent::Exclusive)?);
    assert_eq!(there(&other)?, "a b c d e f");
    Ok(())
}

pub(crate) fn handle_reads_on_after_another_was_closed<S: Subject>(subject: &S) -> Result<()> {
    let (one, other) = two(subject)?;
    one.put(notes(), "a", "1")?;
    let snapshot = one.snapshot()?;
    other.put(notes(), "a", "2")?;
    other.close()?;
    drop(other);
    assert_eq!(shown(snapshot.get(notes(), "a")?), some("1"));
    one.put(notes(), "b", "2")?;
    assert_eq!(all(&open(subject)?, notes())?, "a=2 b=2");
    Ok(())
}
