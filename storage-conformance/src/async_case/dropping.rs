//! Futures that are dropped: whatever they were at, nothing is half done and nothing is held.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use storage_core::{AsyncDatabase, Database, Engine, Result, Table, Transaction};
use tokio::runtime::Builder;

use super::{Lifetime, Stop, clear, one_thread, overtaken_until_alone, paused, poll_once, soon};
use crate::case::{all, elsewhere, notes, open, scripted, shown, wait_until};
use crate::scripted::{Script, Scripted};
use crate::subject::Subject;

/// Where a transaction stands when its future is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Wherever it happens to be.
    Anywhere,
    BeforeItsSnapshot,
    BehindItsSnapshot,
    InItsBody,
    InItsCommit,
}

const STAGES: [Stage; 5] = [
    Stage::Anywhere,
    Stage::BeforeItsSnapshot,
    Stage::BehindItsSnapshot,
    Stage::InItsBody,
    Stage::InItsCommit,
];

/// Polls a future so many times, each time that it is woken, and drops it.
///
/// At its last poll the work stands at the stop, if there is one; before that it may go on.
async fn poll_times<F: Future>(times: usize, stop: &mut Option<Stop>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(None);
        }
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == times => {
                stop.iter().for_each(Stop::wait);
                Poll::Ready(None)
            }
            Poll::Pending => {
                stop.take().into_iter().for_each(Stop::open);
                Poll::Pending
            }
        }
    })
    .await
}

/// Sets a stop at a stage, the one in the body apart, for which it returns what the body calls.
fn stop_at(stage: Stage, script: &Script) -> (Option<Stop>, Box<dyn Fn() + Send>) {
    let (stop, stand) = Stop::new();
    let pass = Box::new(|| ());
    match stage {
        Stage::Anywhere => return (None, pass),
        Stage::BeforeItsSnapshot => script.before_next_snapshot(stand),
        Stage::BehindItsSnapshot => script.after_next_snapshot(stand),
        Stage::InItsBody => return (Some(stop), Box::new(stand)),
        Stage::InItsCommit => script.on_commit(move |_| {
            stand();
            Ok(())
        }),
    }
    (Some(stop), pass)
}

/// Fails if anything is held that a transaction or a snapshot holds.
fn nothing_is_held<E: Engine>(db: &Database<E>, round: &str) -> Result<()> {
    let statistics = db.statistics();
    assert_eq!((statistics.snapshots, statistics.waiting), (0, 0), "{round}");
    // Opening a table shuts every other committer out; it is `Busy` where one never ends.
    let name = format!("lane_{}", round.to_ascii_lowercase().replace(' ', "_"));
    elsewhere(|| Table::<String, u32>::define(&name).open(db).map(drop))?;
    elsewhere(|| db.transact(|txn| txn.put(notes(), "next", round)))?;
    assert_eq!(shown(db.get(notes(), "next")?).as_deref(), Some(round));
    db.delete(notes(), "next")
}

/// One round: a transaction is polled so often, its future dropped, and the traces looked at. Whether it was done.
fn drop_after<E: Engine>(
    db: &AsyncDatabase<Scripted<E>>,
    script: &Script,
    stage: Stage,
    polls: usize,
) -> Result<bool> {
    clear(db)?;
    let before = db.blocking().statistics().version;
    let (mut stop, in_the_body) = stop_at(stage, script);
    let (lifetime, held) = Lifetime::new();
    let future = db.transact(move |txn| {
        let _held = &held;
        txn.put(notes(), "a", "1")?;
        in_the_body();
        txn.put(notes(), "b", "1")
    });
    let runtime = one_thread();
    let done = runtime.block_on(soon(poll_times(polls, &mut stop, future))).transpose()?.is_some();
    stop.into_iter().for_each(Stop::open);
    lifetime.wait_for_the_end();
    script.let_commits_pass();

    let round = format!("{stage:?} {polls}");
    let committed = db.blocking().statistics().version - before;
    assert_eq!(all(db.blocking(), notes())?, if committed == 0 { "" } else { "a=1 b=1" }, "{round}");
    let expected = match (stage, polls) {
        _ if done => 1,
        (_, 0) => 0,
        (Stage::Anywhere, _) => committed.min(1),
        (Stage::InItsCommit, _) => 1,
        _ => 0,
    };
    assert_eq!(committed, expected, "{round}");
    nothing_is_held(db.blocking(), &round)?;
    Ok(done)
}

pub(crate) fn future_dropped_at_any_poll_leaves_nothing_half_done<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    for stage in STAGES {
        let mut polls = 0;
        while !drop_after(&db, &script, stage, polls)? {
            polls += 1;
        }
        let least = if stage == Stage::Anywhere { 1 } else { 2 };
        assert!(polls >= least, "{stage:?}: one that stands somewhere is not done at its first poll");
    }
    Ok(())
}

pub(crate) fn future_dropped_before_its_thread_came_never_runs<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime = Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime starts");
    let (stop, stand) = Stop::new();
    let (lifetime, held) = Lifetime::new();
    let ran = Arc::new(AtomicU64::new(0));
    let run = |ran: &Arc<AtomicU64>| {
        let (ran, held) = (Arc::clone(ran), held.clone());
        move || {
            let _held = &held;
            ran.fetch_add(1, Ordering::SeqCst);
        }
    };
    let entered = runtime.enter();
    runtime.spawn_blocking(stand);
    stop.wait();
    let (transacting, reading, calling) = (run(&ran), run(&ran), run(&ran));
    drop(held);
    assert!(poll_once(db.put(notes(), "a", "put")).is_pending());
    let body = move |txn: &mut Transaction<'_, _>| {
        transacting();
        txn.put(notes(), "b", "transacted")
    };
    assert!(poll_once(db.transact(body)).is_pending());
    assert!(
        poll_once(db.read(move |_| {
            reading();
            Ok(())
        }))
        .is_pending()
    );
    assert!(
        poll_once(db.call(move |_| {
            calling();
            Ok(())
        }))
        .is_pending()
    );
    drop(entered);
    stop.open();
    lifetime.wait_for_the_end();
    runtime.block_on(db.put(notes(), "c", "last"))?;
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert_eq!(all(db.blocking(), notes())?, "c=last");
    nothing_is_held(db.blocking(), "unbegun")
}

pub(crate) fn future_dropped_between_runs_ends_the_transaction<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let gate = script.hold_commits();
    let (lifetime, held) = Lifetime::new();
    let runtime = one_thread();
    let runs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&runs);
    thread::scope(|scope| {
        let first = scope.spawn(|| db.blocking().put(notes(), "contended", "1"));
        gate.wait_for_a_commit();
        let mut future = Box::pin(db.transact(move |txn| {
            let _held = &held;
            counted.fetch_add(1, Ordering::SeqCst);
            txn.get(notes(), "contended")?;
            txn.put(notes(), "lost", "")
        }));
        let entered = runtime.enter();
        assert!(poll_once(future.as_mut()).is_pending());
        wait_until("it waits behind what will overtake it", || db.blocking().statistics().waiting == 1);
        drop(future);
        drop(entered);
        gate.open();
        first.join().expect("a put does not panic")
    })?;
    lifetime.wait_for_the_end();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(all(db.blocking(), notes())?, "contended=1");
    nothing_is_held(db.blocking(), "between")
}

pub(crate) fn future_dropped_in_line_commits_whole<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let gate = script.hold_commits();
    let (lifetime, held) = Lifetime::new();
    let runtime = one_thread();
    thread::scope(|scope| {
        let first = scope.spawn(|| db.blocking().put(notes(), "first", "1"));
        gate.wait_for_a_commit();
        let entered = runtime.enter();
        let mut future = Box::pin(db.transact(move |txn| {
            let _held = &held;
            txn.put(notes(), "a", "1")?;
            txn.put(notes(), "b", "1")
        }));
        assert!(poll_once(future.as_mut()).is_pending());
        wait_until("it waits in line", || db.blocking().statistics().waiting == 1);
        drop(future);
        drop(entered);
        gate.open();
        first.join().expect("a put does not panic")
    })?;
    lifetime.wait_for_the_end();
    assert_eq!(all(db.blocking(), notes())?, "a=1 b=1 first=1");
    nothing_is_held(db.blocking(), "in line")
}

pub(crate) fn future_dropped_in_the_lane_frees_it<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime = one_thread();
    for ending in ["returns", "panics"] {
        clear(&db)?;
        let (stop, stand) = Stop::new();
        let (lifetime, held) = Lifetime::new();
        let body = overtaken_until_alone(db.blocking(), move |txn| {
            let _held = &held;
            txn.put(notes(), "alone", "")?;
            stand();
            if ending == "panics" {
                resume_unwind(Box::new("the body panics in the lane"));
            }
            Ok(())
        });
        let mut future = Box::pin(db.transact(body));
        let entered = runtime.enter();
        assert!(poll_once(future.as_mut()).is_pending());
        stop.wait();
        drop(future);
        drop(entered);
        stop.open();
        lifetime.wait_for_the_end();
        assert_eq!(shown(db.blocking().get(notes(), "alone")?), None);
        nothing_is_held(db.blocking(), ending)?;
    }
    Ok(())
}

pub(crate) fn dropped_read_gives_back_its_snapshot<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime = one_thread();
    let (stop, stand) = Stop::new();
    let mut future = Box::pin(db.read(move |snapshot| {
        stand();
        Ok(snapshot.version())
    }));
    let entered = runtime.enter();
    assert!(poll_once(future.as_mut()).is_pending());
    stop.wait();
    assert_eq!(db.blocking().statistics().snapshots, 1);
    drop(future);
    drop(entered);
    stop.open();
    wait_until("the snapshot is given back", || db.blocking().statistics().snapshots == 0);
    nothing_is_held(db.blocking(), "read")
}

pub(crate) fn timeout_gives_up_a_transaction<S: Subject>(subject: &S) -> Result<()> {
    const SECOND: Duration = Duration::from_secs(1);
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let (stop, stand) = Stop::new();
    let (lifetime, held) = Lifetime::new();
    let runtime = paused();
    let (timed_out, ()) = runtime.block_on(async {
        let future = db.transact(move |txn| {
            let _held = &held;
            txn.put(notes(), "a", "1")?;
            stand();
            txn.put(notes(), "b", "1")
        });
        let time_passes = async {
            stop.wait();
            tokio::time::advance(2 * SECOND).await;
        };
        tokio::join!(tokio::time::timeout(SECOND, future), time_passes)
    });
    stop.open();
    lifetime.wait_for_the_end();
    assert!(timed_out.is_err(), "the transaction stood in its body until its time was up");
    assert_eq!(all(db.blocking(), notes())?, "");
    nothing_is_held(db.blocking(), "timeout")
}
