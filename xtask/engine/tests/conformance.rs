//! The suite of storage-conformance on the @name@ engine, on its own type and erased.

use storage_@name@::@Name@Engine;

storage_conformance::suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
