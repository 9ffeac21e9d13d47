//! Random histories, compared step by step with a plain model.
//!
//! The model keeps sorted maps, copies them for every snapshot, and knows no engine. A history is drawn by
//! proptest from a seed and is data: one that went another way than the model is shrunk, saved as JSON, and
//! replayed from the file for ever. What a step of it means is said in [`step`], what it may answer in
//! [`answer`].

pub mod answer;
mod long;
pub mod one_history;
mod oracle;
mod pending;
mod plan;
mod rows;
mod session;
mod state;
pub mod step;
mod text;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use storage_core::{Keyspace, ManualClock, Timestamp};

use crate::subject::Subject;
use answer::Event;
use oracle::Oracle;
use session::{Answered, Session, keyspaces};
use state::KEYSPACES;
use step::Step;

/// How often a failing history is tried with something taken out or made smaller.
const SHRINKS_MAX: u32 = 20_000;

/// Runs `count` histories that follow from `seed`, each on a fresh subject, and stops at the first that goes
/// another way than the model. That one is shrunk and saved in the directory `failures`, which is made if it
/// is not there.
pub fn run_histories<S: Subject>(
    make: impl Fn() -> S,
    count: u64,
    seed: u64,
    failures: &Path,
) -> Result<(), Box<Failure>> {
    let Err((number, found)) = search(&make, count, seed, SHRINKS_MAX) else { return Ok(()) };
    let path = failures.join(format!("model-{seed}-{number}.json"));
    let saved = fs::create_dir_all(failures).and_then(|()| save(&path, &found.steps)).map(|()| path);
    Err(Box::new(Failure { saved, ..found }))
}

/// The number of the first of `count` histories that goes another way than the model, counted from 1; `None`
/// if all go the same way. Nothing is shrunk or saved.
pub fn first_divergence<S: Subject>(
    make: impl Fn() -> S,
    count: u64,
    seed: u64,
) -> Option<(u64, Box<Failure>)> {
    search(&make, count, seed, 0).err().map(|(number, failure)| (number, Box::new(failure)))
}

/// Runs the steps that a file holds on a subject.
///
/// `Err` if the file holds none; inside, where the answers differ from the model's.
pub fn replay<S: Subject>(subject: &S, path: &Path) -> io::Result<Result<(), Divergence>> {
    let steps: Vec<Step> = serde_json::from_slice(&fs::read(path)?)?;
    Ok(check(subject, &steps))
}

/// Runs steps on a subject and compares every answer with the model's.
///
/// # Panics
///
/// Where the database or its engine does.
pub fn check<S: Subject>(subject: &S, steps: &[Step]) -> Result<(), Divergence> {
    let names = Position { step: 0, steps }.unrefused(names())?;
    let mut oracle = None;
    run(subject, steps, |at, answered, told| {
        let oracle = oracle.get_or_insert_with(|| Oracle::new(names, answered.reopens));
        let step = &at.steps[at.step];
        at.same(&oracle.step(step, answered.began), &answered.answer)?;
        at.same(&events_of(oracle, step), &told)
    })
}

/// Runs steps on a subject and hands every answer, with what watches were told, to a judge.
fn run<S: Subject>(
    subject: &S,
    steps: &[Step],
    mut judge: impl FnMut(&Position<'_>, &Answered, Told) -> Result<(), Divergence>,
) -> Result<(), Divergence> {
    let mut at = Position { step: 0, steps };
    let clock = ManualClock::at(Timestamp::from_nanos(plan::CLOCK_START));
    let open = || Session::open(subject.open()?, &clock);
    let mut session = at.unrefused(open())?;
    for (index, step) in steps.iter().enumerate() {
        at.step = index;
        if *step == Step::Reopen && session.reopens() {
            let cursors = at.unrefused(session.close())?;
            session = at.unrefused(open())?;
            session.go_on(cursors);
        }
        let answered = at.unrefused(session.step(step))?;
        let told = at.unrefused(session.events())?;
        judge(&at, &answered, in_order(step, told))?;
    }
    Ok(())
}

/// What the watches on each keyspace were told at a step.
type Told = [Vec<Event>; KEYSPACES];

/// What the model says that watches are told at a step.
fn events_of(oracle: &mut Oracle, step: &Step) -> Told {
    in_order(step, oracle.events())
}

/// Events in an order that can be compared: a sweep commits in parts, whose sizes are its own affair.
fn in_order(step: &Step, mut told: Told) -> Told {
    if matches!(step, Step::Sweep { .. }) {
        told.iter_mut().for_each(|events| events.sort());
    }
    told
}

/// The names of the keyspaces.
fn names() -> storage_core::Result<[&'static str; KEYSPACES]> {
    Ok(keyspaces()?.map(Keyspace::name))
}

/// A history that went another way than the model.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The seed of all histories.
    pub seed: u64,
    /// How it went.
    pub reason: String,
    /// The history, shrunk.
    pub steps: Vec<Step>,
    /// Where it was saved, or why it was not.
    pub saved: io::Result<PathBuf>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a history of seed {} went another way than the model", self.seed)?;
        writeln!(f, "{}", self.reason)?;
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {index}: {step:?}")?;
        }
        match &self.saved {
            Ok(path) => write!(f, "saved to {}", path.display()),
            Err(error) => write!(f, "it could not be saved: {error}"),
        }
    }
}

/// Where a history went another way than the model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// The step at which it did, counted from 0.
    pub step: usize,
    /// What was done, what the model says, and what the database said.
    pub report: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.report)
    }
}

/// Where a history stands.
struct Position<'a> {
    step: usize,
    steps: &'a [Step],
}

impl Position<'_> {
    fn same<T: PartialEq + fmt::Debug>(&self, expected: &T, found: &T) -> Result<(), Divergence> {
        if expected == found {
            return Ok(());
        }
        Err(self.diverged(&format!("\n  expected {expected:?}\n  found    {found:?}")))
    }

    /// What a call returned that nothing can refuse.
    fn unrefused<T>(&self, result: storage_core::Result<T>) -> Result<T, Divergence> {
        result.map_err(|error| self.diverged(&format!(" was refused: {error:?}")))
    }

    fn diverged(&self, report: &str) -> Divergence {
        let step = self.steps.get(self.step);
        let report = step.map_or_else(|| format!("opening{report}"), |step| format!("{step:?}{report}"));
        Divergence { step: self.step, report }
    }
}

/// The first failing history, with its number counted from 1.
fn search<S: Subject>(
    make: &impl Fn() -> S,
    count: u64,
    seed: u64,
    shrinks: u32,
) -> Result<(), (u64, Failure)> {
    let histories = plan::history();
    for number in 1..=count {
        let config =
            Config { cases: 1, max_shrink_iters: shrinks, failure_persistence: None, ..Config::default() };
        let mut runner =
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes(seed, number)));
        let run = |steps: Vec<Step>| {
            check(&make(), &steps).map_err(|divergence| TestCaseError::fail(divergence.to_string()))
        };
        let (reason, steps) = match runner.run(&histories, run) {
            Ok(()) => continue,
            Err(TestError::Fail(reason, steps)) => (reason.to_string(), steps),
            Err(TestError::Abort(reason)) => (format!("no history could be drawn: {reason}"), Vec::new()),
        };
        let saved = Err(io::Error::other("nobody asked for it"));
        return Err((number, Failure { seed, reason, steps, saved }));
    }
    Ok(())
}

/// What proptest draws a history from: the seed of all, and its number among them.
fn bytes(seed: u64, number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Writes a history as JSON, one step a line.
fn save(path: &Path, steps: &[Step]) -> io::Result<()> {
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    let mut separator = "[\n";
    for step in steps {
        file.write_all(separator.as_bytes())?;
        serde_json::to_writer(&mut file, step)?;
        separator = ",\n";
    }
    file.write_all(if steps.is_empty() { b"[]\n" } else { b"\n]\n" })?;
    file.flush()
}
