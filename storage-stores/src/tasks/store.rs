//! The store of the program that hands tasks out: saving, reading, changing and listing them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use storage_core::{
    Attributes, Database, Direction, Durability, Engine, KeyRange, Snapshot, Table, Transaction,
};

use super::access::Access;
use super::blocks::BlockRecord;
use super::claims::{RetryPolicy, check_lease};
use super::configs::{AvsConfig, OperatorSetConfig};
use super::error::{Entity, Result, TaskError, check_id};
use super::indexes::{Indexes, State, normalized};
use super::listing::{Listing, Paging, Part, count, list};
use super::task::{Task, TaskRecord, TaskStatus};

/// How long a worker has a task that was set to processing without a claim.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// Tasks with their claims and recovery, blocks, and configurations.
///
/// Every change is one transaction, durable when the call returns unless [`with_durability`](Self::with_durability)
/// says otherwise.
///
/// ```
/// use std::time::Duration;
/// use storage_core::Database;
/// use storage_stores::tasks::{Paging, Scope, Task, TaskStatus, TaskStore};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let tasks = TaskStore::open(&db)?;
/// tasks.save_task(Task { task_id: "t-1".into(), avs_address: "0xAVS".into(), ..Task::default() })?;
///
/// let claim = tasks.claim_next(Scope::Avs("0xavs"), Duration::from_secs(30))?.expect("one task waits");
/// assert!(tasks.list_tasks(Scope::All, TaskStatus::Pending, &Paging::all())?.items.is_empty());
/// tasks.complete(&claim)?;
/// assert_eq!(tasks.get_task("t-1")?.status, TaskStatus::Completed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskStore<E: Engine> {
    pub(super) access: Access<E>,
    pub(super) lease: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) tasks: Table<String, TaskRecord>,
    pub(super) indexes: Indexes,
    pub(super) blocks: Table<(String, u64, u64), BlockRecord>,
    pub(super) chains: Table<u64, u64>,
    pub(super) operator_sets: Table<(String, u32), OperatorSetConfig>,
    pub(super) avs: Table<String, AvsConfig>,
}

/// Whose tasks are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Those of every AVS.
    All,
    /// Those of one AVS; the address is compared without regard to ASCII case.
    Avs(&'a str),
}

impl<'a> Scope<'a> {
    /// The address as it stands in keys.
    pub(super) fn avs(self) -> Option<Cow<'a, str>> {
        match self {
            Scope::All => None,
            Scope::Avs(avs) => Some(normalized(avs)),
        }
    }
}

/// How many tasks are in each state, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskCounts {
    /// Those that wait, delayed ones included.
    pub pending: u64,
    /// Those that wait and may not be claimed before a time that was set by a retry.
    pub delayed: u64,
    /// Those that a worker has, or had when its lease ran out.
    pub processing: u64,
    /// Those that are done.
    pub completed: u64,
    /// Those that were given up, dead letters included.
    pub failed: u64,
    /// Those that were given up because no attempt was left.
    pub dead: u64,
}

impl<E: Engine> TaskStore<E> {
    /// Opens the store on a database, in keyspaces whose names begin with `task`.
    pub fn open(db: &Database<E>) -> Result<Self> {
        let indexes = Indexes::new();
        let tasks = Table::define("tasks")
            .index(&indexes.pending)
            .index(&indexes.pending_by_avs)
            .index(&indexes.by_state)
            .open(db)?;
        Ok(TaskStore {
            access: Access::new(db),
            lease: LEASE,
            retry: RetryPolicy::new(),
            tasks,
            indexes,
            blocks: Table::define("task_blocks").open(db)?,
            chains: Table::define("task_chains").open(db)?,
            operator_sets: Table::define("task_operator_sets").open(db)?,
            avs: Table::define("task_avs").open(db)?,
        })
    }

    /// The durability of every change from now on: `Sync` unless set.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.access.durability = durability;
        self
    }

    /// The lease of a task that [`update_task_status`](Self::update_task_status) sets to processing: five minutes
    /// unless set.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How tasks are tried again.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The database that it stands on.
    pub fn database(&self) -> &Database<E> {
        &self.access.db
    }

    /// Closes the database that it stands on. Every later call fails with `Closed`, except this one.
    pub fn close(&self) -> Result<()> {
        Ok(self.access.db.close()?)
    }

    /// Saves a new task as pending.
    ///
    /// `AlreadyExists`, and nothing changed, if its id is taken; `InvalidArgument` if it is empty.
    pub fn save_task(&self, task: Task) -> Result<Arc<TaskRecord>> {
        check_id(Entity::Task, &task.task_id)?;
        let mut record = Arc::new(TaskRecord::new(task));
        self.access.transact(|txn| self.insert(txn, &mut record))?;
        Ok(record)
    }

    /// Puts a new task into a transaction. The id has been checked.
    pub(super) fn insert(&self, txn: &mut Transaction<'_, E>, record: &mut Arc<TaskRecord>) -> Result<()> {
        if self.tasks.contains(txn, record.id())? {
            return Err(TaskError::AlreadyExists { what: Entity::Task, id: record.id().to_owned() });
        }
        // An earlier try of the transaction is gone, so that nobody shares the record yet.
        let fresh = Arc::make_mut(record);
        fresh.created_at = txn.now();
        fresh.updated_at = fresh.created_at;
        Ok(self.tasks.put_shared(txn, &record.task.task_id, Arc::clone(record), Attributes::new())?)
    }

    /// A task with its status and times. `NotFound` if there is none.
    pub fn get_task(&self, id: &str) -> Result<Arc<TaskRecord>> {
        self.tasks.get(&self.access.db, id)?.ok_or_else(|| TaskError::not_found(Entity::Task, id))
    }

    /// Moves a task to another status.
    ///
    /// `InvalidTransition`, and nothing changed, for one that the graph does not have; `NotDue` for a task that a retry
    /// has delayed. One that goes to processing is on the store's [lease](Self::with_lease), and counts an attempt. Past
    /// its deadline it is not begun, as with [`claim_task`](Self::claim_task): it becomes failed, and that is
    /// `InvalidTransition` too.
    pub fn update_task_status(&self, id: &str, to: TaskStatus) -> Result<Arc<TaskRecord>> {
        let record = self.access.transact(|txn| {
            let record = self.stored(txn, id)?;
            if !record.status.may_become(to) {
                return Err(invalid_transition(&record, to));
            }
            let now = txn.now();
            let changed = match to {
                TaskStatus::Processing => {
                    check_lease(self.lease)?;
                    check_due(&record, now)?;
                    self.hopeless(&record, now).unwrap_or_else(|| record.claimed(now, self.lease))
                }
                TaskStatus::Failed => record.failed(now, None),
                TaskStatus::Completed => record.completed(now),
                TaskStatus::Pending => return Err(invalid_transition(&record, to)),
            };
            self.replace(txn, changed)
        })?;
        match record.status == to {
            true => Ok(record),
            false => Err(invalid_transition(&record, to)),
        }
    }

    /// Removes a task, whatever its status. `NotFound` if there is none.
    ///
    /// One that cannot be read is removed too, at the cost of a walk through the indexes of all tasks.
    pub fn delete_task(&self, id: &str) -> Result<()> {
        match self.access.delete(&self.tasks, id)? {
            true => Ok(()),
            false => Err(TaskError::not_found(Entity::Task, id)),
        }
    }

    /// The tasks with a status, ties broken by id: the pending ones by their creation, those in processing by the end of
    /// their lease, the others by when they ended.
    pub fn list_tasks(
        &self,
        scope: Scope<'_>,
        status: TaskStatus,
        paging: &Paging,
    ) -> Result<Listing<TaskRecord>> {
        match status {
            TaskStatus::Pending => self.list_pending(scope, paging),
            TaskStatus::Processing => self.list_states(scope, &[State::Processing], paging),
            TaskStatus::Completed => self.list_states(scope, &[State::Completed], paging),
            TaskStatus::Failed => self.list_states(scope, &[State::Failed, State::Dead], paging),
        }
    }

    /// Every task by its id, whatever its status.
    pub fn list_all_tasks(&self, paging: &Paging) -> Result<Listing<TaskRecord>> {
        self.access.list(&self.tasks, &(), paging)
    }

    fn list_pending(&self, scope: Scope<'_>, paging: &Paging) -> Result<Listing<TaskRecord>> {
        self.list_pending_in(&self.access.db.snapshot()?, scope, paging)
    }

    /// The pending tasks of a snapshot.
    pub(super) fn list_pending_in(
        &self,
        snapshot: &Snapshot<E>,
        scope: Scope<'_>,
        paging: &Paging,
    ) -> Result<Listing<TaskRecord>> {
        let Some(avs) = scope.avs() else {
            let (name, index) = ("tasks:pending", &self.indexes.pending);
            let behind = paging.behind(name)?;
            let read = |range| self.tasks.range_by(index, snapshot, range, Direction::Forward);
            return list(
                name,
                vec![Part::read(&false, behind, read)?, Part::read(&true, behind, read)?],
                paging,
            );
        };
        let name = format!("tasks:pending:{avs}");
        let behind = paging.behind(&name)?;
        let read =
            |range| self.tasks.range_by(&self.indexes.pending_by_avs, snapshot, range, Direction::Forward);
        let parts =
            vec![Part::read(&(&*avs, false), behind, read)?, Part::read(&(&*avs, true), behind, read)?];
        list(&name, parts, paging)
    }

    pub(super) fn list_states(
        &self,
        scope: Scope<'_>,
        states: &[State],
        paging: &Paging,
    ) -> Result<Listing<TaskRecord>> {
        let avs = scope.avs();
        let name = format!("tasks:{states:?}:{avs:?}");
        let behind = paging.behind(&name)?;
        let snapshot = self.access.db.snapshot()?;
        let read = |range| self.tasks.range_by(&self.indexes.by_state, &snapshot, range, Direction::Forward);
        let part = |state: &State| Part::read(&(avs.as_deref(), *state as u8), behind, read);
        list(&name, states.iter().map(part).collect::<Result<_>>()?, paging)
    }

    /// Counts the tasks in each state. It walks the indexes and reads no task.
    pub fn count_tasks(&self, scope: Scope<'_>) -> Result<TaskCounts> {
        let snapshot = self.access.db.snapshot()?;
        let avs = scope.avs();
        let in_state = |state| self.count_state(&snapshot, avs.as_deref(), state);
        let pending = match &avs {
            None => {
                let index = &self.indexes.pending;
                count(self.tasks.range_by(index, &snapshot, KeyRange::all(), Direction::Forward)?)?
            }
            Some(avs) => {
                let range = KeyRange::within(&**avs)?;
                count(self.tasks.range_by(
                    &self.indexes.pending_by_avs,
                    &snapshot,
                    range,
                    Direction::Forward,
                )?)?
            }
        };
        let dead = in_state(State::Dead)?;
        Ok(TaskCounts {
            pending,
            delayed: in_state(State::Delayed)?,
            processing: in_state(State::Processing)?,
            completed: in_state(State::Completed)?,
            failed: in_state(State::Failed)? + dead,
            dead,
        })
    }

    fn count_state(&self, snapshot: &Snapshot<E>, avs: Option<&str>, state: State) -> Result<u64> {
        let range = KeyRange::within(&(avs, state as u8))?;
        count(self.tasks.range_by(&self.indexes.by_state, snapshot, range, Direction::Forward)?)
    }

    /// A task as the transaction sees it.
    pub(super) fn stored(&self, txn: &Transaction<'_, E>, id: &str) -> Result<Arc<TaskRecord>> {
        self.tasks.get(txn, id)?.ok_or_else(|| TaskError::not_found(Entity::Task, id))
    }

    /// Puts a record in place of an earlier one of the same task.
    pub(super) fn replace(
        &self,
        txn: &mut Transaction<'_, E>,
        record: TaskRecord,
    ) -> Result<Arc<TaskRecord>> {
        let record = Arc::new(record);
        self.tasks.put_shared(txn, &record.task.task_id, Arc::clone(&record), Attributes::new())?;
        Ok(record)
    }
}

/// The error of a transition that the graph does not have.
pub(super) fn invalid_transition(record: &TaskRecord, to: TaskStatus) -> TaskError {
    TaskError::InvalidTransition { id: record.id().to_owned(), from: record.status, to }
}

/// `NotDue` for a task that was delayed and whose time has not come.
pub(super) fn check_due(record: &TaskRecord, now: storage_core::Timestamp) -> Result<()> {
    match record.not_before.filter(|at| *at > now) {
        None => Ok(()),
        Some(not_before) => Err(TaskError::NotDue { id: record.id().to_owned(), not_before }),
    }
}

impl<E: Engine> fmt::Debug for TaskStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStore")
            .field("access", &self.access)
            .field("lease", &self.lease)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}
