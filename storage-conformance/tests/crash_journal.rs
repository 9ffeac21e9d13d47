//! The journal in front of the smallest engine that can have one, through power cuts and failing disks.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::Arc;

use storage_conformance::crash::{
    Acknowledged, Counted, CrashSubject, Extent, ImageEngine, ImageLie, SCRIPTS, Search, SimDisk,
    UnchainedDisk, Written, crash_everywhere, crash_from_seeds, crash_in_each, fail_everywhere,
    fail_everywhere_and, random_script,
};
use storage_core::journal::{Checkpoints, Disk, Journal, JournalOptions, Large};
use storage_core::{Engine, Result};

/// The journal on an engine that may lie, on a disk that may lie.
#[derive(Default)]
struct Journalled {
    engine: ImageLie,
    deaf_to: Option<&'static str>,
    unchained: Option<Written>,
    checkpoints: Checkpoints,
    large: Large,
}

impl CrashSubject for Journalled {
    type Engine = Journal<ImageEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<ImageEngine>> {
        let disk = match self.deaf_to {
            Some(prefix) => disk.clone().deaf_to(prefix),
            None => disk.clone(),
        };
        let engine = ImageEngine::open(Arc::new(disk.clone()), self.engine)?;
        let options = JournalOptions::default()
            .with_file_len(8 << 10)
            .with_unsaved_bytes_max(2_500)
            .with_checkpoints(self.checkpoints)
            .with_large(self.large);
        let disk: Arc<dyn Disk> = match &self.unchained {
            Some(written) => Arc::new(UnchainedDisk::new(disk, written.clone())),
            None => Arc::new(disk),
        };
        Journal::open(engine, disk, options)
    }

    fn checkpoint(&self, engine: &Journal<ImageEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

fn right() -> Journalled {
    Journalled { checkpoints: Checkpoints::InCommits, ..Journalled::default() }
}

#[test]
fn no_power_cut_loses_or_tears_a_commit() {
    let tried = crash_in_each(&right(), SCRIPTS, &Search::new(1).one_in([1, 3, 60]))
        .unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} crashes, {} states", tried.crashes, tried.states);
    assert!(tried.states > 5_000, "{tried:?}");
}

#[test]
fn no_power_cut_and_no_failing_call_loses_a_commit_in_a_file_of_its_own() {
    let aside = Journalled { large: Large::Aside, ..right() };
    let (_, script) = SCRIPTS.into_iter().find(|(name, _)| *name == "commits past the journal").unwrap();
    crash_everywhere(&aside, script, &Search::new(1).one_in([1, 10, 60]))
        .unwrap_or_else(|broken| panic!("{broken}"));
    fail_everywhere(&aside, script).unwrap_or_else(|broken| panic!("{broken}"));
    for seed in 1..4 {
        let script = random_script(seed, 14);
        crash_everywhere(&aside, &script, &Search::new(seed).one_in([2, 40, 100]))
            .unwrap_or_else(|broken| panic!("{broken}"));
        fail_everywhere(&aside, &script).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn checkpoints_in_the_background_change_nothing() {
    let subject = Journalled::default();
    for seed in 1..4 {
        let script = random_script(seed, 30);
        crash_everywhere(&subject, &script, &Search::new(seed).one_in([2, 40, 100]))
            .unwrap_or_else(|broken| panic!("{broken}"));
    }
}

#[test]
fn no_failing_call_hides_what_became_of_a_commit() {
    let mut runs = 0;
    for (name, script) in SCRIPTS {
        let failed = fail_everywhere_and(&right(), script, Counted::All, |_, _| Ok(()))
            .unwrap_or_else(|broken| panic!("{name}: {broken}"));
        assert!(failed.errors > 0);
        runs += failed.runs;
    }
    println!("{runs} runs with a fault");
}

#[test]
fn no_failing_call_in_a_random_script_hides_what_became_of_a_commit() {
    for seed in 1..6 {
        let script = random_script(seed, 14);
        fail_everywhere(&right(), &script).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn no_power_cut_in_a_random_script_loses_or_tears_a_commit() {
    crash_from_seeds("journal", Extent::asked_or(2), |seed, end| {
        let search = Search::new(seed).one_in([1, 12, 200]).until(end);
        crash_everywhere(&right(), &random_script(seed, 12), &search)
    });
}

fn is_found(name: &str, subject: &Journalled, search: &Search) {
    match crash_in_each(subject, SCRIPTS, search) {
        Err(broken) => println!("{name}: {broken}"),
        Ok(tried) => panic!("{name} is not found in {tried:?}"),
    }
}

/// The engine without a journal.
struct Alone(ImageLie);

impl CrashSubject for Alone {
    type Engine = ImageEngine;

    fn open(&self, disk: &SimDisk) -> Result<ImageEngine> {
        ImageEngine::open(Arc::new(disk.clone()), self.0)
    }

    fn checkpoint(&self, engine: &ImageEngine) -> Result<()> {
        engine.sync()
    }
}

#[test]
fn deferred_commits_that_end_with_the_process_are_found() {
    let (name, script) = SCRIPTS[0];
    let search = Search::new(1).one_in([1, 10, 60]);
    crash_everywhere(&Alone(ImageLie::None), script, &search).unwrap_or_else(|broken| panic!("{broken}"));
    match crash_everywhere(&Alone(ImageLie::ForgetsWithProcess), script, &search) {
        Err(broken) => println!("{name}: {broken}"),
        Ok(tried) => panic!("it is not found in {tried:?}"),
    }
}

#[test]
fn every_lie_is_found() {
    let search = Search::new(1).one_in([1, 2, 60]);
    let deaf = |deaf_to| Journalled { deaf_to: Some(deaf_to), ..right() };
    is_found("a sync of the journal that does nothing", &deaf("journal"), &search);
    is_found("a sync of the engine that does nothing", &deaf("image"), &search);
    let engine = |engine| Journalled { engine, ..right() };
    is_found("a replay that skips", &engine(ImageLie::SkipsReplay), &search);
    is_found("a replay that repeats", &engine(ImageLie::RepeatsReplay), &search);
    is_found("a checkpoint before its files are synced", &engine(ImageLie::CheckpointsUnsynced), &search);
    let early = Search { acknowledged: Acknowledged::Before, ..search };
    is_found("an acknowledgement before the write", &right(), &early);
    let unchained = Journalled { unchained: Some(Written::default()), ..right() };
    is_found("a checksum that is not chained", &unchained, &search);
}
