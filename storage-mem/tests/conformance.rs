//! The suite of storage-conformance on the memory engine, on its own type and erased.

use storage_conformance::{Damageable, suite};
use storage_mem::MemEngine;

suite!(Damageable(|| Ok(MemEngine::new())), lacks: [Reopen, Checksums]);
