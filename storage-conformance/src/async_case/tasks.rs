//! Tasks: many at a time, on two threads and on one, and what reaches them.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use storage_core::{
    AsyncDatabase, Attributes, Durability, Engine, Error, KeyRange, Result, TransactOptions, Transaction,
    WatchedChange,
};
use tokio::spawn;

use super::{
    clear, faces, increment, joined, number, on_each_face, one_thread, overtaken_until_alone, two_threads,
};
use crate::case::{all, notes, scripted, shown, some, together, wait_until};
use crate::scripted::PATIENCE;
use crate::subject::Subject;

/// Time for every loser to get the lane on a busy machine.
fn patient() -> TransactOptions {
    TransactOptions::new().deadline(PATIENCE)
}

/// Runs so many tasks, each of which adds one.
async fn increments<E: Engine>(db: &AsyncDatabase<E>, count: usize) -> Result<()> {
    let one = || {
        let db = db.clone();
        spawn(async move { db.transact_with(patient(), increment).await })
    };
    let tasks: Vec<_> = (0..count).map(|_| one()).collect();
    for task in tasks {
        joined(task.await)?;
    }
    Ok(())
}

pub(crate) fn thousand_tasks_lose_no_update<S: Subject>(subject: &S) -> Result<()> {
    for db in faces(subject)? {
        clear(&db)?;
        two_threads().block_on(increments(&db, 1_000))?;
        let last = db.blocking().get(notes(), "number")?.expect("it was counted");
        assert_eq!(number(&last), 1_000);
        assert_eq!(db.blocking().statistics().waiting, 0);
    }
    Ok(())
}

pub(crate) fn tasks_of_one_thread_all_commit<S: Subject>(subject: &S) -> Result<()> {
    for db in faces(subject)? {
        clear(&db)?;
        together(3, |thread| match thread {
            0 => one_thread().block_on(increments(&db, 200)),
            _ => (0..100).try_for_each(|_| db.blocking().transact_with(patient(), increment).map(drop)),
        })?;
        let last = db.blocking().get(notes(), "number")?.expect("it was counted");
        assert_eq!(number(&last), 400);
    }
    Ok(())
}

pub(crate) fn tasks_that_wait_are_committed_together<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let before = db.blocking().statistics().version;
    let gate = script.hold_commits();
    two_threads().block_on(async {
        let put = |at: u32| {
            let db = db.clone();
            spawn(async move { db.put(notes(), at.to_string(), "").await })
        };
        let tasks: Vec<_> = (0..8).map(put).collect();
        wait_until("seven wait for the first", || db.blocking().statistics().waiting == 7);
        gate.open();
        for task in tasks {
            joined(task.await)?;
        }
        Ok::<_, Error>(())
    })?;
    assert_eq!(db.blocking().statistics().version, before + 2, "one went alone, seven in one commit");
    Ok(())
}

pub(crate) fn calls_wait_for_one_that_runs_alone<S: Subject>(subject: &S) -> Result<()> {
    for db in faces(subject)? {
        clear(&db)?;
        let (arrive, alone) = channel();
        let waited_for = db.blocking().clone();
        let body = overtaken_until_alone(db.blocking(), move |txn| {
            arrive.send(()).expect("it is waited for");
            wait_until("a call waits", || waited_for.statistics().waiting == 1);
            txn.put(notes(), "alone", "1")
        });
        thread::scope(|scope| {
            let other = scope.spawn(|| db.blocking().transact(body));
            alone.recv_timeout(PATIENCE).expect("it gets the lane");
            one_thread().block_on(db.transact(|txn| {
                let seen = shown(txn.get(notes(), "alone")?).unwrap_or_default();
                txn.put(notes(), "seen", seen)
            }))?;
            other.join().expect("it does not panic")
        })?;
        let seen = shown(db.blocking().get(notes(), "seen")?);
        assert_eq!(seen, some("1"), "it began before the other ended, so it was run again");
    }
    Ok(())
}

pub(crate) fn task_of_many_calls_lets_others_run<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let ran = Arc::new(AtomicBool::new(false));
        let (busy, seen) = (db.clone(), Arc::clone(&ran));
        let busy = spawn(async move {
            for _ in 0..10_000 {
                busy.get(notes(), "absent").await?;
                if seen.load(Ordering::SeqCst) {
                    return Ok(());
                }
            }
            panic!("ten thousand calls, and the other task had no turn");
        });
        let other = spawn(async move { ran.store(true, Ordering::SeqCst) });
        joined(busy.await)?;
        other.await.expect("it does not panic");
        Ok(())
    })
}

pub(crate) fn panic_of_a_body_reaches_its_task<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let (transacting, reading) = (db.clone(), db.clone());
        let panicked = spawn(async move {
            let body = |txn: &mut Transaction<'_, _>| -> Result<()> {
                txn.put(notes(), "a", "1")?;
                resume_unwind(Box::new("the body panics"));
            };
            transacting.transact(body).await
        });
        let payload = panicked.await.expect_err("it panics").into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"the body panics"));
        let panicked =
            spawn(async move { reading.read(|_| -> Result<()> { resume_unwind(Box::new(7)) }).await });
        assert_eq!(panicked.await.expect_err("it panics").into_panic().downcast_ref(), Some(&7));
        let statistics = db.blocking().statistics();
        assert_eq!((statistics.snapshots, statistics.waiting), (0, 0));
        assert_eq!(all(db.blocking(), notes())?, "");
        db.transact(|txn| txn.put(notes(), "a", "usable")).await?;
        assert_eq!(shown(db.get(notes(), "a").await?), some("usable"));
        Ok(())
    })
}

pub(crate) fn calls_can_be_spawned<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let db = db.clone();
        let task = spawn(async move {
            let mut watch = db.watch(notes(), KeyRange::all())?;
            let (key, value) = (String::from("a"), vec![b'1']);
            db.put(notes(), &key, &value).await?;
            assert!(matches!(watch.next().await?.change, WatchedChange::Put(_)));
            let options = TransactOptions::new();
            db.put_with(notes(), key.as_str(), &value[..], Attributes::new(), options).await?;
            assert_eq!(shown(db.get(notes(), &key).await?), some("1"));
            assert_eq!(db.counter(notes(), "absent").await?, 0);
            db.transact(|txn| txn.put(notes(), "b", "")).await?;
            db.transact_with(Durability::Deferred, |txn| txn.put(notes(), "c", "")).await?;
            db.try_transact::<_, Error>(options, |txn| txn.put(notes(), "d", "")).await?;
            db.read(|snapshot| snapshot.get(notes(), "a").map(drop)).await?;
            db.call(|db| db.sweep(1).map(drop)).await?;
            db.try_call::<_, Error>(|_| Ok(())).await?;
            db.delete(notes(), key).await?;
            db.delete_range(notes(), KeyRange::of("c"..)?).await?;
            db.sync().await?;
            Ok(db)
        });
        let db = joined(task.await)?;
        assert_eq!(all(db.blocking(), notes())?, "b=");
        Ok(())
    })
}
