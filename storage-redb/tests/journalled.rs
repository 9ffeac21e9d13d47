//! The suite of storage-conformance, and the cases of the task stores, on the redb engine with a journal.

use storage_core::journal::{Journal, JournalOptions};
use storage_redb::{RedbEngine, RedbOptions};

/// An engine whose journal is so short that the cases fill it, go past it and begin it anew.
fn open(directory: &tempfile::TempDir) -> storage_core::Result<Journal<RedbEngine>> {
    let options = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 20);
    RedbOptions::at(directory.path().join("store.redb")).journal(options).journalled()
}

mod sync {
    use storage_conformance::{Damageable, suite};

    suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        Damageable(move || super::open(&directory))
    });
}

mod deferred {
    use storage_conformance::{Damageable, Deferred, suite};

    suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        Deferred(Damageable(move || super::open(&directory)))
    });
}

mod tasks {
    use storage_conformance::{Damageable, task_suite};

    task_suite!({
        let directory = tempfile::tempdir().expect("a directory can be made");
        Damageable(move || super::open(&directory))
    });
}
