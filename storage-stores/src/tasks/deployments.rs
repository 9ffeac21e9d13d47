//! Deployments: how a performer's image came to run, or did not.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage_core::{Attributes, Engine, Timestamp};

use super::error::{Entity, Result, TaskError, check_id};
use super::executor::ExecutorStore;
use super::listing::{Listing, Paging};

/// One deployment of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Unique and not empty. The store sets it to the id under which the deployment is saved.
    pub deployment_id: String,
    /// The service that it is for.
    pub avs_address: String,
    /// The registry that has the image.
    pub artifact_registry: String,
    /// The digest of the image.
    pub artifact_digest: String,
    /// How far it is.
    pub status: DeploymentStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it first ran or failed.
    pub completed_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How far a deployment is.
///
/// ```text
/// pending   -> deploying | failed
/// deploying -> running   | failed
/// running   -> failed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStatus {
    /// Not begun.
    #[default]
    Pending,
    /// Under way.
    Deploying,
    /// It runs.
    Running,
    /// It does not, and will not. Final.
    Failed,
}

impl DeploymentStatus {
    /// Every status.
    pub const ALL: [DeploymentStatus; 4] = [
        DeploymentStatus::Pending,
        DeploymentStatus::Deploying,
        DeploymentStatus::Running,
        DeploymentStatus::Failed,
    ];

    /// Whether a deployment may go from this status to another.
    pub fn may_become(self, to: DeploymentStatus) -> bool {
        use DeploymentStatus::{Deploying, Failed, Pending, Running};
        matches!(
            (self, to),
            (Pending, Deploying | Failed) | (Deploying, Running | Failed) | (Running, Failed)
        )
    }
}

impl fmt::Display for DeploymentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeploymentStatus::Pending => "pending",
            DeploymentStatus::Deploying => "deploying",
            DeploymentStatus::Running => "running",
            DeploymentStatus::Failed => "failed",
        })
    }
}

impl<E: Engine> ExecutorStore<E> {
    /// Saves a deployment, in place of the one before.
    pub fn save_deployment(&self, id: &str, mut deployment: Deployment) -> Result<()> {
        check_id(Entity::Deployment, id)?;
        if deployment.deployment_id != id {
            id.clone_into(&mut deployment.deployment_id);
        }
        let deployment = Arc::new(deployment);
        self.access.put(&self.deployments, &deployment.deployment_id, &deployment)
    }

    /// A deployment. `NotFound` if there is none.
    pub fn get_deployment(&self, id: &str) -> Result<Arc<Deployment>> {
        let found = self.deployments.get(&self.access.db, id)?;
        found.ok_or_else(|| TaskError::not_found(Entity::Deployment, id))
    }

    /// The deployments, by id.
    pub fn list_deployments(&self, paging: &Paging) -> Result<Listing<Deployment>> {
        self.access.list(&self.deployments, &(), paging)
    }

    /// Moves a deployment to another status. Entering running or failed sets the time of completion.
    ///
    /// `NotFound`; `InvalidDeploymentTransition`, and nothing changed, for one that the graph does not have.
    pub fn update_deployment_status(&self, id: &str, to: DeploymentStatus) -> Result<Arc<Deployment>> {
        self.change_deployment(id, to, None)
    }

    /// Moves a deployment to failed and keeps the reason. Errors as for
    /// [`update_deployment_status`](Self::update_deployment_status).
    pub fn fail_deployment(&self, id: &str, reason: &str) -> Result<Arc<Deployment>> {
        self.change_deployment(id, DeploymentStatus::Failed, Some(reason))
    }

    fn change_deployment(
        &self,
        id: &str,
        to: DeploymentStatus,
        reason: Option<&str>,
    ) -> Result<Arc<Deployment>> {
        self.access.transact(|txn| {
            let found = self.deployments.get(txn, id)?;
            let found = found.ok_or_else(|| TaskError::not_found(Entity::Deployment, id))?;
            if !found.status.may_become(to) {
                let (id, from) = (id.to_owned(), found.status);
                return Err(TaskError::InvalidDeploymentTransition { id, from, to });
            }
            let mut changed = Deployment { status: to, ..Deployment::clone(&found) };
            if matches!(to, DeploymentStatus::Running | DeploymentStatus::Failed) {
                changed.completed_at = Some(txn.now());
            }
            if let Some(reason) = reason {
                changed.error = Some(reason.to_owned());
            }
            let changed = Arc::new(changed);
            self.deployments.put_shared(
                txn,
                &changed.deployment_id,
                Arc::clone(&changed),
                Attributes::new(),
            )?;
            Ok(changed)
        })
    }
}
