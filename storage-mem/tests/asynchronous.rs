//! The cases of the async face on the memory engine, on its own type and erased.

use storage_conformance::async_suite;
use storage_mem::MemEngine;

async_suite!(|| Ok(MemEngine::new()));
