//! List-append histories on plain files.

use std::path::Path;

use storage_conformance::list_append::run_histories;
use storage_conformance::{Erased, Subject};
use storage_core::journal::JournalOptions;
use storage_fs::{Form, FsOptions};

const HISTORIES: u64 = 30;
const SEED: u64 = 13;

/// Values are on the disk whenever they can be, and checkpoints come often.
fn files() -> impl Subject {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory can be made");
    let journal = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 10);
    move || {
        let options = FsOptions::at(directory.path().join("store")).default_form(Form::Files);
        options.cache_bytes(0).journal(journal).open()
    }
}

fn histories<S: Subject>(make: impl Fn() -> S) {
    if let Err(failure) = run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        panic!("{failure}");
    }
}

#[test]
fn histories_are_strictly_serializable() {
    histories(files);
}

#[test]
fn histories_are_strictly_serializable_erased() {
    histories(|| Erased(files()));
}
