//! Claims, leases, retries and dead letters.

use std::time::Duration;

use storage_core::Engine;
use storage_stores::tasks::{
    Claim, Entity, Paging, Result, Retried, RetryPolicy, Scope, Task, TaskError, TaskStatus, TaskStore,
};

use super::{AVS, LEASE, OTHER_AVS, assert_refused, listed, pending, seconds, task, timed};
use crate::subject::Subject;

use TaskStatus::{Completed, Failed, Pending, Processing};

const SECOND: Duration = Duration::from_secs(1);

fn next<E: Engine>(tasks: &TaskStore<E>) -> Result<Claim> {
    Ok(tasks.claim_next(Scope::All, LEASE)?.expect("a task is ready"))
}

pub(crate) fn claim_takes_what_was_ready_first<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    for (second, id) in [(0, "c"), (1, "a"), (2, "d"), (2, "b"), (3, "e")] {
        clock.set(seconds(second));
        tasks.save_task(task(id, AVS))?;
    }
    let claim = next(&tasks)?;
    assert_eq!((claim.id(), claim.attempt()), ("c", 1));
    let record = tasks.get_task("c")?;
    assert_eq!((record.status, record.attempts, record.updated_at), (Processing, 1, seconds(3)));
    assert_eq!(record.lease_until, Some(seconds(63)));
    assert_eq!(&record, claim.record());
    // Ready again at the moment in which "e" was saved: ties are broken by id.
    clock.set(seconds(3));
    assert_eq!(tasks.retry_after(&claim, Duration::ZERO, "busy")?, Retried::NotBefore(seconds(3)));
    let order: Vec<_> =
        (0..5).map(|_| next(&tasks).map(|claim| claim.id().to_owned())).collect::<Result<_>>()?;
    assert_eq!(order, ["a", "b", "d", "c", "e"]);
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    Ok(())
}

pub(crate) fn claim_keeps_to_its_service<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    tasks.save_task(task("a", AVS))?;
    tasks.save_task(task("b", "0xAvS456"))?;
    assert!(tasks.claim_next(Scope::Avs("0xavs12"), LEASE)?.is_none());
    let claim = tasks.claim_next(Scope::Avs(OTHER_AVS), LEASE)?.expect("one is ready");
    assert_eq!(claim.id(), "b");
    assert!(tasks.claim_next(Scope::Avs(OTHER_AVS), LEASE)?.is_none());
    clock.advance(LEASE);
    assert_eq!(tasks.claim_next(Scope::Avs(AVS), LEASE)?.expect("one is ready").id(), "a");
    assert!(
        tasks.claim_next(Scope::Avs(AVS), LEASE)?.is_none(),
        "the abandoned task belongs to another service"
    );
    assert_eq!(tasks.claim_next(Scope::Avs("0XAVS456"), LEASE)?.expect("one is abandoned").id(), "b");
    Ok(())
}

pub(crate) fn lease_that_ran_out_is_claimed_again<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    tasks.save_task(task("t", AVS))?;
    next(&tasks)?;
    clock.advance(LEASE - Duration::from_nanos(1));
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none(), "the lease runs to its last moment");
    assert_refused!(
        tasks.claim_task("t", LEASE),
        TaskError::InvalidTransition { from: Processing, to: Processing, .. }
    );
    clock.advance(Duration::from_nanos(1));
    let again = next(&tasks)?;
    assert_eq!((again.attempt(), again.record().status), (2, Processing));
    assert_eq!(listed(&tasks, Scope::All, Processing)?, ["t"]);
    clock.advance(LEASE);
    assert_eq!(tasks.claim_task("t", LEASE)?.attempt(), 3);

    // A task that was set to processing without a claim has a lease as well.
    let tasks = tasks.with_lease(SECOND);
    tasks.save_task(task("u", AVS))?;
    tasks.update_task_status("u", Processing)?;
    clock.advance(SECOND);
    assert_eq!(tasks.claim_task("u", LEASE)?.attempt(), 2);
    Ok(())
}

pub(crate) fn heartbeat_keeps_a_claim<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    tasks.save_task(task("t", AVS))?;
    let mut claim = next(&tasks)?;
    for _ in 0..5 {
        clock.advance(LEASE / 2);
        claim = tasks.extend_lease(&claim, LEASE)?;
        assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    }
    assert_eq!(claim.attempt(), 1);
    assert_eq!(claim.record().lease_until, Some(seconds(150 + 60)));
    // A lease that ran out, and that nobody has taken over, can still be extended.
    clock.advance(LEASE * 2);
    let claim = tasks.extend_lease(&claim, LEASE)?;
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    assert_eq!(tasks.complete(&claim)?.status, Completed);
    assert_refused!(
        tasks.extend_lease(&claim, LEASE),
        TaskError::InvalidTransition { from: Completed, to: Processing, .. }
    );
    Ok(())
}

pub(crate) fn late_worker_changes_nothing<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    tasks.save_task(task("t", AVS))?;
    let late = next(&tasks)?;
    clock.advance(LEASE);
    let current = next(&tasks)?;
    let before = tasks.get_task("t")?;
    let refused = [
        tasks.extend_lease(&late, LEASE).map(drop),
        tasks.complete(&late).map(drop),
        tasks.complete_and_remove(&late),
        tasks.fail(&late, "late").map(drop),
        tasks.retry(&late, "late").map(drop),
    ];
    for refused in refused {
        assert_refused!(refused, TaskError::Conflict { id, expected: 1, found: 2 } if id == "t");
    }
    assert_eq!(tasks.get_task("t")?, before);
    tasks.complete(&current)?;
    assert_refused!(
        tasks.fail(&late, "late"),
        TaskError::InvalidTransition { from: Completed, to: Failed, .. }
    );
    tasks.delete_task("t")?;
    assert_refused!(tasks.complete(&current), TaskError::NotFound { what: Entity::Task, .. });
    // The same id and attempt, and yet another task.
    clock.advance(SECOND);
    tasks.save_task(task("t", AVS))?;
    let anew = next(&tasks)?;
    assert_eq!(anew.attempt(), late.attempt());
    assert_refused!(tasks.complete(&late), TaskError::Conflict { .. });
    tasks.complete(&anew)?;
    Ok(())
}

pub(crate) fn claim_of_one_task_is_guarded<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    for id in ["a", "b", "c"] {
        tasks.save_task(task(id, AVS))?;
    }
    let claim = tasks.claim_task("b", LEASE)?;
    assert_eq!((claim.id(), claim.attempt()), ("b", 1));
    assert_eq!(pending(&tasks, Scope::All)?, ["a", "c"]);
    assert_refused!(tasks.claim_task("b", LEASE), TaskError::InvalidTransition { from: Processing, .. });
    let until = seconds(10);
    assert_eq!(tasks.retry_after(&claim, SECOND * 10, "busy")?, Retried::NotBefore(until));
    assert_refused!(tasks.claim_task("b", LEASE), TaskError::NotDue { not_before, .. } if not_before == until);
    assert_refused!(tasks.update_task_status("b", Processing), TaskError::NotDue { .. });
    clock.set(until);
    tasks.complete(&tasks.claim_task("b", LEASE)?)?;
    tasks.update_task_status("a", Failed)?;
    assert_refused!(tasks.claim_task("b", LEASE), TaskError::InvalidTransition { from: Completed, .. });
    assert_refused!(tasks.claim_task("a", LEASE), TaskError::InvalidTransition { from: Failed, .. });
    Ok(())
}

pub(crate) fn zero_leases_are_invalid<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, _) = timed(subject)?;
    tasks.save_task(task("t", AVS))?;
    assert_refused!(tasks.claim_next(Scope::All, Duration::ZERO), TaskError::InvalidArgument(_));
    assert_refused!(tasks.claim_task("t", Duration::ZERO), TaskError::InvalidArgument(_));
    let claim = tasks.claim_task("t", Duration::MAX)?;
    assert_refused!(tasks.extend_lease(&claim, Duration::ZERO), TaskError::InvalidArgument(_));
    Ok(())
}

fn due(id: &str, avs: &str, second: u64) -> Task {
    Task { deadline: Some(seconds(second)), ..task(id, avs) }
}

pub(crate) fn task_past_its_deadline_is_not_given_out<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    tasks.save_task(due("a", AVS, 10))?;
    tasks.save_task(due("b", AVS, 10))?;
    tasks.save_task(Task { deadline: None, ..task("c", AVS) })?;
    clock.set(seconds(10));
    assert_refused!(
        tasks.claim_task("b", LEASE),
        TaskError::InvalidTransition { from: Failed, to: Processing, .. }
    );
    let claim = next(&tasks)?;
    assert_eq!(claim.id(), "c");
    tasks.complete(&claim)?;
    assert_eq!(listed(&tasks, Scope::All, Failed)?, ["a", "b"]);
    for id in ["a", "b"] {
        let record = tasks.get_task(id)?;
        assert!(record.failure.is_some() && !record.is_dead, "{record:?}");
    }
    // One that was begun in time and abandoned is not tried again either.
    tasks.save_task(due("d", AVS, 20))?;
    assert_eq!(next(&tasks)?.id(), "d");
    clock.set(seconds(1_000));
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    assert_eq!(tasks.get_task("d")?.status, Failed);
    Ok(())
}

pub(crate) fn many_tasks_past_their_deadline_are_passed<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    for number in 0..300 {
        tasks.save_task(due(&format!("t-{number}"), AVS, 10))?;
    }
    clock.set(seconds(10));
    tasks.save_task(due("last", AVS, 20))?;
    assert_eq!(next(&tasks)?.id(), "last");
    assert_eq!(tasks.count_tasks(Scope::All)?.failed, 300);
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    Ok(())
}

pub(crate) fn retry_waits_before_the_next_attempt<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().delays(SECOND * 2, SECOND * 5));
    tasks.save_task(Task { deadline: None, ..task("t", AVS) })?;
    let mut ready = 0;
    for (attempt, wait) in [(1, 2), (2, 4), (3, 5), (4, 5)] {
        let claim = next(&tasks)?;
        assert_eq!(claim.attempt(), attempt);
        ready += wait;
        assert_eq!(tasks.retry(&claim, &format!("failure {attempt}"))?, Retried::NotBefore(seconds(ready)));
        let record = tasks.get_task("t")?;
        assert_eq!(
            (record.status, record.not_before, record.lease_until),
            (Pending, Some(seconds(ready)), None)
        );
        assert_eq!(record.failure, Some(format!("failure {attempt}")));
        assert_eq!(pending(&tasks, Scope::Avs(AVS))?, ["t"], "it waits among the others");
        clock.set(seconds(ready).before(Duration::from_nanos(1)));
        assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
        assert!(tasks.claim_next(Scope::Avs(AVS), LEASE)?.is_none());
        clock.set(seconds(ready));
    }
    tasks.complete(&next(&tasks)?)?;
    assert_eq!(tasks.get_task("t")?.attempts, 5);
    super::assert_indexes_equal_records(&tasks, &[AVS])
}

pub(crate) fn attempts_end_in_a_dead_letter<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().attempts_max(3));
    tasks.save_task(task("t", AVS))?;
    for _ in 0..2 {
        let retried = tasks.retry_after(&next(&tasks)?, SECOND, "broken")?;
        assert!(matches!(retried, Retried::NotBefore(_)));
        clock.advance(SECOND);
    }
    assert_eq!(tasks.retry(&next(&tasks)?, "broken for good")?, Retried::Dead);
    let record = tasks.get_task("t")?;
    assert_eq!((record.status, record.is_dead, record.attempts), (Failed, true, 3));
    assert_eq!(record.failure.as_deref(), Some("broken for good"));
    // A task that failed by itself is no dead letter.
    tasks.save_task(task("u", AVS))?;
    tasks.fail(&next(&tasks)?, "refused")?;
    let dead = tasks.list_dead_letters(Scope::Avs(AVS), &Paging::all())?;
    assert_eq!(super::ids(&dead), ["t"]);
    assert!(tasks.list_dead_letters(Scope::Avs(OTHER_AVS), &Paging::all())?.items.is_empty());
    let counts = tasks.count_tasks(Scope::All)?;
    assert_eq!((counts.failed, counts.dead), (2, 1));
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none());
    Ok(())
}

pub(crate) fn abandoned_last_attempt_ends_in_a_dead_letter<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().attempts_max(2));
    tasks.save_task(task("t", AVS))?;
    for attempt in 1..=2 {
        assert_eq!(next(&tasks)?.attempt(), attempt);
        clock.advance(LEASE);
    }
    assert!(tasks.claim_next(Scope::All, LEASE)?.is_none(), "no worker survives this task");
    let record = tasks.get_task("t")?;
    assert_eq!((record.status, record.is_dead, record.attempts), (Failed, true, 2));
    Ok(())
}

pub(crate) fn dead_letter_is_requeued_once<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    let tasks = tasks.with_retry(RetryPolicy::new().attempts_max(1));
    tasks.save_task(task("t", AVS))?;
    assert_refused!(
        tasks.requeue_dead_letter("t"),
        TaskError::InvalidTransition { from: Pending, to: Pending, .. }
    );
    tasks.retry(&next(&tasks)?, "broken")?;
    clock.set(seconds(5));
    let anew = tasks.requeue_dead_letter("t")?;
    assert_eq!(anew.task, task("t", AVS));
    assert_eq!((anew.status, anew.attempts, anew.is_dead), (Pending, 0, false));
    assert_eq!((anew.created_at, &anew.failure), (seconds(5), &None));
    assert_eq!(tasks.get_task("t")?, anew);
    assert_refused!(tasks.requeue_dead_letter("t"), TaskError::InvalidTransition { from: Pending, .. });
    assert_eq!(next(&tasks)?.attempt(), 1);
    super::assert_indexes_equal_records(&tasks, &[AVS])
}

pub(crate) fn completed_task_can_be_removed_at_once<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, _) = timed(subject)?;
    tasks.save_task(task("t", AVS))?;
    let claim = next(&tasks)?;
    tasks.complete_and_remove(&claim)?;
    assert_refused!(tasks.get_task("t"), TaskError::NotFound { .. });
    assert_refused!(tasks.complete_and_remove(&claim), TaskError::NotFound { .. });
    assert_eq!(tasks.count_tasks(Scope::All)?, Default::default());
    Ok(())
}

pub(crate) fn claim_of_a_task_that_was_saved_anew_is_stale<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, _clock) = timed(subject)?;
    tasks.save_task(task("a", AVS))?;
    let stale = next(&tasks)?;
    tasks.delete_task("a")?;
    // At the same time and in the same attempt, as with a clock that stands still.
    tasks.save_task(task("a", AVS))?;
    let claim = next(&tasks)?;
    assert_eq!(stale.attempt(), claim.attempt());
    assert!(matches!(tasks.complete(&stale), Err(TaskError::Conflict { .. })));
    assert!(matches!(tasks.extend_lease(&stale, LEASE), Err(TaskError::Conflict { .. })));
    assert_eq!(tasks.complete(&claim)?.status, Completed);
    Ok(())
}

pub(crate) fn lease_of_no_time_is_refused<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, _clock) = timed(subject)?;
    let tasks = tasks.with_lease(Duration::ZERO);
    tasks.save_task(task("a", AVS))?;
    assert!(matches!(tasks.update_task_status("a", Processing), Err(TaskError::InvalidArgument(_))));
    assert!(matches!(tasks.claim_task("a", Duration::ZERO), Err(TaskError::InvalidArgument(_))));
    assert_eq!(tasks.get_task("a")?.status, Pending);
    Ok(())
}

pub(crate) fn task_past_its_deadline_is_not_begun_without_a_claim<S: Subject>(subject: &S) -> Result<()> {
    let (tasks, clock) = timed(subject)?;
    for id in ["begun", "late", "given up"] {
        tasks.save_task(due(id, AVS, 10))?;
    }
    clock.set(seconds(9));
    assert_eq!(tasks.update_task_status("begun", Processing)?.status, Processing);
    clock.set(seconds(10));
    assert_refused!(
        tasks.update_task_status("late", Processing),
        TaskError::InvalidTransition { from: Failed, to: Processing, .. }
    );
    let late = tasks.get_task("late")?;
    assert_eq!((late.status, late.attempts, late.updated_at), (Failed, 0, seconds(10)));
    assert!(late.failure.is_some() && !late.is_dead);
    assert_eq!(tasks.update_task_status("given up", Failed)?.status, Failed);
    // One that was begun in time may still end well.
    assert_eq!(tasks.update_task_status("begun", Completed)?.status, Completed);
    super::assert_indexes_equal_records(&tasks, &[AVS])
}
