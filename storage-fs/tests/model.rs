//! The model on plain files in both forms, which are opened again and again, and erased.

use std::path::Path;

use storage_conformance::model::run_histories;
use storage_conformance::{Erased, Subject};
use storage_core::journal::JournalOptions;
use storage_fs::{Form, FsOptions};

/// A fifth of what engines in memory run: every commit here goes to a file.
const HISTORIES: u64 = 100;
const SEED: u64 = 5;

fn files(form: Form) -> impl Subject {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory can be made");
    let journal = JournalOptions::default().with_file_len(64 << 10).with_unsaved_bytes_max(1 << 10);
    move || {
        let options = FsOptions::at(directory.path().join("store")).default_form(form);
        options.cache_bytes(0).journal(journal).open()
    }
}

fn histories<S: Subject>(make: impl Fn() -> S) {
    if let Err(failure) = run_histories(make, HISTORIES, SEED, Path::new(env!("CARGO_TARGET_TMPDIR"))) {
        panic!("{failure}");
    }
}

#[test]
fn histories_in_lines_go_as_the_model_says() {
    histories(|| files(Form::Lines));
}

#[test]
fn histories_in_files_go_as_the_model_says() {
    histories(|| files(Form::Files));
}

#[test]
fn histories_go_as_the_model_says_erased() {
    histories(|| Erased(files(Form::Files)));
}
