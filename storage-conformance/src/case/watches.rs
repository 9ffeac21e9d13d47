//! Watches: what was committed in a range, in commit order, and never missed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use storage_core::Direction::Forward;
use storage_core::key::Template;
use storage_core::{
    Attributes, Codec, Error, Key, KeyRange, Keyspace, Kind, Result, Sequence, TransactOptions, WatchedChange,
};

use super::{
    all, at, elsewhere, events, fill, letters, notes, open, refused, shown, stores, timed, together, told,
};
use crate::scripted::PATIENCE;
use crate::subject::Subject;

pub(crate) fn watch_tells_changes_in_commit_order<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    db.put(notes(), "b", "1")?;
    db.put(notes(), "a", "1")?;
    db.delete(notes(), "b")?;
    db.delete_range(notes(), &KeyRange::of("a".."c")?)?;
    db.put(notes(), "a", "2")?;
    assert_eq!(events(&watch)?, ["put b", "put a", "delete b", "delete a..c", "put a"]);
    assert!(watch.try_next()?.is_none());
    Ok(())
}

pub(crate) fn events_carry_the_version_that_made_them_visible<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let mut versions = Vec::new();
    for round in 0..3 {
        let outcome = db.transact(|txn| {
            txn.put(notes(), "a", round.to_string())?;
            txn.put(notes(), "b", round.to_string())
        })?;
        versions.extend([outcome.version; 2]);
    }
    let mut told = Vec::new();
    while let Some(event) = watch.try_next()? {
        told.push(event.version);
    }
    assert_eq!(told, versions);
    assert_eq!(db.snapshot()?.version(), versions[5]);
    Ok(())
}

pub(crate) fn watch_tells_every_kind_of_change_apart<S: Subject>(subject: &S) -> Result<()> {
    let (db, clock) = timed(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let mortal = Attributes::new().expires_at(at(5));
    db.transact(|txn| {
        txn.put_with(notes(), "a", "1", mortal)?;
        txn.put_with(notes(), "b", "2", mortal)?;
        txn.put(notes(), "c", "3")
    })?;
    db.transact(|txn| {
        txn.delete(notes(), "c")?;
        txn.delete(notes(), "never there")
    })?;
    db.delete_range(notes(), &KeyRange::prefix(b"b"))?;
    clock.set(at(5));
    assert_eq!(
        events(&watch)?,
        ["put a", "put b", "put c", "delete c", "delete never there", "delete b..c"],
        "time alone is no commit"
    );
    db.sweep(10)?;
    assert_eq!(events(&watch)?, ["expire a"]);
    // An application that deletes what has expired deletes; a sweep behind it has nothing to tell.
    db.put_with(notes(), "d", "4", Attributes::new().expires_at(at(6)), TransactOptions::new())?;
    clock.set(at(6));
    db.delete(notes(), "d")?;
    db.sweep(10)?;
    assert_eq!(events(&watch)?, ["put d", "delete d"]);
    Ok(())
}

pub(crate) fn watch_tells_only_its_range<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let middle = db.watch(notes(), KeyRange::of("b".."d")?)?;
    let point = db.watch(notes(), KeyRange::point(b"c"))?;
    let elsewhere = db.watch(letters(), KeyRange::all())?;
    fill(&db, notes(), &["a", "b", "c", "c\0", "d"])?;
    db.delete_range(notes(), &KeyRange::of("x"..)?)?;
    db.delete_range(notes(), &KeyRange::of("c\0".."z")?)?;
    assert_eq!(events(&middle)?, ["put b", "put c", r"put c\x00", r"delete c\x00..z"]);
    assert_eq!(events(&point)?, ["put c"]);
    assert!(events(&elsewhere)?.is_empty());
    let derived = Keyspace::from_stored("_expiry")?;
    refused(Kind::Invalid, db.watch(derived, KeyRange::all()));
    Ok(())
}

pub(crate) fn watch_tells_what_comes_after_it_was_made<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    db.put(notes(), "before", "")?;
    let watch = db.watch(notes(), KeyRange::all())?;
    db.put(notes(), "after", "")?;
    assert_eq!(events(&watch)?, ["put after"]);
    Ok(())
}

pub(crate) fn watch_tells_nothing_of_what_was_not_committed<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let failed = db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        Err::<(), _>(Error::new(Kind::Full, "the body gives up"))
    });
    refused(Kind::Full, failed);
    let mut runs = 0;
    db.transact(|txn| {
        runs += 1;
        txn.get(notes(), "contended")?;
        if runs == 1 {
            elsewhere(|| db.put(notes(), "contended", ""))?;
        }
        txn.put(notes(), format!("run {runs}"), "")
    })?;
    assert_eq!(events(&watch)?, ["put contended", "put run 2"]);
    Ok(())
}

pub(crate) fn watch_tells_the_last_write_of_a_key_once<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        txn.put(notes(), "a", "2")?;
        txn.put(notes(), "b", "1")?;
        txn.delete(notes(), "b")?;
        txn.add(notes(), "c", 1)
    })?;
    assert_eq!(events(&watch)?, ["put a", "delete b", "put c"]);
    Ok(())
}

pub(crate) fn watch_tells_final_keys_of_numbered_records<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let sequence = Sequence::new(letters(), b"numbers")?.starting_at(300);
    db.transact(|txn| {
        let number = txn.next(&sequence)?;
        let value = Codec::Json.encode_template(&number)?;
        txn.put_template(notes(), Template::of(&number), value, Attributes::new())
    })?;
    let event = watch.try_next()?.expect("a record was put");
    assert_eq!(event.change, WatchedChange::Put(Key::of(&300_u64)?));
    Ok(())
}

pub(crate) fn change_is_visible_when_it_is_told<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: usize = 200;
    let db = open(subject)?;
    stores(&db)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let watch = &watch;
    together(2, |thread| {
        for round in 1..=ROUNDS {
            if thread == 0 {
                db.put(notes(), "a", round.to_string())?;
                continue;
            }
            let event = watch.next_within(PATIENCE)?.expect("one comes for every put");
            assert!(db.snapshot()?.version() >= event.version, "it was told before it could be seen");
            let seen: usize = shown(db.get(notes(), "a")?).and_then(|seen| seen.parse().ok()).unwrap_or(0);
            assert!(seen >= round, "event {round} came while the value was {seen}");
        }
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn snapshot_and_later_events_miss_nothing<S: Subject>(subject: &S) -> Result<()> {
    const ROUNDS: usize = 150;
    let db = open(subject)?;
    stores(&db)?;
    let begun = AtomicBool::new(false);
    let followed = together(2, |thread| {
        if thread == 0 {
            for round in 0..ROUNDS {
                begun.store(round > 20, Ordering::SeqCst);
                match round % 5 {
                    4 => db.delete(notes(), (round % 7).to_string())?,
                    _ => db.put(notes(), (round % 7).to_string(), round.to_string())?,
                }
            }
            db.put(notes(), "last", "")?;
            return Ok(BTreeMap::new());
        }
        super::wait_until("the writer is in the middle", || begun.load(Ordering::SeqCst));
        let watch = db.watch(notes(), KeyRange::all())?;
        let snapshot = db.snapshot()?;
        let records = snapshot.range(notes(), &KeyRange::all(), Forward)?.to_vec()?;
        let mut state: BTreeMap<Key, Vec<u8>> = records.into_iter().collect();
        while !state.contains_key(b"last".as_slice()) {
            let event = watch.next_within(PATIENCE)?.expect("the last one comes");
            if event.version <= snapshot.version() {
                continue;
            }
            // What it holds by now may be newer than the event; a later event then repeats it.
            match event.change {
                WatchedChange::Put(key) | WatchedChange::Delete(key) => match db.get(notes(), &key)? {
                    Some(value) => drop(state.insert(key, value.to_vec())),
                    None => drop(state.remove(&key)),
                },
                other => panic!("{other:?} was not asked for"),
            }
        }
        Ok(state)
    })?;
    let expected: BTreeMap<_, _> =
        db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.to_vec()?.into_iter().collect();
    assert_eq!(followed[1], expected);
    Ok(())
}

pub(crate) fn slow_watch_is_told_that_it_lags<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let mut last = 0;
    for part in 0..20 {
        last = db
            .transact(|txn| (0..1_000).try_for_each(|at| txn.put(notes(), format!("{part}-{at}"), "")))?
            .version;
    }
    let mut seen = Vec::new();
    while let Some(event) = watch.try_next()? {
        seen.push(event);
    }
    assert!(seen.len() < 20_000, "its queue is bounded");
    let lagged = seen.iter().rposition(|event| event.change == WatchedChange::Lagged).expect("it is told");
    let since = seen[lagged].version;
    let rest = seen[lagged + 1..].iter().all(|event| event.version > since);
    assert!(rest && since <= last, "what follows is later than what was dropped");
    assert_eq!((seen.len() - 1 - lagged) as u64, (last - since) * 1_000, "nothing is missing behind it");
    db.put(notes(), "again", "")?;
    assert_eq!(events(&watch)?, ["put again"]);
    Ok(())
}

pub(crate) fn slow_watch_does_not_disturb_another<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (slow, quick) = (db.watch(notes(), KeyRange::all())?, db.watch(notes(), KeyRange::prefix(b"k"))?);
    db.transact(|txn| (0..10_000).try_for_each(|at| txn.put(notes(), at.to_string(), "")))?;
    db.put(notes(), "k", "")?;
    assert_eq!(events(&quick)?, ["put k"]);
    assert_eq!(events(&slow)?, ["lagged", "put k"]);
    Ok(())
}

pub(crate) fn dropped_watch_is_forgotten<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (first, second) = (db.watch(notes(), KeyRange::all())?, db.watch(notes(), KeyRange::all())?);
    drop(first);
    db.put(notes(), "a", "")?;
    assert_eq!(events(&second)?, ["put a"]);
    drop(second);
    db.put(notes(), "a", "")?;
    assert_eq!(all(&db, notes())?, "a=");
    Ok(())
}

pub(crate) fn close_ends_a_watch_behind_its_events<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    let waiting = db.watch(notes(), KeyRange::prefix(b"never"))?;
    db.put(notes(), "a", "")?;
    together(2, |thread| {
        if thread == 0 {
            return db.close();
        }
        // It waits for an event and is woken by the close.
        refused(Kind::Closed, waiting.next());
        Ok(())
    })?;
    assert_eq!(watch.try_next()?.as_ref().map(told).as_deref(), Some("put a"));
    refused(Kind::Closed, watch.try_next());
    refused(Kind::Closed, watch.next());
    refused(Kind::Closed, watch.next_within(Duration::ZERO));
    refused(Kind::Closed, db.watch(notes(), KeyRange::all()));
    Ok(())
}

pub(crate) fn wait_for_an_event_ends_in_time<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let watch = db.watch(notes(), KeyRange::all())?;
    assert!(watch.next_within(Duration::ZERO)?.is_none());
    assert!(watch.next_within(Duration::from_millis(1))?.is_none());
    db.put_with(notes(), "a", "", Attributes::new(), TransactOptions::new())?;
    assert_eq!(watch.next_within(Duration::ZERO)?.as_ref().map(told).as_deref(), Some("put a"));
    Ok(())
}
