//! Namespaces: parts of a keyspace that hold nothing of each other, whatever their names and keys.

use storage_core::Direction::{self, Forward, Reverse};
use storage_core::limits::{DERIVED_KEY_LEN_MAX, KEY_LEN_MAX};
use storage_core::{
    Attributes, Database, Durability, Engine, Key, KeyRange, Kind, Namespace, Read, Result, TransactOptions,
};

use super::{all, at, events, listed, notes, open, refused, runs, shown, some};
use crate::subject::Subject;

/// Names that come near each other, in their order.
const NAMES: [&[u8]; 8] = [b"\0", b"\0\xff", b"a", b"a\0", b"a\0\xff", b"ab", b"\xff", b"\xff\xff"];

/// Keys that look like ends of names, like names, and like prefixes, in their order.
const KEYS: [&[u8]; 9] =
    [b"\0", b"\0\x01k", b"\x01", b"\x01a\0\x01k", b"a", b"k", b"\xff", b"\xff\0\x01k", b"\xff\xff"];

fn spaces() -> Vec<Namespace> {
    NAMES.iter().map(|name| Namespace::new(notes(), name).expect("the name is legal")).collect()
}

/// The keys of a part.
fn keys(space: &Namespace, from: &impl Read, direction: Direction) -> Result<Vec<Key>> {
    space.range(from, &KeyRange::all(), direction)?.keys()
}

/// Puts every key into every namespace, with the number of the namespace as its value.
fn fill<E: Engine>(db: &Database<E>) -> Result<()> {
    db.transact(|txn| {
        spaces().iter().enumerate().try_for_each(|(number, space)| {
            KEYS.iter().rev().try_for_each(|key| space.put(txn, key, number.to_string()))
        })
    })?;
    Ok(())
}

/// Asserts that the namespaces of these numbers hold every key, and the others nothing.
#[track_caller]
fn hold<E: Engine>(db: &Database<E>, full: &[usize]) -> Result<()> {
    let snapshot = db.snapshot()?;
    for (number, space) in spaces().iter().enumerate() {
        let expected = if full.contains(&number) { KEYS.map(Key::from).to_vec() } else { Vec::new() };
        assert_eq!(keys(space, &snapshot, Forward)?, expected, "namespace {number}");
        let mut reversed = keys(space, &snapshot, Reverse)?;
        reversed.reverse();
        assert_eq!(reversed, expected, "namespace {number} in reverse");
        for key in KEYS {
            let value = full.contains(&number).then(|| number.to_string());
            assert_eq!(shown(space.get(db, key)?), value);
            assert_eq!(shown(space.get(&snapshot, key)?), value);
        }
    }
    let whole = snapshot.range(notes(), &KeyRange::all(), Forward)?.keys()?;
    assert_eq!(whole.len(), full.len() * KEYS.len());
    Ok(())
}

pub(crate) fn namespaces_hold_nothing_of_each_other<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db)?;
    hold(&db, &[0, 1, 2, 3, 4, 5, 6, 7])?;
    let spaces = spaces();
    let snapshot = db.snapshot()?;
    for full in snapshot.range(notes(), &KeyRange::all(), Forward)?.keys()? {
        let holders = spaces.iter().filter(|space| space.cut(&full).is_some()).count();
        assert_eq!(holders, 1, "{full:?} is in one namespace");
    }
    Ok(())
}

pub(crate) fn delete_all_stays_in_its_namespace<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let spaces = spaces();
    let mut full: Vec<usize> = (0..spaces.len()).collect();
    fill(&db)?;
    for number in [2, 7, 0, 3] {
        db.transact(|txn| {
            spaces[number].put(txn, "pending", "1")?;
            spaces[number].delete_all(txn)?;
            assert!(keys(&spaces[number], &*txn, Forward)?.is_empty());
            Ok(())
        })?;
        full.retain(|other| *other != number);
        hold(&db, &full)?;
    }
    Ok(())
}

pub(crate) fn keys_go_in_and_come_out_as_they_are<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (ann, other) = (Namespace::new(notes(), "ann")?, Namespace::new(notes(), "ann\0")?);
    ann.put_now(&db, "b", "2", Durability::Deferred)?;
    ann.put_now(&db, "a", "1", TransactOptions::new())?;
    other.put_now(&db, "a", "other", TransactOptions::new())?;
    db.transact(|txn| {
        ann.put_with(txn, "c", "3", Attributes::new().user_byte(7).expires_at(at(9)))?;
        ann.delete(txn, "b")?;
        txn.add(notes(), ann.key("hits")?, 4)?;
        assert_eq!(shown(ann.get(&*txn, "c")?), some("3"));
        assert_eq!(shown(ann.get(&*txn, "b")?), None);
        let mut range = ann.range(&*txn, &KeyRange::of("a".."d")?, Reverse)?;
        let mut entry = range.next()?.expect("c was put");
        assert_eq!((entry.key(), entry.user_byte()), (b"c".as_slice(), 7));
        assert_eq!(entry.pair()?, (b"c".as_slice(), b"3".as_slice()));
        assert_eq!(listed(range)?, "a=1");
        assert_eq!(keys(&ann, &*txn, Forward)?.concat(), b"achits");
        Ok(())
    })?;
    assert_eq!(db.counter(notes(), ann.key("hits")?)?, 4);
    ann.delete_now(&db, "a")?;
    ann.delete_now(&db, "absent")?;
    let snapshot = db.snapshot()?;
    assert_eq!(keys(&ann, &snapshot, Forward)?.concat(), b"chits");
    assert_eq!(listed(other.range(&snapshot, &KeyRange::all(), Forward)?)?, "a=other");
    let full = ann.key("c")?;
    assert_eq!((full.as_slice(), ann.cut(&full)), (b"\x01ann\0\x01c".as_slice(), Some(b"c".as_slice())));
    assert_eq!(other.cut(&full), None);
    assert_eq!(ann.keyspace(), notes());
    Ok(())
}

pub(crate) fn ranges_of_a_namespace_are_cut_out_and_seek_in_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let spaces = ["a", "b", "c"].map(|name| Namespace::new(notes(), name).expect("the name is legal"));
    db.transact(|txn| {
        spaces
            .iter()
            .try_for_each(|space| ["b", "d", "f", "f\0"].iter().try_for_each(|key| space.put(txn, key, key)))
    })?;
    let snapshot = db.snapshot()?;
    let within = |range: KeyRange, direction| -> Result<Vec<u8>> {
        Ok(spaces[1].range(&snapshot, &range, direction)?.keys()?.join(b" ".as_slice()))
    };
    assert_eq!(within(KeyRange::of("c".."f")?, Forward)?, b"d");
    assert_eq!(within(KeyRange::prefix(b"f"), Reverse)?, b"f\0 f");
    assert_eq!(within(KeyRange::of("f"..)?, Forward)?, b"f f\0");
    assert_eq!(within(KeyRange::of(.."d")?, Reverse)?, b"b");
    assert_eq!(within(KeyRange::of("d".."d")?, Forward)?, b"");
    assert_eq!(within(KeyRange::prefix(&[0xff]), Forward)?, b"");
    for (direction, key, found) in [
        (Forward, "c", "d"),
        (Forward, "", "b"),
        (Forward, "z", "end"),
        (Reverse, "e", "d"),
        (Reverse, "\u{7f}", "f\\x00"),
        (Reverse, "a", "end"),
    ] {
        let mut range = spaces[1].range(&snapshot, &KeyRange::all(), direction)?;
        range.next()?;
        range.seek(key)?;
        let next = range.next()?.map_or("end".into(), |entry| entry.key().escape_ascii().to_string());
        assert_eq!(next, found, "{direction:?} {key:?}");
    }
    db.transact(|txn| spaces[1].delete_range(txn, &KeyRange::of("d".."f\0")?))?;
    let expected = "b f\\x00";
    for (space, expected) in spaces.iter().zip(["b d f f\\x00", expected, "b d f f\\x00"]) {
        let found = keys(space, &db.snapshot()?, Forward)?.join(b" ".as_slice());
        assert_eq!(found.escape_ascii().to_string(), expected);
    }
    Ok(())
}

pub(crate) fn namespaces_conflict_and_are_watched_by_themselves<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (a, longer) = (Namespace::new(notes(), "a")?, Namespace::new(notes(), "a\0")?);
    let watch = db.watch(notes(), a.key_range(&KeyRange::all())?)?;
    let put = |space: &Namespace| space.put_now(&db, "\u{7f}", "", TransactOptions::new());
    let list = |txn: &mut storage_core::Transaction<'_, _>| keys(&a, &*txn, Forward).map(drop);
    assert_eq!(runs(&db, list, |_| put(&longer))?, 1);
    assert_eq!(runs(&db, list, |_| put(&a))?, 2);
    db.transact(|txn| longer.delete_all(txn))?;
    assert_eq!(events(&watch)?, [r"put \x01a\x00\x01\x7f"]);
    Ok(())
}

pub(crate) fn limits_of_keys_count_the_namespace<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    refused(Kind::Invalid, Namespace::new(notes(), ""));
    // Three bytes around the name, and one more for each NUL in it.
    let longest_name = vec![b'n'; KEY_LEN_MAX - 4];
    let tight = Namespace::new(notes(), &longest_name)?;
    tight.put_now(&db, "k", "1", TransactOptions::new())?;
    refused(Kind::TooLarge, tight.put_now(&db, "kk", "1", TransactOptions::new()));
    refused(Kind::TooLarge, Namespace::new(notes(), [b'n'; KEY_LEN_MAX - 3]));
    refused(Kind::TooLarge, Namespace::new(notes(), [0; KEY_LEN_MAX / 2]));
    let space = Namespace::new(notes(), "a\0")?;
    let longest = "k".repeat(KEY_LEN_MAX - 6);
    space.put_now(&db, &longest, "1", TransactOptions::new())?;
    assert_eq!(shown(space.get(&db, &longest)?), some("1"));
    let error = refused(Kind::TooLarge, db.transact(|txn| space.put(txn, longest.clone() + "k", "1")));
    assert!(error.to_string().contains("2049 bytes with the prefix"), "{error}");
    for key in ["", &(longest + "k")] {
        let kind = if key.is_empty() { Kind::Invalid } else { Kind::TooLarge };
        refused(kind, space.get(&db, key));
        refused(kind, space.delete_now(&db, key));
        refused(kind, db.transact(|txn| space.put(txn, key, "1")));
        refused(kind, db.transact(|txn| space.delete(txn, key)));
    }
    let bound = KeyRange::of(vec![b'k'; DERIVED_KEY_LEN_MAX]..)?;
    refused(Kind::TooLarge, space.range(&db.snapshot()?, &bound, Forward));
    assert_eq!(all(&db, notes())?.matches('=').count(), 2);
    Ok(())
}
