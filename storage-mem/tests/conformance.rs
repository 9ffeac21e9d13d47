//! The suites of storage-conformance on the memory engine.

use storage_conformance::{Damageable, Subject, async_suite, store_suites, suite};
use storage_mem::MemEngine;

fn memory() -> impl Subject<Engine = MemEngine> {
    Damageable(|| Ok(MemEngine::new()))
}

suite!(memory(), lacks: [Reopen, Checksums]);
store_suites!(memory(), lacks: [Reopen, Checksums]);

mod asynchronous {
    use super::*;

    async_suite!(memory(), lacks: [Reopen, Checksums]);
}
