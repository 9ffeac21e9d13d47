//! Pages of a listing, from cursor to cursor.

use storage_core::Direction::{Forward, Reverse};
use storage_core::{
    Database, Direction, Engine, Key, KeyRange, Keyspace, Kind, PageCursor, PageRequest, Result, Table,
};

use super::people::{People, person};
use super::{counted, open, refused};
use crate::subject::Subject;

fn squares<E: Engine>(db: &Database<E>, name: &str, count: u64) -> Result<Table<u64, u64>> {
    let table = Table::define(name).open(db)?;
    db.transact(|txn| (1..=count).try_for_each(|n| table.put(txn, &n, &(n * n))))?;
    Ok(table)
}

/// The keys of every page, from the first to the last.
fn pages<E: Engine>(
    db: &Database<E>,
    table: &Table<u64, u64>,
    limit: usize,
    direction: Direction,
) -> Result<Vec<Vec<u64>>> {
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let request = PageRequest::first(limit).direction(direction).after(cursor);
        let page = table.page(&db.snapshot()?, &request)?;
        pages.push(page.items.iter().map(|(key, _)| *key).collect());
        // As a caller gets it back from where it was kept.
        cursor = page.next.map(|next| next.to_string().parse::<PageCursor>()).transpose()?;
        if cursor.is_none() {
            return Ok(pages);
        }
    }
}

pub(crate) fn pages_hold_every_record_once<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 7)?;
    let forward = |limit| pages(&db, &table, limit, Forward);
    assert_eq!(forward(3)?, [vec![1, 2, 3], vec![4, 5, 6], vec![7]]);
    assert_eq!(forward(1)?.concat(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(forward(7)?.len(), 1, "a full last page is the last");
    assert_eq!(forward(usize::MAX)?.concat().len(), 7);
    assert_eq!(pages(&db, &table, 3, Reverse)?, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    Ok(())
}

pub(crate) fn page_of_nothing_is_empty_and_the_last<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 3)?;
    let beyond = PageRequest::first(5).range(KeyRange::of(Key::of(&9_u64)?..)?);
    let page = table.page(&db.snapshot()?, &beyond)?;
    assert!(page.items.is_empty() && page.unreadable.is_empty() && page.next.is_none());
    Ok(())
}

pub(crate) fn page_limit_of_zero_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    let snapshot = db.snapshot()?;
    refused(Kind::Invalid, people.table.page(&snapshot, &PageRequest::first(0)));
    refused(Kind::Invalid, people.table.page_by(&people.by_city, &snapshot, &PageRequest::first(0)));
    Ok(())
}

pub(crate) fn pages_stay_in_their_range<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 10)?;
    let range = KeyRange::of(Key::of(&3_u64)?..Key::of(&8_u64)?)?;
    for (direction, expected) in [(Forward, [3, 4, 5, 6, 7]), (Reverse, [7, 6, 5, 4, 3])] {
        let request = PageRequest::first(3).range(range.clone()).direction(direction);
        let first = table.page(&db.snapshot()?, &request)?;
        let second = table.page(&db.snapshot()?, &request.after(first.next))?;
        let keys: Vec<u64> = first.items.iter().chain(&second.items).map(|(key, _)| *key).collect();
        assert_eq!((keys.as_slice(), second.next), (expected.as_slice(), None));
    }
    Ok(())
}

pub(crate) fn next_page_shows_what_is_there_when_it_is_asked_for<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 6)?;
    let first = table.page(&db.snapshot()?, &PageRequest::first(2))?;
    db.transact(|txn| {
        // The record at the cursor goes, as do one before and one behind it; another comes.
        for key in [1, 2, 4] {
            table.delete(txn, &key)?;
        }
        table.put(txn, &9, &81)
    })?;
    let second = table.page(&db.snapshot()?, &PageRequest::first(10).after(first.next))?;
    assert_eq!(second.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [3, 5, 6, 9]);
    Ok(())
}

pub(crate) fn pages_follow_every_kind_of_index<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for key in 1..=7 {
        people.put(
            &db,
            key,
            &person(["rome", "bonn"][key as usize % 2], &key.to_string(), 10 - key as u32),
        )?;
    }
    let snapshot = db.snapshot()?;
    macro_rules! keys {
        ($index:expr) => {{
            let mut keys = Vec::new();
            let mut request = PageRequest::first(3);
            loop {
                let page = people.table.page_by($index, &snapshot, &request)?;
                keys.extend(page.items.iter().map(|(key, _)| *key));
                match page.next {
                    None => break keys,
                    next => request = request.after(next),
                }
            }
        }};
    }
    assert_eq!(keys!(&people.by_city), [1, 3, 5, 7, 2, 4, 6]);
    assert_eq!(keys!(&people.by_email), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(keys!(&people.by_age), [7, 6, 5, 4, 3, 2, 1]);
    let romans = PageRequest::first(2).range(KeyRange::within("rome")?).direction(Reverse);
    let page = people.table.page_by(&people.by_city, &snapshot, &romans)?;
    assert_eq!(page.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [6, 4]);
    Ok(())
}

pub(crate) fn cursor_of_another_listing_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let people = People::open(&db)?;
    for key in 1..=3 {
        people.put(&db, key, &person("rome", &key.to_string(), 1))?;
    }
    let others = squares(&db, "squares", 3)?;
    let snapshot = db.snapshot()?;
    let cursor = people.table.page(&snapshot, &PageRequest::first(1))?.next;
    let next = PageRequest::first(1).after(cursor);
    refused(Kind::Invalid, others.page(&snapshot, &next));
    refused(Kind::Invalid, people.table.page_by(&people.by_city, &snapshot, &next));
    refused(Kind::Invalid, people.table.page(&snapshot, &next.clone().direction(Reverse)));
    assert_eq!(people.table.page(&snapshot, &next)?.items[0].0, 2);
    Ok(())
}

pub(crate) fn damaged_cursor_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 3)?;
    let cursor = table.page(&db.snapshot()?, &PageRequest::first(1))?.next.expect("there is more");
    let text = cursor.to_string();
    for damaged in
        ["", "0", "zz", &text[2..], &text[..text.len() - 2], &format!("{text}00"), &text.replace('0', "1")]
    {
        refused(Kind::Invalid, damaged.parse::<PageCursor>());
    }
    assert_eq!(text.parse::<PageCursor>()?, cursor);
    Ok(())
}

pub(crate) fn page_of_a_transaction_shows_its_own_writes<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 3)?;
    db.transact(|txn| {
        table.delete(txn, &1)?;
        table.put(txn, &0, &0)?;
        let page = table.page(txn, &PageRequest::first(2))?;
        assert_eq!(page.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 2]);
        assert!(page.next.is_some());
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn page_reports_records_that_cannot_be_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 5)?;
    // Three bytes are no number of eight.
    db.put(Keyspace::new("squares")?, Key::of(&2_u64)?, "abc")?;
    let first = table.page(&db.snapshot()?, &PageRequest::first(3))?;
    assert_eq!(first.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(first.unreadable.len(), 1);
    let error = &first.unreadable[0];
    assert_eq!((error.kind(), error.key()), (Kind::Corrupt, Some(Key::of(&2_u64)?.as_slice())));
    let second = table.page(&db.snapshot()?, &PageRequest::first(3).after(first.next))?;
    assert_eq!(second.items.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [4, 5]);
    Ok(())
}

pub(crate) fn page_may_end_with_a_record_that_cannot_be_read<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = squares(&db, "squares", 3)?;
    for bad in [2, 3] {
        db.put(Keyspace::new("squares")?, Key::of::<u64>(&bad)?, "abc")?;
    }
    let mut request = PageRequest::first(1);
    let mut seen = (0, 0);
    for _ in 0..3 {
        let page = table.page(&db.snapshot()?, &request)?;
        seen = (seen.0 + page.items.len(), seen.1 + page.unreadable.len());
        request = request.after(page.next);
    }
    assert_eq!(seen, (1, 2), "the listing goes on behind each");
    Ok(())
}

pub(crate) fn first_page_costs_the_same_in_a_small_and_a_large_table<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let tables = [squares(&db, "small", 100)?, squares(&db, "large", 10_000)?];
    let mut costs = Vec::new();
    for table in &tables {
        let snapshot = db.snapshot()?;
        db.engine().reset();
        table.page(&snapshot, &PageRequest::first(20))?;
        costs.push(db.engine().counts());
    }
    let expected = (1, 21, 20);
    assert_eq!((costs[0].ranges, costs[0].entries, costs[0].values), expected, "{:?}", costs[0]);
    assert_eq!((costs[1].ranges, costs[1].entries, costs[1].values), expected, "{:?}", costs[1]);
    Ok(())
}

pub(crate) fn page_of_a_covering_index_reads_no_record<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let people = People::open(&db)?;
    for key in 1..=5 {
        people.put(&db, key, &person("rome", &key.to_string(), 10))?;
    }
    let snapshot = db.snapshot()?;
    db.engine().reset();
    assert_eq!(people.table.page_by(&people.by_age, &snapshot, &PageRequest::first(3))?.items.len(), 3);
    let covering = db.engine().counts();
    assert_eq!((covering.ranges, covering.snapshot_gets, covering.values), (1, 0, 3));
    db.engine().reset();
    assert_eq!(people.table.page_by(&people.by_city, &snapshot, &PageRequest::first(3))?.items.len(), 3);
    let plain = db.engine().counts();
    assert_eq!((plain.ranges, plain.snapshot_gets, plain.values), (1, 3, 3), "one read a record");
    Ok(())
}
