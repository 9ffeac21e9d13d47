//! Ours, in the rows of the task store: `storage-stores` on the database, as an application uses it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use storage_core::{Database, Durability, Engine, Timestamp};
use storage_stores::tasks;
use storage_stores::tasks::{ExecutorStore, Listing, Paging, Scope, TaskError, TaskRecord, TaskStore};

use super::engine::{Layer, Opening, Stores};
use super::{PerformerView, TaskRows, TaskView, Transition};
use crate::failure::{Failure, Outcome};
use crate::workload::Spec;
use crate::workload::task_data::{Block, OperatorSetConfig, PerformerState, Task, TaskStatus};

/// The two task stores on one database.
#[derive(Debug)]
pub struct TaskStores<E: Engine> {
    tasks: TaskStore<E>,
    executor: ExecutorStore<E>,
}

/// The same as a contestant.
pub type TaskLayer<O> = Layer<O, TaskStores<<O as Opening>::Engine>>;

impl<E: Engine> TaskStores<E> {
    fn on(db: &Database<E>, durability: Durability) -> Outcome<Self> {
        let tasks = TaskStore::open(db)?.with_durability(durability);
        let executor = ExecutorStore::open(db)?.with_durability(durability);
        Ok(TaskStores { tasks, executor })
    }
}

impl<E: Engine> Stores<E> for TaskStores<E> {
    fn open(db: &Database<E>, durability: Durability, _: &Spec) -> Outcome<Self> {
        Self::on(db, durability)
    }
}

impl<O: Opening> TaskRows for TaskLayer<O> {
    type Found = Arc<TaskRecord>;
    type Performer = Arc<tasks::PerformerState>;

    fn fill(&self, work: impl FnOnce(&Self) -> Outcome<()>) -> Outcome<()> {
        let stores = TaskStores::on(&self.db, Durability::Deferred)?;
        work(&Layer { db: self.db.clone(), stores, _place: None })?;
        Ok(self.db.sync()?)
    }

    fn save_task(&self, task: Task) -> Outcome<()> {
        let task = tasks::Task {
            task_id: task.task_id,
            avs_address: task.avs_address,
            operator_set_id: task.operator_set_id,
            callback_addr: task.callback_address,
            deadline: task.deadline.map(timestamp),
            threshold_bips: task.threshold_bips,
            payload: task.payload,
            chain_id: task.chain_id,
            source_block_number: task.block_number,
            block_hash: task.block_hash,
            ..tasks::Task::default()
        };
        self.stores.tasks.save_task(task)?;
        Ok(())
    }

    fn get_task(&self, id: &str) -> Outcome<Arc<TaskRecord>> {
        Ok(self.stores.tasks.get_task(id)?)
    }

    fn list_pending(&self) -> Outcome<Vec<Arc<TaskRecord>>> {
        all(self.stores.tasks.list_tasks(Scope::All, tasks::TaskStatus::Pending, &Paging::all())?)
    }

    fn change_status(&self, id: &str, to: TaskStatus) -> Outcome<Transition> {
        let to = match to {
            TaskStatus::Pending => tasks::TaskStatus::Pending,
            TaskStatus::Processing => tasks::TaskStatus::Processing,
            TaskStatus::Completed => tasks::TaskStatus::Completed,
            TaskStatus::Failed => tasks::TaskStatus::Failed,
        };
        match self.stores.tasks.update_task_status(id, to) {
            Ok(_) => Ok(Transition::Made),
            Err(TaskError::InvalidTransition { .. }) => Ok(Transition::Refused),
            Err(error) => Err(error.into()),
        }
    }

    fn delete_task(&self, id: &str) -> Outcome<()> {
        Ok(self.stores.tasks.delete_task(id)?)
    }

    fn set_last_block(&self, chain: u64, number: u64) -> Outcome<()> {
        Ok(self.stores.tasks.set_last_processed_block(chain, number)?)
    }

    fn last_block(&self, chain: u64) -> Outcome<u64> {
        Ok(self.stores.tasks.get_last_processed_block(chain)?)
    }

    fn save_block(&self, avs: &str, block: Block) -> Outcome<()> {
        let block = tasks::BlockRecord {
            number: block.number,
            hash: block.hash,
            parent_hash: block.parent_hash,
            timestamp: block.timestamp,
            chain_id: block.chain_id,
        };
        Ok(self.stores.tasks.save_block(avs, block)?)
    }

    fn last_saved_block(&self, avs: &str, chain: u64) -> Outcome<u64> {
        Ok(self.stores.tasks.get_last_block(avs, chain)?.number)
    }

    fn save_config(&self, avs: &str, operator_set: u32, config: OperatorSetConfig) -> Outcome<()> {
        let consensus = match config.consensus_threshold {
            Some(threshold) => tasks::Consensus::StakeProportionThreshold(threshold),
            None => tasks::Consensus::None,
        };
        let config = tasks::OperatorSetConfig {
            task_sla: config.task_sla,
            curve_type: config.curve_type,
            task_metadata: config.task_metadata,
            consensus,
        };
        Ok(self.stores.tasks.save_operator_set_config(avs, operator_set, config)?)
    }

    fn save_performer(&self, id: &str, state: PerformerState) -> Outcome<()> {
        let variable =
            |(name, value)| tasks::EnvironmentVariable { name, value, value_from_env: String::new() };
        let state = tasks::PerformerState {
            performer_id: state.performer_id,
            avs_address: state.avs_address,
            resource_id: state.resource_id,
            status: state.status,
            artifact: tasks::Artifact {
                registry: state.artifact_registry,
                digest: state.artifact_digest,
                tag: state.artifact_tag,
            },
            deployment_mode: match state.deployment_mode.as_str() {
                "kubernetes" => tasks::DeploymentMode::Kubernetes,
                _ => tasks::DeploymentMode::Docker,
            },
            created_at: timestamp(state.created_at),
            last_health_check: timestamp(state.last_health_check),
            container_healthy: state.container_healthy,
            application_healthy: state.application_healthy,
            network_name: state.network_name,
            container_endpoint: state.container_endpoint,
            container_hostname: state.container_hostname,
            environment: state.environment.into_iter().map(variable).collect(),
        };
        Ok(self.stores.executor.save_performer(id, state)?)
    }

    fn list_performers(&self) -> Outcome<Vec<Arc<tasks::PerformerState>>> {
        all(self.stores.executor.list_performers(&Paging::all())?)
    }
}

/// Every record of a listing; one that cannot be read fails the run.
fn all<T>(listing: Listing<T>) -> Outcome<Vec<Arc<T>>> {
    match listing.unreadable.into_iter().next() {
        Some(damaged) => Err(Failure::new(format!("a record cannot be read: {damaged:?}"))),
        None => Ok(listing.items),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from_nanos(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

impl TaskView for Arc<TaskRecord> {
    fn id(&self) -> &str {
        &self.task.task_id
    }

    fn payload(&self) -> &[u8] {
        &self.task.payload
    }
}

impl PerformerView for Arc<tasks::PerformerState> {
    fn id(&self) -> &str {
        &self.performer_id
    }

    fn status(&self) -> &str {
        &self.status
    }

    fn environment(&self, mut visit: impl FnMut(&str, &str)) {
        self.environment.iter().for_each(|variable| visit(&variable.name, &variable.value));
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Mem;
    use super::super::tests::task_rows_mean_what_they_say;
    use super::*;

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Mem>>();
    }
}
