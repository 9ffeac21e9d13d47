//! The cases of the session store on the @name@ engine, on its own type and erased.

use storage_@name@::@Name@Engine;

storage_conformance::session_suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
