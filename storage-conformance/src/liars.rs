//! Engines that are wrong on purpose: what they show is that the cases, the model and the checker can fail.
//!
//! Each is an engine that is right, wrapped, with one lie. [`LIARS`] says which case must notice it, and what
//! else.

mod engine;
mod lie;
mod snapshot;
mod stored;

pub use engine::Lying;
pub use lie::{Finds, LIARS, Liar, Lie};
pub use snapshot::{LyingCursor, LyingSnapshot};
