//! Tasks that workers claim and finish, and what surrounds them: blocks, configurations, performers.
//!
//! Two stores, as two programs use them: [`TaskStore`] for the one that hands tasks out, [`ExecutorStore`] for the one
//! that does them. They can stand on the same database. What they return is shared and immutable (`Arc`), so nothing
//! that a caller does to it reaches the store.

mod access;
mod blocks;
mod claims;
mod configs;
mod deployments;
mod error;
mod executor;
mod indexes;
mod inflight;
mod listing;
mod performers;
mod recovery;
mod store;
mod task;

pub use blocks::BlockRecord;
pub use claims::{Claim, Retried, RetryPolicy};
pub use configs::{AvsConfig, Consensus, OperatorSetConfig};
pub use deployments::{Deployment, DeploymentStatus};
pub use error::{Entity, Result, TaskError};
pub use executor::{ExecutorStore, ProcessedTask};
pub use inflight::InflightTask;
pub use listing::{Listing, Paging};
pub use performers::{Artifact, DeploymentMode, EnvironmentVariable, PerformerState};
pub use recovery::Recovered;
pub use store::{Scope, TaskCounts, TaskStore};
pub use task::{Task, TaskRecord, TaskStatus};
