//! What can be set about a database and about one transaction.

use std::cell::OnceCell;
use std::fmt;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::engine::Durability;
use crate::key::Number;
use crate::limits::Limits;

/// What can be set when a database is made.
///
/// ```
/// use std::time::{Duration, Instant};
/// use storage_core::{ManualClock, Options};
///
/// let clock = ManualClock::default();
/// let options = Options::new().clock(clock.clone()).sweep_every(Duration::from_secs(5));
/// ```
pub struct Options {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) sync_within: Duration,
    pub(crate) sweep_every: Option<Duration>,
    pub(crate) snapshot_age_max: Option<Duration>,
}

impl Options {
    /// The system's clock, the largest limits, deferred commits synced within a second, a sweep a minute, snapshots
    /// of any age.
    pub fn new() -> Self {
        Options {
            clock: Box::new(SystemClock),
            limits: Limits::default(),
            sync_within: Duration::from_secs(1),
            sweep_every: Some(Duration::from_secs(60)),
            snapshot_age_max: None,
        }
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Sets limits lower than the largest.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long after the oldest deferred commit `sync` is called at the latest, also when the database is idle.
    #[must_use]
    pub fn sync_within(mut self, time: Duration) -> Self {
        self.sync_within = time;
        self
    }

    /// How often expired records are removed in the background, once one was written with an expiry.
    #[must_use]
    pub fn sweep_every(mut self, time: Duration) -> Self {
        self.sweep_every = Some(time);
        self
    }

    /// Leaves the sweeping to calls of [`Database::sweep`](crate::Database::sweep).
    #[must_use]
    pub fn sweep_by_hand(mut self) -> Self {
        self.sweep_every = None;
        self
    }

    /// Ends snapshots of this age: their gets fail with `Expired`, and no range begins.
    #[must_use]
    pub fn snapshot_age_max(mut self, age: Duration) -> Self {
        self.snapshot_age_max = Some(age);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Options::new()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("sync_within", &self.sync_within)
            .field("sweep_every", &self.sweep_every)
            .field("snapshot_age_max", &self.snapshot_age_max)
            .finish_non_exhaustive()
    }
}

/// What can be set about one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactOptions {
    /// When the commit counts as done.
    pub durability: Durability,
    /// How long it is tried again after conflicts, and how long it waits for a turn.
    pub deadline: Duration,
}

impl TransactOptions {
    /// `Sync`, within ten seconds.
    pub const fn new() -> Self {
        TransactOptions { durability: Durability::Sync, deadline: Duration::from_secs(10) }
    }

    /// The same with another durability.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The same with another deadline.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// When the waiting of one call ends, however often it waits. The clock is not read before something waits.
#[derive(Debug)]
pub(crate) struct Deadline {
    time: Duration,
    ends_at: OnceCell<Instant>,
}

impl Deadline {
    /// So long after the first wait begins.
    pub(crate) fn after(time: Duration) -> Self {
        Deadline { time, ends_at: OnceCell::new() }
    }

    /// The instant, counted from now where nothing has waited yet; for ever is one that no process lives to see.
    pub(crate) fn instant(&self) -> Instant {
        *self.ends_at.get_or_init(|| instant_after(self.time))
    }
}

/// The instant after `time`, or one that no process lives to see.
pub(crate) fn instant_after(time: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    Instant::now() + time.min(YEARS)
}

impl Default for TransactOptions {
    fn default() -> Self {
        TransactOptions::new()
    }
}

impl From<Durability> for TransactOptions {
    fn from(durability: Durability) -> Self {
        TransactOptions::new().durability(durability)
    }
}

/// What a transaction that committed gave.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What its closure returned.
    pub value: T,
    /// The version at which what it wrote can be seen; for one that wrote nothing, a version that it saw.
    pub version: u64,
    /// The numbers that it drew, in the order in which they were asked for.
    pub numbers: Vec<u64>,
    /// The time of its commit; `None` for one that asked for no commit-time value.
    pub time: Option<Timestamp>,
}

impl<T> Outcome<T> {
    /// The number that a ticket of this transaction stood for.
    ///
    /// # Panics
    ///
    /// If the ticket was drawn in another transaction.
    pub fn number(&self, number: Number) -> u64 {
        match number {
            Number::Known(number) => number,
            Number::Drawn(ticket) => self.numbers[ticket as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_counted_once_from_the_first_wait() {
        let deadline = Deadline::after(Duration::from_secs(10));
        let before = Instant::now();
        let first = deadline.instant();
        assert!(first >= before + Duration::from_secs(10));
        // The clock goes on between two waits; the deadline does not.
        while Instant::now() == before {}
        assert_eq!(deadline.instant(), first);
        assert!(Deadline::after(Duration::MAX).instant() > first);
    }
}
