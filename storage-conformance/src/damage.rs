//! Damaged files: a small store with bits flipped, ends cut off, pages zeroed, swapped and repeated, and files removed.
//!
//! A store is made once and kept as its files. Each state is these files with one change, opened and read: every key by
//! `get`, every keyspace by ranges in both directions, and the list of keyspaces. Whatever the damage, no read may
//! return what was never put, nothing may panic or hang, and every error is of a kind that says what happened. Records
//! that are gone, or that are what they were before the last commits, without any error are counted: an engine may
//! have no means to notice, and the [`Outcome`] then says how often.
//!
//! Whoever has an engine with files runs [`damage_everywhere`] on it. [`Unchecked`] is the engine that must be caught.

mod change;
mod files;
mod look;
mod outcome;
mod sample;
mod unchecked;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};
use std::{env, panic, thread};

use storage_core::{Engine, Result};

use crate::crash::{Broken, Image};
use crate::history::Random;

use change::{Change, Manner};
pub use outcome::{Outcome, Tally};
pub use unchecked::Unchecked;

/// A state that takes longer than this to open and read hangs.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// Of the times at which damage with a single place is drawn, it is tried once in so many.
const ONE_PLACE_IN: u64 = 50;

/// The name of the thread in which damaged stores are read: what engines panic about there, and catch, is not shown.
const THREAD: &str = "damage";

/// How many states are tried.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// Of each file and manner of damage so many, evenly spread.
    Sample(u64),
    /// Every bit, every length, every page.
    Whole,
    /// Any, drawn by the seed, until then.
    Until(Instant),
}

/// How a store is left before it is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It was closed.
    Closed,
    /// Its process ended: some commits were made since it was opened last.
    Running,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// From what everything that is drawn follows.
    pub seed: u64,
    /// How many states.
    pub extent: Extent,
    /// How the store is left.
    pub left: Left,
}

impl Search {
    /// So many states of each file and manner of damage. If the environment variable `STORAGE_DAMAGE_SECONDS` is set,
    /// random ones for that long instead, from the seed `STORAGE_DAMAGE_SEED`; if it is `all`, every one.
    pub fn new(left: Left, sample: u64) -> Self {
        let seed = env::var("STORAGE_DAMAGE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let extent = match env::var("STORAGE_DAMAGE_SECONDS") {
            Ok(all) if all == "all" => Extent::Whole,
            Ok(seconds) => match seconds.parse() {
                Ok(seconds) => Extent::Until(Instant::now() + Duration::from_secs(seconds)),
                Err(_) => Extent::Sample(sample),
            },
            Err(_) => Extent::Sample(sample),
        };
        Search { seed, extent, left }
    }
}

/// Makes a store with `open`, which creates one in an empty directory or opens what is in it, and damages its files.
pub fn damage_everywhere<E: Engine>(
    search: Search,
    open: impl Fn(&Path) -> Result<E> + Send + Sync + 'static,
) -> Result<Outcome, Broken> {
    quiet_panics();
    let (tell, told) = mpsc::channel();
    let work = move || {
        let outcome = Explorer::new(search, open).and_then(|mut explorer| explorer.explore(&tell));
        // Whoever no longer listens has called it hanging.
        tell.send(Told::Ended(Box::new(outcome))).ok();
    };
    let thread = thread::Builder::new().name(THREAD.into()).spawn(work);
    drop(thread.map_err(|error| Broken(format!("no thread: {error}")))?);
    let mut state: Arc<str> = "the store itself".into();
    loop {
        match told.recv_timeout(HANGS_AFTER) {
            Ok(Told::Begun(next)) => state = next,
            Ok(Told::Ended(outcome)) => return *outcome,
            Err(RecvTimeoutError::Timeout) => {
                return Err(Broken(format!("{state}: it hangs for {HANGS_AFTER:?}")));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Broken(format!("{state}: a panic past what is caught")));
            }
        }
    }
}

enum Told {
    Begun(Arc<str>),
    Ended(Box<Result<Outcome, Broken>>),
}

thread_local! {
    /// The state that is looked at in this thread.
    static STATE: RefCell<Arc<str>> = RefCell::new("the store itself".into());
}

/// Keeps the panics that engines catch out of the output, where there would be thousands. One that ends the process,
/// because it comes out of a destructor, is shown with its state.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
            let is_fatal = text.contains("in a destructor") || text.contains("cannot unwind");
            if thread::current().name() != Some(THREAD) || is_fatal {
                if is_fatal {
                    STATE.with_borrow(|state| eprintln!("{state}: the process ends"));
                }
                hook(info);
            }
        }));
    });
}

struct Explorer<O> {
    search: Search,
    open: O,
    image: Image,
    outcome: Outcome,
}

impl<E: Engine, O: Fn(&Path) -> Result<E>> Explorer<O> {
    fn new(search: Search, open: O) -> Result<Self, Broken> {
        let image = sample::make(search.left, &open)?;
        Ok(Explorer { search, open, image, outcome: Outcome::default() })
    }

    fn explore(&mut self, tell: &Sender<Told>) -> Result<Outcome, Broken> {
        self.undamaged()?;
        let names: Vec<String> = self.image.keys().cloned().collect();
        match self.search.extent {
            Extent::Sample(sample) => self.spread(tell, &names, Some(sample))?,
            Extent::Whole => self.spread(tell, &names, None)?,
            Extent::Until(end) => self.draw(tell, &names, end)?,
        }
        Ok(std::mem::take(&mut self.outcome))
    }

    /// What is not damaged is read whole: otherwise nothing that follows means anything.
    fn undamaged(&mut self) -> Result<(), Broken> {
        let seen = self.look(&self.image)?;
        match seen.is_whole() {
            true => Ok(()),
            false => Err(Broken(format!("the undamaged store is not read as it was put: {seen:?}"))),
        }
    }

    fn spread(&mut self, tell: &Sender<Told>, names: &[String], sample: Option<u64>) -> Result<(), Broken> {
        for name in names {
            for manner in Manner::ALL {
                let places = manner.places(&self.image[name]);
                let step = sample.map_or(1, |sample| places.len().div_ceil(sample).max(1));
                let mut place = self.search.seed % step;
                while place < places.len() {
                    self.state(tell, name, manner, places.change(place))?;
                    place += step;
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self, tell: &Sender<Told>, names: &[String], end: Instant) -> Result<(), Broken> {
        let mut random = Random::new(self.search.seed);
        while Instant::now() < end {
            let name = &names[random.place(names.len())];
            let manner = Manner::ALL[random.place(Manner::ALL.len())];
            let places = manner.places(&self.image[name]);
            // There is one way to remove a file, and there are many to flip a bit.
            if places.len() > 1 || (places.len() == 1 && random.one_in(ONE_PLACE_IN)) {
                self.state(tell, name, manner, places.change(random.below(places.len())))?;
            }
        }
        Ok(())
    }

    fn state(
        &mut self,
        tell: &Sender<Told>,
        name: &str,
        manner: Manner,
        change: Change,
    ) -> Result<(), Broken> {
        let Some(damaged) = change.apply(&self.image, name) else { return Ok(()) };
        let what: Arc<str> = format!("{name}, {change:?}").into();
        STATE.set(Arc::clone(&what));
        tell.send(Told::Begun(Arc::clone(&what))).map_err(|_| Broken("nobody listens".into()))?;
        let seen = self.look(&damaged).map_err(|Broken(wrong)| Broken(format!("{what}: {wrong}")))?;
        self.outcome.note(name, manner.name(), &what, &seen);
        Ok(())
    }

    fn look(&self, image: &Image) -> Result<look::Seen, Broken> {
        let directory = files::temporary()?;
        files::write(directory.path(), image)?;
        let looked = catch_unwind(AssertUnwindSafe(|| look::look(|| (self.open)(directory.path()))));
        looked.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown cause");
            Err(Broken(format!("a panic: {text}")))
        })
    }
}
