//! The cases of the async face on plain files, on the engine's own type and erased.

use storage_conformance::async_suite;
use storage_fs::FsOptions;

async_suite!({
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let directory = directory.expect("a directory can be made");
    move || FsOptions::at(directory.path().join("store")).open()
});
