//! A journal in front of an engine: a commit is durable once one preallocated file has it.
//!
//! Every commit is a record of one of two files, in version order, before the engine takes it. A deferred one is
//! written without a sync; the sync of a later one makes it durable too. When a file is full the other takes the
//! appends, and the first is begun anew as soon as the engine has made durable what it holds: a new epoch, which the
//! engine knows before the file does. Opening applies what the engine lacks ([`recover`]) before anything is read.
//!
//! [`Journal`] is an engine on any engine that is [`Journalled`]. One that keeps its own pending commits writes to the
//! [`Log`] itself. `file.rs`, `header.rs` and `frame.rs` say what stands in the files.

mod aside;
mod checkpoint;
mod disk;
mod encoding;
mod engine;
mod error;
mod file;
pub mod frame;
mod header;
mod journalled;
mod log;
mod os_disk;
mod recovery;

pub use disk::{Disk, DiskFile};
pub use encoding::{decode, encode};
pub use engine::{Checkpoints, Journal, JournalOptions, Large};
pub use file::{Found, Frames, JournalFile, NAMES};
pub use header::{Header, RECORDS_AT, SLOT_LEN, Slot};
pub use journalled::{Epochs, Journalled, Mark, Presence};
pub use log::{Appended, Log, Reuse};
pub use os_disk::OsDisk;
pub use recovery::{is_applied, recover, retire};
