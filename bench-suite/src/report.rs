//! How results are shown and kept.

pub mod compare;
pub mod figures;
pub mod json;
pub mod markdown;
pub mod progress;
pub mod tables;
pub mod time;
