//! Ready-made stores: data models over any storage engine.
//!
//! A store is opened on a database and speaks the words of its domain. It knows no engine: what it promises holds on
//! each alike, because every change is one serializable transaction.

pub mod messages;
pub mod search;
pub mod sessions;
pub mod tasks;

mod rfc3339;
