//! The store of the program that does tasks, and its markers of those that it has done.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_core::{Attributes, Database, Durability, Engine, Table, Timestamp, Transaction};

use super::access::Access;
use super::deployments::Deployment;
use super::error::{Entity, Result, TaskError, check_id};
use super::inflight::InflightTask;
use super::performers::PerformerState;

/// Performers, tasks in flight, deployments, and which tasks were processed.
///
/// ```
/// use storage_core::Database;
/// use storage_stores::tasks::ExecutorStore;
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let executor = ExecutorStore::open(&db)?;
/// assert!(executor.claim("t-1")?, "the first delivery runs the task");
/// assert!(!executor.claim("t-1")?, "the second does not");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ExecutorStore<E: Engine> {
    pub(super) access: Access<E>,
    processed_ttl: Option<Duration>,
    pub(super) performers: Table<String, PerformerState>,
    pub(super) inflight: Table<String, InflightTask>,
    pub(super) deployments: Table<String, Deployment>,
    processed: Table<String, ProcessedTask>,
}

/// The marker of a task that was processed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessedTask {
    /// The task.
    pub task_id: String,
    /// When it was marked first.
    pub processed_at: Timestamp,
}

impl<E: Engine> ExecutorStore<E> {
    /// Opens the store on a database, in keyspaces whose names begin with `executor`.
    pub fn open(db: &Database<E>) -> Result<Self> {
        Ok(ExecutorStore {
            access: Access::new(db),
            processed_ttl: None,
            performers: Table::define("executor_performers").open(db)?,
            inflight: Table::define("executor_inflight").open(db)?,
            deployments: Table::define("executor_deployments").open(db)?,
            processed: Table::define("executor_processed").open(db)?,
        })
    }

    /// The durability of every change from now on: `Sync` unless set.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.access.durability = durability;
        self
    }

    /// Forgets markers so long after they were set, which bounds their number. Without it they stay.
    ///
    /// A task that is delivered again after that runs again.
    #[must_use]
    pub fn with_processed_ttl(mut self, ttl: Duration) -> Self {
        self.processed_ttl = Some(ttl);
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

    /// Marks a task as processed. Marking it again changes nothing.
    pub fn mark_task_processed(&self, id: &str) -> Result<()> {
        self.claim(id).map(drop)
    }

    /// Marks a task as processed, and says whether this call did so: of all who try, exactly one hears `true`.
    ///
    /// Asked before a task is run, it runs once, however often it is delivered.
    pub fn claim(&self, id: &str) -> Result<bool> {
        check_id(Entity::Task, id)?;
        self.access.transact(|txn| {
            if self.processed.contains(txn, id)? {
                return Ok(false);
            }
            self.mark(txn, id)?;
            Ok(true)
        })
    }

    fn mark(&self, txn: &mut Transaction<'_, E>, id: &str) -> Result<()> {
        let now = txn.now();
        if self.processed_ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(TaskError::InvalidArgument("markers must be kept longer than nothing".into()));
        }
        let attributes = match self.processed_ttl {
            None => Attributes::new(),
            Some(ttl) => Attributes::new().expires_at(now.after(ttl)),
        };
        let marker = ProcessedTask { task_id: id.to_owned(), processed_at: now };
        Ok(self.processed.put_with(txn, &marker.task_id, &marker, attributes)?)
    }

    /// Whether a task is marked as processed.
    pub fn is_task_processed(&self, id: &str) -> Result<bool> {
        Ok(self.processed.contains(&self.access.db, id)?)
    }

    /// The marker of a task; `None` if it is not marked.
    pub fn get_processed_task(&self, id: &str) -> Result<Option<std::sync::Arc<ProcessedTask>>> {
        Ok(self.processed.get(&self.access.db, id)?)
    }
}

impl<E: Engine> fmt::Debug for ExecutorStore<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorStore")
            .field("access", &self.access)
            .field("processed_ttl", &self.processed_ttl)
            .finish_non_exhaustive()
    }
}
