//! Ours in plain files: the engine of storage-fs, with records in lines and in files of their own.

use std::fmt;
use std::marker::PhantomData;

use storage_core::Durability;
use storage_core::journal::Journal;
use storage_fs::{Form, FsEngine, FsOptions};

use super::Tag;
use super::engine::Opening;
use crate::failure::Outcome;
use crate::workload::{Class, Place, Spec};

/// The name of its rows.
pub const ENGINE: &str = "fs";
/// The mode of its rows with files.
pub const FILES: &str = "files";
/// The same without values in memory.
pub const UNCACHED: &str = "files-uncached";

/// More files than this take longer to make than they tell.
const FILES_MAX: u64 = 100_000;

/// How records are kept, and how far a commit goes before a write returns.
pub trait Way: fmt::Debug + Send + Sync + 'static {
    /// The mode of the rows.
    const MODE: Option<&'static str>;
    /// What a finished write survives.
    const CLASS: Class;
    /// How records stand in files.
    const FORM: Form;
    /// The values that are kept in memory.
    const CACHE: Cache = Cache::Default;
}

/// Whether values are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// As many as the engine keeps by itself.
    Default,
    /// None that stand in their files.
    Off,
}

/// In lines; every write is forced to the disk before it returns.
#[derive(Debug)]
pub struct DurableLines;

impl Way for DurableLines {
    const MODE: Option<&'static str> = None;
    const CLASS: Class = Class::PowerLoss;
    const FORM: Form = Form::Lines;
}

/// In lines; writes reach the system before they return, and the disk later, together.
#[derive(Debug)]
pub struct DeferredLines;

impl Way for DeferredLines {
    const MODE: Option<&'static str> = None;
    const CLASS: Class = Class::ProcessCrash;
    const FORM: Form = Form::Lines;
}

/// In files; every write is forced to the disk before it returns.
#[derive(Debug)]
pub struct DurableFiles;

impl Way for DurableFiles {
    const MODE: Option<&'static str> = Some(FILES);
    const CLASS: Class = Class::PowerLoss;
    const FORM: Form = Form::Files;
}

/// In files; writes reach the system before they return, and the disk later, together.
#[derive(Debug)]
pub struct DeferredFiles;

impl Way for DeferredFiles {
    const MODE: Option<&'static str> = Some(FILES);
    const CLASS: Class = Class::ProcessCrash;
    const FORM: Form = Form::Files;
}

/// The same, and each read opens a file.
#[derive(Debug)]
pub struct UncachedFiles;

impl Way for UncachedFiles {
    const MODE: Option<&'static str> = Some(UNCACHED);
    const CLASS: Class = Class::ProcessCrash;
    const FORM: Form = Form::Files;
    const CACHE: Cache = Cache::Off;
}

/// The plain-file engine in one way.
#[derive(Debug)]
pub struct Fs<W>(PhantomData<W>);

impl<W: Way> Opening for Fs<W> {
    type Engine = Journal<FsEngine>;
    const TAG: Tag = Tag { engine: ENGINE, mode: W::MODE, class: W::CLASS };
    const DURABILITY: Durability = match W::CLASS {
        Class::PowerLoss => Durability::Sync,
        _ => Durability::Deferred,
    };

    fn absence(spec: &Spec) -> Option<&'static str> {
        match W::FORM {
            Form::Files => too_many_files(spec),
            _ => None,
        }
    }

    fn open(place: &Place) -> Outcome<Journal<FsEngine>> {
        let options = FsOptions::at(place.file("ours")?).default_form(W::FORM);
        Ok(match W::CACHE {
            Cache::Default => options.open()?,
            Cache::Off => options.cache_bytes(0).open()?,
        })
    }

    fn settings(engine: &Journal<FsEngine>) -> Vec<(&'static str, String)> {
        let (settings, journal) = (engine.engine().settings(), engine.options());
        vec![
            ("form", format!("{:?}", settings.form)),
            ("cache bytes", settings.cache_bytes.to_string()),
            ("journal bytes", (2 * journal.file_len).to_string()),
            ("checkpoint after bytes", journal.unsaved_bytes_max.to_string()),
            ("checkpoint after", format!("{:?}", journal.unsaved_time_max)),
        ]
    }

    /// What the journal holds is brought into the files.
    fn drain(engine: &Journal<FsEngine>) -> Outcome<()> {
        Ok(engine.checkpoint()?)
    }
}

/// Why a row is not run in which each record is a file, if it is not.
pub(super) fn too_many_files(spec: &Spec) -> Option<&'static str> {
    (spec.records > FILES_MAX).then_some("each record is a file: more than 10^5 of them are not measured")
}

#[cfg(test)]
mod tests {
    use super::super::engine::Layer;
    use super::super::engine_tasks::TaskLayer;
    use super::super::tests::{points_hold_what_was_put, ranges_go_both_ways, task_rows_mean_what_they_say};
    use super::*;

    #[test]
    fn holds_what_was_put() {
        points_hold_what_was_put::<Layer<Fs<DurableLines>>>();
        points_hold_what_was_put::<Layer<Fs<DeferredLines>>>();
        points_hold_what_was_put::<Layer<Fs<DurableFiles>>>();
        points_hold_what_was_put::<Layer<Fs<DeferredFiles>>>();
        points_hold_what_was_put::<Layer<Fs<UncachedFiles>>>();
    }

    #[test]
    fn ranges_begin_with_the_start_and_go_both_ways() {
        ranges_go_both_ways::<Layer<Fs<DeferredLines>>>();
        ranges_go_both_ways::<Layer<Fs<DeferredFiles>>>();
    }

    #[test]
    fn rows_mean_what_they_say() {
        task_rows_mean_what_they_say::<TaskLayer<Fs<DurableLines>>>();
        task_rows_mean_what_they_say::<TaskLayer<Fs<DeferredLines>>>();
    }
}
