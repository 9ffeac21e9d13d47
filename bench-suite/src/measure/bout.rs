//! One group of contestants, measured against each other.
//!
//! First all are set up and warmed. Then come the rounds: each runs the same batch, in the order A B C, then
//! C B A, so that a machine that slows down slows everyone. Last, each is set up once more and alone, for
//! what cannot be told apart while all are there: latencies under a clock, the peak of memory, bytes written.

use std::path::Path;
use std::time::Duration;

use super::allocation::Allocated;
use super::batch;
use super::forced::forced;
use super::meter::Latencies;
use super::process::{reset_rss_peak, rss_peak_bytes, storage_bytes_written};
use crate::contestant::{Contestant, Counters, Entrant, Group};
use crate::failure::{Outcome, Within};
use crate::workload::{Batch, Class, Ops, Profile, RowId, Spec};

/// The fewest rounds that give an interval.
const ROUNDS_MIN: usize = 6;
/// A batch this long tells how long an operation takes.
const CALIBRATION: Duration = Duration::from_millis(3);
/// The shortest batch of writes that are forced to the disk later: the one forced write at its end, which
/// takes a millisecond, stands for many operations then, as it does where it comes once a second.
const PUT_OFF_MIN: Duration = Duration::from_millis(50);
/// Operations of each worker when nothing is to be learnt about their speed.
const SMOKE_OPS: u64 = 10;
/// The most latencies that are taken of a contestant.
const SAMPLES_MAX: u64 = 1_000_000;

/// How long a group may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Every contestant once, without figures.
    Once,
    /// With figures.
    Rounds {
        /// Rounds, if the time allows.
        rounds: usize,
        /// The time of all rounds of one contestant together.
        time: Duration,
        /// The time for the latencies of one contestant; without it, nobody is measured alone.
        sampling: Option<Duration>,
    },
}

impl Pace {
    /// The pace of a profile.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Smoke => Pace::Once,
            Profile::Quick => Pace::Rounds {
                rounds: 12,
                time: Duration::from_millis(100),
                sampling: Some(Duration::from_millis(30)),
            },
            Profile::Full => Pace::Rounds {
                rounds: 30,
                time: Duration::from_secs(2),
                sampling: Some(Duration::from_secs(1)),
            },
        }
    }
}

/// What was measured of one contestant in one row.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The row.
    pub id: RowId,
    /// Why it was not run, if it was not.
    pub not_run: Option<&'static str>,
    /// Wall time x threads / operations of each round. Empty without figures.
    pub round_ns: Vec<f64>,
    /// The latencies of single operations. Empty without figures.
    pub latencies: Latencies,
    /// Bytes that an operation allocates.
    pub bytes_allocated_per_op: Option<f64>,
    /// Allocations of an operation.
    pub allocations_per_op: Option<f64>,
    /// As counted by the contestant, else by the process.
    pub fsyncs_per_op: Option<f64>,
    /// As counted by the contestant, else by the kernel.
    pub bytes_written_per_op: Option<f64>,
    /// The most memory of the whole process while the contestant was alone.
    pub rss_peak_bytes: Option<u64>,
    /// What it has on the disk afterwards.
    pub disk_bytes: Option<u64>,
    /// As counted by the contestant.
    pub conflicts_per_op: Option<f64>,
    /// As counted by the contestant.
    pub retries_per_op: Option<f64>,
    /// Its settings, read back.
    pub settings: Vec<(&'static str, String)>,
}

impl Measured {
    fn new(entrant: &Entrant) -> Self {
        Measured {
            id: entrant.id(),
            not_run: entrant.absent(),
            round_ns: Vec::new(),
            latencies: Latencies::default(),
            bytes_allocated_per_op: None,
            allocations_per_op: None,
            fsyncs_per_op: None,
            bytes_written_per_op: None,
            rss_peak_bytes: None,
            disk_bytes: None,
            conflicts_per_op: None,
            retries_per_op: None,
            settings: Vec::new(),
        }
    }
}

/// Measures a group. `tell` is told what happens now.
///
/// The result has one entry for each entrant, in their order. Any error of any contestant ends it.
pub fn measure(
    group: &Group,
    pace: Pace,
    seed: u64,
    scratch: &Path,
    tell: &dyn Fn(&str),
) -> Outcome<Vec<Measured>> {
    let mut measured: Vec<Measured> = group.entrants.iter().map(Measured::new).collect();
    let mut corners: Vec<Corner<'_>> = group
        .entrants
        .iter()
        .zip(&mut measured)
        .enumerate()
        .filter_map(|(at, (entrant, measured))| {
            let contestant = entrant.contestant(seed, scratch.join(at.to_string()))?;
            Some(Corner { contestant, measured, totals: Totals::default(), ns_per_op: 0.0 })
        })
        .collect();
    match pace {
        _ if corners.is_empty() => {}
        Pace::Once => {
            for corner in &mut corners {
                let row = corner.measured.id.to_string();
                corner.once(group.spec()).within(|| row)?;
            }
        }
        Pace::Rounds { rounds, time, sampling } => {
            interleave(&mut corners, group.spec(), rounds, time, tell)?;
            if let Some(sampling) = sampling {
                for corner in &mut corners {
                    tell(&format!("{}: latencies", corner.measured.id.contestant()));
                    let row = corner.measured.id.to_string();
                    corner.alone(group.spec(), sampling).within(|| row)?;
                }
            }
        }
    }
    Ok(measured)
}

/// A contestant with what is known of it so far.
struct Corner<'a> {
    contestant: Box<dyn Contestant>,
    measured: &'a mut Measured,
    totals: Totals,
    /// A first idea of it, for choosing how many operations a batch has.
    ns_per_op: f64,
}

#[derive(Default)]
struct Totals {
    ops: u64,
    allocated: Allocated,
    counters: Counters,
}

fn interleave(
    corners: &mut [Corner<'_>],
    spec: &Spec,
    rounds: usize,
    time: Duration,
    tell: &dyn Fn(&str),
) -> Outcome<()> {
    let mut turn = 0;
    for corner in corners.iter_mut() {
        tell(&format!("{}: setting up", corner.measured.id.contestant()));
        let row = corner.measured.id.to_string();
        turn = turn.max(corner.warm_up(spec).within(|| row)?);
    }
    let everyone_ns: f64 = corners.iter().map(|corner| corner.ns_per_op).sum();
    let contestants = corners.len() as u32;
    let shortest = corners.iter().map(|corner| shortest_batch(corner.measured.id.class)).max();
    let shortest = shortest.unwrap_or_default() * contestants;
    let (ops, rounds) = plan(spec, everyone_ns, rounds, time * contestants, shortest);
    for round in 0..rounds {
        tell(&format!("round {} of {rounds}", round + 1));
        turn += 1;
        let batch = Batch { turn, threads: spec.threads, ops };
        let fight = |corner: &mut Corner<'_>| {
            let row = corner.measured.id.to_string();
            corner.round(&batch).within(|| row)
        };
        if round % 2 == 0 {
            corners.iter_mut().try_for_each(fight)?;
        } else {
            corners.iter_mut().rev().try_for_each(fight)?;
        }
    }
    for corner in corners {
        let row = corner.measured.id.to_string();
        corner.leave().within(|| row)?;
    }
    Ok(())
}

fn shortest_batch(class: Class) -> Duration {
    match class {
        Class::None | Class::ProcessCrash => PUT_OFF_MIN,
        Class::Memory | Class::PowerLoss => Duration::ZERO,
    }
}

/// How many operations each worker does in a batch, and how many rounds there are; `everyone_ns` is what one
/// operation of each worker takes all contestants together, and so are `time` and that of the shortest batch.
fn plan(spec: &Spec, everyone_ns: f64, rounds: usize, time: Duration, shortest: Duration) -> (u64, usize) {
    let (time_ns, shortest_ns) = (time.as_nanos() as f64, shortest.as_nanos() as f64);
    let fitting = ((time_ns / rounds as f64).max(shortest_ns) / everyone_ns.max(0.1)) as u64;
    let ops = match spec.ops {
        Ops::Free => fitting.max(1),
        Ops::AtMost(most) => fitting.clamp(1, (most / u64::from(spec.threads)).max(1)),
        Ops::Fixed(total) => (total / u64::from(spec.threads)).max(1),
    };
    // An even number, so that everyone is first as often as last.
    let affordable = (time_ns / (ops as f64 * everyone_ns.max(0.1))) as usize;
    (ops, affordable.clamp(ROUNDS_MIN, rounds).next_multiple_of(2))
}

impl Corner<'_> {
    fn once(&mut self, spec: &Spec) -> Outcome<()> {
        let ops = match spec.ops {
            Ops::Free => SMOKE_OPS,
            Ops::AtMost(most) | Ops::Fixed(most) => SMOKE_OPS.min((most / u64::from(spec.threads)).max(1)),
        };
        self.contestant.set_up()?;
        for turn in 0..2 {
            let batch = Batch { turn, threads: spec.threads, ops };
            self.contestant.ready(&batch)?;
            if turn == 0 {
                batch::run(&*self.contestant, &batch)?;
            } else {
                batch::sample(&*self.contestant, &batch)?;
            }
            self.contestant.verify()?;
        }
        self.measured.settings = self.contestant.settings()?;
        self.contestant.tear_down()
    }

    /// Sets up, and runs ever larger batches until one tells the speed. Returns the last batch's number.
    fn warm_up(&mut self, spec: &Spec) -> Outcome<u64> {
        self.contestant.set_up()?;
        self.measured.settings = self.contestant.settings()?;
        let most = match spec.ops {
            Ops::Free => u64::MAX,
            Ops::AtMost(total) | Ops::Fixed(total) => (total / u64::from(spec.threads)).max(1),
        };
        let mut ops = if matches!(spec.ops, Ops::Fixed(_)) { most } else { 1 };
        let mut turn = 0;
        let mut long_batches = 0;
        self.ns_per_op = f64::MAX;
        loop {
            let batch = Batch { turn, threads: spec.threads, ops };
            self.contestant.ready(&batch)?;
            let taken = batch::run(&*self.contestant, &batch)?;
            self.ns_per_op = self.ns_per_op.min(taken.ns_per_further_op(&batch));
            let long = taken.worked >= CALIBRATION;
            long_batches += u32::from(long);
            // Two, because one may have been long by an accident, and every round would have too few operations.
            if long_batches == 2 || ops >= most {
                return Ok(turn);
            }
            if !long {
                ops = (ops * 4).min(most);
            }
            turn += 1;
        }
    }

    fn round(&mut self, batch: &Batch) -> Outcome<()> {
        self.contestant.ready(batch)?;
        let before = self.counted()?;
        let taken = batch::run(&*self.contestant, batch)?;
        let after = self.counted()?;
        self.measured.round_ns.push(taken.ns_per_op(batch));
        self.totals.ops += batch.total();
        self.totals.allocated = self.totals.allocated.plus(taken.allocated);
        self.totals.counters.grow(before, after);
        Ok(())
    }

    /// What the contestant has counted, and what the process has for those who write to a disk: they are
    /// forced to it by no one else meanwhile.
    fn counted(&self) -> Outcome<Counters> {
        let counters = self.contestant.counters()?;
        let fsyncs = match self.measured.id.class {
            Class::Memory => counters.fsyncs,
            _ => counters.fsyncs.or_else(forced),
        };
        Ok(Counters { fsyncs, ..counters })
    }

    fn leave(&mut self) -> Outcome<()> {
        self.contestant.verify()?;
        self.contestant.tear_down()?;
        let Totals { ops, allocated, counters } = &self.totals;
        let each = |total: u64| total as f64 / *ops as f64;
        let measured = &mut *self.measured;
        measured.bytes_allocated_per_op = Some(each(allocated.bytes));
        measured.allocations_per_op = Some(each(allocated.count));
        measured.fsyncs_per_op = counters.fsyncs.map(each);
        measured.bytes_written_per_op = counters.bytes_written.map(each);
        measured.conflicts_per_op = counters.conflicts.map(each);
        measured.retries_per_op = counters.retries.map(each);
        Ok(())
    }

    fn alone(&mut self, spec: &Spec, sampling: Duration) -> Outcome<()> {
        let fitting = sampling.as_nanos() as f64 / self.ns_per_op.max(0.1);
        let fitting = (fitting as u64).clamp(1, SAMPLES_MAX / u64::from(spec.threads));
        let share = |total: u64| (total / u64::from(spec.threads)).max(1);
        let ops = match spec.ops {
            Ops::Free => fitting,
            Ops::AtMost(most) => fitting.min(share(most)),
            Ops::Fixed(total) => share(total),
        };
        let peak_is_ours = reset_rss_peak();
        self.contestant.set_up()?;
        let first = Batch { turn: 0, threads: spec.threads, ops };
        if !matches!(spec.ops, Ops::Fixed(_)) {
            // Caches are filled before anything is counted; a row of a fixed number starts cold by its
            // nature.
            self.contestant.ready(&first)?;
            batch::run(&*self.contestant, &first)?;
        }
        let batch = Batch { turn: 1, ..first };
        self.contestant.ready(&batch)?;
        let written_before = storage_bytes_written();
        self.measured.latencies = batch::sample(&*self.contestant, &batch)?;
        let written = storage_bytes_written().zip(written_before).map(|(after, before)| after - before);
        if self.measured.bytes_written_per_op.is_none() {
            self.measured.bytes_written_per_op = written.map(|bytes| bytes as f64 / batch.total() as f64);
        }
        self.measured.rss_peak_bytes = rss_peak_bytes().filter(|_| peak_is_ours);
        self.contestant.verify()?;
        self.measured.disk_bytes = self.contestant.disk_bytes()?;
        self.contestant.tear_down()
    }
}

impl Counters {
    /// Adds what came between two readings.
    fn grow(&mut self, before: Counters, after: Counters) {
        fn more(total: &mut Option<u64>, before: Option<u64>, after: Option<u64>) {
            if let Some((before, after)) = before.zip(after) {
                *total = Some(total.unwrap_or_default() + (after - before));
            }
        }
        more(&mut self.fsyncs, before.fsyncs, after.fsyncs);
        more(&mut self.bytes_written, before.bytes_written, after.bytes_written);
        more(&mut self.conflicts, before.conflicts, after.conflicts);
        more(&mut self.retries, before.retries, after.retries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestant::roster;
    use crate::workload::rows;

    const SHORT: Pace =
        Pace::Rounds { rounds: 8, time: Duration::from_millis(20), sampling: Some(Duration::from_millis(1)) };

    fn group(workload: &str) -> Group {
        let mut catalogue = roster(Profile::Smoke);
        catalogue.keep(&[], &[workload.to_owned()]).unwrap();
        catalogue.into_groups().remove(0)
    }

    #[test]
    fn a_plan_fills_the_time_and_keeps_fixed_numbers() {
        let free = rows::get_miss().remove(0);
        let second = Duration::from_secs(1);
        assert_eq!(plan(&free, 1_000.0, 10, second, Duration::ZERO), (100_000, 10));
        // A batch that must last 120 ms leaves room for fewer rounds.
        let long = Duration::from_millis(120);
        assert_eq!(plan(&free, 1_000.0, 10, second, long), (120_000, 8));
        let capped = Spec { ops: Ops::AtMost(500), ..free.clone() };
        assert_eq!(plan(&capped, 1_000.0, 10, second, Duration::ZERO), (500, 10));
        let fixed = Spec { ops: Ops::Fixed(6_400), threads: 64, ..free };
        assert_eq!(plan(&fixed, 1_000.0, 10, second, Duration::ZERO), (100, 10));
        assert_eq!(plan(&fixed, 1e9, 10, second, Duration::ZERO), (100, ROUNDS_MIN));
    }

    #[test]
    fn everyone_who_runs_has_every_round() {
        let scratch = tempfile::tempdir().unwrap();
        let measured = measure(&group("range-10"), SHORT, 1, scratch.path(), &|_| ()).unwrap();
        assert_eq!(measured.len(), 5);
        for contestant in measured {
            if contestant.id.engine == "bare-dashmap" {
                assert!(contestant.not_run.is_some() && contestant.round_ns.is_empty());
                assert_eq!(contestant.bytes_allocated_per_op, None);
            } else {
                assert!(
                    contestant.round_ns.len() >= ROUNDS_MIN && contestant.round_ns.iter().all(|&ns| ns > 0.0)
                );
                assert!(!contestant.latencies.is_empty());
                // A range of ours pins a snapshot, and one of SQLite copies its rows; the bare map's walks in place.
                let allocations_max = match contestant.id.engine.as_str() {
                    "sqlite-memory" | "bare-rusqlite" => 250.0,
                    "mem" => 20.0,
                    _ => 1.0,
                };
                assert!(contestant.allocations_per_op.is_some_and(|count| count < allocations_max));
                assert_eq!((contestant.fsyncs_per_op, contestant.disk_bytes), (None, None));
            }
        }
    }

    #[test]
    fn once_leaves_no_figures() {
        let scratch = tempfile::tempdir().unwrap();
        for workload in ["delete", "append", "list-pending-1000"] {
            for contestant in measure(&group(workload), Pace::Once, 1, scratch.path(), &|_| ()).unwrap() {
                assert!(contestant.round_ns.is_empty() && contestant.latencies.is_empty());
                assert!(!contestant.settings.is_empty());
            }
        }
    }

    #[test]
    fn counters_that_nobody_keeps_stay_absent() {
        let mut total = Counters::default();
        let reading = |fsyncs| Counters { fsyncs, ..Counters::default() };
        total.grow(reading(Some(2)), reading(Some(5)));
        total.grow(reading(Some(0)), reading(Some(1)));
        assert_eq!((total.fsyncs, total.retries), (Some(4), None));
    }
}
