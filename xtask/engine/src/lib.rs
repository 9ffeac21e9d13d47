//! The @name@ engine of the storage layer.
//!
//! It reads empty and refuses every commit that changes something. Go on in `commit.rs`; docs/adding-an-engine.md says
//! in which order.

mod commit;
mod cursor;
mod engine;
mod error;
mod snapshot;

pub use cursor::@Name@Cursor;
pub use engine::@Name@Engine;
pub use snapshot::@Name@Snapshot;
