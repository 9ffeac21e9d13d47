//! Medians, their intervals, paired ratios, a rank test, and verdicts.
//!
//! Intervals are order statistics: they assume nothing about the distribution of the rounds and draw no
//! random numbers, so the same rounds always give the same interval. With n rounds the interval runs from the
//! k-th smallest to the k-th largest, where k is the largest for which that covers the median with at least
//! 95 %.

use serde::{Deserialize, Serialize};

/// How sure an interval has to be.
const COVERAGE: f64 = 0.95;
/// Below this, a rank test says that two series differ.
const SIGNIFICANCE: f64 = 0.05;

/// A median and the interval that holds the true one with 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of the median of `values`; `None` for fewer than six, of which no interval is that sure.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let rank = interval_rank(values.len())?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Interval {
            low: sorted[rank - 1],
            median: median_of_sorted(&sorted),
            high: sorted[sorted.len() - rank],
        })
    }

    /// The ratio to another that was measured at another time: as uncertain as both together.
    #[must_use]
    pub fn over(&self, other: &Interval) -> Self {
        Interval {
            low: self.low / other.high,
            median: self.median / other.median,
            high: self.high / other.low,
        }
    }

    /// Whether every value of the interval is within, beyond, or on both sides of a bound from above.
    #[must_use]
    pub fn against(&self, at_most: f64) -> Verdict {
        if self.high <= at_most {
            Verdict::Met
        } else if self.low > at_most {
            Verdict::Missed
        } else {
            Verdict::Undecided
        }
    }
}

/// Whether a bound holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole interval is within it.
    Met,
    /// The whole interval is beyond it.
    Missed,
    /// The interval is on both sides.
    Undecided,
}

/// The median; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| median_of_sorted(&sorted))
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The rank k of the ends, counted from 1.
///
/// The number of values below the median is binomial with one half; see any text on the sign test.
fn interval_rank(len: usize) -> Option<usize> {
    // ln of the probability of exactly `below` values below the median, and the sum up to it.
    let mut ln_exactly = -(len as f64) * std::f64::consts::LN_2;
    let mut up_to = ln_exactly.exp();
    let mut rank = None;
    for below in 0..len / 2 {
        // The interval from rank below + 1 misses if at most `below` values are below the median, or above
        // it.
        if 1.0 - 2.0 * up_to < COVERAGE {
            break;
        }
        rank = Some(below + 1);
        ln_exactly += ((len - below) as f64 / (below + 1) as f64).ln();
        up_to += ln_exactly.exp();
    }
    rank
}

/// Two series of the same rounds, compared round by round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The ratio of the first to the second.
    pub interval: Interval,
    /// The probability that series which do not differ look at least this different.
    pub p: f64,
}

impl Ratio {
    /// The ratio of `ours` to `theirs`; `None` if they are not the same number of rounds, or too few.
    #[must_use]
    pub fn of(ours: &[f64], theirs: &[f64]) -> Option<Self> {
        if ours.len() != theirs.len() {
            return None;
        }
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Some(Ratio { interval: Interval::of(&ratios)?, p: rank_test(ours, theirs) })
    }

    /// Whether the two really differ: the interval leaves out 1 by more than `noise`, and the rank test
    /// agrees.
    #[must_use]
    pub fn differs(&self, noise: f64) -> bool {
        let Interval { low, high, .. } = self.interval;
        (low > 1.0 + noise || high < 1.0 / (1.0 + noise)) && self.p < SIGNIFICANCE
    }

    /// By how much the interval strays from 1, as a share: the noise, where both are the same thing.
    #[must_use]
    pub fn noise(&self) -> f64 {
        let Interval { low, high, .. } = self.interval;
        (high.max(1.0) - 1.0).max(1.0 / low.min(1.0) - 1.0)
    }
}

/// The two-sided Mann-Whitney test: the probability that two samples of one distribution differ this much in
/// rank.
///
/// By the normal approximation with corrections for ties and continuity, which is good from eight values
/// each; 1 if either is empty or all values are equal.
#[must_use]
pub fn rank_test(first: &[f64], second: &[f64]) -> f64 {
    let (m, n) = (first.len() as f64, second.len() as f64);
    let total = m + n;
    let mut values: Vec<(f64, bool)> =
        first.iter().map(|&value| (value, true)).chain(second.iter().map(|&value| (value, false))).collect();
    values.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut rank_sum = 0.0;
    let mut ties = 0.0;
    let mut before = 0.0;
    for equal in values.chunk_by(|a, b| a.0 == b.0) {
        let count = equal.len() as f64;
        let rank = before + (count + 1.0) / 2.0;
        rank_sum += rank * equal.iter().filter(|(_, of_first)| *of_first).count() as f64;
        ties += count * count * count - count;
        before += count;
    }
    let u = rank_sum - m * (m + 1.0) / 2.0;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    let distance = ((u - m * n / 2.0).abs() - 0.5).max(0.0);
    two_sided(distance / variance.sqrt())
}

/// The probability that a normal variable is at least this many deviations from its mean.
///
/// Abramowitz and Stegun 7.1.26, whose error is below 1.5e-7.
fn two_sided(deviations: f64) -> f64 {
    let x = deviations / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (polynomial * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::keys::mixed;

    /// Skewed numbers, as times are: the sum of a few exponentials. Their median is not their mean.
    fn times(seed: u64, count: usize) -> Vec<f64> {
        (0..count as u64)
            .map(|at| {
                let uniform = (mixed(seed << 20 ^ at) >> 11) as f64 / (1_u64 << 53) as f64;
                100.0 - 10.0 * (1.0 - uniform).ln()
            })
            .collect()
    }

    #[test]
    fn ranks_agree_with_the_tables() {
        // From published tables of the sign test's interval for a median.
        let known = [
            (5, None),
            (6, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (16, Some(4)),
            (20, Some(6)),
            (30, Some(10)),
        ];
        for (len, rank) in known {
            assert_eq!(interval_rank(len), rank, "{len}");
        }
        assert!(interval_rank(3_000).is_some_and(|rank| (1_440..1_450).contains(&rank)));
    }

    #[test]
    fn the_interval_holds_the_median_as_often_as_it_says() {
        let truth = 100.0 + 10.0 * std::f64::consts::LN_2;
        for rounds in [6, 16, 30] {
            let held = (0..2_000).filter(|&run| {
                let interval = Interval::of(&times(run * 64 + rounds as u64, rounds)).unwrap();
                interval.low <= truth && truth <= interval.high
            });
            let share = held.count() as f64 / 2_000.0;
            assert!(share >= 0.94, "{share} at {rounds} rounds");
        }
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        // A machine that slows down four-fold half way through slows both.
        let theirs: Vec<f64> = (0..20).map(|round| if round < 10 { 100.0 } else { 400.0 }).collect();
        let ours: Vec<f64> = theirs.iter().map(|time| time * 1.5).collect();
        let ratio = Ratio::of(&ours, &theirs).unwrap();
        assert_eq!(ratio.interval, Interval { low: 1.5, median: 1.5, high: 1.5 });
        assert!(Ratio::of(&ours, &theirs[1..]).is_none());
        assert!(Ratio::of(&ours[..5], &theirs[..5]).is_none());
    }

    #[test]
    fn a_difference_needs_the_interval_the_noise_and_the_ranks() {
        let (base, same) = (times(1, 30), times(2, 30));
        assert!(!Ratio::of(&same, &base).unwrap().differs(0.0));
        let slower: Vec<f64> = same.iter().map(|time| time * 1.3).collect();
        let ratio = Ratio::of(&slower, &base).unwrap();
        assert!(ratio.differs(0.05));
        assert!(!ratio.differs(0.5));
        let inverse = Ratio::of(&base, &slower).unwrap();
        assert!(inverse.differs(0.05) && !inverse.differs(0.5));
    }

    #[test]
    fn noise_is_the_larger_way_from_one() {
        let interval = |low, high| Ratio { interval: Interval { low, median: 1.0, high }, p: 1.0 };
        assert!((interval(0.8, 1.1).noise() - 0.25).abs() < 1e-9);
        assert!((interval(0.99, 1.1).noise() - 0.1).abs() < 1e-9);
        assert!(interval(1.0, 1.0).noise().abs() < 1e-9);
    }

    #[test]
    fn a_bound_is_met_missed_or_undecided() {
        let interval = Interval { low: 1.0, median: 1.2, high: 1.4 };
        assert_eq!(interval.against(1.4), Verdict::Met);
        assert_eq!(interval.against(1.39), Verdict::Undecided);
        assert_eq!(interval.against(1.0), Verdict::Undecided);
        assert_eq!(interval.against(0.99), Verdict::Missed);
    }

    #[test]
    fn the_rank_test_agrees_with_worked_examples() {
        // Complete separation of 8 and 8: U = 0, z = (32 - 0.5) / sqrt(64 * 17 / 12) = 3.308.
        let low: Vec<f64> = (0..8).map(f64::from).collect();
        let high: Vec<f64> = (8..16).map(f64::from).collect();
        assert!((rank_test(&low, &high) - 0.000_939).abs() < 5e-6);
        assert!((rank_test(&high, &low) - 0.000_939).abs() < 5e-6);
        assert!((rank_test(&[1.0; 8], &[1.0; 8]) - 1.0).abs() < 1e-9);
        assert!((rank_test(&[], &high) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_rank_test_rarely_sees_what_is_not_there() {
        let seen = (0..1_000)
            .filter(|&run| rank_test(&times(run * 2 + 10_000, 16), &times(run * 2 + 10_001, 16)) < 0.05);
        let share = seen.count() as f64 / 1_000.0;
        assert!((0.02..0.08).contains(&share), "{share}");
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
