//! The cases of the message store on the memory engine, on its own type and erased.

use storage_conformance::{Damageable, message_suite};
use storage_mem::MemEngine;

message_suite!(Damageable(|| Ok(MemEngine::new())), lacks: [Reopen, Checksums]);
