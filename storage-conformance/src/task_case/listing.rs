//! Listings: their order, their pages, and the counts beside them.

use std::time::Duration;

use storage_core::Engine;
use storage_stores::tasks::{
    ExecutorStore, Paging, PerformerState, Result, Scope, TaskError, TaskStatus, TaskStore,
};

use super::{AVS, LEASE, OTHER_AVS, assert_refused, block, ids, listed, open, pending, seconds, task, timed};
use crate::subject::Subject;

pub(crate) fn pending_tasks_are_in_the_order_of_creation<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    // Same moment: by id. Later: behind, whatever the id, across every width of the encoded time.
    for (time, id) in
        [(1, "m"), (1, "b"), (255, "z"), (256, "y"), (65_536, "c"), (1 << 40, "a"), (1 << 40, "d")]
    {
        clock.set(crate::case::at(time));
        tasks.save_task(task(id, AVS))?;
    }
    let expected = ["b", "m", "z", "y", "c", "a", "d"];
    assert_eq!(pending(&tasks, Scope::All)?, expected);
    assert_eq!(pending(&tasks, Scope::Avs(AVS))?, expected);
    Ok(())
}

/// Ten tasks, a second apart; every third was tried and waits until much later.
fn with_delayed<S: Subject>(subject: &S) -> Result<TaskStore<S::Engine>> {
    let (tasks, clock) = timed(subject)?;
    for number in 0..10 {
        clock.set(seconds(number));
        tasks.save_task(task(&format!("t-{number}"), if number < 7 { AVS } else { OTHER_AVS }))?;
    }
    for number in (0..10).step_by(3) {
        let claim = tasks.claim_task(&format!("t-{number}"), LEASE)?;
        tasks.retry_after(&claim, Duration::from_secs(1_000 - number), "busy")?;
    }
    Ok(tasks)
}

pub(crate) fn delayed_tasks_keep_their_place_in_the_list<S: Subject>(subject: &S) -> Result<()> {
    let tasks = with_delayed(subject)?;
    let all: Vec<_> = (0..10).map(|number| format!("t-{number}")).collect();
    assert_eq!(pending(&tasks, Scope::All)?, all);
    assert_eq!(pending(&tasks, Scope::Avs(AVS))?, all[..7]);
    assert_eq!(tasks.count_tasks(Scope::All)?.delayed, 4);
    super::assert_indexes_equal_records(&tasks, &[AVS, OTHER_AVS])
}

pub(crate) fn pages_cover_a_listing_once<S: Subject>(subject: &S) -> Result<()> {
    let tasks = with_delayed(subject)?;
    for id in ["t-1", "t-2", "t-4", "t-5", "t-8"] {
        tasks.update_task_status(id, TaskStatus::Failed)?;
    }
    for number in 0..10 {
        tasks.save_block(AVS, block(1, number * 300, "a"))?;
    }
    let lists = [
        (Scope::All, TaskStatus::Pending),
        (Scope::Avs(AVS), TaskStatus::Pending),
        (Scope::All, TaskStatus::Failed),
        (Scope::Avs(OTHER_AVS), TaskStatus::Failed),
        (Scope::All, TaskStatus::Completed),
    ];
    for (scope, status) in lists {
        let all = listed(&tasks, scope, status)?;
        for limit in [1, 2, 3, all.len().max(1), all.len() + 1] {
            let page = |paging: &Paging| tasks.list_tasks(scope, status, paging);
            assert_eq!(paged(limit, page)?, all, "{status} of {scope:?} in pages of {limit}");
        }
    }
    assert_eq!(paged(4, |paging| tasks.list_all_tasks(paging))?.len(), 10);

    let (mut paging, mut numbers) = (Paging::first(3), Vec::new());
    loop {
        let page = tasks.list_blocks(AVS, 1, &paging)?;
        numbers.extend(page.items.iter().map(|block| block.number));
        let Some(next) = page.next else { break };
        paging = Paging::first(3).after(Some(next));
    }
    assert_eq!(numbers, (0..10).map(|number| number * 300).collect::<Vec<_>>());
    Ok(())
}

/// The ids of a listing, read in pages whose cursors went through text.
fn paged(
    limit: usize,
    page: impl Fn(&Paging) -> Result<storage_stores::tasks::Listing<storage_stores::tasks::TaskRecord>>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut paging = Paging::first(limit);
    loop {
        let listing = page(&paging)?;
        let on_page = ids(&listing);
        assert!(on_page.len() <= limit);
        assert!(listing.next.is_none() || on_page.len() == limit, "only the last page may be short");
        found.extend(on_page.into_iter().map(str::to_owned));
        let Some(next) = listing.next else { return Ok(found) };
        paging = Paging::first(limit).after(Some(next.to_string().parse()?));
    }
}

pub(crate) fn cursors_belong_to_their_listing<S: Subject>(subject: &S) -> Result<()> {
    let tasks = with_delayed(subject)?;
    let first = |scope| tasks.list_tasks(scope, TaskStatus::Pending, &Paging::first(2));
    let of_all = first(Scope::All)?.next.expect("there are more than two");
    let of_avs = first(Scope::Avs(AVS))?.next.expect("there are more than two");
    let behind = |scope, cursor: &storage_core::PageCursor| {
        tasks.list_tasks(scope, TaskStatus::Pending, &Paging::first(2).after(Some(cursor.clone())))
    };
    assert_eq!(ids(&behind(Scope::All, &of_all)?), ["t-2", "t-3"]);
    assert_eq!(ids(&behind(Scope::Avs("0xAVS123"), &of_avs)?), ["t-2", "t-3"]);
    assert_refused!(behind(Scope::Avs(AVS), &of_all), TaskError::InvalidArgument(_));
    assert_refused!(behind(Scope::All, &of_avs), TaskError::InvalidArgument(_));
    assert_refused!(behind(Scope::Avs(OTHER_AVS), &of_avs), TaskError::InvalidArgument(_));
    let failed = tasks.list_tasks(Scope::All, TaskStatus::Failed, &Paging::first(2).after(Some(of_all)));
    assert_refused!(failed, TaskError::InvalidArgument(_));
    // A task that went is no obstacle: a cursor is a position.
    tasks.delete_task("t-1")?;
    assert_eq!(ids(&behind(Scope::Avs(AVS), &of_avs)?), ["t-2", "t-3"]);
    Ok(())
}

pub(crate) fn page_limit_of_zero_is_invalid<S: Subject>(subject: &S) -> Result<()> {
    let tasks = open(subject)?;
    let executor = ExecutorStore::open(tasks.database())?;
    executor.save_performer("p", PerformerState::default())?;
    let none = Paging::first(0);
    assert_refused!(executor.list_performers(&none), TaskError::InvalidArgument(_));
    for status in TaskStatus::ALL {
        assert_refused!(tasks.list_tasks(Scope::All, status, &none), TaskError::InvalidArgument(_));
    }
    assert_refused!(tasks.purge_ended_before(Scope::All, seconds(1), 0), TaskError::InvalidArgument(_));
    Ok(())
}

pub(crate) fn counts_agree_with_the_lists<S: Subject>(subject: &S) -> Result<()> {
    let tasks = with_delayed(subject)?;
    assert_eq!(tasks.count_tasks(Scope::Avs("0xunknown"))?, Default::default());
    tasks.update_task_status("t-1", TaskStatus::Processing)?;
    tasks.update_task_status("t-2", TaskStatus::Processing)?;
    tasks.update_task_status("t-2", TaskStatus::Completed)?;
    tasks.update_task_status("t-8", TaskStatus::Failed)?;
    let counts = tasks.count_tasks(Scope::All)?;
    assert_eq!((counts.pending, counts.delayed, counts.processing), (7, 4, 1));
    assert_eq!((counts.completed, counts.failed, counts.dead), (1, 1, 0));
    let counts = tasks.count_tasks(Scope::Avs(OTHER_AVS))?;
    assert_eq!((counts.pending, counts.failed), (2, 1));
    check(&tasks)
}

fn check<E: Engine>(tasks: &TaskStore<E>) -> Result<()> {
    super::assert_indexes_equal_records(tasks, &[AVS, OTHER_AVS, "0xunknown"])
}
