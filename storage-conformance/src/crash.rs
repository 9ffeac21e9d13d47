//! Power cuts: a store on a simulated disk, crashed behind every call that changes it, and then again while it recovers.
//!
//! A script runs on a disk that records its calls. For every prefix of them, the disk as a power cut may leave it is
//! made in several manners, and the store is opened from it. It must hold a state that it had: no older one than the
//! last that was told to be durable, and no later one than was begun. Then it goes on, and crashes again.
//!
//! Whoever has an engine of its own on the seam of [`Disk`](storage_core::journal::Disk), or can put one under it,
//! runs [`crash_everywhere`] and [`fail_everywhere`] on it. [`ImageEngine`] is the partner with which the journal itself
//! is tried, and tells lies that must be found.

mod disk;
mod explore;
mod faults;
mod image_engine;
mod leavings;
mod runs;
mod script;
mod scripts;
mod through_core;
mod unchained;

pub use disk::{Call, Counted, Fault, Image, Lasts, SimDisk, SimFile};
pub use explore::{Search, Tried, crash_everywhere};
pub use faults::{Failed, fail_everywhere, fail_everywhere_and};
pub use image_engine::{ImageEngine, ImageLie};
pub use leavings::{Manner, leavings, random};
pub use runs::{Extent, crash_from_seeds, crash_in_each};
pub use script::{Acknowledged, Broken, Content, CrashSubject, Reached, Run, Step, content, empty, run};
pub use scripts::{ANOTHER_PROCESS, SCRIPTS, random_script};
pub use through_core::ThroughCore;
pub use unchained::{UnchainedDisk, Written};
