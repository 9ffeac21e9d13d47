//! Saving, reading, changing and deleting tasks.

use std::sync::Arc;
use std::time::Duration;

use storage_core::{Engine, Timestamp};
use storage_stores::tasks::{
    AvsConfig, Deployment, DeploymentStatus, Entity, ExecutorStore, InflightTask, OperatorSetConfig, Paging,
    PerformerState, Result, Scope, Task, TaskError, TaskRecord, TaskStatus, TaskStore,
};

use super::{
    AVS, LEASE, OTHER_AVS, assert_refused, block, executor, listed, open, pending, seconds, task, timed,
};
use crate::case;
use crate::plain::PlainStore;
use crate::subject::Subject;

use TaskStatus::{Completed, Failed, Pending, Processing};

pub(crate) fn case_11_task_comes_back_whole<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    assert_refused!(tasks.get_task("t"), TaskError::NotFound { what: Entity::Task, id } if id == "t");
    let bare = Task { task_id: "bare".into(), ..Task::default() };
    for task in [task("t", "0xAvS"), bare] {
        let saved = tasks.save_task(task.clone())?;
        let found = tasks.get_task(&task.task_id)?;
        assert_eq!(found.task, task);
        assert_eq!(found, saved);
        assert_eq!((found.status, found.attempts, found.is_dead), (Pending, 0, false));
        assert_eq!((found.lease_until, found.not_before, &found.failure), (None, None, &None));
    }
    let large = Task { payload: (0..=255).cycle().take(1 << 20).collect(), ..task("large", AVS) };
    tasks.save_task(large.clone())?;
    assert!(tasks.get_task("large")?.task == large, "a payload of 1 MiB comes back changed");
    Ok(())
}

pub(crate) fn case_12_pending_tasks_are_listed<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    assert!(pending(&tasks, Scope::All)?.is_empty());
    tasks.save_task(task("t-1", AVS))?;
    assert_eq!(pending(&tasks, Scope::All)?, ["t-1"]);
    assert_eq!(pending(&tasks, Scope::Avs(AVS))?, ["t-1"]);
    tasks.save_task(task("t-2", OTHER_AVS))?;
    assert_eq!(pending(&tasks, Scope::All)?, ["t-1", "t-2"]);
    assert_eq!(pending(&tasks, Scope::Avs(AVS))?, ["t-1"]);
    assert_eq!(pending(&tasks, Scope::Avs(OTHER_AVS))?, ["t-2"]);
    for unknown in ["0xavs789", "0xavs12", "0xavs1234", ""] {
        assert!(pending(&tasks, Scope::Avs(unknown))?.is_empty());
    }
    let listing = tasks.list_tasks(Scope::All, Pending, &Paging::all())?;
    assert_eq!(listing.items[0].task, task("t-1", AVS));
    assert!(listing.next.is_none());
    Ok(())
}

pub(crate) fn case_13_addresses_differ_by_more_than_case<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    tasks.save_task(task("t-1", "0xavs123"))?;
    tasks.save_task(task("t-2", "0xAvS123"))?;
    for spelling in ["0xavs123", "0xAVS123", "0XaVs123"] {
        assert_eq!(pending(&tasks, Scope::Avs(spelling))?, ["t-1", "t-2"]);
        assert_eq!(tasks.count_tasks(Scope::Avs(spelling))?.pending, 2);
    }
    assert_eq!(tasks.get_task("t-2")?.task.avs_address, "0xAvS123", "it is returned as it was given");
    tasks.save_block("0xAVS123", block(1, 7, "a"))?;
    assert_eq!(tasks.get_block("0xavs123", 1, 7)?.number, 7);
    tasks.save_avs_config("0xAVS123", AvsConfig::default())?;
    tasks.get_avs_config("0xavs123")?;
    tasks.save_operator_set_config("0xAVS123", 1, OperatorSetConfig::default())?;
    tasks.get_operator_set_config("0xavs123", 1)?;
    Ok(())
}

pub(crate) fn case_14_task_leaves_the_pending_lists<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    tasks.save_task(task("t", AVS))?;
    assert_eq!(tasks.update_task_status("t", Processing)?.status, Processing);
    assert!(pending(&tasks, Scope::All)?.is_empty());
    assert!(pending(&tasks, Scope::Avs(AVS))?.is_empty());
    assert_eq!(tasks.update_task_status("t", Completed)?.status, Completed);
    assert_eq!(listed(&tasks, Scope::Avs(AVS), Completed)?, ["t"]);
    tasks.delete_task("t")?;
    assert_refused!(tasks.get_task("t"), TaskError::NotFound { .. });
    assert!(listed(&tasks, Scope::All, Completed)?.is_empty());
    Ok(())
}

pub(crate) fn case_15_unknown_task_is_not_found<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    tasks.save_task(task("t", AVS))?;
    for unknown in ["", "T", "t\0", "t-1"] {
        let is_it = |id: &str| id == unknown;
        assert_refused!(tasks.delete_task(unknown), TaskError::NotFound { id, .. } if is_it(&id));
        for status in TaskStatus::ALL {
            let refused = tasks.update_task_status(unknown, status);
            assert_refused!(refused, TaskError::NotFound { id, .. } if is_it(&id));
        }
        assert_refused!(tasks.claim_task(unknown, LEASE), TaskError::NotFound { id, .. } if is_it(&id));
        assert_refused!(tasks.requeue_dead_letter(unknown), TaskError::NotFound { id, .. } if is_it(&id));
    }
    assert_eq!(pending(&tasks, Scope::All)?, ["t"]);
    Ok(())
}

/// Saves a task and brings it to a status.
fn bring<E: Engine>(tasks: &TaskStore<E>, id: &str, status: TaskStatus) -> Result<Arc<TaskRecord>> {
    let saved = tasks.save_task(task(id, AVS))?;
    match status {
        Pending => Ok(saved),
        Processing | Failed => tasks.update_task_status(id, status),
        Completed => {
            tasks.update_task_status(id, Processing)?;
            tasks.update_task_status(id, Completed)
        }
    }
}

pub(crate) fn case_16_full_transition_matrix<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let legal = [(Pending, Processing), (Pending, Failed), (Processing, Completed), (Processing, Failed)];
    let mut made = 0;
    for from in TaskStatus::ALL {
        for to in TaskStatus::ALL {
            let id = format!("{from}-{to}");
            let before = bring(&tasks, &id, from)?;
            let counts = tasks.count_tasks(Scope::Avs(AVS))?;
            clock.advance(Duration::from_secs(1));
            match tasks.update_task_status(&id, to) {
                Ok(changed) => {
                    assert!(legal.contains(&(from, to)), "{from} went to {to}");
                    assert_eq!(changed, tasks.get_task(&id)?);
                    assert_eq!((changed.status, changed.updated_at), (to, clock_of(&tasks)));
                    made += 1;
                }
                Err(TaskError::InvalidTransition { id: of, from: stored, to: asked }) => {
                    assert!(!legal.contains(&(from, to)), "{from} did not go to {to}");
                    assert_eq!((of.as_str(), stored, asked), (id.as_str(), from, to));
                    assert_eq!(tasks.get_task(&id)?, before, "a refused change changes nothing");
                    assert_eq!(tasks.count_tasks(Scope::Avs(AVS))?, counts);
                }
                Err(other) => return Err(other),
            }
            super::assert_indexes_equal_records(&tasks, &[AVS])?;
        }
    }
    assert_eq!(made, 4);
    Ok(())
}

fn clock_of<E: Engine>(tasks: &TaskStore<E>) -> Timestamp {
    tasks.database().now()
}

pub(crate) fn case_17_unknown_status_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let before = tasks.save_task(task("t", AVS))?;
    for unknown in ["running", "", "Processing", "cancelled", "pending "] {
        let asked = unknown.parse().and_then(|to| tasks.update_task_status("t", to));
        assert_refused!(asked, TaskError::InvalidArgument(_));
    }
    assert_eq!(tasks.get_task("t")?, before);
    tasks.update_task_status("t", "processing".parse()?)?;
    Ok(())
}

pub(crate) fn case_18_saving_again_is_already_exists<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for status in TaskStatus::ALL {
        let id = status.to_string();
        let before = bring(&tasks, &id, status)?;
        let again = tasks.save_task(task(&id, OTHER_AVS));
        assert_refused!(again, TaskError::AlreadyExists { what: Entity::Task, id: taken } if taken == id);
        assert_eq!(tasks.get_task(&id)?, before);
    }
    assert!(pending(&tasks, Scope::Avs(OTHER_AVS))?.is_empty());
    tasks.delete_task("completed")?;
    tasks.save_task(task("completed", OTHER_AVS))?;
    assert_eq!(pending(&tasks, Scope::Avs(OTHER_AVS))?, ["completed"]);
    Ok(())
}

pub(crate) fn case_19_empty_ids_are_invalid<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    // An absent task cannot be passed; the nearest to it is one with nothing in it.
    assert_refused!(tasks.save_task(Task::default()), TaskError::InvalidArgument(_));
    assert_refused!(tasks.save_task(task("", AVS)), TaskError::InvalidArgument(_));
    assert!(pending(&tasks, Scope::All)?.is_empty());
    let executor = ExecutorStore::open(tasks.database())?;
    let refused = [
        executor.save_performer("", PerformerState::default()),
        executor.save_inflight_task("", InflightTask::default()),
        executor.save_deployment("", Deployment::default()),
        executor.mark_task_processed(""),
        executor.claim("").map(drop),
    ];
    for refused in refused {
        assert_refused!(refused, TaskError::InvalidArgument(_));
    }
    assert!(executor.list_performers(&Paging::all())?.items.is_empty());
    assert!(!executor.is_task_processed("")?);
    Ok(())
}

pub(crate) fn case_21_times_are_kept_and_advanced<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    clock.set(seconds(10));
    let saved = tasks.save_task(task("t", AVS))?;
    assert_eq!((saved.created_at, saved.updated_at), (seconds(10), seconds(10)));
    for (second, to) in [(20, Processing), (30, Completed)] {
        clock.set(seconds(second));
        tasks.update_task_status("t", to)?;
        let found = tasks.get_task("t")?;
        assert_eq!((found.created_at, found.updated_at), (seconds(10), seconds(second)));
    }
    clock.set(seconds(40));
    tasks.save_task(task("later", AVS))?;
    clock.set(seconds(1));
    let changed = tasks.update_task_status("later", Failed)?;
    assert!(changed.created_at <= changed.updated_at, "a clock that jumps back does not disorder the times");
    Ok(())
}

pub(crate) fn case_22_what_is_returned_or_saved_is_not_the_stored<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let mut given = task("t", AVS);
    let expected = given.clone();
    tasks.save_task(given.clone())?;
    given.payload[0] ^= 0xff;
    given.deadline = None;
    given.avs_address.push('x');
    let mut found = tasks.get_task("t")?;
    assert_eq!(found.task, expected);

    let copy = Arc::make_mut(&mut found);
    copy.task.payload.clear();
    copy.task.avs_address.clear();
    copy.status = Failed;
    assert_eq!(tasks.get_task("t")?.task, expected);
    for scope in [Scope::All, Scope::Avs(AVS)] {
        let mut listing = tasks.list_tasks(scope, Pending, &Paging::all())?;
        Arc::make_mut(&mut listing.items[0]).task.payload.clear();
        assert_eq!(tasks.list_tasks(scope, Pending, &Paging::all())?.items[0].task, expected);
    }
    assert_eq!(tasks.get_task("t")?.status, Pending);

    tasks.save_block(AVS, block(1, 1, "a"))?;
    Arc::make_mut(&mut tasks.get_block(AVS, 1, 1)?).hash.clear();
    assert_eq!(*tasks.get_block(AVS, 1, 1)?, block(1, 1, "a"));

    let config = AvsConfig { executor_operator_set_ids: vec![1, 2], ..AvsConfig::default() };
    tasks.save_avs_config(AVS, config.clone())?;
    Arc::make_mut(&mut tasks.get_avs_config(AVS)?).executor_operator_set_ids.clear();
    assert_eq!(*tasks.get_avs_config(AVS)?, config);

    let executor = ExecutorStore::open(tasks.database())?;
    let state = PerformerState { environment: vec![Default::default()], ..PerformerState::default() };
    executor.save_performer("p", state)?;
    Arc::make_mut(&mut executor.get_performer("p")?).environment.clear();
    let mut listing = executor.list_performers(&Paging::all())?;
    Arc::make_mut(&mut listing.items[0]).environment[0].value.push('x');
    assert_eq!(executor.get_performer("p")?.environment, [Default::default()]);
    Ok(())
}

pub(crate) fn case_23_half_of_a_thousand_stay_pending<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    for number in 0..1_000 {
        clock.advance(Duration::from_nanos(1));
        tasks.save_task(task(&format!("t-{number}"), AVS))?;
    }
    for number in 0..500 {
        tasks.update_task_status(&format!("t-{}", number * 2), Processing)?;
    }
    let expected: Vec<_> = (0..500).map(|number| format!("t-{}", number * 2 + 1)).collect();
    assert_eq!(pending(&tasks, Scope::All)?, expected);
    assert_eq!(pending(&tasks, Scope::Avs(AVS))?, expected);
    assert_eq!(listed(&tasks, Scope::All, Processing)?.len(), 500);
    Ok(())
}

pub(crate) fn case_24_calls_after_close_are_closed<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let executor = ExecutorStore::open(tasks.database())?;
    tasks.save_task(task("t", AVS))?;
    let claim = tasks.claim_task("t", LEASE)?;
    tasks.close()?;
    tasks.close()?;
    executor.close()?;
    let refused = [
        tasks.save_task(task("u", AVS)).map(drop),
        tasks.get_task("t").map(drop),
        tasks.update_task_status("t", Completed).map(drop),
        tasks.delete_task("t"),
        tasks.list_tasks(Scope::All, Pending, &Paging::all()).map(drop),
        tasks.list_all_tasks(&Paging::all()).map(drop),
        tasks.count_tasks(Scope::All).map(drop),
        tasks.claim_next(Scope::All, LEASE).map(drop),
        tasks.claim_task("t", LEASE).map(drop),
        tasks.extend_lease(&claim, LEASE).map(drop),
        tasks.complete(&claim).map(drop),
        tasks.retry(&claim, "late").map(drop),
        tasks.recover(Scope::All).map(drop),
        tasks.purge_ended_before(Scope::All, Timestamp::MAX, 1).map(drop),
        tasks.save_block(AVS, block(1, 1, "a")),
        tasks.get_last_block(AVS, 1).map(drop),
        tasks.truncate_blocks_above(AVS, 1, 0).map(drop),
        tasks.set_last_processed_block(1, 1),
        tasks.get_last_processed_block(1).map(drop),
        tasks.save_operator_set_config(AVS, 1, OperatorSetConfig::default()),
        tasks.get_avs_config(AVS).map(drop),
        executor.save_performer("p", PerformerState::default()),
        executor.list_performers(&Paging::all()).map(drop),
        executor.is_task_processed("t").map(drop),
        executor.claim("t").map(drop),
        executor.update_deployment_status("d", DeploymentStatus::Failed).map(drop),
    ];
    for (at, refused) in refused.into_iter().enumerate() {
        match refused {
            Err(TaskError::Closed) => {}
            other => panic!("call {at} after close came to {other:?}"),
        }
    }
    Ok(())
}

pub(crate) fn case_26_two_stores_are_independent<S: Subject>(subject: &S) -> Result<()> {
    let (first, clock) = executor(subject)?;
    let one = TaskStore::open(first.database())?;
    let two =
        TaskStore::open(&storage_core::Database::with_options(PlainStore::default().open(), case::quiet())?)?;
    one.save_task(task("t", AVS))?;
    one.set_last_processed_block(1, 10)?;
    clock.advance(LEASE);
    assert_refused!(two.get_task("t"), TaskError::NotFound { .. });
    assert_refused!(two.get_last_processed_block(1), TaskError::NotFound { .. });
    two.save_task(task("t", OTHER_AVS))?;
    two.save_task(task("u", OTHER_AVS))?;
    assert_eq!(one.get_task("t")?.task.avs_address, AVS);
    assert_eq!(pending(&one, Scope::All)?, ["t"]);
    two.close()?;
    assert_eq!(pending(&one, Scope::All)?, ["t"]);
    Ok(())
}

pub(crate) fn ids_are_opaque<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let odd =
        ["a", "a\0", "a\0\u{ff}", "a:b", "a/../b", "..", " ", "é", "e\u{301}", "%", "task:a", "\u{10ffff}"];
    for id in odd {
        tasks.save_task(task(id, id))?;
    }
    for id in odd {
        assert_eq!(tasks.get_task(id)?.id(), id);
        assert_eq!(pending(&tasks, Scope::Avs(id))?, [id], "an address is opaque too");
    }
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    assert_eq!(pending(&tasks, Scope::All)?, sorted, "tasks of one moment are in the order of their ids");
    let long = "x".repeat(5_000);
    assert_refused!(tasks.save_task(task(&long, AVS)), TaskError::Storage(_));
    assert_eq!(pending(&tasks, Scope::All)?.len(), odd.len());
    Ok(())
}
