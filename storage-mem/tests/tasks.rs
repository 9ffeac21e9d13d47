//! The cases of the task stores on the memory engine, on its own type and erased.

use storage_conformance::{Damageable, task_suite};
use storage_mem::MemEngine;

task_suite!(Damageable(|| Ok(MemEngine::new())), lacks: [Reopen, Checksums]);
