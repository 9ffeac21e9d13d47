//! An engine that says it is read-only: core reads it like any other, refuses every write, and asks it for none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use storage_core::Direction::Reverse;
use storage_core::{
    AnyEngine, Attributes, BulkError, BulkOptions, Database, Durability, Error, Index, KeyRange, Kind,
    ManualClock, Options, Result, Sequence, Table, TransactOptions,
};

use super::{all, at, fill, letters, listed, notes, quiet, refused, shown, some};
use crate::scripted::Scripted;
use crate::subject::Subject;

/// A store that was filled, open a second time to be read only.
struct Opened {
    reading: Database<Scripted<AnyEngine>>,
    /// How often the engine was asked to write.
    asked: Arc<AtomicUsize>,
    /// Keeps the store open, and closes it.
    _writing: Database<AnyEngine>,
}

fn lengths() -> Index<u64, String, u64> {
    Index::on("by_length", |_: &u64, text: &String| text.len() as u64)
}

fn opened<S: Subject>(
    subject: &S,
    options: Options,
    prepare: impl FnOnce(&Database<AnyEngine>) -> Result<()>,
) -> Result<Opened> {
    let engine = AnyEngine::new(subject.open()?);
    let writing = Database::with_options(engine.clone(), quiet())?;
    prepare(&writing)?;
    let (scripted, script) = Scripted::new(engine);
    let reading = Database::with_options(scripted.read_only(), options)?;
    let asked = Arc::new(AtomicUsize::new(0));
    let (commits, syncs) = (Arc::clone(&asked), Arc::clone(&asked));
    script.on_commit(move |_| {
        commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    script.on_sync(move || {
        syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    script.on_close(|| Err(Error::new(Kind::Invalid, "the store is closed by who writes it")));
    Ok(Opened { reading, asked, _writing: writing })
}

pub(crate) fn read_only_database_reads_everything<S: Subject>(subject: &S) -> Result<()> {
    let by_length = lengths();
    let store = opened(subject, quiet(), |db| {
        fill(db, notes(), &["a", "b", "c"])?;
        let table = Table::<u64, String>::define("texts").index(&by_length).open(db)?;
        db.transact(|txn| table.put(txn, &1, &"long".to_owned()))?;
        db.transact(|txn| txn.add(letters(), "counter", 3)).map(drop)
    })?;
    let db = &store.reading;
    assert_eq!(shown(db.get(notes(), "b")?), some("b"));
    assert_eq!(all(db, notes())?, "a=a b=b c=c");
    assert_eq!(db.counter(letters(), "counter")?, 3);
    let both = db.transact(|txn| {
        let found = shown(txn.get(notes(), "a")?);
        Ok((found, listed(txn.range(notes(), KeyRange::all(), Reverse)?)?))
    })?;
    assert_eq!(both.value, (some("a"), "c=c b=b a=a".to_owned()));
    let by_length = lengths();
    let table = Table::<u64, String>::define("texts").index(&by_length).open(db)?;
    assert_eq!(table.get(db, &1)?.as_deref(), Some(&"long".to_owned()));
    assert_eq!(store.asked.load(Ordering::SeqCst), 0);
    Ok(())
}

pub(crate) fn read_only_database_refuses_every_write<S: Subject>(subject: &S) -> Result<()> {
    let store = opened(subject, quiet(), |db| fill(db, notes(), &["a", "b"]))?;
    let db = &store.reading;
    let sequence = Sequence::new(letters(), b"numbers")?;
    let bulk_load = |input: &[(&str, &str)]| {
        db.bulk_load(notes(), input.to_vec(), BulkOptions::new()).map_err(BulkError::into_error)
    };
    let refusals = [
        refused(Kind::Invalid, db.put(notes(), "a", "new")),
        refused(Kind::Invalid, db.delete(notes(), "a")),
        refused(Kind::Invalid, db.delete_range(notes(), &KeyRange::all())),
        refused(Kind::Invalid, db.transact(|txn| txn.put(notes(), "c", "new"))),
        refused(Kind::Invalid, db.transact(|txn| txn.add(letters(), "counter", 1))),
        refused(Kind::Invalid, db.transact(|txn| txn.max(letters(), "counter", 1))),
        refused(Kind::Invalid, db.transact(|txn| txn.next(&sequence))),
        refused(Kind::Invalid, db.touch(notes(), "a", Some(at(100)))),
        refused(Kind::Invalid, db.delete_prefix(notes(), "a")),
        refused(Kind::Invalid, db.drop_keyspace(notes())),
        refused(Kind::Invalid, db.drop_all()),
        refused(
            Kind::Invalid,
            db.transact_with(Durability::Deferred, |txn| {
                txn.get(notes(), "a")?;
                txn.delete(notes(), "b")
            }),
        ),
        refused(Kind::Invalid, Table::<u64, String>::define("texts").open(db)),
        refused(Kind::Invalid, bulk_load(&[("c", "new")])),
        refused(Kind::Invalid, bulk_load(&[])),
    ];
    for refusal in refusals {
        assert!(refusal.to_string().contains("read-only"), "{refusal}");
        assert_eq!(refusal.engine(), Some(db.capabilities().name));
    }
    assert_eq!(all(db, notes())?, "a=a b=b");
    assert_eq!(store.asked.load(Ordering::SeqCst), 0, "the engine was asked to write");
    Ok(())
}

pub(crate) fn read_only_database_is_neither_synced_nor_swept<S: Subject>(subject: &S) -> Result<()> {
    let soon = Duration::from_micros(1);
    let clock = ManualClock::at(at(200));
    let options = Options::new().clock(clock).sync_within(soon).sweep_every(soon);
    let store = opened(subject, options, |db| {
        let ends = Attributes::new().expires_at(at(100));
        db.put_with(notes(), "ends", "1", ends, TransactOptions::from(Durability::Deferred))?;
        fill(db, notes(), &["stays"])
    })?;
    let db = &store.reading;
    assert_eq!(all(db, notes())?, "stays=stays", "what has expired is gone without a sweep");
    db.sync()?;
    refused(Kind::Invalid, db.sweep(10));
    assert_eq!(db.statistics().background_errors, 0);
    assert_eq!(store.asked.load(Ordering::SeqCst), 0, "the engine was asked to write");
    Ok(())
}
