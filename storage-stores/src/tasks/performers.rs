//! Performers: the containers that do tasks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage_core::{Engine, Timestamp};

use super::error::{Entity, Result, TaskError, check_id};
use super::executor::ExecutorStore;
use super::listing::{Listing, Paging};

/// What is known of a performer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformerState {
    /// Unique and not empty. The store sets it to the id under which the state is saved.
    pub performer_id: String,
    /// The service that it works for.
    pub avs_address: String,
    /// The container.
    pub resource_id: String,
    /// Free text.
    pub status: String,
    /// Its image.
    pub artifact: Artifact,
    /// Where it runs.
    pub deployment_mode: DeploymentMode,
    /// When it was deployed.
    pub created_at: Timestamp,
    /// When it last answered.
    pub last_health_check: Timestamp,
    /// Whether the container is well.
    pub container_healthy: bool,
    /// Whether the program in it is well.
    pub application_healthy: bool,
    /// Its network.
    pub network_name: String,
    /// Where it answers.
    pub container_endpoint: String,
    /// Its name in the network.
    pub container_hostname: String,
    /// The variables of its environment.
    pub environment: Vec<EnvironmentVariable>,
}

/// Where an image comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The registry that has it.
    pub registry: String,
    /// Its digest.
    pub digest: String,
    /// Its tag.
    pub tag: String,
}

/// Where a performer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeploymentMode {
    /// In a container of this machine.
    #[default]
    Docker,
    /// In a cluster.
    Kubernetes,
}

/// A variable of a performer's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The variable of the executor's own environment that the value comes from, if not empty.
    pub value_from_env: String,
}

impl<E: Engine> ExecutorStore<E> {
    /// Saves the state of a performer, in place of the one before.
    pub fn save_performer(&self, id: &str, mut state: PerformerState) -> Result<()> {
        check_id(Entity::Performer, id)?;
        if state.performer_id != id {
            id.clone_into(&mut state.performer_id);
        }
        let state = Arc::new(state);
        self.access.put(&self.performers, &state.performer_id, &state)
    }

    /// The state of a performer. `NotFound` if there is none.
    pub fn get_performer(&self, id: &str) -> Result<Arc<PerformerState>> {
        let found = self.performers.get(&self.access.db, id)?;
        found.ok_or_else(|| TaskError::not_found(Entity::Performer, id))
    }

    /// The performers, by id.
    pub fn list_performers(&self, paging: &Paging) -> Result<Listing<PerformerState>> {
        self.access.list(&self.performers, &(), paging)
    }

    /// Removes a performer. `NotFound` if there is none.
    pub fn delete_performer(&self, id: &str) -> Result<()> {
        match self.access.delete(&self.performers, id)? {
            true => Ok(()),
            false => Err(TaskError::not_found(Entity::Performer, id)),
        }
    }
}
