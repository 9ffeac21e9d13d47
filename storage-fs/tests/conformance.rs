//! The suite of storage-conformance on plain files, in lines and in files, synced and deferred.

use storage_core::Result;
use storage_core::journal::{Journal, JournalOptions};
use storage_fs::{Form, FsEngine, FsOptions};

/// A store whose journal is so short that the cases fill it, go beside it and begin it anew, and whose values are on
/// the disk whenever they can be.
fn open(directory: &tempfile::TempDir, form: Form) -> Result<Journal<FsEngine>> {
    let journal = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 10);
    FsOptions::at(directory.path().join("store")).default_form(form).cache_bytes(0).journal(journal).open()
}

/// A directory in memory where there is one: what a sync costs there is another test's concern.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory can be made")
}

mod lines {
    use storage_conformance::{Damageable, suite};
    use storage_fs::Form;

    suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Lines))
    });
}

mod files {
    use storage_conformance::{Damageable, suite};
    use storage_fs::Form;

    suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Files))
    });
}

mod deferred {
    use storage_conformance::{Damageable, Deferred, suite};
    use storage_fs::Form;

    suite!({
        let directory = super::directory();
        Deferred(Damageable(move || super::open(&directory, Form::Files)))
    });
}

mod tasks {
    use storage_conformance::{Damageable, task_suite};
    use storage_fs::Form;

    task_suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Lines))
    });
}

mod messages {
    use storage_conformance::{Damageable, message_suite};
    use storage_fs::Form;

    message_suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Lines))
    });
}

mod sessions {
    use storage_conformance::{Damageable, session_suite};
    use storage_fs::Form;

    session_suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Lines))
    });
}

mod search {
    use storage_conformance::{Damageable, search_suite};
    use storage_fs::Form;

    search_suite!({
        let directory = super::directory();
        Damageable(move || super::open(&directory, Form::Lines))
    });
}
