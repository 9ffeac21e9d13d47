//! The suites of storage-conformance on the redb engine: synced, deferred, and with a journal.

use storage_conformance::{Damageable, Deferred, Subject, async_suite, history_tests, store_suites, suite};
use storage_core::journal::{Journal, JournalOptions};
use storage_redb::{RedbEngine, RedbOptions};

fn file() -> impl Subject<Engine = RedbEngine> {
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || RedbEngine::open(directory.path().join("store.redb")))
}

/// A store whose journal is so short that the cases fill it, go past it and begin it anew.
fn with_journal() -> impl Subject<Engine = Journal<RedbEngine>> {
    let directory = tempfile::tempdir().expect("a directory can be made");
    Damageable(move || {
        let options = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 20);
        RedbOptions::at(directory.path().join("store.redb")).journal(options).journalled()
    })
}

mod synced {
    use super::*;

    suite!(file());
    store_suites!(file());
    // A fifth of what engines in memory run: every commit here waits for the disk.
    history_tests!(file(), model: 200, list_append: 30, seed: 2);
}

mod deferred {
    use super::*;

    suite!(erased: Deferred(file()));
    store_suites!(erased: Deferred(file()));
}

mod journalled {
    use super::*;

    suite!(with_journal());
    store_suites!(with_journal());
}

mod journalled_and_deferred {
    use super::*;

    suite!(erased: Deferred(with_journal()));
}

mod asynchronous {
    use super::*;

    async_suite!(file());
}
