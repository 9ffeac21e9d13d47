//! Long runs of the random histories that the tests run short, on every engine: `cargo xtask conformance`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use storage::engines::storage_mem::MemEngine;
use storage_conformance::model::one_history;
use storage_conformance::plain::PlainStore;
use storage_conformance::{Erased, Subject, list_append, model};
use tempfile::TempDir;

/// Runs random histories on engines: compared with a model, and with a checker of isolation.
#[derive(Parser)]
struct Arguments {
    /// How many histories of the model run on each engine; a tenth as many list-append histories.
    #[arg(long, default_value_t = 10_000)]
    histories: u64,
    /// From what the histories follow; drawn from the clock where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// On which engines; all where none is named.
    #[arg(long, value_enum)]
    engine: Vec<EngineName>,
    /// Where histories that fail are saved.
    #[arg(long, default_value = "target/conformance")]
    failures: PathBuf,
    /// Runs a history of the model that was saved, on each engine, instead of new ones.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Checks a list-append history that was saved, instead of running any.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    recheck: Option<PathBuf>,
    /// Writes the answers that the model gives to the one history that every engine replays, instead of running any.
    #[arg(long, conflicts_with_all = ["histories", "seed", "engine", "failures", "replay", "recheck"])]
    write_answers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// The memory engine.
    Mem,
    /// The memory engine behind `AnyEngine`.
    Erased,
    /// The plain engine of the conformance crate, which can be closed and opened again.
    Plain,
    /// Plain files, records in lines.
    Fs,
    /// Plain files, a file a record.
    FsFiles,
    /// redb.
    Redb,
    /// redb behind a journal.
    RedbJournal,
    /// SQLite on a file.
    Sqlite,
    /// SQLite in memory.
    SqliteMemory,
}

impl EngineName {
    /// Where its stores lie, below a directory; `None` for those that no URL names.
    fn url(self, directory: &TempDir) -> Option<String> {
        let (scheme, options) = match self {
            EngineName::Mem | EngineName::Erased | EngineName::Plain => return None,
            EngineName::Fs => ("fs", ""),
            EngineName::FsFiles => ("fs", "?form=files"),
            EngineName::Redb => ("redb", ""),
            EngineName::RedbJournal => ("redb", "?journal=true"),
            EngineName::Sqlite => ("sqlite", ""),
            EngineName::SqliteMemory => return Some("sqlite::memory:".to_owned()),
        };
        Some(format!("{scheme}:{}{options}", directory.path().join("store").display()))
    }
}

/// What is run on each engine.
enum Task<'a> {
    Histories { count: u64, seed: u64, failures: &'a Path },
    Replay(&'a Path),
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.write_answers {
        return write_answers();
    }
    if let Some(path) = &arguments.recheck {
        return recheck(path);
    }
    let task = match &arguments.replay {
        Some(path) => Task::Replay(path),
        None => {
            let seed = arguments.seed.unwrap_or_else(seed_of_the_clock);
            println!("seed {seed}");
            Task::Histories { count: arguments.histories, seed, failures: &arguments.failures }
        }
    };
    let all = EngineName::value_variants();
    let engines = if arguments.engine.is_empty() { all } else { &arguments.engine };
    let mut failed = Vec::new();
    for engine in engines {
        let done = match engine {
            EngineName::Mem => task.run(*engine, || || Ok(MemEngine::new())),
            EngineName::Erased => task.run(*engine, || Erased(|| Ok(MemEngine::new()))),
            EngineName::Plain => task.run(*engine, || {
                let store = PlainStore::default();
                move || Ok(store.open())
            }),
            &stored => task.run(stored, || {
                let directory = tempfile::tempdir().expect("there is room for a directory");
                move || storage::engine(&stored.url(&directory).expect("a URL names it"))
            }),
        };
        if let Err(error) = done {
            eprintln!("{engine:?}: {error}");
            failed.push(format!("{engine:?}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

impl Task<'_> {
    fn run<S: Subject>(&self, engine: EngineName, make: impl Fn() -> S) -> Result<(), Box<dyn Error>> {
        let (count, seed, failures) = match self {
            Task::Histories { count, seed, failures } => (*count, *seed, *failures),
            Task::Replay(path) => {
                model::replay(&make(), path)?.map_err(|divergence| divergence.to_string())?;
                println!("{engine:?}: {} goes as the model says", path.display());
                return Ok(());
            }
        };
        let began = Instant::now();
        model::run_histories(&make, count, seed, failures).map_err(|failure| failure.to_string())?;
        println!("{engine:?}: {count} histories go as the model says ({:.1?})", began.elapsed());
        let (count, began) = (count.div_ceil(10), Instant::now());
        list_append::run_histories(&make, count, seed, failures).map_err(|failure| failure.to_string())?;
        println!(
            "{engine:?}: {count} list-append histories are strictly serializable ({:.1?})",
            began.elapsed()
        );
        Ok(())
    }
}

fn recheck(path: &Path) -> Result<(), Box<dyn Error>> {
    let Err(anomalies) = list_append::recheck(path)? else {
        println!("{} is strictly serializable", path.display());
        return Ok(());
    };
    Err(anomalies.iter().map(|anomaly| format!("{anomaly}\n")).collect::<String>().into())
}

fn write_answers() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../storage-conformance").join(one_history::FILE);
    let answers = one_history::answers()?;
    let steps = answers.lines().filter(|line| !line.starts_with('#')).count();
    let before = one_history::answers_on_file().lines().collect::<BTreeSet<_>>();
    let changed = answers.lines().filter(|line| !before.contains(line)).count();
    fs::write(&path, &answers).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    println!("{}: {steps} steps, {changed} lines are new", path.display());
    Ok(())
}

fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs()
}
