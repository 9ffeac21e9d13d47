//! The cases of the text index on the memory engine, on its own type and erased.

use storage_conformance::{Damageable, search_suite};
use storage_mem::MemEngine;

search_suite!(Damageable(|| Ok(MemEngine::new())), lacks: [Reopen, Checksums]);
