//! How the tasks of an AVS and of its operator sets are to be handled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage_core::Engine;

use super::error::{Entity, Result, TaskError};
use super::indexes::normalized;
use super::store::TaskStore;

/// The configuration of the tasks of one operator set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorSetConfig {
    /// Seconds that a task may take.
    pub task_sla: i64,
    /// The curve of the operators' keys.
    pub curve_type: String,
    /// Whatever the AVS keeps there.
    pub task_metadata: Vec<u8>,
    /// How the answers of several operators become one.
    pub consensus: Consensus,
}

/// How the answers of several operators become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Consensus {
    /// Any answer will do.
    #[default]
    None,
    /// This share of the stake has to agree, in hundredths of a percent.
    StakeProportionThreshold(u16),
}

/// The configuration of an AVS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AvsConfig {
    /// The operator set that aggregates.
    pub aggregator_operator_set_id: u32,
    /// The operator sets that execute.
    pub executor_operator_set_ids: Vec<u32>,
    /// The curve of the operators' keys.
    pub curve_type: String,
}

impl<E: Engine> TaskStore<E> {
    /// Saves the configuration of an operator set, in place of the one before.
    pub fn save_operator_set_config(
        &self,
        avs: &str,
        operator_set_id: u32,
        config: OperatorSetConfig,
    ) -> Result<()> {
        self.access.put(&self.operator_sets, &key(avs, operator_set_id), &Arc::new(config))
    }

    /// The configuration of an operator set. `NotFound` if there is none.
    pub fn get_operator_set_config(&self, avs: &str, operator_set_id: u32) -> Result<Arc<OperatorSetConfig>> {
        let found = self.operator_sets.get(&self.access.db, &key(avs, operator_set_id))?;
        let id = format_args!("{avs}/{operator_set_id}");
        found.ok_or_else(|| TaskError::not_found(Entity::OperatorSetConfig, id))
    }

    /// Saves the configuration of an AVS, in place of the one before.
    pub fn save_avs_config(&self, avs: &str, config: AvsConfig) -> Result<()> {
        self.access.put(&self.avs, &normalized(avs).into_owned(), &Arc::new(config))
    }

    /// The configuration of an AVS. `NotFound` if there is none.
    pub fn get_avs_config(&self, avs: &str) -> Result<Arc<AvsConfig>> {
        let found = self.avs.get(&self.access.db, &*normalized(avs))?;
        found.ok_or_else(|| TaskError::not_found(Entity::AvsConfig, avs))
    }
}

fn key(avs: &str, operator_set_id: u32) -> (String, u32) {
    (normalized(avs).into_owned(), operator_set_id)
}
