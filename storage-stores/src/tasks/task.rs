//! A task, its record, and the graph of its status.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_core::Timestamp;

use super::error::{Result, TaskError};

/// What is to be done, as it was submitted.
///
/// What a running program attaches to a task beyond this is not part of it and is never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Unique and not empty.
    pub task_id: String,
    /// The service that it is for. It is compared without regard to ASCII case.
    pub avs_address: String,
    /// The set of operators that do it.
    pub operator_set_id: u32,
    /// Where the answer goes.
    pub callback_addr: String,
    /// From when on it is too late; `None` if never.
    pub deadline: Option<Timestamp>,
    /// The stake that has to agree, in hundredths of a percent.
    #[serde(rename = "stakeRequired")]
    pub threshold_bips: u16,
    /// What the performer receives.
    pub payload: Vec<u8>,
    /// The chain that it came from.
    pub chain_id: u64,
    /// The block that it came from.
    pub source_block_number: u64,
    /// The block of the first layer that stakes are read at.
    pub l1_reference_block_number: u64,
    /// When that block was made, in seconds since 1970.
    pub reference_timestamp: u32,
    /// The hash of the block that it came from.
    pub block_hash: String,
    /// The version of its format.
    pub version: u32,
}

/// Where a task is in its life.
///
/// ```text
/// pending    -> processing | failed
/// processing -> completed  | failed
/// ```
/// Nothing else is legal for a caller. The store itself puts a task that is to be tried again back to pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Waits for a worker.
    #[default]
    Pending,
    /// A worker has it, on a lease.
    Processing,
    /// Done. Final.
    Completed,
    /// Given up. Final.
    Failed,
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [TaskStatus; 4] =
        [TaskStatus::Pending, TaskStatus::Processing, TaskStatus::Completed, TaskStatus::Failed];

    /// Whether a caller may move a task from this status to another.
    pub fn may_become(self, to: TaskStatus) -> bool {
        use TaskStatus::{Completed, Failed, Pending, Processing};
        matches!((self, to), (Pending, Processing | Failed) | (Processing, Completed | Failed))
    }
}

impl fmt::Display for TaskStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TaskStatus::Pending => "pending",
            TaskStatus::Processing => "processing",
            TaskStatus::Completed => "completed",
            TaskStatus::Failed => "failed",
        })
    }
}

impl FromStr for TaskStatus {
    type Err = TaskError;

    /// Reads what `Display` writes. Anything else is `InvalidArgument`.
    fn from_str(name: &str) -> Result<Self> {
        let found = TaskStatus::ALL.into_iter().find(|status| status.to_string() == name);
        found.ok_or_else(|| TaskError::InvalidArgument(format!("{name:?} is no status of a task")))
    }
}

/// A task and what the store knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskRecord {
    /// The task as it was saved.
    pub task: Task,
    /// Where it is in its life.
    pub status: TaskStatus,
    /// When it was saved.
    pub created_at: Timestamp,
    /// When it was last changed; never before `created_at`.
    pub updated_at: Timestamp,
    /// Tells it from other tasks that were saved under the same id before or after it.
    pub incarnation: u64,
    /// How often it was given to a worker.
    pub attempts: u32,
    /// While it is processing: until when its worker has it. After that it can be claimed again.
    pub lease_until: Option<Timestamp>,
    /// While it is pending: from when on it can be claimed, if not at once.
    pub not_before: Option<Timestamp>,
    /// Why the last attempt failed, or why the task did.
    pub failure: Option<String>,
    /// Whether it failed because no attempt was left: a dead letter.
    pub is_dead: bool,
}

impl TaskRecord {
    /// A new task, pending. The times are set when it is saved.
    pub(super) fn new(task: Task) -> Self {
        TaskRecord {
            task,
            status: TaskStatus::Pending,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            incarnation: RandomState::new().build_hasher().finish(),
            attempts: 0,
            lease_until: None,
            not_before: None,
            failure: None,
            is_dead: false,
        }
    }

    /// The id of its task.
    pub fn id(&self) -> &str {
        &self.task.task_id
    }

    /// Whether its deadline has passed.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.task.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether a worker may take it: it waits and is due, or its worker's lease has run out.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.status {
            TaskStatus::Pending => self.not_before.is_none_or(|at| at <= now),
            TaskStatus::Processing => self.lease_until.is_none_or(|until| until <= now),
            TaskStatus::Completed | TaskStatus::Failed => false,
        }
    }

    /// The record after a change to a status, with nothing else of that status set yet.
    fn changed(&self, status: TaskStatus, now: Timestamp) -> Self {
        // A clock that another process set may be behind.
        let updated_at = now.max(self.updated_at);
        TaskRecord { status, updated_at, lease_until: None, not_before: None, ..self.clone() }
    }

    /// Given to a worker, for the first time or again.
    pub(super) fn claimed(&self, now: Timestamp, lease: Duration) -> Self {
        let attempts = self.attempts.saturating_add(1);
        TaskRecord {
            attempts,
            lease_until: Some(now.after(lease)),
            ..self.changed(TaskStatus::Processing, now)
        }
    }

    /// Still with its worker, for so long from now.
    pub(super) fn extended(&self, now: Timestamp, lease: Duration) -> Self {
        TaskRecord { lease_until: Some(now.after(lease)), ..self.changed(TaskStatus::Processing, now) }
    }

    pub(super) fn completed(&self, now: Timestamp) -> Self {
        self.changed(TaskStatus::Completed, now)
    }

    pub(super) fn failed(&self, now: Timestamp, failure: Option<String>) -> Self {
        TaskRecord { failure, ..self.changed(TaskStatus::Failed, now) }
    }

    pub(super) fn dead(&self, now: Timestamp, failure: String) -> Self {
        TaskRecord { is_dead: true, ..self.failed(now, Some(failure)) }
    }

    /// Back among those that wait, to be claimed from `not_before` on.
    pub(super) fn delayed(&self, now: Timestamp, not_before: Timestamp, failure: String) -> Self {
        let failure = Some(failure);
        TaskRecord { not_before: Some(not_before), failure, ..self.changed(TaskStatus::Pending, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_back_by_its_name() {
        for status in TaskStatus::ALL {
            assert_eq!(status.to_string().parse::<TaskStatus>().unwrap(), status);
        }
        for name in ["", "Pending", "running", "failed "] {
            assert!(matches!(name.parse::<TaskStatus>(), Err(TaskError::InvalidArgument(_))), "{name:?}");
        }
    }

    #[test]
    fn a_task_in_json_has_the_published_names() {
        let mut json = Vec::new();
        storage_core::Codec::Json.encode(&Task::default(), &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert!(json.contains("\"deadline\":null") && json.contains("\"stakeRequired\":0"), "{json}");
    }

    #[test]
    fn what_a_status_does_not_have_is_cleared_by_the_change() {
        let at = Timestamp::from_nanos;
        let claimed = TaskRecord::new(Task::default()).claimed(at(10), Duration::from_nanos(5));
        assert_eq!((claimed.attempts, claimed.lease_until), (1, Some(at(15))));
        let delayed = claimed.delayed(at(12), at(30), "busy".into());
        assert_eq!((delayed.lease_until, delayed.not_before, delayed.attempts), (None, Some(at(30)), 1));
        let again = delayed.claimed(at(30), Duration::from_nanos(5));
        assert_eq!((again.attempts, again.not_before), (2, None));
        assert_eq!(again.completed(at(1)).updated_at, at(30), "time never steps back in a record");
    }
}
