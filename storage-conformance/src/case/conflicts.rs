//! Conflicts: what a transaction read, against what was committed since it began.

use std::mem;
use std::time::Duration;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Engine, KeyRange, Kind, Result, Retry, TransactOptions, Transaction};

use super::{all, elsewhere, fill, letters, listed, notes, open, refused, runs, shown, some, together};
use crate::subject::Subject;

/// The transaction was overtaken by nothing that it read.
const UNDISTURBED: u32 = 1;

/// It conflicted, and ran again.
const AGAIN: u32 = 2;

fn number<E: Engine>(txn: &Transaction<'_, E>, key: &str) -> Result<i64> {
    Ok(shown(txn.get(notes(), key)?).and_then(|value| value.parse().ok()).unwrap_or(0))
}

pub(crate) fn overwritten_read_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "a", "1")?;
    let mut read = Vec::new();
    let read_a = |txn: &mut Transaction<'_, _>| {
        read.push(number(txn, "a")?);
        Ok(())
    };
    assert_eq!(runs(&db, read_a, |db| db.put(notes(), "a", "2"))?, AGAIN);
    assert_eq!(read, [1, 2], "the second run sees what the first conflicted with");
    assert_eq!((db.statistics().conflicts, db.statistics().retries), (1, 1));
    Ok(())
}

pub(crate) fn increments_by_reading_and_writing_are_not_lost<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    together(4, |_| {
        (0..25).try_for_each(|_| {
            let options = TransactOptions::new().deadline(Duration::from_secs(60));
            let done = db.transact_with(options, |txn| {
                let read = number(txn, "a")?;
                txn.put(notes(), "a", (read + 1).to_string())
            });
            done.map(drop)
        })
    })?;
    assert_eq!(all(&db, notes())?, "a=100");
    Ok(())
}

pub(crate) fn read_of_an_absent_key_conflicts_with_its_insert<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let runs = runs(&db, |txn| txn.get(notes(), "a").map(drop), |db| db.put(notes(), "a", "1"))?;
    assert_eq!(runs, AGAIN);
    Ok(())
}

pub(crate) fn read_conflicts_with_a_delete<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let runs = runs(&db, |txn| txn.get(notes(), "a").map(drop), |db| db.delete(notes(), "a"))?;
    assert_eq!(runs, AGAIN);
    Ok(())
}

pub(crate) fn read_conflicts_with_a_range_delete_over_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b"])?;
    let delete = |start: &str, end: &str| KeyRange::of(start..end);
    let again =
        runs(&db, |txn| txn.get(notes(), "b").map(drop), |db| db.delete_range(notes(), &delete("a", "c")?))?;
    assert_eq!(again, AGAIN);
    let beside =
        runs(&db, |txn| txn.get(notes(), "b").map(drop), |db| db.delete_range(notes(), &delete("c", "z")?))?;
    assert_eq!(beside, UNDISTURBED);
    Ok(())
}

pub(crate) fn each_key_of_get_many_is_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for key in ["a", "b", "c"] {
        let runs = runs(
            &db,
            |txn| txn.get_many(notes(), &["a", "b", "c"]).map(drop),
            |db| db.put(notes(), key, ""),
        )?;
        assert_eq!(runs, AGAIN, "{key} was read");
    }
    Ok(())
}

pub(crate) fn insert_into_a_range_read_to_its_end_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d"])?;
    for (direction, key) in [(Forward, "a"), (Reverse, "c"), (Forward, "y"), (Reverse, "y2")] {
        let read = |txn: &mut Transaction<'_, _>| {
            listed(txn.range(notes(), KeyRange::of("a".."z")?, direction)?).map(drop)
        };
        assert_eq!(runs(&db, read, |db| db.put(notes(), key, ""))?, AGAIN, "{key} is a phantom");
    }
    Ok(())
}

pub(crate) fn insert_into_an_empty_range_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let read = |txn: &mut Transaction<'_, _>| {
        assert!(
            txn.range(notes(), KeyRange::prefix(b"a"), Forward)?.next()?.is_none()
                || db.statistics().conflicts > 0
        );
        Ok(())
    };
    assert_eq!(runs(&db, read, |db| db.put(notes(), "ab", ""))?, AGAIN);
    Ok(())
}

pub(crate) fn delete_in_a_range_that_was_read_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let read = |txn: &mut Transaction<'_, _>| listed(txn.range(notes(), KeyRange::all(), Forward)?).map(drop);
    assert_eq!(runs(&db, read, |db| db.delete(notes(), "b"))?, AGAIN);
    assert_eq!(runs(&db, read, |db| db.delete_range(notes(), &KeyRange::of("c"..)?))?, AGAIN);
    Ok(())
}

pub(crate) fn change_in_a_range_that_was_read_by_key_alone_conflicts<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let read = |txn: &mut Transaction<'_, _>| txn.range(notes(), KeyRange::all(), Forward)?.keys().map(drop);
    assert_eq!(runs(&db, read, |db| db.put(notes(), "b", "2"))?, AGAIN);
    Ok(())
}

/// Reads the first two records of `notes` in a direction and no more.
fn read_two<E: Engine>(txn: &mut Transaction<'_, E>, direction: storage_core::Direction) -> Result<()> {
    let mut range = txn.range(notes(), KeyRange::all(), direction)?;
    assert!(range.next()?.is_some());
    assert!(range.next()?.is_some());
    Ok(())
}

pub(crate) fn range_is_read_up_to_the_last_record_returned<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "f", "h"])?;
    for (key, expected) in [("e", UNDISTURBED), ("z", UNDISTURBED), ("d", AGAIN), ("c", AGAIN), ("a", AGAIN)]
    {
        let runs = runs(&db, |txn| read_two(txn, Forward), |db| db.put(notes(), key, "new"))?;
        assert_eq!(runs, expected, "{key} is written");
    }
    Ok(())
}

pub(crate) fn reverse_range_is_read_down_to_the_last_record_returned<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "f", "h"])?;
    for (key, expected) in [("e", UNDISTURBED), ("a", UNDISTURBED), ("f", AGAIN), ("g", AGAIN), ("i", AGAIN)]
    {
        let runs = runs(&db, |txn| read_two(txn, Reverse), |db| db.put(notes(), key, "new"))?;
        assert_eq!(runs, expected, "{key} is written");
    }
    Ok(())
}

pub(crate) fn range_delete_behind_what_was_returned_does_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "f", "h"])?;
    let delete = |start: &'static str| {
        move |db: &_| storage_core::Database::delete_range(db, notes(), &KeyRange::of(start..)?)
    };
    assert_eq!(runs(&db, |txn| read_two(txn, Forward), delete("e"))?, UNDISTURBED);
    fill(&db, notes(), &["f", "h"])?;
    let until_d = |db: &_| storage_core::Database::delete_range(db, notes(), &KeyRange::of(.."e")?);
    assert_eq!(runs(&db, |txn| read_two(txn, Reverse), until_d)?, UNDISTURBED);
    fill(&db, notes(), &["b", "d"])?;
    let mut first = true;
    let read = |txn: &mut Transaction<'_, _>| {
        if mem::take(&mut first) { read_two(txn, Forward) } else { Ok(()) }
    };
    assert_eq!(runs(&db, read, delete("d"))?, AGAIN);
    Ok(())
}

pub(crate) fn range_that_was_opened_and_not_read_is_not_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let read = |txn: &mut Transaction<'_, _>| txn.range(notes(), KeyRange::all(), Forward).map(drop);
    assert_eq!(runs(&db, read, |db| db.put(notes(), "a", "new"))?, UNDISTURBED);
    let empty = |txn: &mut Transaction<'_, _>| {
        listed(txn.range(notes(), KeyRange::of("a".."a")?, Forward)?).map(drop)
    };
    assert_eq!(runs(&db, empty, |db| db.put(notes(), "a", "newer"))?, UNDISTURBED);
    Ok(())
}

pub(crate) fn leaked_range_has_read_enough<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let read = |txn: &mut Transaction<'_, _>| {
        let mut range = txn.range(notes(), KeyRange::all(), Forward)?;
        range.next()?;
        range.next()?;
        mem::forget(range);
        Ok(())
    };
    assert_eq!(runs(&db, read, |db| db.put(notes(), "b", "new"))?, AGAIN);
    assert_eq!(runs(&db, read, |db| db.put(notes(), "aa", "new"))?, AGAIN);
    Ok(())
}

pub(crate) fn own_writes_in_a_range_do_not_hide_what_was_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "c"])?;
    let read = |txn: &mut Transaction<'_, _>| {
        txn.put(notes(), "b", "own")?;
        txn.delete(notes(), "c")?;
        listed(txn.range(notes(), KeyRange::all(), Forward)?).map(drop)
    };
    assert_eq!(runs(&db, read, |db| db.put(notes(), "d", "phantom"))?, AGAIN);
    Ok(())
}

pub(crate) fn writes_elsewhere_do_not_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let read = |txn: &mut Transaction<'_, _>| {
        txn.get(notes(), "a")?;
        listed(txn.range(notes(), KeyRange::of("c".."d")?, Forward)?).map(drop)
    };
    for key in ["b", "aa", "a\0", "d"] {
        assert_eq!(runs(&db, read, |db| db.put(notes(), key, "new"))?, UNDISTURBED, "{key} was not read");
    }
    let meanwhile = |db: &storage_core::Database<_>| {
        db.put(letters(), "a", "new")?;
        db.delete_range(letters(), &KeyRange::all())
    };
    assert_eq!(runs(&db, read, meanwhile)?, UNDISTURBED, "the other keyspace was not read");
    Ok(())
}

pub(crate) fn blind_writes_never_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d"])?;
    let write = |txn: &mut Transaction<'_, _>| {
        txn.put(notes(), "a", "mine")?;
        txn.delete(notes(), "b")?;
        txn.delete_range(notes(), KeyRange::of("c".."d")?)
    };
    let meanwhile = |db: &storage_core::Database<_>| {
        db.put(notes(), "a", "theirs")?;
        db.put(notes(), "b", "theirs")?;
        db.put(notes(), "c", "theirs")?;
        db.put(notes(), "cc", "theirs")
    };
    assert_eq!(runs(&db, write, meanwhile)?, UNDISTURBED);
    assert_eq!(all(&db, notes())?, "a=mine d=d");
    assert_eq!(db.statistics().conflicts, 0);
    Ok(())
}

pub(crate) fn reading_ones_own_write_is_not_a_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let write = |txn: &mut Transaction<'_, _>| {
        txn.put(notes(), "a", "mine")?;
        assert_eq!(shown(txn.get(notes(), "a")?), some("mine"));
        Ok(())
    };
    assert_eq!(runs(&db, write, |db| db.put(notes(), "a", "theirs"))?, UNDISTURBED);
    Ok(())
}

pub(crate) fn read_only_transactions_never_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    let mut runs = 0;
    let outcome = db.transact(|txn| {
        runs += 1;
        let before = listed(txn.range(notes(), KeyRange::all(), Forward)?)?;
        elsewhere(|| fill(&db, notes(), &["b", "c"]))?;
        assert_eq!(listed(txn.range(notes(), KeyRange::all(), Forward)?)?, before);
        Ok(before)
    })?;
    assert_eq!((runs, outcome.value.as_str()), (1, "a=a b=b"));
    Ok(())
}

pub(crate) fn conflict_is_found_across_many_commits<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let meanwhile = |db: &storage_core::Database<_>| {
        db.put(notes(), "read", "new")?;
        (0..1_000).try_for_each(|at| db.put(notes(), format!("other{at}"), ""))
    };
    assert_eq!(runs(&db, |txn| txn.get(notes(), "read").map(drop), meanwhile)?, AGAIN);
    let others =
        |db: &storage_core::Database<_>| (0..1_000).try_for_each(|at| db.put(notes(), format!("o{at}"), ""));
    assert_eq!(runs(&db, |txn| txn.get(notes(), "read").map(drop), others)?, UNDISTURBED);
    Ok(())
}

pub(crate) fn transaction_runs_until_it_meets_no_conflict<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        let seen = number(txn, "a")?;
        if runs <= 3 {
            elsewhere(|| db.put(notes(), "a", runs.to_string()))?;
        }
        txn.put(notes(), "b", seen.to_string())
    })?;
    assert_eq!(runs, 4);
    assert_eq!(all(&db, notes())?, "a=3 b=3");
    Ok(())
}

pub(crate) fn conflict_past_the_deadline_is_told<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let mut runs = 0;
    let options = TransactOptions::new().deadline(Duration::ZERO);
    let done = db.transact_with(options, |txn| {
        runs += 1;
        txn.get(notes(), "a")?;
        elsewhere(|| db.put(notes(), "a", "theirs"))?;
        txn.put(notes(), "b", "mine")
    });
    let error = refused(Kind::Conflict, done);
    assert_eq!((error.retry(), error.keyspace(), runs), (Retry::Now, Some(notes()), 1));
    assert!(error.is_not_committed());
    assert_eq!(all(&db, notes())?, "a=theirs");
    Ok(())
}

pub(crate) fn commit_between_label_and_snapshot_is_not_missed<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = super::scripted(subject)?;
    db.put(notes(), "a", "1")?;
    let other = db.clone();
    script.before_next_snapshot(move || {
        elsewhere(|| other.put(notes(), "a", "2")).expect("a lone put commits");
    });
    // What is committed in between is in the snapshot; so the read is not stale, whatever becomes of the first run.
    db.transact(|txn| {
        let read = number(txn, "a")?;
        txn.put(notes(), "b", read.to_string())
    })?;
    assert_eq!(all(&db, notes())?, "a=2 b=2");
    Ok(())
}

pub(crate) fn commit_between_snapshot_and_first_read_is_not_missed<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = super::scripted(subject)?;
    db.put(notes(), "a", "1")?;
    let other = db.clone();
    script.after_next_snapshot(move || {
        elsewhere(|| other.put(notes(), "a", "2")).expect("a lone put commits");
    });
    let mut reads = Vec::new();
    db.transact(|txn| {
        let read = number(txn, "a")?;
        reads.push(read);
        txn.put(notes(), "b", read.to_string())
    })?;
    assert_eq!(reads.last(), Some(&2), "the label was taken behind the snapshot: {reads:?}");
    assert_eq!(all(&db, notes())?, "a=2 b=2");
    Ok(())
}

pub(crate) fn commits_on_both_sides_of_the_snapshot_conflict<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = super::scripted(subject)?;
    db.put(notes(), "a", "1")?;
    let other = db.clone();
    script.before_next_snapshot(move || {
        elsewhere(|| other.put(notes(), "c", "1")).expect("a lone put commits");
    });
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        let read = number(txn, "a")?;
        if runs == 1 {
            assert_eq!(number(txn, "c")?, 1, "the snapshot was taken after the commit");
            elsewhere(|| db.put(notes(), "a", "2"))?;
        }
        txn.put(notes(), "b", read.to_string())
    })?;
    assert_eq!(all(&db, notes())?, "a=2 b=2 c=1");
    Ok(())
}
