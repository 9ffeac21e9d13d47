//! Crashes at every call of a script, of the recovery from that crash, and of the recovery from the next one.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use storage_core::Durability;

use crate::history::Random;

use super::disk::{Image, SimDisk};
use super::leavings::{Manner, leavings};
use super::script::{Acknowledged, Broken, Content, CrashSubject, Run, Step, run};

/// How far is looked.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// From what everything that is drawn follows.
    pub seed: u64,
    /// Of the crashes that are possible, one in so many is tried: the first crash, the second, the third.
    pub one_in: [u64; 3],
    /// When it ends, whatever is left.
    pub until: Option<Instant>,
    /// When a commit counts as told.
    pub acknowledged: Acknowledged,
}

impl Search {
    /// Every first crash, every second, and some of the third.
    pub fn new(seed: u64) -> Self {
        Search { seed, one_in: [1, 1, 40], until: None, acknowledged: Acknowledged::Afterwards }
    }

    /// The same with fewer crashes: one in so many.
    #[must_use]
    pub fn one_in(mut self, one_in: [u64; 3]) -> Self {
        self.one_in = one_in;
        self
    }

    /// The same, ending then.
    #[must_use]
    pub fn until(mut self, end: Instant) -> Self {
        self.until = Some(end);
        self
    }
}

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Calls behind which the first crash came.
    pub crashes: u64,
    /// Disks, each different from the others, from which the store was opened.
    pub states: u64,
}

/// What is done after a recovery: the store must go on, and what is done must survive the next crash.
const AFTERWARDS: [Step; 3] = [
    Step::Commit { records: 1, value_len: 0, durability: Durability::Sync },
    Step::Commit { records: 1, value_len: 0, durability: Durability::Deferred },
    Step::Commit { records: 1, value_len: 0, durability: Durability::Deferred },
];

/// Runs a script on an empty store and crashes behind every call that changes the disk; then again behind every call
/// of what follows: opening, and a few commits; and once more.
pub fn crash_everywhere<S: CrashSubject>(
    subject: &S,
    script: &[Step],
    search: &Search,
) -> Result<Tried, Broken> {
    let (image, allowed) = super::script::empty();
    let mut explorer = Explorer {
        subject,
        search: *search,
        random: Random::new(search.seed),
        seen: HashSet::new(),
        tried: Tried::default(),
        tag: 0,
        path: Vec::new(),
    };
    let first = explorer.run(image, &allowed, script)?;
    explorer.crash(&first, 0)?;
    Ok(explorer.tried)
}

struct Explorer<'a, S> {
    subject: &'a S,
    search: Search,
    random: Random,
    /// Disks that were opened, with what was allowed to be on them.
    seen: HashSet<u64>,
    tried: Tried,
    /// Makes what each run writes different.
    tag: u64,
    /// The crashes that led here.
    path: Vec<(usize, Manner)>,
}

impl<S: CrashSubject> Explorer<'_, S> {
    /// Crashes behind every call of a run.
    fn crash(&mut self, run: &Run, depth: usize) -> Result<(), Broken> {
        let (start, calls) = (run.disk.start(), run.disk.calls());
        for behind in 0..=calls.len() {
            if self.search.until.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            if depth == 0 {
                self.tried.crashes += 1;
            }
            for manner in Manner::ALL {
                if !self.random.one_in(self.search.one_in[depth]) {
                    continue;
                }
                let allowed = match manner {
                    Manner::Kept => run.allowed_after_kill(behind),
                    _ => run.allowed(behind),
                };
                let mut draw = |limit| self.random.below(limit);
                let image = leavings(&start, &calls[..behind], manner, &mut draw);
                if !self.is_new(&image, &allowed, depth) {
                    continue;
                }
                self.path.push((behind, manner));
                let next = self.run(image, &allowed, &AFTERWARDS)?;
                if depth + 1 < self.search.one_in.len() {
                    self.crash(&next, depth + 1)?;
                }
                self.path.pop();
            }
        }
        Ok(())
    }

    fn run(&mut self, image: Image, allowed: &[Content], script: &[Step]) -> Result<Run, Broken> {
        self.tag += 1;
        self.tried.states += 1;
        let ran =
            run(self.subject, &SimDisk::new(image), allowed, script, self.tag, self.search.acknowledged);
        let ran = ran.map_err(|Broken(what)| self.told(&what))?;
        match ran.errors.first() {
            None => Ok(ran),
            Some(error) => Err(self.told(&format!("a step fails: {error:?}"))),
        }
    }

    fn told(&self, what: &str) -> Broken {
        let mut text = format!("seed {}", self.search.seed);
        for (behind, manner) in &self.path {
            write!(text, ", a crash behind call {behind}, {manner:?}").expect("text can be added to");
        }
        Broken(format!("{text}: {what}"))
    }

    fn is_new(&mut self, image: &Image, allowed: &[Content], depth: usize) -> bool {
        let mut hasher = DefaultHasher::new();
        for (name, bytes) in image {
            // Faster by far, and two disks that it takes for one are one disk less of many.
            (name, bytes.len(), crc32fast::hash(bytes)).hash(&mut hasher);
        }
        (allowed, depth).hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }
}
