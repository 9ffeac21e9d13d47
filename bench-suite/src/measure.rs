//! How things are timed, counted and judged.

pub mod allocation;
pub mod batch;
pub mod bout;
pub mod forced;
pub mod machine;
pub mod meter;
pub mod probe;
pub mod process;
pub mod statistics;
