//! The tasks, configurations, performers and blocks of the task rows, as plain fields.
//!
//! A contestant with types of its own turns these into them by moving the fields, so that making one costs
//! everyone the same.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique and not empty.
    pub task_id: String,
    /// The service it is for.
    pub avs_address: String,
    /// The set of operators that do it.
    pub operator_set_id: u32,
    /// Where the answer goes.
    pub callback_address: String,
    /// When it is too late.
    pub deadline: Option<SystemTime>,
    /// The stake that has to agree, in hundredths of a percent.
    pub threshold_bips: u16,
    /// What is to be done.
    pub payload: Vec<u8>,
    /// The chain it came from.
    pub chain_id: u64,
    /// The block it came from.
    pub block_number: u64,
    /// The hash of that block.
    pub block_hash: String,
}

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Saved.
    Pending,
    /// A worker has it.
    Processing,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

impl TaskStatus {
    /// Whether a task may go from `self` to `to`.
    #[must_use]
    pub fn may_become(self, to: TaskStatus) -> bool {
        use TaskStatus::{Completed, Failed, Pending, Processing};
        matches!((self, to), (Pending, Processing | Failed) | (Processing, Completed | Failed))
    }
}

/// The configuration of the tasks of an operator set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSetConfig {
    /// Seconds a task may take.
    pub task_sla: i64,
    /// The curve of the operators' keys.
    pub curve_type: String,
    /// Whatever the service keeps there.
    pub task_metadata: Vec<u8>,
    /// The share of the stake that has to agree, if that is how consensus is found.
    pub consensus_threshold: Option<u16>,
}

/// The record of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// The hash of the block before.
    pub parent_hash: String,
    /// When it was made, in seconds since 1970.
    pub timestamp: u64,
    /// Its chain.
    pub chain_id: u64,
}

/// A container that does tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerformerState {
    /// Unique and not empty.
    pub performer_id: String,
    /// The service it works for.
    pub avs_address: String,
    /// The container.
    pub resource_id: String,
    /// Free text.
    pub status: String,
    /// Where its image comes from.
    pub artifact_registry: String,
    /// The digest of its image.
    pub artifact_digest: String,
    /// The tag of its image.
    pub artifact_tag: String,
    /// How it is deployed.
    pub deployment_mode: String,
    /// When it was deployed.
    pub created_at: SystemTime,
    /// When it last answered.
    pub last_health_check: SystemTime,
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
    /// Names and values.
    pub environment: Vec<(String, String)>,
}

/// The task that every row saves.
#[must_use]
pub fn task(id: String) -> Task {
    let payload = format!("payload-{id}").into_bytes();
    let block_hash = format!("0xhash{id}");
    Task {
        task_id: id,
        avs_address: "0xavs1".to_owned(),
        operator_set_id: 1,
        callback_address: "0xcallback".to_owned(),
        deadline: Some(SystemTime::now() + Duration::from_secs(3_600)),
        threshold_bips: 6_700,
        payload,
        chain_id: 1,
        block_number: 1_000,
        block_hash,
    }
}

/// The id of the task of this number.
#[must_use]
pub fn task_id(number: u64) -> String {
    format!("task-{number}")
}

/// A task of the large data set: 100 services, 10 operator sets.
#[must_use]
pub fn spread_task(number: u64) -> Task {
    Task {
        avs_address: format!("0xavs{}", number % 100),
        operator_set_id: (number % 10) as u32,
        ..task(task_id(number))
    }
}

/// The configuration that is saved `number`th.
#[must_use]
pub fn operator_set_config(number: u64) -> OperatorSetConfig {
    OperatorSetConfig {
        task_sla: 3_600,
        curve_type: "bn254".to_owned(),
        task_metadata: format!("metadata-{number}").into_bytes(),
        consensus_threshold: Some(6_700),
    }
}

/// The service and operator set of the configuration that is saved `number`th: ten different ones.
#[must_use]
pub fn operator_set_key(number: u64) -> (String, u32) {
    (format!("0xavs{}", number % 10), (number % 5) as u32)
}

/// The id of the performer of this number.
#[must_use]
pub fn performer_id(number: u64) -> String {
    format!("performer-{number}")
}

/// The performer that every row saves.
#[must_use]
pub fn performer(id: String) -> PerformerState {
    let resource_id = format!("container-{id}");
    let now = SystemTime::now();
    PerformerState {
        performer_id: id,
        avs_address: "0xavs1".to_owned(),
        resource_id,
        status: "running".to_owned(),
        artifact_registry: "registry.example.com/performer".to_owned(),
        artifact_digest: "sha256:0123456789abcdef".to_owned(),
        artifact_tag: "v1.0.0".to_owned(),
        deployment_mode: "docker".to_owned(),
        created_at: now,
        last_health_check: now,
        container_healthy: true,
        application_healthy: true,
        network_name: String::new(),
        container_endpoint: "localhost:8080".to_owned(),
        container_hostname: String::new(),
        environment: Vec::new(),
    }
}

/// The same performer with two environment variables.
#[must_use]
pub fn performer_with_environment(id: String) -> PerformerState {
    let environment = vec![
        ("LOG_LEVEL".to_owned(), "info".to_owned()),
        ("CHAIN_RPC".to_owned(), format!("http://{id}:8545")),
    ];
    PerformerState { environment, ..performer(id) }
}

/// The block of this number.
#[must_use]
pub fn block(chain_id: u64, number: u64) -> Block {
    Block {
        number,
        hash: format!("0xhash{number}"),
        parent_hash: format!("0xhash{}", number.wrapping_sub(1)),
        timestamp: 1_700_000_000 + number * 12,
        chain_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_four_transitions_are_legal() {
        use TaskStatus::{Completed, Failed, Pending, Processing};
        let all = [Pending, Processing, Completed, Failed];
        let legal = all.iter().flat_map(|from| all.iter().filter(|to| from.may_become(**to)));
        assert_eq!(legal.count(), 4);
        assert!(!Pending.may_become(Completed));
    }

    #[test]
    fn ten_operator_set_keys_exist() {
        let keys: std::collections::BTreeSet<_> = (0..1_000).map(operator_set_key).collect();
        assert_eq!(keys.len(), 10);
    }
}
