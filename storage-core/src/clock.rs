//! Time: what `now` is, and where it comes from.
//!
//! A clock is injected, so that tests own time. A database never lets it step back while it is open.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since 1970-01-01T00:00:00 UTC, until the year 2554.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last representable point in time.
    pub const MAX: Timestamp = Timestamp(u64::MAX);

    /// The point in time so many nanoseconds after 1970 began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    /// Nanoseconds since 1970 began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time `duration` later, or the last representable one.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The time `duration` earlier, or 1970.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Timestamp(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Tells the time. It may jump: the database that asks never goes back.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Timestamp(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is set. Clones share the time.
///
/// ```
/// use std::time::Duration;
/// use storage_core::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::at(Timestamp::from_nanos(1_000));
/// clock.advance(Duration::from_nanos(5));
/// assert_eq!(clock.now(), Timestamp::from_nanos(1_005));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        ManualClock(Arc::new(AtomicU64::new(time.0)))
    }

    /// Shows `time` from now on, which may be earlier than before.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }

    /// Shows a time `duration` later from now on.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().after(duration));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A clock that never steps back.
pub(crate) struct MonotonicClock {
    source: Box<dyn Clock>,
    latest: AtomicU64,
}

impl MonotonicClock {
    pub(crate) fn new(source: Box<dyn Clock>) -> Self {
        MonotonicClock { source, latest: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let now = self.source.now().0;
        Timestamp(self.latest.fetch_max(now, Ordering::SeqCst).max(now))
    }
}

impl fmt::Debug for MonotonicClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonotonicClock").field("latest", &self.latest).finish_non_exhaustive()
    }
}
