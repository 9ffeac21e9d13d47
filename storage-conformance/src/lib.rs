//! What every engine must pass: cases that are listed once, and the wrappers that they are written with.
//!
//! An engine runs them all, on its own type and erased, by one macro in a test of its own:
//!
//! ```
//! use storage_conformance::{Damageable, plain::PlainStore};
//!
//! storage_conformance::suite!({
//!     let store = PlainStore::default();
//!     Damageable(move || Ok(store.open()))
//! });
//! # fn main() {}
//! ```

#[cfg(feature = "tokio")]
mod async_case;
#[cfg(feature = "tokio")]
pub mod async_suite;
mod case;
pub mod counting;
pub mod crash;
pub mod cycles;
pub mod damage;
mod deferred;
pub mod fuzz;
pub mod golden;
pub mod handles;
pub mod histories;
pub mod history;
pub mod kills;
pub mod liars;
pub mod list_append;
mod message_case;
pub mod message_suite;
pub mod model;
pub mod plain;
pub mod scripted;
mod search_case;
pub mod search_suite;
mod session_case;
pub mod session_suite;
pub mod small_disk;
mod subject;
pub mod suite;
mod task_case;
pub mod task_suite;

pub use deferred::{Deferred, Deferring};
pub use subject::{DamageRecord, Damageable, Erased, ErasedSubject, Power, Subject, SubjectOf};
pub use suite::{Case, cases};
