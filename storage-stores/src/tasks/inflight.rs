//! Tasks in flight: what an executor has received and not answered yet.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage_core::{Engine, Timestamp};

use super::error::{Entity, Result, TaskError, check_id};
use super::executor::ExecutorStore;
use super::listing::{Listing, Paging};

/// A task that an executor is working on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InflightTask {
    /// Unique and not empty. The store sets it to the id under which the task is saved.
    pub task_id: String,
    /// The service that it is for.
    pub avs_address: String,
    /// Who does it.
    pub operator_address: String,
    /// Who gets the answer.
    pub aggregator_address: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Free text.
    pub status: String,
    /// The set of operators that do it.
    pub operator_set_id: u32,
}

impl<E: Engine> ExecutorStore<E> {
    /// Saves a task in flight, in place of the one before.
    pub fn save_inflight_task(&self, id: &str, mut task: InflightTask) -> Result<()> {
        check_id(Entity::InflightTask, id)?;
        if task.task_id != id {
            id.clone_into(&mut task.task_id);
        }
        let task = Arc::new(task);
        self.access.put(&self.inflight, &task.task_id, &task)
    }

    /// A task in flight. `NotFound` if there is none.
    pub fn get_inflight_task(&self, id: &str) -> Result<Arc<InflightTask>> {
        let found = self.inflight.get(&self.access.db, id)?;
        found.ok_or_else(|| TaskError::not_found(Entity::InflightTask, id))
    }

    /// The tasks in flight, by id.
    pub fn list_inflight_tasks(&self, paging: &Paging) -> Result<Listing<InflightTask>> {
        self.access.list(&self.inflight, &(), paging)
    }

    /// Removes a task in flight. `NotFound` if there is none.
    pub fn delete_inflight_task(&self, id: &str) -> Result<()> {
        match self.access.delete(&self.inflight, id)? {
            true => Ok(()),
            false => Err(TaskError::not_found(Entity::InflightTask, id)),
        }
    }
}
