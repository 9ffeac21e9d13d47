//! The suites of storage-conformance on plain files: in lines and in files, synced and deferred.

use storage_conformance::{Damageable, Deferred, Subject, async_suite, history_tests, store_suites, suite};
use storage_core::journal::{Journal, JournalOptions};
use storage_fs::{Form, FsEngine, FsOptions};

/// A directory in memory where there is one: what a sync costs there is another test's concern.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory can be made")
}

/// A store whose journal is so short that the cases fill it, go beside it and begin it anew, and whose values are on
/// the disk whenever they can be.
fn store(form: Form) -> impl Subject<Engine = Journal<FsEngine>> {
    let directory = directory();
    Damageable(move || {
        let journal = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 10);
        let options = FsOptions::at(directory.path().join("store")).default_form(form);
        options.cache_bytes(0).journal(journal).open()
    })
}

mod lines {
    use super::*;

    suite!(store(Form::Lines));
    store_suites!(store(Form::Lines));
    // A tenth of what engines in memory run: every commit here goes to a file.
    history_tests!(store(Form::Lines), model: 100, list_append: 30, seed: 5);
}

mod files {
    use super::*;

    suite!(store(Form::Files));
    history_tests!(store(Form::Files), model: 100, list_append: 30, seed: 13);
}

mod deferred {
    use super::*;

    suite!(erased: Deferred(store(Form::Files)));
}

/// With the journal and the cache as they are by default.
mod asynchronous {
    use super::*;

    async_suite!({
        let directory = directory();
        Damageable(move || FsOptions::at(directory.path().join("store")).open())
    });
}
