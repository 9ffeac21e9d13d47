//! Snapshots, held over commits.

use std::time::Duration;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Database, Engine, KeyRange, Kind, ManualClock, Result, Snapshot};

use super::{all, at, elsewhere, fill, listed, notes, open, quiet, refused, shown, some, together};
use crate::subject::Subject;

fn everything<E: Engine>(snapshot: &Snapshot<E>) -> Result<String> {
    listed(snapshot.range(notes(), &KeyRange::all(), Forward)?)
}

pub(crate) fn snapshot_keeps_a_value_over_puts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let snapshot = db.snapshot()?;
    for value in ["2", "3", "4"] {
        db.put(notes(), "a", value)?;
        assert_eq!(shown(snapshot.get(notes(), "a")?), some("1"));
        assert_eq!(everything(&snapshot)?, "a=1");
    }
    assert_eq!(shown(db.get(notes(), "a")?), some("4"));
    Ok(())
}

pub(crate) fn snapshot_keeps_a_record_over_its_delete<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let snapshot = db.snapshot()?;
    db.delete(notes(), "a")?;
    assert_eq!(shown(snapshot.get(notes(), "a")?), some("a"));
    assert_eq!(everything(&snapshot)?, "a=a b=b");
    assert_eq!(listed(snapshot.range(notes(), &KeyRange::all(), Reverse)?)?, "b=b a=a");
    assert_eq!(all(&db, notes())?, "b=b");
    Ok(())
}

pub(crate) fn snapshot_keeps_records_over_a_range_delete<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d"])?;
    let snapshot = db.snapshot()?;
    db.delete_range(notes(), &KeyRange::of("b".."d")?)?;
    db.put(notes(), "c", "again")?;
    assert_eq!(everything(&snapshot)?, "a=a b=b c=c d=d");
    assert_eq!(shown(snapshot.get(notes(), "b")?), some("b"));
    assert_eq!(all(&db, notes())?, "a=a c=again d=d");
    Ok(())
}

pub(crate) fn snapshot_does_not_show_later_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b"])?;
    let snapshot = db.snapshot()?;
    fill(&db, notes(), &["a", "bb", "c"])?;
    assert_eq!(shown(snapshot.get(notes(), "a")?), None);
    assert_eq!(shown(snapshot.get_many(notes(), &["c", "b"])?.remove(0)), None);
    assert_eq!(everything(&snapshot)?, "b=b");
    assert_eq!(listed(snapshot.range(notes(), &KeyRange::all(), Reverse)?)?, "b=b");
    Ok(())
}

pub(crate) fn snapshot_shows_what_was_deleted_and_put_again_as_it_was<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let first = db.snapshot()?;
    db.delete(notes(), "a")?;
    let second = db.snapshot()?;
    db.put(notes(), "a", "3")?;
    let third = db.snapshot()?;
    assert_eq!(everything(&first)?, "a=1");
    assert_eq!(everything(&second)?, "");
    assert_eq!(everything(&third)?, "a=3");
    Ok(())
}

pub(crate) fn open_range_is_not_disturbed_by_commits<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for direction in [Forward, Reverse] {
        db.delete_range(notes(), &KeyRange::all())?;
        fill(&db, notes(), &["a", "c", "e", "g"])?;
        let snapshot = db.snapshot()?;
        let mut range = snapshot.range(notes(), &KeyRange::all(), direction)?;
        let mut seen = String::new();
        while let Some(mut record) = range.next()? {
            seen += &record.value()?.escape_ascii().to_string();
            db.transact(|txn| {
                txn.delete_range(notes(), KeyRange::all())?;
                ["b", "d", "e", "f", "z"].iter().try_for_each(|key| txn.put(notes(), key, "late"))
            })?;
        }
        assert_eq!(seen, if direction == Forward { "aceg" } else { "geca" });
    }
    Ok(())
}

pub(crate) fn a_hundred_snapshots_each_show_their_moment<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut snapshots = Vec::new();
    for round in 0..100 {
        db.transact(|txn| {
            txn.put(notes(), "a", round.to_string())?;
            txn.put(notes(), format!("k{:02}", round % 10), round.to_string())
        })?;
        snapshots.push(db.snapshot()?);
    }
    // Dropped from both ends and the middle, so that old versions go while older and newer ones are read.
    for step in [3, 2] {
        snapshots = snapshots
            .into_iter()
            .enumerate()
            .filter(|(at, _)| at % step != 1)
            .map(|(_, kept)| kept)
            .collect();
        db.put(notes(), "other", "")?;
        for snapshot in &snapshots {
            let round: usize =
                shown(snapshot.get(notes(), "a")?).and_then(|a| a.parse().ok()).expect("a number");
            let records = snapshot.range(notes(), &KeyRange::prefix(b"k"), Forward)?.to_vec()?;
            assert_eq!(records.len(), (round + 1).min(10));
            let newest =
                records.iter().filter_map(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok()).max();
            assert_eq!(newest, Some(round), "the records of another moment");
        }
    }
    Ok(())
}

pub(crate) fn snapshot_survives_a_thousand_overwrites<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let snapshot = db.snapshot()?;
    for round in 0..1_000 {
        match round % 3 {
            0 => db.delete(notes(), "a")?,
            _ => db.put(notes(), "a", round.to_string())?,
        }
    }
    assert_eq!(everything(&snapshot)?, "a=a b=b");
    drop(snapshot);
    assert_eq!(all(&db, notes())?, "b=b");
    Ok(())
}

pub(crate) fn snapshot_outlives_the_handle<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let snapshot = db.snapshot()?;
    drop(db);
    assert_eq!(everything(&snapshot)?, "a=a b=b");
    assert_eq!(shown(snapshot.get(notes(), "b")?), some("b"));
    Ok(())
}

pub(crate) fn snapshot_moves_between_threads<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let snapshot = db.snapshot()?;
    db.delete(notes(), "a")?;
    let seen = elsewhere(move || everything(&snapshot))?;
    assert_eq!(seen, "a=a");
    Ok(())
}

pub(crate) fn snapshot_is_pinned_when_taken<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "before")?;
    let untouched = db.snapshot()?;
    elsewhere(|| db.put(notes(), "a", "after"))?;
    // This is its first read.
    assert_eq!(shown(untouched.get(notes(), "a")?), some("before"));
    Ok(())
}

pub(crate) fn transaction_is_pinned_when_it_begins<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "before")?;
    let seen = db.transact(|txn| {
        elsewhere(|| db.put(notes(), "a", "after"))?;
        // This is its first read.
        Ok(shown(txn.get(notes(), "a")?))
    })?;
    assert_eq!(seen.value, some("before"));
    Ok(())
}

pub(crate) fn snapshot_shows_every_commit_up_to_its_version<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    together(3, |thread| {
        let mut last = 0;
        for _ in 0..100 {
            if thread == 0 {
                db.transact(|txn| {
                    let count = txn.counter(notes(), "n")?;
                    txn.add(notes(), "n", 1)?;
                    Ok(count)
                })?;
                continue;
            }
            let snapshot = db.snapshot()?;
            let commits = u64::try_from(snapshot.counter(notes(), "n")?).expect("it only grows");
            assert!(commits >= snapshot.version(), "{commits} commits at version {}", snapshot.version());
            assert!(commits >= last, "a later snapshot shows less");
            last = commits;
        }
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn held_snapshots_are_counted<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let db = Database::with_options(subject.open()?, quiet().clock(clock.clone()))?;
    assert_eq!((db.statistics().snapshots, db.statistics().oldest_snapshot_age), (0, None));
    let first = db.snapshot()?;
    clock.set(at(5));
    let second = db.snapshot()?;
    clock.set(at(7));
    assert_eq!(db.statistics().snapshots, 2);
    assert_eq!(db.statistics().oldest_snapshot_age, Some(Duration::from_nanos(7)));
    drop(first);
    assert_eq!(db.statistics().oldest_snapshot_age, Some(Duration::from_nanos(2)));
    drop(second);
    assert_eq!(db.statistics().snapshots, 0);
    Ok(())
}

pub(crate) fn snapshot_past_its_maximum_age_is_expired<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(at(0));
    let options = quiet().clock(clock.clone()).snapshot_age_max(Duration::from_nanos(10));
    let db = Database::with_options(subject.open()?, options)?;
    fill(&db, notes(), &["a"])?;
    let snapshot = db.snapshot()?;
    clock.set(at(10));
    assert_eq!(everything(&snapshot)?, "a=a");
    clock.set(at(11));
    refused(Kind::Expired, snapshot.get(notes(), "a"));
    refused(Kind::Expired, snapshot.get_many(notes(), &["a"]));
    refused(Kind::Expired, snapshot.range(notes(), &KeyRange::all(), Forward));
    assert_eq!(everything(&db.snapshot()?)?, "a=a");
    Ok(())
}

pub(crate) fn many_snapshots_are_held_at_once<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let snapshots = (0..300).map(|_| db.snapshot()).collect::<Result<Vec<_>>>()?;
    db.put(notes(), "a", "later")?;
    assert_eq!(everything(&snapshots[299])?, "a=a");
    assert_eq!(everything(&snapshots[0])?, "a=a");
    drop(snapshots);
    assert_eq!(all(&db, notes())?, "a=later");
    Ok(())
}
