//! The cases of the session store on the memory engine, on its own type and erased.

use storage_conformance::{Damageable, session_suite};
use storage_mem::MemEngine;

session_suite!(Damageable(|| Ok(MemEngine::new())), lacks: [Reopen, Checksums]);
