//! Recovery after a crash, and the removal of what has ended.

use std::time::Duration;

use storage_core::Timestamp;
use storage_stores::tasks::{Recovered, Result, RetryPolicy, Scope, Task, TaskStatus, TaskStore};

use super::{AVS, LEASE, OTHER_AVS, listed, pending, seconds, task, timed};
use crate::case;
use crate::subject::Subject;

fn ready(recovered: &Recovered) -> Vec<&str> {
    assert!(recovered.unreadable.is_empty(), "{:?}", recovered.unreadable);
    recovered.ready.iter().map(|record| record.id()).collect()
}

fn failed(recovered: &Recovered) -> Vec<&str> {
    recovered.failed.iter().map(|record| record.id()).collect()
}

pub(crate) fn case_42_recovery_finds_what_is_to_be_done<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().attempts_max(2));
    let late = |id: &str| Task { deadline: Some(seconds(100)), ..task(id, AVS) };
    assert!(tasks.recover(Scope::All)?.ready.is_empty());
    for id in ["working", "abandoned", "delayed", "exhausted"] {
        tasks.save_task(Task { deadline: None, ..task(id, AVS) })?;
    }
    for id in ["late-abandoned", "late-pending", "late-working"] {
        tasks.save_task(late(id))?;
    }
    tasks.save_task(Task { deadline: None, ..task("pending", AVS) })?;
    tasks.save_task(task("completed", AVS))?;
    tasks.update_task_status("completed", TaskStatus::Processing)?;
    tasks.update_task_status("completed", TaskStatus::Completed)?;
    tasks.claim_task("working", LEASE * 10)?;
    tasks.claim_task("late-working", LEASE * 10)?;
    tasks.claim_task("abandoned", LEASE)?;
    tasks.claim_task("late-abandoned", LEASE)?;
    tasks.retry_after(&tasks.claim_task("delayed", LEASE)?, LEASE * 10, "busy")?;
    tasks.retry_after(&tasks.claim_task("exhausted", LEASE)?, Duration::ZERO, "busy")?;
    tasks.claim_task("exhausted", LEASE)?;

    clock.set(seconds(59));
    assert_eq!(ready(&tasks.recover(Scope::All)?), ["delayed", "late-pending", "pending"]);
    clock.set(seconds(100));
    let recovered = tasks.recover(Scope::All)?;
    assert_eq!(ready(&recovered), ["delayed", "pending", "abandoned"]);
    assert_eq!(failed(&recovered), ["late-pending", "exhausted", "late-abandoned"]);
    for record in &recovered.failed {
        assert_eq!(&tasks.get_task(record.id())?, record);
        assert_eq!((record.status, record.is_dead), (TaskStatus::Failed, record.id() == "exhausted"));
        assert!(record.failure.is_some());
    }
    assert_eq!(tasks.get_task("late-working")?.status, TaskStatus::Processing, "its worker may still finish");
    assert_eq!(tasks.get_task("abandoned")?.attempts, 1, "recovery itself claims nothing");
    assert_eq!(tasks.claim_task("abandoned", LEASE)?.attempt(), 2);
    assert_eq!(failed(&tasks.recover(Scope::All)?), [""; 0]);
    super::assert_indexes_equal_records(&tasks, &[AVS])
}

pub(crate) fn recovery_keeps_to_its_service<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    for (id, avs) in [("a", AVS), ("b", OTHER_AVS), ("c", AVS), ("d", OTHER_AVS)] {
        tasks.save_task(Task { deadline: Some(seconds(100)), ..task(id, avs) })?;
    }
    tasks.claim_task("c", LEASE)?;
    tasks.claim_task("d", LEASE)?;
    clock.set(seconds(60));
    assert_eq!(ready(&tasks.recover(Scope::Avs("0xAVS123"))?), ["a", "c"]);
    clock.set(seconds(100));
    assert_eq!(failed(&tasks.recover(Scope::Avs(OTHER_AVS))?), ["b", "d"]);
    assert_eq!(pending(&tasks, Scope::All)?, ["a"]);
    assert_eq!(listed(&tasks, Scope::All, TaskStatus::Processing)?, ["c"]);
    // More of them than one transaction takes.
    for number in 0..600 {
        tasks.save_task(Task { deadline: Some(seconds(101)), ..task(&format!("t-{number}"), OTHER_AVS) })?;
    }
    clock.set(seconds(101));
    assert_eq!(tasks.recover(Scope::Avs(OTHER_AVS))?.failed.len(), 600);
    assert_eq!(tasks.count_tasks(Scope::Avs(OTHER_AVS))?.failed, 602);
    Ok(())
}

pub(crate) fn ended_tasks_are_purged<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().attempts_max(1));
    let ends = ["complete", "fail", "die"];
    for second in 0..6 {
        clock.set(seconds(second));
        for end in ends {
            let id = format!("{end}-{second}");
            tasks.save_task(task(&id, if second < 3 { AVS } else { OTHER_AVS }))?;
            let claim = tasks.claim_task(&id, LEASE)?;
            match end {
                "complete" => drop(tasks.complete(&claim)?),
                "fail" => drop(tasks.fail(&claim, "broken")?),
                _ => drop(tasks.retry(&claim, "broken")?),
            }
        }
    }
    tasks.save_task(task("pending", AVS))?;
    tasks.save_task(task("working", AVS))?;
    tasks.update_task_status("working", TaskStatus::Processing)?;

    assert_eq!(tasks.purge_ended_before(Scope::All, seconds(0), 100)?, 0, "what ended at that time stays");
    assert_eq!(tasks.purge_ended_before(Scope::All, Timestamp::default(), 100)?, 0);
    assert_eq!(tasks.purge_ended_before(Scope::All, seconds(1), 100)?, 3);
    assert_eq!(tasks.count_tasks(Scope::All)?.completed, 5);
    assert_eq!(tasks.purge_ended_before(Scope::Avs("0xAVS456"), seconds(5), 100)?, 6);
    assert_eq!(tasks.count_tasks(Scope::Avs(AVS))?.failed, 4);
    assert_eq!(tasks.purge_ended_before(Scope::All, seconds(3), 4)?, 4, "no more than asked");
    assert_eq!(tasks.purge_ended_before(Scope::All, seconds(3), 4)?, 2);
    assert_eq!(tasks.purge_ended_before(Scope::All, seconds(3), 4)?, 0);
    assert_eq!(tasks.list_all_tasks(&storage_stores::tasks::Paging::all())?.items.len(), 5);
    assert_eq!(pending(&tasks, Scope::All)?, ["pending"]);
    assert_eq!(tasks.purge_ended_before(Scope::All, Timestamp::MAX, 100)?, 3);
    super::assert_indexes_equal_records(&tasks, &[AVS, OTHER_AVS])
}

pub(crate) fn recovery_looks_at_one_moment<S: Subject>(subject: &S) -> Result<()> {
    let db = case::counted(subject)?;
    let tasks = TaskStore::open(&db)?;
    for id in ["a", "b"] {
        tasks.save_task(task(id, AVS))?;
    }
    for scope in [Scope::All, Scope::Avs(AVS)] {
        db.engine().reset();
        assert_eq!(ready(&tasks.recover(scope)?), ["a", "b"]);
        let counts = db.engine().counts();
        assert_eq!(
            (counts.snapshots, counts.gets),
            (1, 0),
            "a task that moves between two looks would be in none of them, or in both: {counts:?}"
        );
    }
    Ok(())
}

pub(crate) fn many_ended_tasks_are_purged_in_parts<S: Subject>(subject: &S) -> Result<()> {
    const TASKS: usize = 1_000;
    let db = case::counted(subject)?;
    let tasks = TaskStore::open(&db)?;
    for number in 0..TASKS {
        let id = format!("t-{number:04}");
        tasks.save_task(task(&id, AVS))?;
        tasks.update_task_status(&id, TaskStatus::Failed)?;
    }
    assert_eq!(tasks.purge_ended_before(Scope::All, Timestamp::MAX, 300)?, 300);
    db.engine().reset();
    assert_eq!(tasks.purge_ended_before(Scope::All, Timestamp::MAX, usize::MAX)?, 700);
    let counts = db.engine().counts();
    assert!(counts.writes / counts.commits < 2_000, "one transaction takes a part: {counts:?}");
    assert_eq!(tasks.purge_ended_before(Scope::All, Timestamp::MAX, usize::MAX)?, 0);
    super::assert_indexes_equal_records(&tasks, &[AVS])
}
