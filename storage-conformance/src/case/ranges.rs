//! Ranges of keys, both ways, and their edges.

use std::ops::Bound;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Attributes, Database, Engine, Key, KeyRange, Result, TransactOptions};

use super::{at, fill, keys, listed, notes, open};
use crate::subject::Subject;

/// A range between two keys, the first with it, the second without.
fn between(start: &str, end: &str) -> KeyRange {
    KeyRange::of(start..end).expect("the bounds are in order")
}

/// Asserts what a range holds forward, and that it holds the mirror of it in reverse.
#[track_caller]
fn holds<E: Engine>(db: &Database<E>, range: &KeyRange, expected: &str) -> Result<()> {
    let mut reversed: Vec<_> = expected.split_whitespace().collect();
    reversed.reverse();
    assert_eq!(keys(db, notes(), range, Forward)?, expected, "forward");
    assert_eq!(keys(db, notes(), range, Reverse)?, reversed.join(" "), "in reverse");
    Ok(())
}

pub(crate) fn forward_range_is_in_byte_order<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let ordered: [&[u8]; 12] =
        [b"\0", b"\0\0", b"\0\xff", b"\x01", b"A", b"a", b"a\0", b"aa", b"b", b"\x7f", b"\x80", b"\xff\xff"];
    for at in [7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 4, 6] {
        db.put(notes(), ordered[at], "")?;
    }
    let found = db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys()?;
    assert_eq!(found, ordered.map(Key::from));
    Ok(())
}

pub(crate) fn reverse_range_is_the_mirror<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let pairs: Vec<Vec<u8>> = (0..=255).step_by(5).flat_map(|a| [vec![a], vec![a, 0], vec![a, a]]).collect();
    db.transact(|txn| pairs.iter().try_for_each(|key| txn.put(notes(), key, key)))?;
    let snapshot = db.snapshot()?;
    let mut forward = snapshot.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
    forward.reverse();
    assert!(snapshot.range(notes(), &KeyRange::all(), Reverse)?.to_vec()? == forward);
    assert_eq!(forward.len(), pairs.iter().collect::<std::collections::BTreeSet<_>>().len());
    Ok(())
}

pub(crate) fn range_holds_its_start_and_not_its_end<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d"])?;
    holds(&db, &between("b", "d"), "b c")?;
    holds(&db, &between("a", "a\0"), "a")?;
    holds(&db, &between("d", "e"), "d")
}

pub(crate) fn bounds_need_not_be_keys<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["b", "d", "f"])?;
    holds(&db, &between("a", "e"), "b d")?;
    holds(&db, &between("bb", "ff"), "d f")?;
    holds(&db, &between("c", "e"), "d")?;
    holds(&db, &between("0", "zz"), "b d f")
}

pub(crate) fn bounds_can_be_inclusive_and_exclusive<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "a\0", "b", "b\0", "c"])?;
    let range = |start, end| KeyRange::of::<&str>((start, end));
    holds(&db, &range(Bound::Excluded("a"), Bound::Included("b"))?, r"a\x00 b")?;
    holds(&db, &range(Bound::Included("a"), Bound::Included("b"))?, r"a a\x00 b")?;
    holds(&db, &range(Bound::Excluded("a"), Bound::Excluded("b"))?, r"a\x00")
}

pub(crate) fn range_can_be_open_at_either_end<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    holds(&db, &KeyRange::of(.."b")?, "a")?;
    holds(&db, &KeyRange::of("b"..)?, "b c")?;
    holds(&db, &KeyRange::of(..="b")?, "a b")?;
    holds(&db, &KeyRange::all(), "a b c")
}

pub(crate) fn empty_range_holds_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    holds(&db, &between("a", "a"), "")?;
    holds(&db, &between("b", "b"), "")?;
    holds(&db, &between("", ""), "")
}

pub(crate) fn range_without_records_holds_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    holds(&db, &KeyRange::all(), "")?;
    fill(&db, notes(), &["a", "z"])?;
    holds(&db, &between("b", "y"), "")?;
    holds(&db, &between("0", "9"), "")?;
    holds(&db, &KeyRange::of("zz"..)?, "")
}

pub(crate) fn forward_prefix_stops_at_the_prefix<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "ab", "ab\0", "abc", "ab~", "ac", "b"])?;
    let found = keys(&db, notes(), &KeyRange::prefix(b"ab"), Forward)?;
    assert_eq!(found, r"ab ab\x00 abc ab~");
    Ok(())
}

pub(crate) fn reverse_prefix_stops_at_the_prefix<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "aa~", "ab", "ab\0", "abc", "ab~", "ac", "b"])?;
    let found = keys(&db, notes(), &KeyRange::prefix(b"ab"), Reverse)?;
    assert_eq!(found, r"ab~ abc ab\x00 ab");
    Ok(())
}

pub(crate) fn prefix_of_0xff_reaches_the_end<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let stored: [&[u8]; 7] = [b"a", b"a\xff", b"a\xff\xff\x01", b"b", b"\xff", b"\xff\xff", b"\xff\xff\xff"];
    for key in stored {
        db.put(notes(), key, "")?;
    }
    holds(&db, &KeyRange::prefix(b"a\xff"), r"a\xff a\xff\xff\x01")?;
    holds(&db, &KeyRange::prefix(b"\xff\xff"), r"\xff\xff \xff\xff\xff")?;
    holds(&db, &KeyRange::prefix(b"\xff"), r"\xff \xff\xff \xff\xff\xff")?;
    holds(&db, &KeyRange::prefix(b""), r"a a\xff a\xff\xff\x01 b \xff \xff\xff \xff\xff\xff")
}

pub(crate) fn point_range_holds_one_key<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "a\0", "aa", "b"])?;
    holds(&db, &KeyRange::point(b"a"), "a")?;
    holds(&db, &KeyRange::point(b"a\0"), r"a\x00")?;
    holds(&db, &KeyRange::point(b"ab"), "")
}

pub(crate) fn successive_keys_are_told_apart<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "a\0", "a\0\0", "a\0\u{1}"])?;
    holds(&db, &between("a", "a\0\0"), r"a a\x00")?;
    holds(&db, &between("a\0", "a\0\u{1}"), r"a\x00 a\x00\x00")?;
    holds(&db, &KeyRange::all().after(b"a\0"), r"a\x00\x00 a\x00\x01")?;
    holds(&db, &KeyRange::all().before(b"a\0\0"), r"a a\x00")
}

pub(crate) fn tuple_range_holds_what_starts_with_the_tuple<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let tuples = [("a", 1_u64), ("a", 256), ("a\0", 1), ("ab", 1), ("b", 0)];
    for tuple in tuples {
        db.put(notes(), Key::of(&tuple)?, "")?;
    }
    let snapshot = db.snapshot()?;
    let found = snapshot.range(notes(), &KeyRange::within(&("a",))?, Reverse)?.keys()?;
    let found = found.iter().map(Key::unpack::<(String, u64)>).collect::<Result<Vec<_>>>()?;
    assert_eq!(found, [("a".to_owned(), 256), ("a".to_owned(), 1)]);
    Ok(())
}

/// A database with the keys `0000000`, `0000002`, ... in `notes`, and so many of them.
fn many<S: Subject>(subject: &S, count: usize) -> Result<Database<S::Engine>> {
    let db = open(subject)?;
    db.transact(|txn| (0..count).try_for_each(|at| txn.put(notes(), name(2 * at), at.to_string())))?;
    Ok(db)
}

fn name(at: usize) -> String {
    format!("{at:07}")
}

pub(crate) fn ten_thousand_records_come_in_order<S: Subject>(subject: &S) -> Result<()> {
    let db = many(subject, 10_000)?;
    let snapshot = db.snapshot()?;
    let record = |at: usize| (Key::from(name(2 * at).into_bytes()), at.to_string().into_bytes());
    let mut expected: Vec<_> = (0..10_000).map(record).collect();
    assert!(snapshot.range(notes(), &KeyRange::all(), Forward)?.to_vec()? == expected, "forward");
    expected.reverse();
    assert!(snapshot.range(notes(), &KeyRange::all(), Reverse)?.to_vec()? == expected, "in reverse");
    Ok(())
}

pub(crate) fn every_part_of_a_long_range_is_found<S: Subject>(subject: &S) -> Result<()> {
    let count = 2_000;
    let db = many(subject, count)?;
    let snapshot = db.snapshot()?;
    for at in (0..count - 3).step_by(97) {
        let exact = KeyRange::of(name(2 * at)..name(2 * (at + 3)))?;
        let between = KeyRange::of(name((2 * at).saturating_sub(1))..name(2 * (at + 3) - 1))?;
        for range in [exact, between] {
            let mut expected: Vec<_> = (at..at + 3).map(|at| Key::from(name(2 * at).into_bytes())).collect();
            assert_eq!(snapshot.range(notes(), &range, Forward)?.keys()?, expected);
            expected.reverse();
            assert_eq!(snapshot.range(notes(), &range, Reverse)?.keys()?, expected);
        }
    }
    Ok(())
}

pub(crate) fn range_passes_deleted_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d", "e"])?;
    for key in ["a", "c", "e"] {
        db.delete(notes(), key)?;
    }
    holds(&db, &KeyRange::all(), "b d")?;
    db.put(notes(), "c", "again")?;
    holds(&db, &KeyRange::all(), "b c d")
}

pub(crate) fn range_is_empty_once_everything_was_deleted<S: Subject>(subject: &S) -> Result<()> {
    let db = many(subject, 500)?;
    db.transact(|txn| (0..500).try_for_each(|at| txn.delete(notes(), name(2 * at))))?;
    holds(&db, &KeyRange::all(), "")?;
    db.put(notes(), "x", "")?;
    holds(&db, &KeyRange::all(), "x")
}

pub(crate) fn range_stays_at_its_end<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let snapshot = db.snapshot()?;
    let ranges = [KeyRange::all(), between("a", "c"), between("x", "y"), between("b", "b")];
    for (range, direction) in ranges.iter().flat_map(|range| [(range, Forward), (range, Reverse)]) {
        let mut records = snapshot.range(notes(), range, direction)?;
        while records.next()?.is_some() {}
        for _ in 0..3 {
            assert!(records.next()?.is_none(), "{range:?} {direction:?} goes on behind its end");
        }
    }
    Ok(())
}

pub(crate) fn keys_and_what_is_beside_values_are_read_without_them<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let attributes = Attributes::new().user_byte(9).expires_at(at(5));
    db.put_with(notes(), "a", "1", attributes, TransactOptions::new())?;
    db.put(notes(), "b", "2")?;
    let snapshot = db.snapshot()?;
    let mut records = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    let mut seen = Vec::new();
    while let Some(record) = records.next()? {
        seen.push((record.key().to_vec(), record.user_byte(), record.expires_at()));
    }
    assert_eq!(seen, [(b"a".to_vec(), 9, Some(at(5))), (b"b".to_vec(), 0, None)]);
    Ok(())
}

pub(crate) fn value_of_a_range_can_be_read_twice_or_never<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c"])?;
    let snapshot = db.snapshot()?;
    let mut records = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    let mut first = records.next()?.expect("there are three");
    assert_eq!(first.value()?, b"a");
    assert_eq!(first.value()?, b"a");
    assert_eq!(records.next()?.expect("there are three").key(), b"b");
    assert_eq!(records.next()?.expect("there are three").value()?, b"c");
    assert!(records.next()?.is_none());
    Ok(())
}

pub(crate) fn ranges_of_one_snapshot_do_not_disturb_each_other<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b", "c", "d"])?;
    let snapshot = db.snapshot()?;
    let mut forward = snapshot.range(notes(), &KeyRange::all(), Forward)?;
    let mut reverse = snapshot.range(notes(), &KeyRange::all(), Reverse)?;
    let mut met = String::new();
    while let (Some(first), Some(last)) = (forward.next()?, reverse.next()?) {
        met += &format!("{}{} ", first.key().escape_ascii(), last.key().escape_ascii());
        assert_eq!(snapshot.get(notes(), "b")?.as_deref(), Some(b"b".as_slice()));
    }
    assert_eq!(met, "ad bc cb da ");
    assert_eq!(listed(snapshot.range(notes(), &between("b", "d"), Forward)?)?, "b=b c=c");
    Ok(())
}

pub(crate) fn values_in_a_range_belong_to_their_keys<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    for len in [0, 1, 5_000, 3, 70_000, 2] {
        db.put(notes(), name(len), vec![b'v'; len])?;
    }
    let snapshot = db.snapshot()?;
    for direction in [Forward, Reverse] {
        for (key, value) in snapshot.range(notes(), &KeyRange::all(), direction)?.to_vec()? {
            assert_eq!(key.as_slice(), name(value.len()).as_bytes());
        }
    }
    Ok(())
}
