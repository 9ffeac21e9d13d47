//! Watches that tasks wait for: woken without a thread, and no event lost with a future.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use storage_core::{AsyncDatabase, AsyncWatch, Error, KeyRange, Kind, Result, Transaction, WatchedChange};
use tokio::runtime::Builder;
use tokio::spawn;

use super::{joined, on_each_face, one_thread, paused, poll_once, soon, two_threads};
use crate::case::{elsewhere, notes, open, refused, scripted, told};
use crate::subject::Subject;

/// Every event that waits.
fn waiting(watch: &mut AsyncWatch) -> Result<Vec<String>> {
    let mut events = Vec::new();
    while let Some(event) = watch.try_next()? {
        events.push(told(&event));
    }
    Ok(events)
}

pub(crate) fn event_wakes_the_task_that_waits<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let mut watch = db.watch(notes(), KeyRange::all())?;
        let task = spawn(async move {
            let first = soon(watch.next()).await?;
            let second = soon(watch.next()).await?;
            Ok([told(&first), told(&second)])
        });
        tokio::task::yield_now().await;
        assert!(!task.is_finished(), "it waits");
        // One from a thread that knows no runtime, one from a task.
        elsewhere(|| db.blocking().put(notes(), "a", ""))?;
        tokio::task::yield_now().await;
        db.delete(notes(), "a").await?;
        assert_eq!(joined(task.await)?, ["put a", "delete a"]);
        Ok(())
    })
}

pub(crate) fn watch_that_changes_tasks_wakes_the_new_one<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::new(open(subject)?);
    let mut watch = db.watch(notes(), KeyRange::all())?;
    assert!(poll_once(watch.next()).is_pending());
    one_thread().block_on(async {
        let task = spawn(async move { soon(watch.next()).await });
        tokio::task::yield_now().await;
        db.put(notes(), "a", "").await?;
        assert_eq!(told(&joined(task.await)?), "put a");
        Ok(())
    })
}

pub(crate) fn waiting_tasks_hold_no_thread<S: Subject>(subject: &S) -> Result<()> {
    let db = AsyncDatabase::on_blocking_threads(open(subject)?);
    let runtime =
        Builder::new_current_thread().max_blocking_threads(1).enable_time().build().expect("it starts");
    runtime.block_on(async {
        let wait = |mut watch: AsyncWatch| spawn(async move { soon(watch.next()).await });
        let watches: Result<Vec<_>> = (0..1_000).map(|_| db.watch(notes(), KeyRange::all())).collect();
        let tasks: Vec<_> = watches?.into_iter().map(wait).collect();
        tokio::task::yield_now().await;
        assert!(tasks.iter().all(|task| !task.is_finished()));
        soon(db.put(notes(), "a", "")).await?;
        for task in tasks {
            assert_eq!(told(&joined(task.await)?), "put a");
        }
        Ok(())
    })
}

/// What happens around one event of a watch that a task polls and gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dropping {
    /// A wait is given up before it was polled, and before the event.
    Unpolled,
    /// A wait is polled before the event and given up before it.
    Before,
    /// A wait is polled before the event, and given up behind it without being polled again.
    Across,
    /// A wait is polled before the event, and again behind it.
    Polled,
}

const DROPPINGS: [Dropping; 4] = [Dropping::Unpolled, Dropping::Before, Dropping::Across, Dropping::Polled];

pub(crate) fn dropped_wait_loses_no_event<S: Subject>(subject: &S) -> Result<()> {
    const EVENTS: usize = 4;
    let db = AsyncDatabase::new(open(subject)?);
    for plan in 0..DROPPINGS.len().pow(EVENTS as u32) {
        let mut watch = db.watch(notes(), KeyRange::all())?;
        let mut seen = Vec::new();
        for event in 0..EVENTS {
            let dropping = DROPPINGS[plan / DROPPINGS.len().pow(event as u32) % DROPPINGS.len()];
            // What an earlier wait left behind comes first, so that the next wait is polled in vain.
            seen.extend(waiting(&mut watch)?);
            let mut wait = Box::pin(watch.next());
            if dropping != Dropping::Unpolled {
                assert!(poll_once(wait.as_mut()).is_pending());
            }
            match dropping {
                Dropping::Unpolled | Dropping::Before => {
                    drop(wait);
                    db.blocking().put(notes(), event.to_string(), "")?;
                }
                Dropping::Across => {
                    db.blocking().put(notes(), event.to_string(), "")?;
                    drop(wait);
                }
                Dropping::Polled => {
                    db.blocking().put(notes(), event.to_string(), "")?;
                    let event = one_thread().block_on(wait)?;
                    seen.push(told(&event));
                }
            }
        }
        seen.extend(waiting(&mut watch)?);
        assert_eq!(seen, ["put 0", "put 1", "put 2", "put 3"], "plan {plan}");
    }
    Ok(())
}

pub(crate) fn race_with_other_futures_loses_no_event<S: Subject>(subject: &S) -> Result<()> {
    const EVENTS: usize = 1_000;
    let db = AsyncDatabase::new(open(subject)?);
    let mut watch = db.watch(notes(), KeyRange::all())?;
    // So many at once that the reader, as a task, is made to pause between two of them.
    (0..EVENTS).try_for_each(|event| db.blocking().put(notes(), event.to_string(), ""))?;
    let seen = thread::scope(|scope| {
        let writer = scope
            .spawn(|| (0..EVENTS).try_for_each(|event| db.blocking().put(notes(), event.to_string(), "")));
        let runtime = two_threads();
        let reader = runtime.spawn(async move {
            let mut seen = Vec::new();
            while seen.len() < 2 * EVENTS {
                // Each wait loses its race at its first poll, whatever kept it: no event, or its task's turn.
                match poll_fn(|context| Poll::Ready(pin!(watch.next()).poll(context))).await {
                    Poll::Ready(event) => seen.push(told(&event?)),
                    Poll::Pending => tokio::task::yield_now().await,
                }
            }
            Ok(seen)
        });
        writer.join().expect("puts do not panic")?;
        runtime.block_on(async { joined(soon(reader).await) })
    })?;
    let expected: Vec<_> = (0..EVENTS).chain(0..EVENTS).map(|event| format!("put {event}")).collect();
    assert_eq!(seen, expected);
    Ok(())
}

pub(crate) fn timeout_loses_no_event<S: Subject>(subject: &S) -> Result<()> {
    const HOUR: Duration = Duration::from_secs(3_600);
    let db = AsyncDatabase::new(open(subject)?);
    let mut watch = db.watch(notes(), KeyRange::all())?;
    paused().block_on(async {
        assert!(tokio::time::timeout(HOUR, watch.next()).await.is_err());
        db.put(notes(), "a", "").await?;
        let event = tokio::time::timeout(HOUR, watch.next()).await.expect("it waits already")?;
        assert_eq!(told(&event), "put a");
        assert!(tokio::time::timeout(HOUR, watch.next()).await.is_err());
        assert_eq!(watch.try_next()?, None);
        Ok(())
    })
}

pub(crate) fn end_of_the_database_wakes_every_task<S: Subject>(subject: &S) -> Result<()> {
    let (db, script) = scripted(subject)?;
    let db = AsyncDatabase::new(db);
    let wait = |mut watch: AsyncWatch| spawn(async move { soon(watch.next()).await });
    one_thread().block_on(async {
        let watches = [db.watch(notes(), KeyRange::all())?, db.watch(notes(), KeyRange::point(b"b"))?];
        let mut left = db.watch(notes(), KeyRange::all())?;
        db.put(notes(), "a", "").await?;
        script.on_commit(|_| Err(Error::new(Kind::CommitUnknown, "the answer was lost")));
        let [first, second] = watches.map(wait);
        assert_eq!(told(&joined(first.await)?), "put a");
        assert!(!second.is_finished());
        refused(Kind::CommitUnknown, db.put(notes(), "c", "").await);
        refused(Kind::Unavailable, joined(second.await));
        assert_eq!(told(&left.next().await?), "put a", "what was told before comes first");
        refused(Kind::Unavailable, left.next().await);
        refused(Kind::Unavailable, left.try_next());
        db.close().await
    })?;
    for face in [AsyncDatabase::new, AsyncDatabase::on_blocking_threads] {
        let db = face(open(subject)?);
        one_thread().block_on(async {
            let task = wait(db.watch(notes(), KeyRange::all())?);
            tokio::task::yield_now().await;
            assert!(!task.is_finished());
            db.close().await?;
            refused(Kind::Closed, joined(task.await));
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

pub(crate) fn slow_task_is_told_that_it_lags<S: Subject>(subject: &S) -> Result<()> {
    on_each_face(subject, async |db| {
        let mut watch = db.watch(notes(), KeyRange::all())?;
        let put = |txn: &mut Transaction<'_, _>| {
            (0..10_000).try_for_each(|at| txn.put(notes(), at.to_string(), ""))
        };
        let version = db.transact(put).await?.version;
        db.put(notes(), "again", "").await?;
        let event = watch.next().await?;
        assert_eq!((event.version, event.change), (version, WatchedChange::Lagged));
        assert_eq!(told(&watch.next().await?), "put again");
        Ok(())
    })
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("the waker panics"));
    }
}

pub(crate) fn waker_that_panics_fails_no_commit<S: Subject>(subject: &S) -> Result<()> {
    let db = open(subject)?;
    let (broken, other) = (db.watch(notes(), KeyRange::all())?, db.watch(notes(), KeyRange::all())?);
    let waker = Waker::from(Arc::new(Panics));
    assert!(broken.poll_next(&mut Context::from_waker(&waker)).is_pending());
    db.put(notes(), "a", "")?;
    db.put(notes(), "b", "")?;
    for watch in [broken, other] {
        assert_eq!(crate::case::events(&watch)?, ["put a", "put b"]);
    }
    Ok(())
}
