//! Measures every engine, and the hand-written code beside it, in one interleaved run.
//!
//! [`workload`] says what is done, [`contestant`] who does it, [`measure`] how it is timed and judged,
//! [`report`] how it is shown, and [`goals`] what the project has promised. A contestant that implements a
//! few traits and is named in the roster takes part in every row those traits can run.

pub mod cli;
pub mod contestant;
pub mod failure;
pub mod goals;
pub mod measure;
pub mod report;
pub mod run;
pub mod workload;
