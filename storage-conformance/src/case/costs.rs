//! What calls cost, counted where they reach the engine.

use std::thread;

use storage_core::Direction::{Forward, Reverse};
use storage_core::{Durability, KeyRange, Result, Sequence, Table, TransactOptions};

use super::{counted, letters, notes, wait_until};
use crate::counting::{Counting, Counts};
use crate::scripted::Scripted;
use crate::subject::Subject;

/// What a call costs.
fn cost<E: storage_core::Engine, T>(
    db: &storage_core::Database<Counting<E>>,
    call: impl FnOnce() -> Result<T>,
) -> Result<Counts> {
    db.engine().reset();
    call()?;
    Ok(db.engine().counts())
}

pub(crate) fn get_is_one_engine_get<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.put(notes(), "a", "1")?;
    for key in ["a", "absent"] {
        let counts = cost(&db, || db.get(notes(), key))?;
        assert_eq!((counts.gets, counts.reads(), counts.commits), (1, 1, 0));
    }
    Ok(())
}

pub(crate) fn blind_put_reads_nothing<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let counts = cost(&db, || db.put(notes(), "a", "12345"))?;
    assert_eq!((counts.reads(), counts.entries, counts.bytes_read), (0, 0, 0));
    assert_eq!((counts.commits, counts.writes, counts.bytes_written), (1, 1, 6));
    let counts = cost(&db, || db.delete(notes(), "a"))?;
    assert_eq!((counts.reads(), counts.commits, counts.writes, counts.syncs), (0, 1, 1, 0));
    Ok(())
}

pub(crate) fn transaction_costs_a_snapshot_its_reads_and_a_commit<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.put(notes(), "a", "1")?;
    let counts = cost(&db, || {
        db.transact(|txn| {
            txn.get(notes(), "a")?;
            txn.get(notes(), "absent")?;
            txn.put(notes(), "b", "2")?;
            txn.put(notes(), "c", "3")
        })
    })?;
    let expected = (1, 2, 3, 1, 2);
    assert_eq!(
        (counts.snapshots, counts.snapshot_gets, counts.reads(), counts.commits, counts.writes),
        expected,
        "{counts:?}"
    );
    Ok(())
}

pub(crate) fn reading_transaction_costs_no_commit<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let counts = cost(&db, || db.transact(|txn| txn.get(notes(), "a").map(drop)))?;
    assert_eq!((counts.snapshots, counts.reads(), counts.commits), (1, 2, 0));
    Ok(())
}

pub(crate) fn keys_are_read_without_their_values<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.transact(|txn| (0..100).try_for_each(|at| txn.put(notes(), format!("{at:03}"), vec![b'v'; 1_000])))?;
    let counts = cost(&db, || db.snapshot()?.range(notes(), &KeyRange::all(), Forward)?.keys())?;
    assert_eq!((counts.ranges, counts.entries, counts.values), (1, 100, 0), "{counts:?}");
    assert!(counts.bytes_read < 100 * 1_000);
    let in_transaction =
        cost(&db, || db.transact(|txn| txn.range(notes(), KeyRange::all(), Reverse)?.keys()))?;
    assert_eq!((in_transaction.entries, in_transaction.values), (100, 0));
    Ok(())
}

pub(crate) fn range_reads_no_further_than_asked<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.transact(|txn| (0..1_000).try_for_each(|at| txn.put(notes(), format!("{at:04}"), "v")))?;
    for direction in [Forward, Reverse] {
        let counts = cost(&db, || {
            let snapshot = db.snapshot()?;
            let mut range = snapshot.range(notes(), &KeyRange::all(), direction)?;
            for _ in 0..10 {
                range.next()?.expect("there are a thousand").value()?;
            }
            Ok(())
        })?;
        assert_eq!((counts.ranges, counts.entries, counts.values), (1, 10, 10), "{direction:?}");
    }
    Ok(())
}

pub(crate) fn first_records_cost_the_same_in_a_small_and_a_large_keyspace<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = counted(subject)?;
    db.transact(|txn| {
        (0..100).try_for_each(|at| txn.put(notes(), format!("{at:05}"), "v"))?;
        (0..10_000).try_for_each(|at| txn.put(letters(), format!("{at:05}"), "v"))
    })?;
    for direction in [Forward, Reverse] {
        let page = |keyspace| {
            cost(&db, || {
                let snapshot = db.snapshot()?;
                let mut range = snapshot.range(keyspace, &KeyRange::all(), direction)?;
                (0..20).try_for_each(|_| range.next()?.map_or(Ok(()), |mut record| record.value().map(drop)))
            })
        };
        assert_eq!(page(notes())?, page(letters())?, "{direction:?}");
    }
    Ok(())
}

pub(crate) fn range_delete_is_one_change_however_much_it_covers<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.transact(|txn| (0..1_000).try_for_each(|at| txn.put(notes(), format!("{at:04}"), "v")))?;
    let counts = cost(&db, || db.delete_range(notes(), &KeyRange::all()))?;
    assert_eq!((counts.commits, counts.range_deletes, counts.writes, counts.entries), (1, 1, 0, 0));
    Ok(())
}

pub(crate) fn drawing_a_number_reads_the_counter_once<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let sequence = Sequence::new(letters(), b"n")?;
    for _ in 0..2 {
        let counts = cost(&db, || db.transact(|txn| txn.next(&sequence)))?;
        assert_eq!((counts.snapshots, counts.snapshot_gets, counts.gets), (1, 0, 1));
        assert_eq!((counts.commits, counts.writes), (1, 1));
    }
    Ok(())
}

pub(crate) fn put_in_a_table_without_indexes_reads_no_record<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let table = Table::<u64, u64>::define("numbers").open(&db)?;
    let counts = cost(&db, || db.transact(|txn| table.put(txn, &1, &1)))?;
    assert_eq!((counts.snapshot_gets + counts.gets, counts.commits, counts.writes), (0, 1, 1), "{counts:?}");
    Ok(())
}

pub(crate) fn get_many_is_one_engine_call<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    db.put(notes(), "a", "1")?;
    let snapshot = db.snapshot()?;
    let counts = cost(&db, || snapshot.get_many(notes(), &["a", "b", "c"]).map(drop))?;
    assert_eq!((counts.get_manys, counts.reads(), counts.values), (1, 1, 1));
    Ok(())
}

pub(crate) fn sync_is_one_engine_sync<S: Subject>(subject: &S) -> Result<()> {
    let db = counted(subject)?;
    let deferred = TransactOptions::from(Durability::Deferred);
    db.transact_with(deferred, |txn| txn.put(notes(), "a", "1"))?;
    let counts = cost(&db, || db.sync())?;
    assert_eq!((counts.syncs, counts.commits, counts.reads()), (1, 0, 0));
    Ok(())
}

pub(crate) fn sixty_four_queued_commits_are_two_engine_commits<S: Subject>(subject: &S) -> Result<()> {
    let (engine, script) = Scripted::new(Counting::new(subject.open()?));
    let db = storage_core::Database::with_options(engine, super::quiet())?;
    let gate = script.hold_commits();
    thread::scope(|scope| {
        let db = &db;
        let mut threads = vec![scope.spawn(move || db.put(notes(), "first", ""))];
        gate.wait_for_a_commit();
        for at in 1..64 {
            threads.push(scope.spawn(move || db.put(notes(), at.to_string(), "")));
            wait_until("the put waits for its turn", || db.statistics().waiting == at);
        }
        gate.open();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a put does not panic"))
    })?;
    let counts = db.engine().inner().counts();
    assert_eq!((counts.commits, counts.writes), (2, 64));
    Ok(())
}
