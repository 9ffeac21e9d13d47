//! What is refused however it is disguised: raised limits, changed cursors, damaged counters.

use storage_core::limits::{Limits, VALUE_LEN_MAX};
use storage_core::{Database, Key, KeyRange, Kind, PageCursor, PageRequest, Result, Table};

use super::{notes, open, quiet, refused};
use crate::subject::Subject;

pub(crate) fn limits_raised_in_their_fields_are_those_of_the_largest<S: Subject>(subject: &S) -> Result<()> {
    let mut limits = Limits::default();
    (limits.value_len_max, limits.transaction_len_max) = (usize::MAX, usize::MAX);
    let db = Database::with_options(subject.open()?, quiet().limits(limits))?;
    let value = vec![0; VALUE_LEN_MAX + 1];
    refused(Kind::TooLarge, db.put(notes(), "a", &value));
    refused(Kind::TooLarge, db.transact(|txn| txn.put(notes(), "a", &value)));
    Ok(())
}

pub(crate) fn typed_value_past_the_limit_is_refused_however_well_it_compresses<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u8, String>::define("texts").compress_above(10).open(&db)?;
    let put = |text: &String| db.transact(|txn| table.put(txn, &1, text)).map(drop);
    let short = "before".to_owned();
    put(&short)?;
    refused(Kind::TooLarge, put(&"x".repeat(VALUE_LEN_MAX + 1)));
    assert_eq!(table.get(&db, &1)?.as_deref(), Some(&short), "what was there can still be read");
    // The largest that fits, with room for what the codec adds.
    let long = "x".repeat(VALUE_LEN_MAX - 16);
    put(&long)?;
    assert!(table.get(&db, &1)?.as_deref() == Some(&long), "what was taken comes back changed");
    Ok(())
}

pub(crate) fn cursor_with_any_character_changed_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, u64>::define("squares").open(&db)?;
    db.transact(|txn| (1..=3).try_for_each(|n| table.put(txn, &n, &(n * n))))?;
    let cursor = table.page(&db.snapshot()?, &PageRequest::first(1))?.next.expect("there is more");
    let text = cursor.to_string();
    for at in 0..text.len() {
        for other in "0189af+-_ F\u{e9}".chars().filter(|other| !text[at..].starts_with(*other)) {
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            refused(Kind::Invalid, changed.parse::<PageCursor>());
        }
    }
    for changed in [text.to_uppercase(), format!(" {text}"), format!("{text}\n"), format!("0x{text}")] {
        if changed != text {
            refused(Kind::Invalid, changed.parse::<PageCursor>());
        }
    }
    assert_eq!(text.parse::<PageCursor>()?, cursor);
    Ok(())
}

pub(crate) fn cursor_behind_the_range_that_is_asked_for_leaves_nothing<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = open(subject)?;
    let table = Table::<u64, u64>::define("squares").open(&db)?;
    db.transact(|txn| (1..=5).try_for_each(|n| table.put(txn, &n, &(n * n))))?;
    let snapshot = db.snapshot()?;
    let cursor = table.page(&snapshot, &PageRequest::first(4))?.next;
    let before = KeyRange::of(Key::of(&1_u64)?..Key::of(&3_u64)?)?;
    let page = table.page(&snapshot, &PageRequest::first(4).range(before).after(cursor))?;
    assert!(page.items.is_empty() && page.unreadable.is_empty() && page.next.is_none());
    Ok(())
}
