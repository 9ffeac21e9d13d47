//! The clock around single operations.
//!
//! Reading the clock twice costs tens of nanoseconds, as much as some operations. So the rounds that give the
//! time an operation takes run without it, over whole batches, and the latencies come from a pass of their
//! own. Their percentiles contain the cost of one reading; the report names it.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::statistics::Interval;

/// The longest latency that is told apart from longer ones.
const LATENCY_MAX: Duration = Duration::from_secs(100);

/// Is shown every operation of a run.
pub trait Meter {
    /// Runs `work`, which is `count` operations that cannot be told apart.
    fn time_many<T>(&mut self, count: u64, work: impl FnOnce() -> T) -> T;

    /// Runs `work`, which is one operation.
    #[inline]
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.time_many(1, work)
    }
}

/// Takes no time: whoever runs the batch does.
#[derive(Clone, Copy, Debug)]
pub struct Unmeasured;

impl Meter for Unmeasured {
    #[inline]
    fn time_many<T>(&mut self, _: u64, work: impl FnOnce() -> T) -> T {
        work()
    }
}

/// Takes the time of every operation, to three digits.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

impl Default for Latencies {
    fn default() -> Self {
        let max = LATENCY_MAX.as_nanos() as u64;
        Latencies {
            histogram: Histogram::new_with_bounds(1, max, 3).expect("bounds and digits are constants"),
        }
    }
}

impl Meter for Latencies {
    #[inline]
    fn time_many<T>(&mut self, count: u64, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        let each = start.elapsed().as_nanos() as u64 / count.max(1);
        for _ in 0..count {
            self.histogram.saturating_record(each);
        }
        result
    }
}

impl Latencies {
    /// Adds what another worker took.
    pub fn add(&mut self, other: &Latencies) {
        self.histogram.add(&other.histogram).expect("both have the same bounds");
    }

    /// How many operations were taken.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether none was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    /// The nanoseconds within which this share of the operations was done; `None` if none was taken.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        (!self.is_empty()).then(|| self.histogram.value_at_quantile(share))
    }

    /// The same with the interval that holds the true one with 95 %: at so many samples, a share of them is as uncertain
    /// as a binomial is, by its normal approximation.
    #[must_use]
    pub fn quantile_interval(&self, share: f64) -> Option<Interval> {
        let uncertain = 1.96 * (share * (1.0 - share) / self.len() as f64).sqrt();
        let at = |share: f64| self.quantile(share.clamp(0.0, 1.0)).map(|ns| ns as f64);
        Some(Interval { low: at(share - uncertain)?, median: at(share)?, high: at(share + uncertain)? })
    }

    /// The nanoseconds of the slowest; `None` if none was taken.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then(|| self.histogram.max())
    }
}

/// The nanoseconds that a latency contains for the clock alone: the median of many empty ones.
#[must_use]
pub fn clock_ns() -> u64 {
    let mut latencies = Latencies::default();
    for _ in 0..10_000 {
        latencies.time(|| std::hint::black_box(()));
    }
    latencies.quantile(0.5).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_counted_and_workers_add_up() {
        let mut first = Latencies::default();
        assert_eq!((first.quantile(0.5), first.max()), (None, None));
        assert_eq!(first.quantile_interval(0.5), None);
        assert_eq!(first.time(|| 7), 7);
        let mut second = Latencies::default();
        second.time_many(10, || ());
        first.add(&second);
        assert_eq!(first.len(), 11);
        assert!(first.quantile(0.5) <= first.quantile(0.999) && first.quantile(0.999) <= first.max());
    }

    #[test]
    fn the_interval_of_a_quantile_is_that_of_its_rank() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|ns| latencies.histogram.saturating_record(ns));
        // 31 ranks on either side of the middle one.
        let interval = latencies.quantile_interval(0.5).unwrap();
        assert_eq!((interval.low, interval.median, interval.high), (470.0, 500.0, 531.0));
        // Beyond the slowest there is nothing: the interval ends with it.
        assert_eq!(latencies.quantile_interval(0.999).unwrap().high, 1_000.0);
    }
}
