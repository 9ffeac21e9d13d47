//! Processes that are killed while they commit: what they had been told was committed must be there afterwards.
//!
//! A test runs itself again as a child that commits without a pause and tells each commit that returned, through a
//! pipe. The parent kills it at a random one, opens the store, and compares it with what it was told. What is expected
//! never passes through the store.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use storage_core::key::Template;
use storage_core::{
    Attributes, Database, Direction, Durability, Engine, Error, Key, KeyRange, Keyspace, Options, Sequence,
};

use crate::crash::Extent;
use crate::history::Random;

/// Tells a process that it is the child of such a test, and whose.
const CHILD: &str = "STORAGE_KILLED_CHILD";

/// So many threads commit at once, so that commits are grouped.
const WRITERS: u64 = 3;

/// So many records, besides its entry in the log and its step of the counter, make one commit.
const RECORDS: u64 = 3;

/// At most so many commits are told before a child is killed.
const COMMITS_MAX: u64 = 40;

/// When a child tells that a commit took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// Once it returned, as an application does.
    AfterTheCommit,
    /// Before it began: a lie, which the comparison must find.
    BeforeTheCommit,
}

/// How durable the commits of a child are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// All alike.
    All(Durability),
    /// Of each writer every fourth `Sync`, the others `Deferred`.
    Mixed,
}

impl Commits {
    /// The durability of a writer's commit of this number.
    fn durability(self, commit: u64) -> Durability {
        match self {
            Commits::All(durability) => durability,
            Commits::Mixed if commit % 4 == 3 => Durability::Sync,
            Commits::Mixed => Durability::Deferred,
        }
    }

    /// How many of so many commits, of which the last was told, are there whatever happens.
    fn certain(self, told: u64, before: u64) -> u64 {
        let last_durable = (before..told).rev().find(|commit| self.durability(*commit) == Durability::Sync);
        last_durable.map_or(before, |commit| commit + 1)
    }
}

/// How children are killed.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// How many children, one after the other, on the same store; where an [`Extent`] is asked for, as many as there
    /// is time for.
    pub children: u32,
    /// What the moments of their deaths derive from.
    pub seed: u64,
    /// How they commit.
    pub commits: Commits,
    /// When they tell.
    pub tells: Tells,
}

impl Kills {
    /// So many children as a test has time for.
    pub fn new(durability: Durability) -> Self {
        Kills { children: 20, seed: 1, commits: Commits::All(durability), tells: Tells::AfterTheCommit }
    }

    /// The same with durable and deferred commits.
    pub fn mixed() -> Self {
        Kills { commits: Commits::Mixed, ..Kills::new(Durability::Sync) }
    }
}

/// What was found not to be as it must.
#[derive(Debug)]
pub enum Broken {
    /// The store holds something else than what the children were told, and what that is.
    Store(String),
    /// The store answered with an error.
    Storage(Error),
    /// A child could not be run.
    Child(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Store(difference) => f.write_str(difference),
            Broken::Storage(error) => write!(f, "the store failed: {error}"),
            Broken::Child(error) => write!(f, "a child could not be run: {error}"),
        }
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken::Storage(error)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Child(error)
    }
}

/// How many commits were told, and how many of them survived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survived {
    /// Children that were killed.
    pub children: u64,
    /// Commits that a child told.
    pub told: u64,
    /// Commits that were there afterwards; one that was never told may be among them.
    pub there: u64,
}

/// Kills children that commit to the store at `path`, which `open` opens, and looks for what they lost.
///
/// `test` is the whole name of the calling test, by which it runs itself again: in a child it does not return. A `Sync`
/// commit that was told is there, and all before it; of `Deferred` ones the newest may be missing, as many as there
/// are. Every commit is there whole or not at all. `cargo xtask crash` runs it for longer.
pub fn survive<E: Engine>(
    test: &str,
    kills: Kills,
    path: &Path,
    open: impl Fn(&Path) -> Result<E, Error>,
) -> Result<Survived, Broken> {
    if let Some(path) = env::var_os(CHILD) {
        let ended = Store::open(open(Path::new(&path))?).and_then(|store| store.commit_for_ever(kills));
        // It is killed long before, so this is a failure: the parent sees it end.
        panic!("the child ended: {ended:?}");
    }
    let asked = Extent::asked().filter(|_| kills.tells == Tells::AfterTheCommit);
    let (seed, end) = asked.map_or((kills.seed, None), |extent| (extent.seed, Some(extent.end())));
    let mut random = Random::new(seed);
    let mut survived = Survived::default();
    let is_over = |child| end.map_or(child == kills.children, |end| Instant::now() >= end);
    for child in (0..).take_while(|child| !is_over(*child)) {
        let before = Store::open(open(path)?)?.read()?;
        let deadly = 1 + random.below(COMMITS_MAX);
        let told = run_child(test, path, deadly)?;
        let after = Store::open(open(path)?)?.read()?;
        let difference = |what: String| Broken::Store(format!("child {child}, seed {seed}: {what}"));
        after.check().map_err(difference)?;
        for writer in 0..WRITERS as usize {
            let (before, told, after) = (before.commits[writer], told[writer], after.commits[writer]);
            let least = kills.commits.certain(before + told, before);
            if !(least..=before + told + 1).contains(&after) {
                return Err(difference(format!(
                    "writer {writer} had {before} commits and was told of {told} more, {after} are there"
                )));
            }
            survived.told += told;
            survived.there += after - before;
        }
        survived.children += 1;
    }
    println!("{test}, seed {seed}: {survived:?}");
    Ok(survived)
}

/// Runs a child until it has told `deadly` commits, kills it, and counts what each of its writers told.
fn run_child(test: &str, path: &Path, deadly: u64) -> io::Result<[u64; WRITERS as usize]> {
    let mut child = Command::new(env::current_exe()?)
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let pipe = child.stdout.take().ok_or_else(|| io::Error::other("the child has no pipe"))?;
    let mut told = [0; WRITERS as usize];
    let mut all = 0;
    for line in BufReader::new(pipe).lines() {
        // The test harness writes too, also in front of the first line.
        let line = line?;
        let Some((_, writer)) = line.split_once("committed by ") else { continue };
        let writer: usize = writer.parse().map_err(io::Error::other)?;
        told[writer] += 1;
        all += 1;
        if all == deadly {
            child.kill()?;
        }
    }
    let status = child.wait()?;
    match all >= deadly && status.code().is_none() {
        true => Ok(told),
        false => Err(io::Error::other(format!("the child ended by itself, with {status}"))),
    }
}

/// The store as the children write it.
struct Store<E: Engine> {
    db: Database<E>,
    records: Keyspace,
    log: Keyspace,
    counters: Keyspace,
}

/// What is in a store.
struct Read {
    /// How many commits of each writer.
    commits: [u64; WRITERS as usize],
    records: Vec<(Key, Vec<u8>)>,
    log: Vec<(Key, Vec<u8>)>,
    counter: i64,
}

impl<E: Engine> Store<E> {
    fn open(engine: E) -> Result<Self, Broken> {
        // So short that some deferred commits are made durable before the child is killed.
        let options = Options::new().sync_within(Duration::from_millis(2));
        Ok(Store {
            db: Database::with_options(engine, options)?,
            records: Keyspace::new("records")?,
            log: Keyspace::new("log")?,
            counters: Keyspace::new("counters")?,
        })
    }

    fn commit_for_ever(&self, kills: Kills) -> Result<(), Broken> {
        let begun = self.read()?.commits;
        let positions = Sequence::new(self.counters, b"positions")?;
        thread::scope(|scope| {
            let writers = begun.into_iter().zip(0_u64..).map(|(begun, writer)| {
                let positions = &positions;
                scope.spawn(move || -> Result<(), Broken> {
                    for commit in begun.. {
                        if kills.tells == Tells::BeforeTheCommit {
                            tell(writer)?;
                        }
                        self.db.transact_with(kills.commits.durability(commit), |txn| {
                            for part in 0..RECORDS {
                                let key = Key::of(&(writer, commit, part))?;
                                txn.put(self.records, key, value(writer, commit, part))?;
                            }
                            txn.add(self.counters, b"commits", 1)?;
                            let position = txn.next(positions)?;
                            let entry = Key::of(&(writer, commit))?;
                            let entry = Template::from(entry.into_vec());
                            txn.put_template(self.log, Template::of(&position), entry, Attributes::new())
                        })?;
                        if kills.tells == Tells::AfterTheCommit {
                            tell(writer)?;
                        }
                    }
                    Ok(())
                })
            });
            let writers: Vec<_> = writers.collect();
            writers.into_iter().try_for_each(|writer| writer.join().expect("a writer does not panic"))
        })
    }

    fn read(&self) -> Result<Read, Broken> {
        let snapshot = self.db.snapshot()?;
        let all = |keyspace| snapshot.range(keyspace, &KeyRange::all(), Direction::Forward)?.to_vec();
        let records: Vec<(Key, Vec<u8>)> = all(self.records)?;
        let mut commits = [0; WRITERS as usize];
        for (key, _) in &records {
            let (writer, commit, _): (u64, u64, u64) = key.unpack()?;
            commits[writer as usize] = commits[writer as usize].max(commit + 1);
        }
        let counter = snapshot.counter(self.counters, b"commits")?;
        Ok(Read { commits, records, log: all(self.log)?, counter })
    }
}

impl Read {
    /// Whether every commit is there whole, none is missing before another, and nothing else is there.
    fn check(&self) -> Result<(), String> {
        let mut expected = Vec::new();
        for (writer, commits) in (0_u64..).zip(self.commits) {
            for commit in 0..commits {
                for part in 0..RECORDS {
                    let key = Key::of(&(writer, commit, part)).map_err(|error| error.to_string())?;
                    expected.push((key, value(writer, commit, part).into_bytes()));
                }
            }
        }
        if self.records != expected {
            return Err(format!("the records are not those of {:?} whole commits", self.commits));
        }
        let all: u64 = self.commits.iter().sum();
        if self.counter.unsigned_abs() != all || self.log.len() as u64 != all {
            let (counter, log) = (self.counter, self.log.len());
            return Err(format!("{all} commits, but the counter holds {counter} and the log {log} entries"));
        }
        let mut logged = [0; WRITERS as usize];
        for (position, (key, entry)) in (0_u64..).zip(&self.log) {
            let (writer, commit): (u64, u64) =
                Key::from(entry.as_slice()).unpack().map_err(|error| error.to_string())?;
            let follows = &mut logged[writer as usize];
            if key.unpack::<u64>().ok() != Some(position) || commit != *follows {
                return Err(format!("entry {position} of the log is commit {commit} of writer {writer}"));
            }
            *follows += 1;
        }
        Ok(())
    }
}

fn value(writer: u64, commit: u64, part: u64) -> String {
    format!("{writer}/{commit}/{part} ").repeat(1 + (commit % 7) as usize)
}

/// One write, so that lines of several threads do not mix, and nothing is kept back in a buffer.
fn tell(writer: u64) -> io::Result<()> {
    io::stdout().lock().write_all(format!("committed by {writer}\n").as_bytes())?;
    io::stdout().flush()
}
