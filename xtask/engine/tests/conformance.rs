//! The suites of storage-conformance on the @name@ engine: its own cases, and those of the stores on it.

use storage_@name@::@Name@Engine;
use storage_conformance::{store_suites, suite};

suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
store_suites!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
