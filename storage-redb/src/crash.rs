//! The file, alone and with its journal, through power cuts and failing calls on one simulated disk.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::StorageBackend;
use storage_conformance::crash::{
    Broken, CrashSubject, SCRIPTS, Search, SimDisk, SimFile, Tried, crash_everywhere, fail_everywhere,
    random_script,
};
use storage_core::journal::{Checkpoints, Disk, DiskFile, Journal, JournalOptions};
use storage_core::{Engine, Result};

use crate::engine::RedbEngine;
use crate::options::{RedbOptions, Settings};
use crate::{disk, error, header};

const FILE: &str = "store.redb";
const NEW_FILE: &str = "store.redb.new";

/// A file of a simulated disk, as redb wants it.
#[derive(Debug)]
struct SimBackend(SimFile);

impl StorageBackend for SimBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len_bytes()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self.0.read_at(out, offset)? == out.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_at(data, offset)
    }
}

/// The engine with its journal, on a disk that may lie.
#[derive(Default)]
struct Journalled {
    deaf_to: Option<&'static str>,
}

impl Journalled {
    fn engine(disk: &SimDisk) -> Result<RedbEngine> {
        let settings = settings();
        if disk.open(FILE).map_err(failed)?.is_none() {
            // Made whole under another name, as on a real disk.
            disk.remove(NEW_FILE).map_err(failed)?;
            let file = disk::open_on(SimBackend(disk.file(NEW_FILE).map_err(failed)?), &settings)?;
            header::open(file, &settings)?.0.close()?;
            disk.rename(NEW_FILE, FILE).map_err(failed)?;
            disk.sync_directory().map_err(failed)?;
        }
        let file = disk::open_on(SimBackend(disk.file(FILE).map_err(failed)?), &settings)?;
        RedbEngine::assemble(file, settings)
    }
}

impl CrashSubject for Journalled {
    type Engine = Journal<RedbEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<RedbEngine>> {
        let disk = match self.deaf_to {
            Some(prefix) => disk.clone().deaf_to(prefix),
            None => disk.clone(),
        };
        let options = JournalOptions::default()
            .with_file_len(8 << 10)
            .with_unsaved_bytes_max(100 << 10)
            .with_checkpoints(Checkpoints::InCommits);
        Journal::open(Self::engine(&disk)?, Arc::new(disk), options)
    }

    fn checkpoint(&self, engine: &Journal<RedbEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

/// The engine alone.
struct Native;

impl CrashSubject for Native {
    type Engine = RedbEngine;

    fn open(&self, disk: &SimDisk) -> Result<RedbEngine> {
        Journalled::engine(disk)
    }

    fn checkpoint(&self, engine: &RedbEngine) -> Result<()> {
        engine.sync()
    }
}

fn settings() -> Settings {
    RedbOptions::at(Path::new(FILE)).cache_bytes(1 << 20).into_settings()
}

fn failed(cause: io::Error) -> storage_core::Error {
    error::io("open", cause)
}

fn try_all<S: CrashSubject>(subject: &S, search: &Search) -> std::result::Result<Tried, Broken> {
    let mut all = Tried::default();
    for (name, script) in SCRIPTS {
        let tried = crash_everywhere(subject, script, search)
            .map_err(|Broken(what)| Broken(format!("{name}: {what}")))?;
        all.crashes += tried.crashes;
        all.states += tried.states;
    }
    Ok(all)
}

#[test]
fn no_power_cut_loses_or_tears_a_commit() {
    let search = Search::new(1).one_in([4, 300, 300]);
    let tried = try_all(&Journalled::default(), &search).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} crashes, {} states", tried.crashes, tried.states);
    assert!(tried.states > 1_000, "{tried:?}");
}

#[test]
fn no_power_cut_loses_or_tears_a_commit_without_a_journal() {
    let search = Search::new(1).one_in([4, 300, 300]);
    let tried = try_all(&Native, &search).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(tried.states > 300, "{tried:?}");
}

#[test]
fn no_failing_call_hides_what_became_of_a_commit() {
    let (name, script) = SCRIPTS[3];
    let failed = fail_everywhere(&Journalled::default(), script);
    let failed = failed.unwrap_or_else(|broken| panic!("{name}: {broken}"));
    assert!(failed.errors > 0);
}

/// Random scripts for as long as the environment variable `STORAGE_CRASH_SECONDS` says, from `STORAGE_CRASH_SEED` on.
#[test]
fn no_power_cut_in_a_random_script_loses_or_tears_a_commit() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = number("STORAGE_CRASH_SEED").unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(number("STORAGE_CRASH_SECONDS").unwrap_or(5));
    let (mut states, mut scripts) = (0, 0);
    while Instant::now() < end {
        let script = random_script(seed + scripts, 12);
        let search = Search::new(seed + scripts).one_in([3, 50, 300]).until(end);
        let tried = crash_everywhere(&Journalled::default(), &script, &search);
        states += tried.unwrap_or_else(|broken| panic!("{broken}")).states;
        scripts += 1;
    }
    println!("redb with a journal: {states} states of {scripts} random scripts, from seed {seed} on");
}

#[test]
fn syncs_that_do_nothing_are_found() {
    let search = Search::new(1).one_in([2, 20, 300]);
    for prefix in ["journal", "store"] {
        match try_all(&Journalled { deaf_to: Some(prefix) }, &search) {
            Err(broken) => println!("{prefix}: {broken}"),
            Ok(tried) => panic!("syncs of {prefix} do nothing, and {tried:?} do not find it"),
        }
    }
}
