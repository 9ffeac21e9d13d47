//! What can go wrong in these stores, as types that a caller matches on.

use std::fmt;

use storage_core::key::{FromTuple, unpack};
use storage_core::{BodyError, Error, Kind, Timestamp};
use thiserror::Error as ThisError;

use super::deployments::DeploymentStatus;
use super::task::TaskStatus;

/// The result of every fallible call of these stores.
pub type Result<T, X = TaskError> = std::result::Result<T, X>;

/// An error of these stores. Unless it is [`Storage`](TaskError::Storage), nothing was written.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum TaskError {
    /// There is no such thing.
    #[error("{what} {id:?} does not exist")]
    NotFound {
        /// What was looked for.
        what: Entity,
        /// By which id.
        id: String,
    },
    /// The id is taken.
    #[error("{what} {id:?} exists already")]
    AlreadyExists {
        /// What has it.
        what: Entity,
        /// The id.
        id: String,
    },
    /// An argument is wrong.
    #[error("{0}")]
    InvalidArgument(String),
    /// A task may not go from the one status to the other.
    #[error("task {id:?} cannot go from {from} to {to}")]
    InvalidTransition {
        /// The task.
        id: String,
        /// The status that it has.
        from: TaskStatus,
        /// The status that was asked for.
        to: TaskStatus,
    },
    /// A deployment may not go from the one status to the other.
    #[error("deployment {id:?} cannot go from {from} to {to}")]
    InvalidDeploymentTransition {
        /// The deployment.
        id: String,
        /// The status that it has.
        from: DeploymentStatus,
        /// The status that was asked for.
        to: DeploymentStatus,
    },
    /// The task is to be tried again, but not yet.
    #[error("task {id:?} cannot be claimed before {} ns", not_before.as_nanos())]
    NotDue {
        /// The task.
        id: String,
        /// From when on it can be claimed.
        not_before: Timestamp,
    },
    /// The claim is held no more: its lease ran out and the task was claimed again, or it was removed and saved anew. What
    /// the worker did must not count.
    #[error(
        "the claim of task {id:?} is held no more: since its attempt {expected} the task was claimed again or saved anew, \
         and is in attempt {found}; drop this result, and extend the lease in time"
    )]
    Conflict {
        /// The task.
        id: String,
        /// The attempt of the claim.
        expected: u32,
        /// The attempt that is stored.
        found: u32,
    },
    /// A stored record cannot be read.
    #[error("record {id:?} cannot be read")]
    Corrupt {
        /// The id of what it held, as far as its key tells.
        id: String,
        /// What is wrong with it.
        source: Error,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The layer below failed. Its kind says whether to try again.
    #[error(transparent)]
    Storage(Error),
}

/// What these stores keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Entity {
    /// A task.
    Task,
    /// The record of a block.
    Block,
    /// The last block of a chain.
    LastBlock,
    /// The configuration of an operator set.
    OperatorSetConfig,
    /// The configuration of an AVS.
    AvsConfig,
    /// The state of a performer.
    Performer,
    /// A task in flight.
    InflightTask,
    /// A deployment.
    Deployment,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Entity::Task => "task",
            Entity::Block => "block",
            Entity::LastBlock => "last block of",
            Entity::OperatorSetConfig => "configuration of operator set",
            Entity::AvsConfig => "configuration of AVS",
            Entity::Performer => "performer",
            Entity::InflightTask => "task in flight",
            Entity::Deployment => "deployment",
        })
    }
}

impl TaskError {
    pub(super) fn not_found(what: Entity, id: impl fmt::Display) -> Self {
        TaskError::NotFound { what, id: id.to_string() }
    }
}

impl From<Error> for TaskError {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Closed => TaskError::Closed,
            Kind::Corrupt => match error.key() {
                Some(key) => TaskError::Corrupt { id: id_in(key), source: error },
                None => TaskError::Storage(error),
            },
            _ => TaskError::Storage(error),
        }
    }
}

impl BodyError for TaskError {
    fn storage(&self) -> Option<&Error> {
        match self {
            TaskError::Storage(error) | TaskError::Corrupt { source: error, .. } => Some(error),
            _ => None,
        }
    }
}

/// `InvalidArgument` for an empty id.
pub(super) fn check_id(what: Entity, id: &str) -> Result<()> {
    match id.is_empty() {
        false => Ok(()),
        true => Err(TaskError::InvalidArgument(format!("{what} ID cannot be empty"))),
    }
}

/// The id in the key of any record or index entry of these stores; the key itself, escaped, where it is damaged.
fn id_in(key: &[u8]) -> String {
    fn parts<T: FromTuple>(key: &[u8]) -> Option<T> {
        unpack(key).ok()
    }
    let of_record = || parts::<String>(key);
    let of_pending = || parts::<(bool, Timestamp, String)>(key).map(|key| key.2);
    let of_pending_by_avs = || parts::<(String, bool, Timestamp, String)>(key).map(|key| key.3);
    let of_state = || parts::<(Option<String>, u8, Timestamp, String)>(key).map(|key| key.3);
    let of_block =
        || parts::<(String, u64, u64)>(key).map(|(avs, chain, number)| format!("{avs}/{chain}/{number}"));
    let of_set = || parts::<(String, u32)>(key).map(|(avs, set)| format!("{avs}/{set}"));
    let of_chain = || parts::<u64>(key).map(|chain| chain.to_string());
    of_record()
        .or_else(of_pending)
        .or_else(of_pending_by_avs)
        .or_else(of_state)
        .or_else(of_block)
        .or_else(of_set)
        .or_else(of_chain)
        .unwrap_or_else(|| key.escape_ascii().to_string())
}

#[cfg(test)]
mod tests {
    use storage_core::{Key, Keyspace};

    use super::*;

    #[test]
    fn corruption_names_the_id_whichever_key_it_was_found_under() {
        let keyspace = Keyspace::new("anything").unwrap();
        let at = Timestamp::from_nanos(7);
        let keys = [
            (Key::of("t"), "t"),
            (Key::of(&(true, at, "t")), "t"),
            (Key::of(&("0xavs", false, at, "t")), "t"),
            (Key::of(&(None::<&str>, 4_u8, at, "t")), "t"),
            (Key::of(&(Some("0xavs"), 0_u8, at, "t")), "t"),
            (Key::of(&("0xavs", 1_u64, 2_u64)), "0xavs/1/2"),
            (Key::of(&("0xavs", 1_u32)), "0xavs/1"),
            (Key::of(&5_u64), "5"),
            (Ok(Key::from(b"\xff\xfe")), "\\xff\\xfe"),
        ];
        for (key, expected) in keys {
            let error = TaskError::from(Error::new(Kind::Corrupt, "damaged").at(keyspace, &key.unwrap()));
            assert!(matches!(&error, TaskError::Corrupt { id, .. } if id == expected), "{error:?}");
        }
    }

    #[test]
    fn conflicts_are_recognised_by_the_layer_below() {
        let error = TaskError::from(Error::new(Kind::Conflict, "overtaken"));
        assert_eq!(error.storage().map(Error::kind), Some(Kind::Conflict));
        assert!(matches!(TaskError::from(Error::new(Kind::Closed, "closed")), TaskError::Closed));
    }

    #[test]
    fn claim_that_is_held_no_more_says_so_also_in_the_same_attempt() {
        let told = TaskError::Conflict { id: "a".to_owned(), expected: 1, found: 1 }.to_string();
        assert!(told.contains("is held no more") && told.contains("saved anew"), "{told}");
    }
}
