//! Runtimes: none at all, one that has ended, one that ends in the middle, one that has no threads to give.

use std::task::Poll;

use storage_core::{AsyncDatabase, KeyRange, Kind, Result};
use tokio::runtime::Builder;

use super::{Lifetime, Stop, faces, one_thread, poll_once};
use crate::case::{all, notes, open, refused, scripted, shown, some};
use crate::subject::Subject;

pub(crate) fn call_outside_a_runtime_is_refused<S: Subject>(subject: &S) -> Result<()> {
    for (at, db) in faces(subject)?.into_iter().enumerate() {
        let needs_one = at == 1 || db.blocking().capabilities().waits();
        let Poll::Ready(put) = poll_once(db.put(notes(), "a", "1")) else {
            panic!("it has nothing to wait for")
        };
        let Poll::Ready(found) = poll_once(db.get(notes(), "a")) else {
            panic!("it has nothing to wait for")
        };
        if needs_one {
            let error = refused(Kind::Invalid, put);
            assert!(error.to_string().contains("outside a tokio runtime"), "{error}");
            refused(Kind::Invalid, found);
        } else {
            put?;
            assert_eq!(shown(found?), some("1"), "in memory any executor will do");
        }
        // Waiting for an event needs none in any case.
        let mut watch = db.watch(notes(), KeyRange::all())?;
        assert!(poll_once(watch.next()).is_pending());
        db.blocking().put(notes(), "b", "1")?;
        assert!(poll_once(watch.next()).is_ready());
        db.blocking().delete_range(notes(), &KeyRange::all())?;
    }
    Ok(())
}

pub(crate) fn runtime_that_has_ended_refuses_calls<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime = one_thread();
    let handle = runtime.handle().clone();
    runtime.block_on(db.put(notes(), "a", "1"))?;
    drop(runtime);
    let entered = handle.enter();
    let Poll::Ready(put) = poll_once(db.put(notes(), "a", "2")) else { panic!("nobody will ever wake it") };
    drop(entered);
    let error = refused(Kind::Unavailable, put);
    assert!(error.to_string().contains("shut down"), "{error}");
    assert_eq!(shown(one_thread().block_on(db.get(notes(), "a"))?), some("1"));
    Ok(())
}

pub(crate) fn runtime_that_ends_runs_a_waiting_call_whole_or_not_at_all<S: Subject>(
    subject: &S,
) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime starts");
    let (stop, stand) = Stop::new();
    let mut future = Box::pin(db.transact(|txn| {
        txn.put(notes(), "a", "1")?;
        txn.put(notes(), "b", "1")
    }));
    let entered = runtime.enter();
    runtime.spawn_blocking(stand);
    stop.wait();
    assert!(poll_once(future.as_mut()).is_pending());
    drop(entered);
    runtime.shutdown_background();
    stop.open();
    // A thread that is busy when its runtime ends may still take what waits for it.
    let committed = match one_thread().block_on(future) {
        Ok(_) => "a=1 b=1",
        refusal => {
            refused(Kind::Unavailable, refusal);
            ""
        }
    };
    assert_eq!(all(db.blocking(), notes())?, committed);
    Ok(())
}

pub(crate) fn runtime_that_ends_lets_a_commit_finish<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let runtime = one_thread();
    let gate = script.hold_commits();
    let (lifetime, held) = Lifetime::new();
    let mut future = Box::pin(db.transact(move |txn| {
        let _held = &held;
        txn.put(notes(), "a", "1")?;
        txn.put(notes(), "b", "1")
    }));
    let entered = runtime.enter();
    assert!(poll_once(future.as_mut()).is_pending());
    drop(entered);
    gate.wait_for_a_commit();
    runtime.shutdown_background();
    gate.open();
    let version = one_thread().block_on(future)?.version;
    lifetime.wait_for_the_end();
    assert_eq!(version, db.blocking().statistics().version);
    assert_eq!(all(db.blocking(), notes())?, "a=1 b=1");
    Ok(())
}

pub(crate) fn runtime_without_threads_refuses_calls<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    // No system gives a thread a stack of so much memory.
    let mut builder = Builder::new_current_thread();
    let runtime = builder.thread_stack_size(1 << 50).build().expect("a runtime starts without a thread");
    let error = refused(Kind::Unavailable, runtime.block_on(db.put(notes(), "a", "1")));
    assert!(error.to_string().contains("no blocking thread"), "{error}");
    drop(runtime);
    assert_eq!(all(db.blocking(), notes())?, "");
    db.blocking().put(notes(), "a", "usable")?;
    Ok(())
}
