//! Going elsewhere in an open range, and what of it counts as read.

use storage_core::Direction::{self, Forward, Reverse};
use storage_core::engine::Snapshot;
use storage_core::{Engine, KeyRange, Kind, Range, Result, Table, Transaction, limits};

use super::people::{People, person};
use super::{fill, letters, notes, open, quiet, refused, runs};
use crate::counting::Counting;
use crate::subject::Subject;

/// The transaction was overtaken by nothing that it read.
const UNDISTURBED: u32 = 1;

/// It conflicted, and ran again.
const AGAIN: u32 = 2;

/// The next key, or `end`.
fn next<S: Snapshot>(range: &mut Range<'_, S>) -> Result<String> {
    Ok(range.next()?.map_or("end".into(), |entry| entry.key().escape_ascii().to_string()))
}

/// The key that comes next after a seek, or `end`.
fn after_seek<S: Snapshot>(range: &mut Range<'_, S>, key: &str) -> Result<String> {
    range.seek(key)?;
    next(range)
}

pub(crate) fn seek_goes_to_the_first_at_or_after_the_key<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "d\0", "f", "h"])?;
    let snapshot = db.snapshot()?;
    let mut range = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    for (key, found) in [("d", "d"), ("e", "f"), ("", "b"), ("d\0", r"d\x00"), ("h\0", "end"), ("a", "b")] {
        assert_eq!(after_seek(&mut range, key)?, found, "{key:?}");
    }
    let mut range = snapshot.range(notes(), &KeyRange::all(), Reverse)?;
    for (key, found) in [("d", "d"), ("e", r"d\x00"), ("z", "h"), ("d\0", r"d\x00"), ("a", "end"), ("b", "b")]
    {
        assert_eq!(after_seek(&mut range, key)?, found, "{key:?} in reverse");
    }
    Ok(())
}

pub(crate) fn range_goes_on_from_where_it_was_sent<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d", "e"])?;
    let snapshot = db.snapshot()?;
    for (direction, rest) in [(Forward, ["c", "d", "e", "end"]), (Reverse, ["c", "b", "a", "end"])] {
        let mut range = snapshot.range(notes(), &KeyRange::all(), direction)?;
        // Before its first record, in the middle, and at its end.
        for _ in 0..3 {
            range.seek("c")?;
            for key in rest {
                assert_eq!(next(&mut range)?, key, "{direction:?}");
            }
        }
        range.seek("c")?;
        range.seek("b")?;
        assert_eq!(next(&mut range)?, "b", "the last seek counts");
        let mut entry = range.next()?.expect("one follows");
        assert_eq!(entry.value()?, if direction == Forward { b"c" } else { b"a" });
    }
    Ok(())
}

pub(crate) fn seek_never_leaves_the_range<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "ba", "bb", "c"])?;
    let snapshot = db.snapshot()?;
    let prefix = KeyRange::prefix(b"b");
    let mut range = snapshot.range(notes(), &prefix, Forward)?;
    for (key, found) in [("a", "b"), ("bz", "end"), ("c", "end"), ("", "b"), ("bb", "bb"), ("zz", "end")] {
        assert_eq!(after_seek(&mut range, key)?, found, "{key:?}");
    }
    let mut range = snapshot.range(notes(), &prefix, Reverse)?;
    for (key, found) in [("c", "bb"), ("b", "b"), ("a", "end"), ("", "end"), ("zz", "bb"), ("bb", "bb")] {
        assert_eq!(after_seek(&mut range, key)?, found, "{key:?} in reverse");
    }
    let mut nothing = snapshot.range(notes(), &KeyRange::of("b".."b")?, Forward)?;
    assert_eq!(after_seek(&mut nothing, "b")?, "end");
    refused(Kind::TooLarge, range.seek(vec![b'k'; limits::DERIVED_KEY_LEN_MAX + 1]));
    assert_eq!(next(&mut range)?, "ba", "a refused seek leaves it where it stood");
    db.close()?;
    refused(Kind::Closed, range.seek("b"));
    Ok(())
}

/// A transaction's view of `a c e g` with `b` and `f` put, `c` deleted, `d` to `f` deleted, and `n` added to.
fn change<E: Engine>(txn: &mut Transaction<'_, E>) -> Result<()> {
    txn.delete_range(notes(), KeyRange::of("d".."g")?)?;
    txn.put(notes(), "b", "new")?;
    txn.put(notes(), "f", "new")?;
    txn.delete(notes(), "c")?;
    txn.add(notes(), "n", 7)
}

pub(crate) fn seek_sees_the_writes_of_its_transaction<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "c", "e", "g"])?;
    db.transact(|txn| {
        change(txn)?;
        let mut range = txn.range(notes(), KeyRange::all(), Forward)?;
        for (key, found) in [("c", "f"), ("a\0", "b"), ("g\0", "n"), ("", "a"), ("o", "end"), ("e", "f")] {
            assert_eq!(after_seek(&mut range, key)?, found, "{key:?}");
        }
        assert_eq!(next(&mut range)?, "g");
        let mut range = txn.range(notes(), KeyRange::all(), Reverse)?;
        for (key, found) in [("e", "b"), ("z", "n"), ("f", "f"), ("a", "a"), ("m", "g")] {
            assert_eq!(after_seek(&mut range, key)?, found, "{key:?} in reverse");
        }
        range.seek("n")?;
        assert_eq!(range.next()?.expect("the counter").value()?, 7_i64.to_le_bytes());
        Ok(())
    })?;
    Ok(())
}

/// Reads one record, goes to `g` past `d`, and reads one there.
fn skip<E: Engine>(txn: &mut Transaction<'_, E>, direction: Direction) -> Result<()> {
    let mut range = txn.range(notes(), KeyRange::all(), direction)?;
    range.next()?;
    range.seek(if direction == Forward { "g" } else { "d" })?;
    range.next()?;
    Ok(())
}

pub(crate) fn parts_before_and_behind_a_seek_are_read_and_what_it_skips_is_not<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let written = |direction, key: &'static str, with_writes| -> Result<u32> {
        db.delete_range(notes(), &KeyRange::all())?;
        fill(&db, notes(), &["b", "d", "h", "k"])?;
        let read = |txn: &mut Transaction<'_, _>| {
            if with_writes {
                txn.put(notes(), "x", "own")?;
                txn.put(notes(), "0", "own")?;
            }
            skip(txn, direction)
        };
        runs(&db, read, |db| db.put(notes(), key, "new"))
    };
    // Forward it returns b, then h; in reverse k, then d.
    let forward = [("a", AGAIN), ("b", AGAIN), ("g", AGAIN), ("gg", AGAIN), ("h", AGAIN)];
    let skipped = [("c", UNDISTURBED), ("d", UNDISTURBED), ("f", UNDISTURBED), ("i", UNDISTURBED)];
    for (key, expected) in forward.into_iter().chain(skipped) {
        assert_eq!(written(Forward, key, false)?, expected, "{key} is written");
    }
    let reverse = [("z", AGAIN), ("k", AGAIN), ("d", AGAIN)];
    let skipped = [("j", UNDISTURBED), ("h", UNDISTURBED), ("e", UNDISTURBED), ("c", UNDISTURBED)];
    for (key, expected) in reverse.into_iter().chain(skipped) {
        assert_eq!(written(Reverse, key, false)?, expected, "{key} is written, read in reverse");
    }
    // Its own write comes first, in place of b or k; up to there was read.
    assert_eq!(written(Forward, "00", true)?, UNDISTURBED);
    assert_eq!(written(Forward, "+", true)?, AGAIN);
    assert_eq!(written(Forward, "gg", true)?, AGAIN);
    assert_eq!(written(Reverse, "w", true)?, UNDISTURBED);
    assert_eq!(written(Reverse, "y", true)?, AGAIN);
    Ok(())
}

pub(crate) fn end_reached_behind_a_seek_is_read_and_a_seek_alone_is_not<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d"])?;
    let to_the_end = |txn: &mut Transaction<'_, _>| {
        let mut range = txn.range(notes(), KeyRange::of(.."q")?, Forward)?;
        range.seek("m")?;
        range.next().map(drop)
    };
    for (key, expected) in [("l", UNDISTURBED), ("a", UNDISTURBED), ("q", UNDISTURBED), ("m", AGAIN)] {
        assert_eq!(runs(&db, to_the_end, |db| db.put(notes(), key, ""))?, expected, "{key} is written");
    }
    // Read to its end and sent back: all of it stays read.
    let sent_back = |txn: &mut Transaction<'_, _>| {
        let mut range = txn.range(notes(), KeyRange::all(), Forward)?;
        range.keys()?;
        range.seek("b")
    };
    assert_eq!(runs(&db, sent_back, |db| db.put(notes(), "z", ""))?, AGAIN);
    let seeking_only = |txn: &mut Transaction<'_, _>| {
        let mut range = txn.range(notes(), KeyRange::all(), Forward)?;
        range.seek("c")?;
        range.seek("a")
    };
    assert_eq!(runs(&db, seeking_only, |db| db.put(notes(), "c", ""))?, UNDISTURBED);
    let leaked = |txn: &mut Transaction<'_, _>| {
        let mut range = txn.range(notes(), KeyRange::all(), Forward)?;
        range.seek("c")?;
        range.next()?;
        std::mem::forget(range);
        Ok(())
    };
    assert_eq!(runs(&db, leaked, |db| db.put(notes(), "c", "new"))?, AGAIN);
    Ok(())
}

pub(crate) fn typed_ranges_seek_by_tuples<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for (key, city, age) in [(1, "berlin", 30), (2, "bern", 41), (3, "bern", 22), (300, "rome", 55)] {
        people.put(&db, key, &person(city, &format!("p{key}"), age))?;
    }
    db.transact(|txn| {
        people.table.delete(txn, &300)?;
        people.table.put(txn, &256, &person("bonn", "p256", 41))?;
        let mut by_key = people.table.range(&*txn, KeyRange::all(), Forward)?;
        by_key.seek(&3_u64)?;
        assert_eq!(by_key.keys()?, [3, 256]);
        let mut by_key = people.table.range(&*txn, KeyRange::all(), Reverse)?;
        by_key.seek(&255_u64)?;
        assert_eq!(by_key.keys()?, [3, 2, 1]);
        for (direction, keys) in [(Forward, vec![2, 3, 256]), (Reverse, vec![3, 2, 1])] {
            let mut by_city = people.table.range_by(&people.by_city, &*txn, KeyRange::all(), direction)?;
            by_city.seek("bern")?;
            assert_eq!(by_city.keys()?, keys, "{direction:?}");
        }
        for (direction, keys) in [(Forward, vec![2, 256]), (Reverse, vec![1, 3])] {
            let mut by_age = people.table.range_by(&people.by_age, &*txn, KeyRange::all(), direction)?;
            by_age.seek(&35_u32)?;
            assert_eq!(by_age.keys()?, keys, "{direction:?}");
        }
        let mut by_email = people.table.range_by(&people.by_email, &*txn, KeyRange::all(), Reverse)?;
        by_email.seek("p256@example.org")?;
        assert_eq!(by_email.keys()?, [256, 1]);
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn seek_opens_one_range_and_reads_no_further<S: Subject>(subject: &S) -> Result<()> {
    let db = storage_core::Database::with_options(Counting::new(subject.open()?), quiet())?;
    db.transact(|txn| (0..1_000).try_for_each(|at| txn.put(notes(), format!("{at:04}"), "v")))?;
    let snapshot = db.snapshot()?;
    let mut range = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    db.engine().reset();
    assert_eq!(after_seek(&mut range, "0900")?, "0900");
    let counts = db.engine().counts();
    assert_eq!((counts.ranges, counts.entries, counts.values), (1, 1, 0), "{counts:?}");
    Ok(())
}

pub(crate) fn keys_under_pending_writes_are_read_without_values<S: Subject>(subject: &S) -> Result<()> {
    let db = storage_core::Database::with_options(Counting::new(subject.open()?), quiet())?;
    fill(&db, notes(), &["a", "c", "e", "g"])?;
    db.transact(|txn| txn.add(notes(), "n", 1))?;
    let table = Table::<u64, String>::define("words").open(&db)?;
    db.transact(|txn| (0..50).try_for_each(|at| table.put(txn, &at, &"word".repeat(100))))?;
    db.transact(|txn| {
        change(txn)?;
        table.delete(txn, &7)?;
        table.put(txn, &77, &"new".into())?;
        db.engine().reset();
        for direction in [Forward, Reverse] {
            let mut keys = txn.range(notes(), KeyRange::all(), direction)?.keys()?;
            if direction == Reverse {
                keys.reverse();
            }
            assert_eq!(keys.concat(), b"abfgn");
            let mut keys = table.range(&*txn, KeyRange::all(), direction)?.keys()?;
            if direction == Reverse {
                keys.reverse();
            }
            assert_eq!(keys, (0..50).filter(|key| *key != 7).chain([77]).collect::<Vec<u64>>());
        }
        let counts = db.engine().counts();
        assert_eq!((counts.values, counts.snapshot_gets, counts.gets), (0, 0, 0), "{counts:?}");
        Ok(())
    })?;
    db.engine().reset();
    let found = table.range(&db.snapshot()?, KeyRange::within(&7_u64)?, Forward)?.keys()?;
    assert!(found.is_empty());
    assert_eq!(table.range(&db.snapshot()?, KeyRange::all(), Reverse)?.keys()?.len(), 50);
    assert_eq!(db.engine().counts().values, 0);
    Ok(())
}

pub(crate) fn every_range_has_its_mirror_under_pending_writes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let names: Vec<String> =
        (0..60).map(|at| format!("{}{}", ["a", "ab", "ab\u{0}", "b"][at % 4], at)).collect();
    db.transact(|txn| names.iter().step_by(2).try_for_each(|name| txn.put(notes(), name, name)))?;
    let people = People::open(&db)?;
    for key in 0..12_u64 {
        people.put(&db, key, &person(["bern", "bonn", "rome"][key as usize % 3], &key.to_string(), 40))?;
    }
    db.transact(|txn| {
        names.iter().step_by(3).try_for_each(|name| txn.put(notes(), name, "new"))?;
        names.iter().step_by(5).try_for_each(|name| txn.delete(notes(), name))?;
        txn.delete_range(notes(), KeyRange::prefix(b"ab1"))?;
        txn.add(notes(), "ab11", 3)?;
        txn.add(notes(), "c1", 3)?;
        for prefix in ["", "a", "ab", "ab\0", "ab1", "b", "c"] {
            let prefix = KeyRange::prefix(prefix.as_bytes());
            let forward = txn.range(notes(), prefix.clone(), Forward)?.to_vec()?;
            let mut reverse = txn.range(notes(), prefix.clone(), Reverse)?.to_vec()?;
            reverse.reverse();
            assert_eq!(forward, reverse, "{prefix:?}");
            assert!(forward.is_sorted_by(|one, next| one.0 < next.0));
            assert!(forward.iter().all(|(key, _)| prefix.contains(key)));
        }
        people.table.put(txn, &4, &person("rome", "moved", 12))?;
        people.table.delete(txn, &5)?;
        people.table.put(txn, &70, &person("bern", "70", 41))?;
        for (city, keys) in [("bern", vec![0, 3, 6, 9, 70]), ("rome", vec![2, 4, 8, 11]), ("ber", vec![])] {
            let city = KeyRange::within(city)?;
            let listed =
                |direction| people.table.range_by(&people.by_city, &*txn, city.clone(), direction)?.to_vec();
            let forward = listed(Forward)?;
            let mut reverse = listed(Reverse)?;
            reverse.reverse();
            assert_eq!(forward, reverse);
            assert_eq!(forward.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys);
        }
        txn.put(letters(), "done", "")
    })?;
    Ok(())
}
