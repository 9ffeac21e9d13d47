//! What is there after closing and opening again.

use std::time::Duration;

use storage_core::ManualClock;
use storage_stores::tasks::{ExecutorStore, Result, Scope, TaskStatus, TaskStore};

use super::{AVS, LEASE, OTHER_AVS, block, listed, pending, reopen, seconds, task};
use crate::subject::Subject;

pub(crate) fn case_25_everything_is_there_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(seconds(0));
    let tasks = TaskStore::open(&reopen(subject, &clock)?)?;
    for (second, id) in [(1, "c"), (2, "a"), (3, "b"), (3, "d")] {
        clock.set(seconds(second));
        tasks.save_task(task(id, AVS))?;
    }
    tasks.claim_task("d", LEASE)?;
    tasks.save_block(AVS, block(1, u64::MAX, "a"))?;
    tasks.set_last_processed_block(1, 7)?;
    let before = tasks.get_task("a")?;
    tasks.close()?;
    drop(tasks);

    let tasks = TaskStore::open(&reopen(subject, &clock)?)?;
    assert_eq!(tasks.get_task("a")?, before);
    assert_eq!(pending(&tasks, Scope::All)?, ["c", "a", "b"], "the order is the same");
    assert_eq!(*tasks.get_last_block(AVS, 1)?, block(1, u64::MAX, "a"));
    assert_eq!(tasks.get_last_processed_block(1)?, 7);
    assert_eq!(listed(&tasks, Scope::All, TaskStatus::Processing)?, ["d"]);
    clock.advance(LEASE);
    let again = tasks.claim_task("d", LEASE)?;
    assert_eq!(
        again.attempt(),
        2,
        "a worker that went down with the process does not keep its task for ever"
    );
    Ok(())
}

pub(crate) fn case_33_indexes_equal_the_records_after_reopening<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(seconds(0));
    for _ in 0..3 {
        let tasks = TaskStore::open(&reopen(subject, &clock)?)?;
        super::races::churn(&tasks)?;
        tasks.close()?;
        drop(tasks);
        clock.advance(Duration::from_secs(7));
        let tasks = TaskStore::open(&reopen(subject, &clock)?)?;
        super::assert_indexes_equal_records(&tasks, &[AVS, OTHER_AVS])?;
        tasks.close()?;
    }
    Ok(())
}

pub(crate) fn case_38_markers_survive_reopening<S: Subject>(subject: &S) -> Result<()> {
    let clock = ManualClock::at(seconds(0));
    let executor = ExecutorStore::open(&reopen(subject, &clock)?)?;
    executor.mark_task_processed("t")?;
    executor.close()?;
    drop(executor);
    let executor = ExecutorStore::open(&reopen(subject, &clock)?)?;
    assert!(executor.is_task_processed("t")?);
    assert!(!executor.claim("t")?);
    assert!(executor.claim("u")?);
    Ok(())
}
