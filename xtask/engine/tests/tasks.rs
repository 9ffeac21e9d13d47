//! The cases of the task stores on the @name@ engine, on its own type and erased.

use storage_@name@::@Name@Engine;

storage_conformance::task_suite!(|| Ok(@Name@Engine::new()), lacks: [Reopen, Damage, Checksums]);
