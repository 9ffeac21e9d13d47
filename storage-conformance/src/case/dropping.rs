//! Dropping a keyspace, or everything: in one commit, with what is derived, and told to everyone.

use std::mem;

use storage_core::Direction::Forward;
use storage_core::limits::Limits;
use storage_core::{
    Attributes, Database, Engine, KeyRange, Keyspace, Kind, Result, Sequence, TransactOptions, Transaction,
};

use super::people::{People, person};
use super::{
    all, at, counted, events, fill, letters, listed, notes, open, quiet, refused, runs, shown, some, timed,
};
use crate::subject::Subject;

/// How many records the engine holds in a keyspace.
pub(super) fn stored<E: Engine>(db: &Database<E>, keyspace: Keyspace) -> Result<usize> {
    use storage_core::engine::{Cursor, Intent, Snapshot};
    let snapshot = db.engine().snapshot(Intent::Read)?;
    let mut cursor = snapshot.range(keyspace, &KeyRange::all(), Forward)?;
    let mut count = 0;
    while cursor.advance()? {
        count += 1;
    }
    Ok(count)
}

/// How many entries the engine holds in all indexes of the people.
pub(super) fn entries<E: Engine>(db: &Database<E>, people: &People) -> Result<usize> {
    let indexes = ["by_city", "by_email", "by_age", "by_tag"];
    indexes.into_iter().map(|index| stored(db, people.entries(index)?)).sum()
}

pub(super) fn populated<E: Engine>(db: &Database<E>) -> Result<People> {
    let people = People::open(db)?;
    for (key, name) in ["ann", "bob", "eve"].into_iter().enumerate() {
        people.put(db, key as u64, &person("rome", name, 30))?;
    }
    assert_eq!(entries(db, &people)?, 9);
    Ok(people)
}

pub(crate) fn prefix_is_deleted_and_nothing_beside_it<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "aa", "ab", "b"])?;
    db.put(notes(), b"\xff", "last")?;
    db.put(notes(), b"\xff\xff", "beyond")?;
    db.delete_prefix(notes(), "aa")?;
    assert_eq!(all(&db, notes())?, r"a=a ab=ab b=b \xff=last \xff\xff=beyond");
    db.transact(|txn| txn.delete_prefix(notes(), b"\xff\xff"))?;
    assert_eq!(all(&db, notes())?, r"a=a ab=ab b=b \xff=last");
    db.delete_prefix(notes(), "a")?;
    assert_eq!(all(&db, notes())?, r"b=b \xff=last");
    db.delete_prefix(notes(), "")?;
    assert_eq!(all(&db, notes())?, "");
    Ok(())
}

pub(crate) fn dropped_keyspace_is_empty_and_others_are_not<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (longer, part) = (Keyspace::new("notes_longer")?, Keyspace::new("note")?);
    for keyspace in [notes(), longer, part, letters()] {
        fill(&db, keyspace, &["a", "b"])?;
    }
    db.transact(|txn| txn.add(notes(), "n", 5))?;
    let before = db.snapshot()?;
    db.drop_keyspace(notes())?;
    assert_eq!(stored(&db, notes())?, 0);
    assert_eq!(db.counter(notes(), "n")?, 0);
    for keyspace in [longer, part, letters()] {
        assert_eq!(all(&db, keyspace)?, "a=a b=b");
    }
    assert_eq!(shown(before.get(notes(), "a")?), some("a"), "a snapshot keeps what it shows");
    assert_eq!(before.range(notes(), &KeyRange::all(), Forward)?.keys()?.len(), 3);
    db.put(notes(), "c", "3")?;
    assert_eq!(all(&db, notes())?, "c=3");
    db.drop_keyspace(Keyspace::new("never_written")?)?;
    Ok(())
}

pub(crate) fn dropped_table_is_empty_and_goes_on<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = populated(&db)?;
    fill(&db, notes(), &["a"])?;
    db.drop_keyspace(people.table.keyspace())?;
    assert_eq!((stored(&db, people.table.keyspace())?, entries(&db, &people)?), (0, 0));
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [0_u64; 0]);
    people.put(&db, 7, &person("bonn", "ann", 1))?;
    people.is_consistent(&db)?;
    assert_eq!(people.by(&db, &people.by_city, KeyRange::all())?, [7]);
    refused(Kind::AlreadyExists, people.put(&db, 8, &person("rome", "ann", 2)));
    let again = People::open(&db)?;
    assert_eq!(again.by(&db, &again.by_age, KeyRange::all())?, [7], "its definition stayed");
    assert_eq!(all(&db, notes())?, "a=a");
    Ok(())
}

pub(crate) fn derived_keyspace_is_never_dropped_alone<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = populated(&db)?;
    for keyspace in
        [people.entries("by_city")?, Keyspace::from_stored("_expiry")?, Keyspace::from_stored("_tables")?]
    {
        refused(Kind::Invalid, db.drop_keyspace(keyspace));
    }
    people.is_consistent(&db)
}

pub(crate) fn drop_of_everything_leaves_nothing<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let people = populated(&db)?;
    fill(&db, notes(), &["a", "b"])?;
    let attributes = Attributes::new().expires_at(at(10));
    db.put_with(letters(), "short", "lived", attributes, TransactOptions::new())?;
    let sequence = Sequence::new(letters(), b"n")?;
    db.transact(|txn| txn.next(&sequence))?;
    let before = db.snapshot()?;
    db.drop_all()?;
    for keyspace in db.engine().keyspaces()? {
        let left = usize::from(keyspace.name() == "_tables");
        assert_eq!(stored(&db, keyspace)?, left, "{keyspace:?}");
    }
    assert_eq!(listed(before.range(notes(), &KeyRange::all(), Forward)?)?, "a=a b=b");
    let drawn = db.transact(|txn| txn.next(&sequence))?;
    assert_eq!(drawn.number(drawn.value), 0, "sequences begin anew");
    people.put(&db, 1, &person("bonn", "ann", 1))?;
    people.is_consistent(&db)?;
    db.put(letters(), "short", "of time")?;
    clock.set(at(10));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.stale), (0, 0), "nothing is left to expire");
    db.drop_all()?;
    db.drop_all()?;
    assert_eq!(all(&db, letters())?, "");
    Ok(())
}

pub(crate) fn drop_is_a_write_to_everyone_who_read_there<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = populated(&db)?;
    let drop_notes: fn(&Database<S::Engine>) -> Result<()> = |db| db.drop_keyspace(notes());
    let drop_all: fn(&Database<S::Engine>) -> Result<()> = Database::drop_all;
    for drop in [drop_notes, drop_all] {
        let refill = || fill(&db, notes(), &["a", "b"]);
        refill()?;
        assert_eq!(runs(&db, |txn| txn.get(notes(), "a").map(mem::drop), drop)?, 2);
        refill()?;
        let first = |txn: &mut Transaction<'_, _>| {
            txn.range(notes(), KeyRange::all(), Forward)?.next().map(mem::drop)
        };
        assert_eq!(runs(&db, first, drop)?, 2);
        refill()?;
        assert_eq!(runs(&db, |txn| txn.put(notes(), "c", "blind"), drop)?, 1);
        assert_eq!(all(&db, notes())?, "c=blind", "it was put behind the drop");
    }
    let read_index = |txn: &mut Transaction<'_, _>| {
        people.table.range_by(&people.by_city, txn, KeyRange::within("rome")?, Forward)?.to_vec().map(drop)
    };
    people.put(&db, 1, &person("rome", "ann", 1))?;
    assert_eq!(runs(&db, read_index, drop_notes)?, 1);
    assert_eq!(runs(&db, read_index, |db| db.drop_keyspace(people.table.keyspace()))?, 2);
    people.is_consistent(&db)
}

pub(crate) fn drop_is_told_as_one_deleted_range<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a", "b"])?;
    fill(&db, letters(), &["a"])?;
    let (of_notes, of_letters) =
        (db.watch(notes(), KeyRange::all())?, db.watch(letters(), KeyRange::point(b"a"))?);
    db.drop_keyspace(notes())?;
    assert_eq!((events(&of_notes)?, events(&of_letters)?.len()), (vec!["delete ..".to_owned()], 0));
    fill(&db, notes(), &["c"])?;
    db.drop_all()?;
    assert_eq!(events(&of_notes)?, ["put c", "delete .."]);
    assert_eq!(events(&of_letters)?, ["delete .."]);
    Ok(())
}

pub(crate) fn drop_of_everything_is_told_where_there_was_something<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    fill(&db, letters(), &["a"])?;
    db.delete(notes(), "a")?;
    let (of_notes, of_letters) = (db.watch(notes(), KeyRange::all())?, db.watch(letters(), KeyRange::all())?);
    db.drop_all()?;
    assert_eq!((events(&of_notes)?.len(), events(&of_letters)?), (0, vec!["delete ..".to_owned()]));
    Ok(())
}

pub(crate) fn drop_is_one_commit_and_reads_no_record<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let people = People::open(&db)?;
    db.transact(|txn| {
        (0..500).try_for_each(|key| people.table.put(txn, &key, &person("rome", &key.to_string(), 1)))?;
        (0..500).try_for_each(|key| txn.put(notes(), key.to_string(), ""))
    })?;
    db.engine().reset();
    db.drop_keyspace(people.table.keyspace())?;
    let counts = db.engine().counts();
    assert_eq!((counts.commits, counts.writes, counts.entries, counts.values), (1, 0, 0, 0), "{counts:?}");
    assert!(counts.range_deletes >= 4, "the records and three indexes that hold entries");
    db.engine().reset();
    db.drop_all()?;
    let counts = db.engine().counts();
    assert_eq!((counts.commits, counts.writes), (1, 0), "{counts:?}");
    assert_eq!(counts.entries, 2, "the table in the catalogue, and that there are notes");
    Ok(())
}

pub(crate) fn drop_is_not_limited_by_the_size_of_transactions<S: Subject>(subject: &S) -> Result<()> {
    let limits = Limits::default().with_transaction_len_max(1_000);
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    let people = People::open(&db)?;
    for key in 0..40 {
        people.put(&db, key, &person("rome", &key.to_string(), 1))?;
    }
    refused(Kind::TooLarge, db.delete_range(people.table.keyspace(), &KeyRange::all()));
    db.drop_keyspace(people.table.keyspace())?;
    assert_eq!((stored(&db, people.table.keyspace())?, entries(&db, &people)?), (0, 0));
    people.put(&db, 1, &person("rome", "1", 1))?;
    people.is_consistent(&db)
}

pub(crate) fn sweep_after_a_drop_leaves_what_was_put_since<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let attributes = Attributes::new().expires_at(at(10));
    for key in ["a", "b", "c"] {
        db.put_with(notes(), key, "old", attributes, TransactOptions::new())?;
    }
    db.drop_keyspace(notes())?;
    db.put(notes(), "b", "new")?;
    db.put_with(notes(), "c", "new", attributes, TransactOptions::new())?;
    clock.set(at(10));
    let swept = db.sweep(10)?;
    assert_eq!((swept.records, swept.stale), (1, 2));
    assert_eq!(all(&db, notes())?, "b=new");
    Ok(())
}

pub(crate) fn drop_is_refused_where_a_write_is<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    fill(&db, notes(), &["a"])?;
    let inside = db.transact(|_| {
        refused(Kind::Invalid, db.drop_keyspace(notes()));
        refused(Kind::Invalid, db.drop_all());
        Ok(())
    });
    inside?;
    assert_eq!(all(&db, notes())?, "a=a");
    db.close()?;
    refused(Kind::Closed, db.drop_keyspace(notes()));
    refused(Kind::Closed, db.drop_all());
    Ok(())
}
