//! The cases of the text index on the @name@ engine, on its own type and erased.

use storage_@name@::@Name@Engine;

storage_conformance::search_suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
