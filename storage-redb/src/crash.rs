//! The file, alone, below a database and with its journal, through power cuts and failing calls on one simulated disk.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;
use storage_conformance::crash::{
    Broken, Counted, CrashSubject, Extent, Fault, Run, SCRIPTS, Search, SimDisk, SimFile, Step, ThroughCore,
    crash_everywhere, crash_from_seeds, crash_in_each, fail_everywhere_and, random_script,
};
use storage_core::journal::{Checkpoints, Disk, DiskFile, Journal, JournalOptions};
use storage_core::{Durability, Engine, Kind, Result};

use crate::engine::RedbEngine;
use crate::options::{QuickRepair, RedbOptions, Settings};
use crate::{disk, error, header};

const FILE: &str = "store.redb";
const NEW_FILE: &str = "store.redb.new";

/// A file of a simulated disk, as redb wants it.
#[derive(Debug)]
pub(crate) struct SimBackend(pub(crate) SimFile);

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

/// What every subject here stands on.
#[derive(Clone, Copy, Default)]
struct Store {
    quick_repair: QuickRepair,
    /// The files whose syncs do nothing, by the beginning of their names.
    deaf_to: Option<&'static str>,
}

impl Store {
    fn disk(&self, disk: &SimDisk) -> SimDisk {
        match self.deaf_to {
            Some(prefix) => disk.clone().deaf_to(prefix),
            None => disk.clone(),
        }
    }

    fn engine(&self, disk: &SimDisk) -> Result<RedbEngine> {
        let settings = Settings { quick_repair: self.quick_repair, ..settings() };
        error::guarded("open", || {
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
        })
    }
}

/// The engine alone, made durable and compacted by its checkpoints.
struct Native(Store);

impl CrashSubject for Native {
    type Engine = RedbEngine;

    fn open(&self, disk: &SimDisk) -> Result<RedbEngine> {
        self.0.engine(&self.0.disk(disk))
    }

    fn checkpoint(&self, engine: &RedbEngine) -> Result<()> {
        compact(engine)
    }
}

fn compact(engine: &RedbEngine) -> Result<()> {
    engine
        .newest()
        .alone(|database| database.compact().map(drop).map_err(|cause| error::failed("compact", cause)))
}

/// The engine below a database.
struct BelowCore(Store);

impl CrashSubject for BelowCore {
    type Engine = ThroughCore<RedbEngine>;

    fn open(&self, disk: &SimDisk) -> Result<ThroughCore<RedbEngine>> {
        self.0.engine(&self.0.disk(disk)).and_then(ThroughCore::new)
    }

    fn checkpoint(&self, engine: &ThroughCore<RedbEngine>) -> Result<()> {
        engine.sync()
    }
}

/// The engine with its journal.
#[derive(Default)]
struct Journalled(Store);

impl CrashSubject for Journalled {
    type Engine = Journal<RedbEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<RedbEngine>> {
        let disk = self.0.disk(disk);
        let options = JournalOptions::default()
            .with_file_len(8 << 10)
            .with_unsaved_bytes_max(100 << 10)
            .with_checkpoints(Checkpoints::InCommits);
        Journal::open(self.0.engine(&disk)?, Arc::new(disk), options)
    }

    fn checkpoint(&self, engine: &Journal<RedbEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

/// Every kind of call in one script, and the file grows and shrinks.
const STEPS: [Step; 12] = [
    commit(1, Durability::Sync),
    commit(3, Durability::Deferred),
    commit(10, Durability::Sync),
    commit(1, Durability::Deferred),
    // The fifth and the tenth delete a range as well.
    commit(3, Durability::Deferred),
    Step::Sync,
    commit(3, Durability::Sync),
    commit(10, Durability::Deferred),
    Step::Checkpoint,
    commit(1, Durability::Sync),
    commit(3, Durability::Deferred),
    Step::Close,
];

const fn commit(records: u64, durability: Durability) -> Step {
    Step::Commit { records, value_len: 200, durability }
}

const QUICK_REPAIRS: [QuickRepair; 2] = [QuickRepair::AtSync, QuickRepair::EveryCommit];

fn settings() -> Settings {
    RedbOptions::at(Path::new(FILE)).cache_bytes(1 << 20).into_settings()
}

fn failed(cause: io::Error) -> storage_core::Error {
    error::io("open", cause)
}

#[test]
fn no_power_cut_loses_or_tears_a_commit() {
    let search = Search::new(1).one_in([4, 300, 300]);
    let tried =
        crash_in_each(&Journalled::default(), SCRIPTS, &search).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} crashes, {} states", tried.crashes, tried.states);
    assert!(tried.states > 1_000, "{tried:?}");
}

#[test]
fn no_power_cut_loses_or_tears_a_commit_without_a_journal() {
    for quick_repair in QUICK_REPAIRS {
        let native = Native(Store { quick_repair, deaf_to: None });
        let search = Search::new(1).one_in([1, 120, 3_000]);
        let tried = crash_everywhere(&native, &STEPS, &search).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{quick_repair:?}: {} crashes, {} states", tried.crashes, tried.states);
        assert!(tried.states > 1_000, "{tried:?}");
    }
}

#[test]
fn no_power_cut_below_a_database_loses_or_tears_a_commit() {
    let search = Search::new(1).one_in([1, 600, 9_000]);
    let tried = crash_everywhere(&BelowCore(Store::default()), &STEPS, &search);
    let tried = tried.unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} crashes, {} states", tried.crashes, tried.states);
    assert!(tried.states > 300, "{tried:?}");
}

/// The first error says what the disk said, or that the end of a commit is not known, and every later one that the
/// store must be opened again.
fn first_error_tells(fault: &Fault, run: &Run) -> std::result::Result<(), Broken> {
    let disk = match fault.kind {
        io::ErrorKind::StorageFull => Kind::Full,
        _ => Kind::Unavailable,
    };
    let mut kinds = run.errors.iter().map(storage_core::Error::kind);
    let is_told = kinds.next().is_none_or(|first| first == disk || first == Kind::CommitUnknown)
        && kinds.all(|later| later == Kind::Unavailable);
    if is_told { Ok(()) } else { Err(Broken(format!("the errors are {:?}", run.errors))) }
}

#[test]
fn no_failing_call_hides_what_became_of_a_commit_without_a_journal() {
    // How often a commit saves what makes opening quick changes what is written, and not what is read.
    for (quick_repair, counted) in QUICK_REPAIRS.into_iter().zip([Counted::All, Counted::Changes]) {
        let native = Native(Store { quick_repair, deaf_to: None });
        let failed = fail_everywhere_and(&native, &STEPS, counted, first_error_tells);
        let failed = failed.unwrap_or_else(|broken| panic!("{broken}"));
        println!("{quick_repair:?}: {} runs, {} errors", failed.runs, failed.errors);
        assert!(failed.runs > 300 && failed.errors > failed.runs, "{failed:?}");
    }
}

#[test]
fn no_failing_call_below_a_database_hides_what_became_of_a_commit() {
    let core = BelowCore(Store::default());
    let failed = fail_everywhere_and(&core, SCRIPTS[3].1, Counted::All, first_error_tells);
    let failed = failed.unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} runs, {} errors", failed.runs, failed.errors);
    assert!(failed.runs > 300 && failed.errors > failed.runs, "{failed:?}");
}

#[test]
fn no_failing_call_hides_what_became_of_a_commit() {
    let (name, script) = SCRIPTS[3];
    let failed = fail_everywhere_and(&Journalled::default(), script, Counted::All, |_, _| Ok(()));
    let failed = failed.unwrap_or_else(|broken| panic!("{name}: {broken}"));
    assert!(failed.errors > 0);
}

#[test]
fn no_power_cut_in_a_random_script_loses_or_tears_a_commit() {
    crash_from_seeds("redb, most with a journal", Extent::asked_or(5), |seed, end| {
        let script = random_script(seed, 12);
        let search = Search::new(seed).one_in([3, 50, 300]).until(end);
        match seed % 3 {
            1 => crash_everywhere(&Native(Store::default()), &script, &search),
            _ => crash_everywhere(&Journalled::default(), &script, &search),
        }
    });
}

fn is_found<S: CrashSubject>(name: &str, subject: &S, script: &[Step]) {
    match crash_everywhere(subject, script, &Search::new(1).one_in([2, 20, 300])) {
        Err(broken) => println!("{name}: {broken}"),
        Ok(tried) => panic!("syncs of {name} do nothing, and {tried:?} do not find it"),
    }
}

#[test]
fn syncs_that_do_nothing_are_found() {
    let (_, script) = SCRIPTS[4];
    let deaf = |prefix| Store { deaf_to: Some(prefix), ..Store::default() };
    is_found("the journal", &Journalled(deaf("journal")), script);
    is_found("the file behind a journal", &Journalled(deaf("store")), script);
    for quick_repair in QUICK_REPAIRS {
        is_found("the file", &Native(Store { quick_repair, ..deaf("store") }), &STEPS);
    }
    is_found("the file below a database", &BelowCore(deaf("store")), &STEPS);
}
