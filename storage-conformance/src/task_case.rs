//! The cases of the task stores, by theme, and the few words in which they are written.

pub(crate) mod blocks;
pub(crate) mod claims;
pub(crate) mod damage;
pub(crate) mod executor;
pub(crate) mod listing;
pub(crate) mod races;
pub(crate) mod recovery;
pub(crate) mod reopening;
pub(crate) mod saving;

use std::fmt::Debug;
use std::sync::Barrier;
use std::time::Duration;

use storage_core::{Database, Engine, ManualClock, Timestamp};
use storage_stores::tasks::{
    BlockRecord, ExecutorStore, Listing, Paging, Result, Scope, Task, TaskError, TaskRecord, TaskStatus,
    TaskStore,
};

use crate::case::{self, together};
use crate::subject::Subject;

/// A lease that no case outlives by accident: clocks stand still unless they are moved.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// The addresses that cases use.
pub(crate) const AVS: &str = "0xavs123";
pub(crate) const OTHER_AVS: &str = "0xavs456";

/// The time so many seconds after the clocks of cases start.
pub(crate) fn seconds(seconds: u64) -> Timestamp {
    case::at(seconds * 1_000_000_000)
}

/// A task store on an engine of the subject, with a clock that stands still.
pub(crate) fn open<S: Subject>(subject: &S) -> Result<TaskStore<S::Engine>> {
    TaskStore::open(&case::open(subject)?)
}

/// The same with the clock in hand.
pub(crate) fn timed<S: Subject>(subject: &S) -> Result<(TaskStore<S::Engine>, ManualClock)> {
    let (db, clock) = case::timed(subject)?;
    Ok((TaskStore::open(&db)?, clock))
}

/// An executor store on an engine of the subject, with the clock in hand.
pub(crate) fn executor<S: Subject>(subject: &S) -> Result<(ExecutorStore<S::Engine>, ManualClock)> {
    let (db, clock) = case::timed(subject)?;
    Ok((ExecutorStore::open(&db)?, clock))
}

/// A database with a clock that starts where those of cases do and runs on as the case says.
pub(crate) fn reopen<S: Subject>(subject: &S, clock: &ManualClock) -> Result<Database<S::Engine>> {
    Ok(Database::with_options(subject.open()?, case::quiet().clock(clock.clone()))?)
}

/// A task with something in every field.
pub(crate) fn task(id: &str, avs: &str) -> Task {
    Task {
        task_id: id.into(),
        avs_address: avs.into(),
        operator_set_id: 1,
        callback_addr: "0xcallback".into(),
        deadline: Some(seconds(3_600).after(Duration::from_nanos(123_456_789))),
        threshold_bips: 6_700,
        payload: format!("payload-{id}\0\u{ff}").into_bytes(),
        chain_id: 17_000,
        source_block_number: u64::MAX,
        l1_reference_block_number: 1_000,
        reference_timestamp: u32::MAX,
        block_hash: format!("0xhash{id}"),
        version: 2,
    }
}

/// A block of a chain, with hashes that tell which fork it is of.
pub(crate) fn block(chain_id: u64, number: u64, fork: &str) -> BlockRecord {
    BlockRecord {
        number,
        hash: format!("0x{fork}{number}"),
        parent_hash: format!("0x{fork}{}", number.wrapping_sub(1)),
        timestamp: 1_700_000_000,
        chain_id,
    }
}

/// The ids of a listing in which everything can be read.
#[track_caller]
pub(crate) fn ids(listing: &Listing<TaskRecord>) -> Vec<&str> {
    assert!(listing.unreadable.is_empty(), "{:?}", listing.unreadable);
    listing.items.iter().map(|record| record.id()).collect()
}

/// The ids of the tasks with a status, in the order of their listing.
#[track_caller]
pub(crate) fn listed<E: Engine>(
    tasks: &TaskStore<E>,
    scope: Scope<'_>,
    status: TaskStatus,
) -> Result<Vec<String>> {
    Ok(ids(&tasks.list_tasks(scope, status, &Paging::all())?).into_iter().map(str::to_owned).collect())
}

/// The ids of the pending tasks.
#[track_caller]
pub(crate) fn pending<E: Engine>(tasks: &TaskStore<E>, scope: Scope<'_>) -> Result<Vec<String>> {
    listed(tasks, scope, TaskStatus::Pending)
}

/// Fails unless a call failed in the way that a pattern describes.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat $(if $guard:expr)? $(,)?) => {
        match $result {
            Err($pattern) $(if $guard)? => {}
            other => panic!("expected {}, not {other:?}", stringify!($pattern $(if $guard)?)),
        }
    };
}
pub(crate) use assert_refused;

/// Runs a task in each of `count` threads that begin together, and returns what each came to.
pub(crate) fn race<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Result<Vec<T>> {
    let start = Barrier::new(count);
    Ok(together(count, |number| {
        start.wait();
        Ok(task(number))
    })?)
}

/// Fails unless every index holds exactly what the records say, in its order, and the counts are theirs.
#[track_caller]
pub(crate) fn assert_indexes_equal_records<E: Engine>(tasks: &TaskStore<E>, services: &[&str]) -> Result<()> {
    let all = tasks.list_all_tasks(&Paging::all())?;
    assert!(all.unreadable.is_empty(), "{:?}", all.unreadable);
    let scopes = services.iter().map(|avs| Scope::Avs(avs)).chain([Scope::All]);
    for scope in scopes {
        let within = |record: &TaskRecord| match scope {
            Scope::All => true,
            Scope::Avs(avs) => record.task.avs_address.eq_ignore_ascii_case(avs),
        };
        let records: Vec<_> = all.items.iter().filter(|record| within(record)).collect();
        for status in TaskStatus::ALL {
            let mut expected: Vec<_> = records.iter().filter(|record| record.status == status).collect();
            expected.sort_by_key(|record| (place(record), record.id()));
            let expected: Vec<_> = expected.iter().map(|record| record.id()).collect();
            let listing = tasks.list_tasks(scope, status, &Paging::all())?;
            assert_eq!(ids(&listing), expected, "{status} tasks of {scope:?}");
            for item in &listing.items {
                assert!(all.items.contains(item), "{} is listed as it is not stored", item.id());
            }
        }
        let number = |matches: &dyn Fn(&TaskRecord) -> bool| {
            records.iter().filter(|record| matches(record)).count() as u64
        };
        let counts = tasks.count_tasks(scope)?;
        assert_eq!(counts.pending, number(&|record| record.status == TaskStatus::Pending));
        assert_eq!(counts.delayed, number(&|record| record.not_before.is_some()));
        assert_eq!(counts.processing, number(&|record| record.status == TaskStatus::Processing));
        assert_eq!(counts.completed, number(&|record| record.status == TaskStatus::Completed));
        assert_eq!(counts.failed, number(&|record| record.status == TaskStatus::Failed));
        assert_eq!(counts.dead, number(&|record| record.is_dead));
        let dead = tasks.list_dead_letters(scope, &Paging::all())?;
        assert!(dead.items.iter().all(|record| record.is_dead) && dead.items.len() as u64 == counts.dead);
    }
    Ok(())
}

/// The time by which a record is listed among those of its status.
fn place(record: &TaskRecord) -> Timestamp {
    match record.status {
        TaskStatus::Pending => record.created_at,
        TaskStatus::Processing => record.lease_until.expect("a task in processing has a lease"),
        TaskStatus::Completed | TaskStatus::Failed => record.updated_at,
    }
}

/// The value of a call, or `None` if there was nothing; any other error is one of the case.
#[track_caller]
pub(crate) fn if_found<T: Debug>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(TaskError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
