//! The suites of storage-conformance on the @name@ engine: its own cases, and those of the stores on it.

use storage_@name@::@Name@Engine;

storage_conformance::suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
storage_conformance::store_suites!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
