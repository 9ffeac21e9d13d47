//! Claims: one worker has a task for as long as its lease, and says how it ended.
//!
//! A claim is known by its attempt. A worker whose lease ran out, and whose task another one has since, can change
//! nothing any more.

use std::sync::Arc;
use std::time::Duration;

use storage_core::key::FromTuple;
use storage_core::{Direction, Engine, Index, KeyRange, Kind, Timestamp, Transaction};

use super::error::{Result, TaskError};
use super::indexes::{State, until};
use super::store::{Scope, TaskStore, check_due, invalid_transition};
use super::task::{TaskRecord, TaskStatus};

/// So many tasks past hope are given up by one transaction of a claim before it commits and goes on.
const HOPELESS_MAX: usize = 128;

/// A task that a worker has, on a lease.
#[derive(Clone, Debug)]
pub struct Claim {
    record: Arc<TaskRecord>,
}

impl Claim {
    /// The task as it was when it was claimed, or its lease extended.
    pub fn record(&self) -> &Arc<TaskRecord> {
        &self.record
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.record.id()
    }

    /// Which attempt this is, counted from one.
    pub fn attempt(&self) -> u32 {
        self.record.attempts
    }
}

/// How tasks are tried again after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// After so many attempts a task becomes a dead letter.
    pub attempts_max: u32,
    /// How long it waits after the first attempt. Each later wait is twice as long.
    pub first_delay: Duration,
    /// The longest wait.
    pub delay_max: Duration,
}

impl RetryPolicy {
    /// Ten attempts, with a wait of one second after the first and of five minutes at most.
    pub const fn new() -> Self {
        RetryPolicy {
            attempts_max: 10,
            first_delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(5 * 60),
        }
    }

    /// The same with another number of attempts; at least one is made.
    #[must_use]
    pub const fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts;
        self
    }

    /// The same with other waits.
    #[must_use]
    pub const fn delays(mut self, first: Duration, longest: Duration) -> Self {
        self.first_delay = first;
        self.delay_max = longest;
        self
    }

    /// How long a task waits after an attempt.
    pub fn delay_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first_delay.saturating_mul(1 << doublings).min(self.delay_max)
    }

    fn is_exhausted(&self, record: &TaskRecord) -> bool {
        record.attempts >= self.attempts_max
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy::new()
    }
}

/// What became of a task that was to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is pending, and can be claimed from then on.
    NotBefore(Timestamp),
    /// No attempt was left: it failed and is a dead letter.
    Dead,
}

/// What one transaction of a claim came to.
enum Next {
    Claimed(Arc<TaskRecord>),
    Nothing,
    /// It gave up as many tasks as one transaction may.
    More,
}

impl<E: Engine> TaskStore<E> {
    /// Claims the task that has been ready longest, for `lease` from now; `None` if none is ready.
    ///
    /// Ready is a pending task, from its time on if a retry delayed it, and one in processing whose lease ran out. Of
    /// several workers exactly one gets it. What is past its deadline, or has no attempt left, is met on the way
    /// and becomes failed. A task that cannot be read is passed over; the listings report it.
    pub fn claim_next(&self, scope: Scope<'_>, lease: Duration) -> Result<Option<Claim>> {
        check_lease(lease)?;
        loop {
            match self.access.transact(|txn| self.take_next(txn, scope, lease))? {
                Next::Claimed(record) => return Ok(Some(Claim { record })),
                Next::Nothing => return Ok(None),
                Next::More => {}
            }
        }
    }

    /// Claims one task, for `lease` from now.
    ///
    /// `NotFound`; `InvalidTransition` if another worker has it or it has ended; `NotDue` before the time that a retry
    /// set. A task that is past its deadline, or has no attempt left, becomes failed, and that is
    /// `InvalidTransition` too.
    pub fn claim_task(&self, id: &str, lease: Duration) -> Result<Claim> {
        check_lease(lease)?;
        let record = self.access.transact(|txn| {
            let record = self.stored(txn, id)?;
            let now = txn.now();
            check_due(&record, now)?;
            if !record.is_claimable(now) {
                return Err(invalid_transition(&record, TaskStatus::Processing));
            }
            let next = self.hopeless(&record, now).unwrap_or_else(|| record.claimed(now, lease));
            self.replace(txn, next)
        })?;
        match record.status {
            TaskStatus::Processing => Ok(Claim { record }),
            _ => Err(invalid_transition(&record, TaskStatus::Processing)),
        }
    }

    /// Extends the lease of a claim to `lease` from now: the heartbeat of a worker that needs longer.
    ///
    /// `Conflict` if the lease ran out and the task was claimed again; `InvalidTransition` if the task has ended or
    /// waits again.
    pub fn extend_lease(&self, claim: &Claim, lease: Duration) -> Result<Claim> {
        check_lease(lease)?;
        let record =
            self.end_or_keep(claim, TaskStatus::Processing, |record, now| record.extended(now, lease))?;
        Ok(Claim { record })
    }

    /// Ends a claim well: the task is completed. Errors as for [`extend_lease`](Self::extend_lease).
    pub fn complete(&self, claim: &Claim) -> Result<Arc<TaskRecord>> {
        self.end_or_keep(claim, TaskStatus::Completed, TaskRecord::completed)
    }

    /// Ends a claim well and removes the task at once, for tasks that nobody asks about afterwards. Errors as for
    /// [`extend_lease`](Self::extend_lease).
    pub fn complete_and_remove(&self, claim: &Claim) -> Result<()> {
        self.access.transact(|txn| {
            self.held(txn, claim, TaskStatus::Completed)?;
            Ok(self.tasks.delete(txn, claim.id())?)
        })
    }

    /// Ends a claim for good: the task failed. Errors as for [`extend_lease`](Self::extend_lease).
    pub fn fail(&self, claim: &Claim, reason: &str) -> Result<Arc<TaskRecord>> {
        self.end_or_keep(claim, TaskStatus::Failed, |record, now| record.failed(now, Some(reason.to_owned())))
    }

    /// Ends an attempt that failed: the task waits as long as the [policy](Self::with_retry) says and is pending, or is
    /// a dead letter if no attempt is left. Errors as for [`extend_lease`](Self::extend_lease).
    pub fn retry(&self, claim: &Claim, reason: &str) -> Result<Retried> {
        self.retry_after(claim, self.retry.delay_after(claim.attempt()), reason)
    }

    /// The same with a wait of the caller's choice.
    pub fn retry_after(&self, claim: &Claim, delay: Duration, reason: &str) -> Result<Retried> {
        let record = self.end_or_keep(claim, TaskStatus::Pending, |record, now| {
            match self.retry.is_exhausted(record) {
                true => record.dead(now, reason.to_owned()),
                false => record.delayed(now, now.after(delay), reason.to_owned()),
            }
        })?;
        Ok(record.not_before.map_or(Retried::Dead, Retried::NotBefore))
    }

    /// Changes the record of a claim that is still held.
    fn end_or_keep(
        &self,
        claim: &Claim,
        to: TaskStatus,
        change: impl Fn(&TaskRecord, Timestamp) -> TaskRecord,
    ) -> Result<Arc<TaskRecord>> {
        self.access.transact(|txn| {
            let record = self.held(txn, claim, to)?;
            let changed = change(&record, txn.now());
            self.replace(txn, changed)
        })
    }

    /// The record of a claim, if its task is still in that very attempt.
    fn held(&self, txn: &Transaction<'_, E>, claim: &Claim, to: TaskStatus) -> Result<Arc<TaskRecord>> {
        let record = self.stored(txn, claim.id())?;
        if record.status != TaskStatus::Processing {
            return Err(invalid_transition(&record, to));
        }
        // A task that was removed and saved anew may be in the same attempt.
        if record.attempts != claim.attempt() || record.incarnation != claim.record.incarnation {
            let (expected, found) = (claim.attempt(), record.attempts);
            return Err(TaskError::Conflict { id: claim.id().to_owned(), expected, found });
        }
        Ok(record)
    }

    fn take_next(&self, txn: &mut Transaction<'_, E>, scope: Scope<'_>, lease: Duration) -> Result<Next> {
        let now = txn.now();
        for _ in 0..HOPELESS_MAX {
            let Some(record) = self.first_ready(txn, scope, now)? else { return Ok(Next::Nothing) };
            match self.hopeless(&record, now) {
                None => return self.replace(txn, record.claimed(now, lease)).map(Next::Claimed),
                Some(failed) => drop(self.replace(txn, failed)?),
            }
        }
        Ok(Next::More)
    }

    /// The task that has been ready longest: the oldest that was never delayed, the first that was, or the one whose
    /// lease ran out first.
    fn first_ready(
        &self,
        txn: &Transaction<'_, E>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<Option<Arc<TaskRecord>>> {
        let avs = scope.avs();
        let by_state = &self.indexes.by_state;
        let fresh = match &avs {
            None => self.first(txn, &self.indexes.pending, KeyRange::within(&false)?)?,
            Some(avs) => {
                self.first(txn, &self.indexes.pending_by_avs, KeyRange::within(&(&**avs, false))?)?
            }
        };
        let delayed = self.first(txn, by_state, until(avs.as_deref(), State::Delayed, now)?)?;
        let abandoned = self.first(txn, by_state, until(avs.as_deref(), State::Processing, now)?)?;
        let ready_since =
            |record: &Arc<TaskRecord>| record.lease_until.or(record.not_before).unwrap_or(record.created_at);
        let ready = [fresh, delayed, abandoned].into_iter().flatten();
        Ok(ready.min_by(|a, b| (ready_since(a), a.id()).cmp(&(ready_since(b), b.id()))))
    }

    /// The first task of a range of an index that can be read.
    fn first<F: FromTuple>(
        &self,
        txn: &Transaction<'_, E>,
        index: &Index<String, TaskRecord, F>,
        range: KeyRange,
    ) -> Result<Option<Arc<TaskRecord>>> {
        let mut records = self.tasks.range_by(index, txn, range, Direction::Forward)?;
        loop {
            // The record itself is read: the copy in an index may be whole where the record is not.
            let found = match records.next() {
                Ok(None) => return Ok(None),
                Ok(Some(mut entry)) => entry.key().and_then(|id| self.tasks.get(txn, &id)),
                Err(error) => Err(error),
            };
            match found {
                Ok(Some(record)) => return Ok(Some(record)),
                Ok(None) => {}
                Err(error) if error.kind() == Kind::Corrupt && error.key().is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The failed record of a task that nobody shall try any more; `None` if there is hope.
    pub(super) fn hopeless(&self, record: &TaskRecord, now: Timestamp) -> Option<TaskRecord> {
        if record.is_overdue(now) {
            return Some(record.failed(now, Some("the deadline passed".into())));
        }
        let is_abandoned = record.status == TaskStatus::Processing;
        (is_abandoned && self.retry.is_exhausted(record)).then(|| {
            record.dead(now, format!("the lease of attempt {} ran out, and none is left", record.attempts))
        })
    }
}

/// `InvalidArgument` for a lease that is over before it begins.
pub(super) fn check_lease(lease: Duration) -> Result<()> {
    match lease.is_zero() {
        false => Ok(()),
        true => Err(TaskError::InvalidArgument("a lease must be longer than nothing".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let policy = RetryPolicy::new().delays(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<_> =
            [1, 2, 3, 4, 5, 100, u32::MAX].map(|at| policy.delay_after(at).as_millis()).into();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000, 1000]);
    }
}
