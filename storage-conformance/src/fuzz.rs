//! Fuzzing on the stable toolchain: inputs made by changing valid ones, given to whatever reads bytes from outside.
//!
//! A [`Target`] says what its valid inputs are, and what must hold for any bytes. An input that is answered as none was
//! before is kept and changed further. Nothing may panic, hang, or take memory that its input does not account for. An
//! input that fails is written to `fixtures/fuzz/<target>/`, from where every later run replays it first.
//!
//! The targets of storage-core are in [`targets`]; a crate with a parser of its own brings its own.

mod inputs;
mod journal;
mod records;
pub mod targets;

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fmt, fs, io, thread};

use crate::history::Random;

/// An input that takes longer than this hangs.
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// The memory that a target may take, on Linux, where it can be measured.
const MEMORY_MAX: u64 = 256 << 20;

/// So many inputs are kept, the newest.
const KEPT_MAX: usize = 256;

/// What reads bytes from outside, and what must hold.
pub struct Target {
    /// Its name, which its directory of fixtures has too.
    pub name: &'static str,
    /// Valid inputs, from which others are made.
    pub seeds: Vec<Vec<u8>>,
    /// Changes an input so that what guards it no longer refuses it, such as a checksum; or does nothing.
    pub mend: fn(&mut [u8]),
    /// Reads an input. What it answers tells inputs apart that took different ways; an error is what must not be.
    pub read: Box<dyn Fn(&[u8]) -> Answer + Send>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .field("seeds", &self.seeds.len())
            .finish_non_exhaustive()
    }
}

/// What a target says of an input: how it was answered, or what must not be.
pub type Answer = Result<String, String>;

impl Target {
    /// A target whose inputs are not mended.
    pub fn new(
        name: &'static str,
        seeds: Vec<Vec<u8>>,
        read: impl Fn(&[u8]) -> Answer + Send + 'static,
    ) -> Self {
        Target { name, seeds, mend: |_| (), read: Box::new(read) }
    }

    /// The same, with what mends its inputs.
    #[must_use]
    pub fn mended(mut self, mend: fn(&mut [u8])) -> Self {
        self.mend = mend;
        self
    }
}

/// How long is fuzzed, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// For how long.
    pub time: Duration,
    /// From what the inputs follow.
    pub seed: u64,
}

impl Budget {
    /// A second, or as the environment variables `STORAGE_FUZZ_SECONDS` and `STORAGE_FUZZ_SEED` say.
    pub fn new() -> Self {
        let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        Budget {
            time: Duration::from_secs(number("STORAGE_FUZZ_SECONDS").unwrap_or(1)),
            seed: number("STORAGE_FUZZ_SEED").unwrap_or(1),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new()
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fuzzed {
    /// Inputs, those that were replayed among them.
    pub inputs: u64,
    /// How many answers differed.
    pub answers: u64,
    /// Inputs that failed before and were replayed.
    pub replayed: u64,
}

impl fmt::Display for Fuzzed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fuzzed { inputs, answers, replayed } = self;
        write!(f, "{inputs} inputs, {answers} different answers, {replayed} replayed")
    }
}

/// What must not be, and the input that showed it.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// With which bytes.
    pub input: Vec<u8>,
}

/// Fuzzes a target. `fixtures` is the directory `fixtures/fuzz` of the crate, where inputs that fail are kept.
pub fn fuzz(target: Target, budget: Budget, fixtures: &Path) -> Result<Fuzzed, String> {
    let directory = fixtures.join(target.name);
    let replayed = read_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let name = target.name;
    search(target, budget, replayed).map_err(|failure| {
        let kept = keep(&directory, &failure.input);
        let kept = kept.unwrap_or_else(|error| format!("and could not be kept: {error}"));
        let shown = failure.input[..failure.input.len().min(200)].escape_ascii();
        format!("{name}, seed {}: {}\ninput {shown}, {kept}", budget.seed, failure.what)
    })
}

fn read_all(directory: &Path) -> io::Result<Vec<Vec<u8>>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut paths =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}

fn keep(directory: &Path, input: &[u8]) -> io::Result<String> {
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{:08x}", crc32fast::hash(input)));
    fs::write(&path, input)?;
    Ok(format!("kept as {}", path.display()))
}

/// The same without files.
pub fn search(target: Target, budget: Budget, replayed: Vec<Vec<u8>>) -> Result<Fuzzed, Failure> {
    let current = Arc::new(Mutex::new(Vec::new()));
    let of_worker = Arc::clone(&current);
    let input = move || current.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (tell, told) = mpsc::channel();
    let work = move || {
        let mut worker = Worker::new(target, budget, &of_worker);
        let done = worker.run(replayed, &|| tell.send(None).is_ok());
        // Whoever no longer listens has called it hanging.
        tell.send(Some(done)).ok();
    };
    let thread = thread::Builder::new().name("fuzz".into()).spawn(work);
    drop(thread.map_err(|error| Failure { what: error.to_string(), input: Vec::new() })?);
    loop {
        match told.recv_timeout(HANGS_AFTER) {
            Ok(None) => {}
            Ok(Some(done)) => return done,
            Err(RecvTimeoutError::Timeout) => {
                return Err(Failure { what: format!("it hangs for {HANGS_AFTER:?}"), input: input() });
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure { what: "a panic past what is caught".into(), input: input() });
            }
        }
    }
}

struct Worker<'a> {
    target: Target,
    budget: Budget,
    random: Random,
    /// What is read now, for whoever finds that it hangs.
    current: &'a Mutex<Vec<u8>>,
    kept: VecDeque<Vec<u8>>,
    answers: HashSet<u64>,
    fuzzed: Fuzzed,
    memory_at_first: Option<u64>,
}

impl<'a> Worker<'a> {
    fn new(target: Target, budget: Budget, current: &'a Mutex<Vec<u8>>) -> Self {
        let memory_at_first = memory();
        let kept = VecDeque::new();
        let random = Random::new(budget.seed);
        let (answers, fuzzed) = (HashSet::new(), Fuzzed::default());
        Worker { target, budget, random, current, kept, answers, fuzzed, memory_at_first }
    }

    /// Tells before every input that it goes on, and ends early where nobody listens.
    fn run(&mut self, replayed: Vec<Vec<u8>>, goes_on: &dyn Fn() -> bool) -> Result<Fuzzed, Failure> {
        let end = Instant::now() + self.budget.time;
        for input in replayed {
            self.fuzzed.replayed += 1;
            self.read(input)?;
        }
        for seed in self.target.seeds.clone() {
            self.read(seed)?;
        }
        while Instant::now() < end {
            for _ in 0..100 {
                if !goes_on() {
                    return Ok(self.fuzzed);
                }
                let mut input = self.base();
                for _ in 0..1 + self.random.below(6) {
                    inputs::change(&mut input, &self.target.seeds, &mut self.random);
                }
                if self.random.one_in(2) {
                    (self.target.mend)(&mut input);
                }
                self.read(input)?;
            }
            self.check_memory()?;
        }
        self.fuzzed.answers = self.answers.len() as u64;
        Ok(self.fuzzed)
    }

    /// What an input is made from: a valid one, or one that was answered as none before.
    fn base(&mut self) -> Vec<u8> {
        let from = if self.random.one_in(2) || self.kept.is_empty() {
            let seeds = &self.target.seeds;
            seeds.get(self.random.below(seeds.len().max(1) as u64) as usize)
        } else {
            self.kept.get(self.random.place(self.kept.len()))
        };
        from.cloned().unwrap_or_default()
    }

    fn read(&mut self, input: Vec<u8>) -> Result<(), Failure> {
        self.fuzzed.inputs += 1;
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&input);
        let read = catch_unwind(AssertUnwindSafe(|| (self.target.read)(&input)));
        let answer = read.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown cause");
            Err(format!("a panic: {text}"))
        });
        match answer {
            Err(what) => Err(Failure { what, input }),
            Ok(answer) => {
                let mut hasher = DefaultHasher::new();
                answer.hash(&mut hasher);
                if self.answers.insert(hasher.finish()) {
                    self.kept.push_back(input);
                    if self.kept.len() > KEPT_MAX {
                        self.kept.pop_front();
                    }
                }
                Ok(())
            }
        }
    }

    fn check_memory(&self) -> Result<(), Failure> {
        let (Some(first), Some(now)) = (self.memory_at_first, memory()) else { return Ok(()) };
        match now.saturating_sub(first) {
            taken if taken <= MEMORY_MAX => Ok(()),
            taken => {
                let input = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                Err(Failure { what: format!("one of the last hundred inputs took {taken} bytes"), input })
            }
        }
    }
}

/// The most memory that the process has used so far; `None` where the system does not tell.
fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
