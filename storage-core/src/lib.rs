//! A storage layer.
pub mod limits;
mod clock;
mod error;
mod keyspace;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, Kind, Result, Retry};
pub use keyspace::{Keyspace, KeyspaceKind, KeyspaceMap};
