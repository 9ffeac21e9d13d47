//! Records whose bytes were damaged: reported with their id, and in nobody's way.

use storage_core::{Engine, Key, Keyspace};
use storage_stores::tasks::{
    ExecutorStore, Listing, Paging, PerformerState, Result, Scope, TaskError, TaskStatus, TaskStore,
};

use super::{AVS, LEASE, assert_refused, open, task};
use crate::subject::Subject;

/// Cuts what is stored of a task: its record, and the copy that the list of pending tasks reads.
fn damage_task<S: Subject>(subject: &S, tasks: &TaskStore<S::Engine>, id: &str) -> Result<()> {
    let records = Keyspace::new("tasks")?;
    let created_at = tasks.get_task(id)?.created_at;
    damage(subject, tasks.database().engine(), records, &Key::of(id)?)?;
    damage(
        subject,
        tasks.database().engine(),
        records.derived("pending")?,
        &Key::of(&(false, created_at, id))?,
    )
}

fn damage<S: Subject>(subject: &S, engine: &S::Engine, keyspace: Keyspace, key: &Key) -> Result<()> {
    let damage = subject.damage().expect("the case needs this power");
    assert!(damage(engine, keyspace, key, &mut |bytes| bytes.truncate(3))?, "there is such a record");
    Ok(())
}

/// What a listing shows of five records of which the third is damaged.
fn assert_reported<V>(listing: &Listing<V>, id: impl Fn(&V) -> &str) {
    let found: Vec<_> = listing.items.iter().map(|item| id(item)).collect();
    assert_eq!(found, ["t-0", "t-1", "t-3", "t-4"]);
    assert_eq!(listing.unreadable.len(), 1);
    assert_refused!(Err::<(), _>(&listing.unreadable[0]), TaskError::Corrupt { id, .. } if id == "t-2");
}

fn damaged<S: Subject>(subject: &S) -> Result<TaskStore<S::Engine>> {
    let tasks = open(subject)?;
    for number in 0..5 {
        tasks.save_task(task(&format!("t-{number}"), AVS))?;
    }
    damage_task(subject, &tasks, "t-2")?;
    Ok(tasks)
}

fn pages<E: Engine>(tasks: &TaskStore<E>, scope: Scope<'_>, limit: usize) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut paging = Paging::first(limit);
    loop {
        let page = tasks.list_tasks(scope, TaskStatus::Pending, &paging)?;
        assert!(page.items.len() + page.unreadable.len() <= limit);
        found.extend(page.items.iter().map(|record| record.id().to_owned()));
        found.extend(page.unreadable.iter().map(|_| "unreadable".to_owned()));
        let Some(next) = page.next else { return Ok(found) };
        paging = Paging::first(limit).after(Some(next));
    }
}

pub(crate) fn case_43_unreadable_task_is_reported<S: Subject>(subject: &S) -> Result<()> {
    let tasks = damaged(subject)?;
    assert_refused!(tasks.get_task("t-2"), TaskError::Corrupt { id, .. } if id == "t-2");
    for scope in [Scope::All, Scope::Avs(AVS)] {
        assert_reported(&tasks.list_tasks(scope, TaskStatus::Pending, &Paging::all())?, |record| record.id());
        for limit in 1..=6 {
            let mut found = pages(&tasks, scope, limit)?;
            found.sort_unstable();
            assert_eq!(found, ["t-0", "t-1", "t-3", "t-4", "unreadable"], "in pages of {limit}");
        }
        assert_eq!(tasks.count_tasks(scope)?.pending, 5, "it has not vanished");
    }
    assert_reported(&tasks.list_all_tasks(&Paging::all())?, |record| record.id());
    let recovered = tasks.recover(Scope::All)?;
    assert_eq!((recovered.ready.len(), recovered.unreadable.len()), (4, 1));
    assert_refused!(tasks.update_task_status("t-2", TaskStatus::Processing), TaskError::Corrupt { .. });
    assert_refused!(
        tasks.save_task(task("t-2", AVS)),
        TaskError::AlreadyExists { .. } | TaskError::Corrupt { .. }
    );
    tasks.update_task_status("t-3", TaskStatus::Failed)?;
    Ok(())
}

pub(crate) fn case_43_unreadable_performer_is_reported<S: Subject>(subject: &S) -> Result<()> {
    let executor = ExecutorStore::open(&crate::case::open(subject)?)?;
    for number in 0..5 {
        executor.save_performer(&format!("t-{number}"), PerformerState::default())?;
    }
    damage(subject, executor.database().engine(), Keyspace::new("executor_performers")?, &Key::of("t-2")?)?;
    assert_refused!(executor.get_performer("t-2"), TaskError::Corrupt { id, .. } if id == "t-2");
    assert_reported(&executor.list_performers(&Paging::all())?, |state| &state.performer_id);
    executor.save_performer("t-2", PerformerState::default())?;
    assert_eq!(executor.list_performers(&Paging::all())?.items.len(), 5, "saving it anew mends it");
    Ok(())
}

pub(crate) fn unreadable_task_blocks_no_claim<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    for id in ["first", "second"] {
        tasks.save_task(task(id, AVS))?;
    }
    // Only the record: the copy beside it is whole and must not be believed.
    damage(subject, tasks.database().engine(), Keyspace::new("tasks")?, &Key::of("first")?)?;
    assert_eq!(
        tasks.claim_next(Scope::Avs(AVS), LEASE)?.map(|claim| claim.id().to_owned()).as_deref(),
        Some("second")
    );
    tasks.save_task(task("third", AVS))?;
    assert_eq!(
        tasks.claim_next(Scope::All, LEASE)?.map(|claim| claim.id().to_owned()).as_deref(),
        Some("third")
    );
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    Ok(())
}

pub(crate) fn unreadable_task_is_removed_and_saved_anew<S: Subject>(subject: &S) -> Result<()> {
    let tasks = damaged(subject)?;
    tasks.delete_task("t-2")?;
    assert_refused!(tasks.get_task("t-2"), TaskError::NotFound { .. });
    assert_refused!(tasks.delete_task("t-2"), TaskError::NotFound { .. });
    assert_eq!(tasks.count_tasks(Scope::All)?.pending, 4);
    super::assert_indexes_equal_records(&tasks, &[AVS])?;
    tasks.save_task(task("t-2", AVS))?;
    damage_task(subject, &tasks, "t-2")?;
    tasks.rewind(AVS, 1, 0, &["t-1", "t-2", "absent"])?;
    assert_eq!(super::pending(&tasks, Scope::All)?, ["t-0", "t-3", "t-4"]);
    tasks.save_task(task("t-2", AVS))?;
    super::assert_indexes_equal_records(&tasks, &[AVS])
}
