//! What the tests of every engine run: the written scripts, and random ones for as long as is asked for.

use std::env;
use std::time::{Duration, Instant};

use super::{Broken, CrashSubject, Search, Step, Tried, crash_everywhere};

/// For how long something random is tried, and from which seed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many seconds.
    pub seconds: u64,
    /// The first seed.
    pub seed: u64,
}

impl Extent {
    /// What `cargo xtask crash` asks for, by the environment variables `STORAGE_CRASH_SECONDS` and
    /// `STORAGE_CRASH_SEED`; `None` in a common run of the tests.
    pub fn asked() -> Option<Self> {
        let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        let seconds = number("STORAGE_CRASH_SECONDS")?;
        Some(Extent { seconds, seed: number("STORAGE_CRASH_SEED").unwrap_or(1) })
    }

    /// What is asked for, else so many seconds from seed 1 on.
    pub fn asked_or(seconds: u64) -> Self {
        Self::asked().unwrap_or(Extent { seconds, seed: 1 })
    }

    /// When the time is over, if it begins now.
    pub fn end(&self) -> Instant {
        Instant::now() + Duration::from_secs(self.seconds)
    }
}

/// Runs `crash_everywhere` with each of the named scripts. The first that is broken is named.
pub fn crash_in_each<S: CrashSubject>(
    subject: &S,
    scripts: impl IntoIterator<Item = (&'static str, &'static [Step])>,
    search: &Search,
) -> Result<Tried, Broken> {
    let mut all = Tried::default();
    for (name, script) in scripts {
        let tried = crash_everywhere(subject, script, search)
            .map_err(|Broken(what)| Broken(format!("{name}: {what}")))?;
        all.crashes += tried.crashes;
        all.states += tried.states;
    }
    Ok(all)
}

/// Calls `try_one` with one seed after the other, and when the time is over. Prints how many states `what` was in;
/// panics at the first that is broken.
pub fn crash_from_seeds(
    what: &str,
    extent: Extent,
    mut try_one: impl FnMut(u64, Instant) -> Result<Tried, Broken>,
) {
    let end = extent.end();
    let (mut states, mut seed) = (0, extent.seed);
    while Instant::now() < end {
        states += try_one(seed, end).unwrap_or_else(|broken| panic!("{what}, seed {seed}: {broken}")).states;
        seed += 1;
    }
    println!(
        "{what}: {states} states of {} random scripts, from seed {} on",
        seed - extent.seed,
        extent.seed
    );
}
