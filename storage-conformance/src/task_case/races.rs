//! Many at once: who wins, and what others see meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use storage_core::Engine;
use storage_stores::tasks::{
    Claim, Paging, Result, RetryPolicy, Scope, TaskError, TaskRecord, TaskStatus, TaskStore,
};

use super::{AVS, LEASE, OTHER_AVS, block, if_found, listed, open, pending, race, task};
use crate::subject::Subject;

pub(crate) fn case_27_writers_and_readers_of_blocks<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let results = race(10, |thread| match thread {
        0..5 => (0..10).try_for_each(|number| tasks.save_block(AVS, block(thread as u64, number, "a"))),
        _ => (0..50).try_for_each(|_| {
            let last = if_found(tasks.get_last_block(AVS, thread as u64 - 5))?;
            assert!(last.is_none_or(|block| block.number <= 9));
            Ok(())
        }),
    })?;
    results.into_iter().collect::<Result<()>>()?;
    for chain in 0..5 {
        assert_eq!(tasks.get_last_block(AVS, chain)?.number, 9);
    }
    Ok(())
}

pub(crate) fn case_28_writers_and_readers_of_tasks<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let results = race(15, |thread| match thread {
        0..10 => (0..100)
            .try_for_each(|number| tasks.save_task(task(&format!("t-{thread}-{number}"), AVS)).map(drop)),
        _ => {
            let mut before = 0;
            (0..200).try_for_each(|_| {
                let found = tasks.list_tasks(Scope::All, TaskStatus::Pending, &Paging::all())?;
                assert!(found.unreadable.is_empty() && found.items.len() >= before);
                before = found.items.len();
                Ok(())
            })
        }
    })?;
    results.into_iter().collect::<Result<()>>()?;
    let distinct: BTreeSet<_> = pending(&tasks, Scope::All)?.into_iter().collect();
    assert_eq!(distinct.len(), 1_000);
    assert_eq!(tasks.count_tasks(Scope::Avs(AVS))?.pending, 1_000);
    Ok(())
}

pub(crate) fn case_29_one_of_fifty_begins_a_task<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    tasks.save_task(task("t", AVS))?;
    let results = race(50, |_| tasks.update_task_status("t", TaskStatus::Processing))?;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for lost in lost {
        let (from, to) = (TaskStatus::Processing, TaskStatus::Processing);
        super::assert_refused!(lost, TaskError::InvalidTransition { from: f, to: t, .. } if (f, t) == (from, to));
    }
    assert_eq!(tasks.get_task("t")?.attempts, 1);
    Ok(())
}

pub(crate) fn case_30_complete_and_fail_have_one_winner<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let ends = [TaskStatus::Completed, TaskStatus::Failed];
    for round in 0..20 {
        let id = format!("t-{round}");
        tasks.save_task(task(&id, AVS))?;
        tasks.update_task_status(&id, TaskStatus::Processing)?;
        let results = race(2, |thread| tasks.update_task_status(&id, ends[thread]))?;
        let winner = results.iter().position(Result::is_ok).expect("one of the two wins");
        let stored = tasks.get_task(&id)?.status;
        assert_eq!(stored, ends[winner]);
        super::assert_refused!(
            &results[1 - winner],
            TaskError::InvalidTransition { from, .. } if *from == stored
        );
    }
    super::assert_indexes_equal_records(&tasks, &[AVS])
}

pub(crate) fn case_32_lists_show_only_what_is_pending<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?.with_retry(RetryPolicy::new().attempts_max(u32::MAX));
    for number in 0..30 {
        tasks.save_task(task(&format!("t-{number:02}"), AVS))?;
    }
    let results = race(4, |thread| match thread {
        0 => (0..300).try_for_each(|_| {
            let claim = tasks.claim_next(Scope::All, LEASE)?.expect("every task is ready");
            tasks.retry_after(&claim, Duration::ZERO, "again").map(drop)
        }),
        _ => (0..100).try_for_each(|_| {
            [Scope::All, Scope::Avs(AVS)].into_iter().try_for_each(|scope| {
                let found = tasks.list_tasks(scope, TaskStatus::Pending, &Paging::all())?;
                assert!(found.unreadable.is_empty(), "{:?}", found.unreadable);
                assert!(found.items.iter().all(|record| record.status == TaskStatus::Pending));
                assert!(found.items.is_sorted_by_key(|record| (record.created_at, record.id().to_owned())));
                // One task at a time is away; a list that saw two moments could miss more, or repeat one.
                assert!((29..=30).contains(&found.items.len()), "{} of 30 are listed", found.items.len());
                Ok(())
            })
        }),
    })?;
    results.into_iter().collect()
}

pub(crate) fn case_33_indexes_equal_the_records<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?.with_retry(RetryPolicy::new().attempts_max(2));
    churn(&tasks)?;
    super::assert_indexes_equal_records(&tasks, &[AVS, OTHER_AVS])
}

/// Four threads that change the same tasks in every way there is, refused or not.
pub(crate) fn churn<E: Engine>(tasks: &TaskStore<E>) -> Result<()> {
    let results = race(4, |thread| (0..60).try_for_each(|step| change(tasks, thread, step)))?;
    results.into_iter().collect()
}

fn change<E: Engine>(tasks: &TaskStore<E>, thread: usize, step: usize) -> Result<()> {
    let id = format!("t-{}", (thread * 7 + step * 5) % 24);
    let avs = if step.is_multiple_of(2) { AVS } else { OTHER_AVS };
    let end = |claim: &Claim| match step % 4 {
        0 => tasks.complete(claim).map(drop),
        1 => tasks.fail(claim, "broken").map(drop),
        2 => tasks.retry_after(claim, Duration::ZERO, "again").map(drop),
        _ => tasks.retry_after(claim, Duration::from_secs(5), "later").map(drop),
    };
    let result = match step % 7 {
        0 | 1 => tasks.save_task(task(&id, avs)).map(drop),
        2 => tasks.claim_next(Scope::Avs(avs), LEASE).and_then(|claim| claim.iter().try_for_each(end)),
        3 => tasks.claim_task(&id, LEASE).and_then(|claim| end(&claim)),
        4 => tasks.update_task_status(&id, TaskStatus::ALL[step % 4]).map(drop),
        5 => tasks.requeue_dead_letter(&id).map(drop),
        _ => tasks.delete_task(&id),
    };
    match result {
        Err(TaskError::Storage(_) | TaskError::Corrupt { .. } | TaskError::Closed) => result,
        // What one thread does to a task, another finds done.
        _ => Ok(()),
    }
}

pub(crate) fn one_of_many_saves_an_id<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for round in 0..20 {
        let id = format!("t-{round}");
        let avs = |thread: usize| format!("0xavs{thread}");
        let results = race(8, |thread| tasks.save_task(task(&id, &avs(thread))))?;
        let winner = results.iter().position(Result::is_ok).expect("one of them saves it");
        assert_eq!(tasks.get_task(&id)?.task.avs_address, avs(winner));
        for lost in
            results.iter().enumerate().filter(|(thread, _)| *thread != winner).map(|(_, result)| result)
        {
            super::assert_refused!(lost, TaskError::AlreadyExists { .. });
        }
    }
    assert_eq!(pending(&tasks, Scope::All)?.len(), 20);
    Ok(())
}

pub(crate) fn claims_of_many_workers_are_distinct<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for number in 0..60 {
        tasks.save_task(task(&format!("t-{number}"), AVS))?;
    }
    let results = race(6, |_| -> Result<Vec<String>> {
        let mut mine = Vec::new();
        while let Some(claim) = tasks.claim_next(Scope::Avs(AVS), LEASE)? {
            mine.push(claim.id().to_owned());
        }
        Ok(mine)
    })?;
    let claimed = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (60, 60));
    assert_eq!(listed(&tasks, Scope::All, TaskStatus::Processing)?.len(), 60);
    let all = tasks.list_all_tasks(&Paging::all())?;
    assert!(all.items.iter().all(|record: &std::sync::Arc<TaskRecord>| record.attempts == 1));
    Ok(())
}
