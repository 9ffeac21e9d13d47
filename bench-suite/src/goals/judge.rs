//! From the rounds of a run to a verdict on each goal.

use serde::Serialize;

use super::{Bound, Goal, Percentile, Place, Probe, Who};
use crate::measure::machine::Machine;
use crate::measure::probe::REFERENCE_FSYNC_US;
use crate::measure::statistics::{Interval, Verdict};
use crate::report::figures::{ABSENT, digits, nanoseconds, or_absent};
use crate::report::json::Finding;
use crate::report::tables::{Look, drawn};
use crate::workload::Class;

/// A goal and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The goal's name.
    pub goal: &'static str,
    /// What was promised.
    pub wording: &'static str,
    /// Where it was measured.
    pub row: String,
    /// What is bounded.
    pub unit: Unit,
    /// The most that it may be.
    pub at_most: f64,
    /// What was measured.
    pub measured: Option<Interval>,
    /// Whether the bound holds.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict, if there is none.
    pub not_run: Option<String>,
}

/// What a goal's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// One time over another.
    Ratio,
    /// A time in nanoseconds.
    Ns,
}

/// Judges goals; the machine's probes turn an original's figure into what it would be here.
#[must_use]
pub fn judge(goals: &[Goal], findings: &[Finding], machine: &Machine) -> Vec<Judged> {
    let scales = Scales { cpu: machine.cpu_scale, fsync: machine.fsync_us / REFERENCE_FSYNC_US };
    goals.iter().map(|goal| judged(goal, findings, scales)).collect()
}

/// How many times as long as the machine of the originals' figures this one takes.
#[derive(Clone, Copy, Debug)]
struct Scales {
    cpu: f64,
    fsync: f64,
}

fn judged(goal: &Goal, findings: &[Finding], scales: Scales) -> Judged {
    let beside = |theirs, against, together: fn(f64, f64) -> f64| {
        paired(goal, theirs, against, findings, together).and_then(|series| of_rounds(&series))
    };
    let alone = || series(findings, goal.place, goal.ours);
    let latency = |who, percentile| latency(findings, goal.place, who, percentile);
    let (unit, at_most, interval) = match goal.bound {
        Bound::Ratio { against, at_most } => {
            (Unit::Ratio, at_most, beside(goal.place, against, |ours, theirs| ours / theirs))
        }
        Bound::MoreNs { against, at_most } => {
            (Unit::Ns, at_most, beside(goal.place, against, |ours, theirs| ours - theirs))
        }
        Bound::Ns { at_most } => (Unit::Ns, at_most, alone().and_then(of_rounds)),
        Bound::Latency { percentile, at_most } => (Unit::Ns, at_most, latency(goal.ours, percentile)),
        Bound::LatencyRatio { percentile, against, at_most } => {
            let theirs = |ours: Interval| Ok(ours.over(&latency(against, percentile)?));
            (Unit::Ratio, at_most, latency(goal.ours, percentile).and_then(theirs))
        }
        Bound::Size { records, at_most } => {
            let smaller = goal.place.at(records);
            (Unit::Ratio, at_most, beside(smaller, goal.ours, |ours, theirs| ours / theirs))
        }
        Bound::Beside { workload, against, at_most } => {
            let place = goal.place.named(workload);
            (Unit::Ratio, at_most, beside(place, against, |ours, theirs| ours / theirs))
        }
        Bound::Original { figure_ns, scaled_by, at_most } => {
            let scale = match scaled_by {
                Probe::Cpu => scales.cpu,
                Probe::Fsync => scales.fsync,
            };
            let due = figure_ns * scale;
            let ratios = |ours: &[f64]| of_rounds(&ours.iter().map(|ns| ns / due).collect::<Vec<_>>());
            (Unit::Ratio, at_most, alone().and_then(ratios))
        }
    };
    let (measured, not_run) = match interval {
        Ok(interval) => (Some(interval), None),
        Err(reason) => (None, Some(reason)),
    };
    Judged {
        goal: goal.id,
        wording: goal.wording,
        row: described(goal),
        unit,
        at_most,
        measured,
        verdict: measured.map(|interval| interval.against(at_most)),
        not_run,
    }
}

fn of_rounds(series: &[f64]) -> Result<Interval, String> {
    Interval::of(series).ok_or_else(|| "too few rounds for an interval".to_owned())
}

/// What was found of one contestant at one place, or why nothing was.
fn found(findings: &[Finding], place: Place, who: Who) -> Result<&Finding, String> {
    let found = findings.iter().find(|found| place.holds(&found.row.id) && who.fills(&found.row.id));
    match found {
        None => Err(format!("there is no row of {}", name(who))),
        Some(found) => match &found.row.not_run {
            Some(reason) => Err(reason.clone()),
            None => Ok(found),
        },
    }
}

/// The rounds of one contestant at one place.
fn series(findings: &[Finding], place: Place, who: Who) -> Result<&[f64], String> {
    found(findings, place, who).map(|found| &found.round_ns[..])
}

/// A latency of one contestant at one place.
fn latency(findings: &[Finding], place: Place, who: Who, percentile: Percentile) -> Result<Interval, String> {
    let found = found(findings, place, who)?;
    let latency = match percentile {
        Percentile::P50 => found.p50,
        Percentile::P999 => found.p999,
    };
    latency.ok_or_else(|| "no latencies were taken".to_owned())
}

/// Ours and another series, which were measured in the same rounds, put together round by round.
fn paired(
    goal: &Goal,
    theirs: Place,
    against: Who,
    findings: &[Finding],
    together: impl Fn(f64, f64) -> f64,
) -> Result<Vec<f64>, String> {
    let ours = series(findings, goal.place, goal.ours)?;
    let theirs = series(findings, theirs, against)?;
    if ours.len() == theirs.len() {
        Ok(ours.iter().zip(theirs).map(|(ours, theirs)| together(*ours, *theirs)).collect())
    } else {
        Err("the two were not measured in the same rounds".to_owned())
    }
}

fn name(who: Who) -> String {
    let mut name = who.engine.to_owned();
    if let Some(mode) = who.mode {
        name.push_str(&format!(" {mode}"));
    }
    if who.class != Class::Memory {
        name.push_str(&format!(" ({})", who.class.name()));
    }
    name
}

fn described(goal: &Goal) -> String {
    let Place { family, workload, records, .. } = goal.place;
    let size = or_absent(records, |records| format!(" at {records}"));
    let size = size.trim_end_matches(ABSENT);
    let ours = match goal.bound {
        Bound::Latency { percentile, .. } | Bound::LatencyRatio { percentile, .. } => {
            format!("{} of {}", percentile.name(), name(goal.ours))
        }
        _ => name(goal.ours),
    };
    let against = match goal.bound {
        Bound::LatencyRatio { against, .. }
        | Bound::Ratio { against, .. }
        | Bound::MoreNs { against, .. } => format!(" against {}", name(against)),
        Bound::Beside { workload, against, .. } => format!(" against {workload} of {}", name(against)),
        Bound::Size { records, .. } => format!(" against {records} records"),
        Bound::Original { .. } => " against the original".to_owned(),
        Bound::Ns { .. } | Bound::Latency { .. } => String::new(),
    };
    format!("{}/{workload}{size}, {ours}{against}", family.name())
}

/// The verdicts for people.
#[must_use]
pub fn shown(judged: &[Judged]) -> String {
    let rows = judged.iter().map(|judged| {
        let show = |value: f64| match judged.unit {
            Unit::Ratio => digits(value),
            Unit::Ns => nanoseconds(value),
        };
        let verdict = match (judged.verdict, &judged.not_run) {
            (Some(Verdict::Met), _) => "met".to_owned(),
            (Some(Verdict::Missed), _) => "MISSED".to_owned(),
            (Some(Verdict::Undecided), _) => "undecided".to_owned(),
            (None, reason) => format!("not run: {}", reason.as_deref().unwrap_or_default()),
        };
        vec![
            judged.goal.to_owned(),
            judged.wording.to_owned(),
            judged.row.clone(),
            or_absent(judged.measured, |interval| show(interval.median)),
            or_absent(judged.measured, |interval| {
                format!("{} to {}", show(interval.low), show(interval.high))
            }),
            show(judged.at_most),
            verdict,
        ]
    });
    let header = ["goal", "wording", "measured in", "median", "95 %", "at most", "verdict"];
    drawn(&header, rows, usize::MAX, Look::Wrapped)
}

#[cfg(test)]
mod tests {
    use super::super::GOALS;
    use super::*;
    use crate::contestant::roster;
    use crate::measure::bout::Measured;
    use crate::report::json::{findings, tests::measured};
    use crate::workload::{Family, Profile, RowId};

    fn at(place: Place, engine: &str, round_ns: &[f64]) -> Measured {
        let mut row = measured(engine, round_ns);
        row.id = RowId {
            family: place.family,
            workload: place.workload.to_owned(),
            variant: place.variant,
            threads: place.threads,
            records: place.records.unwrap_or(row.id.records),
            ..row.id
        };
        row
    }

    fn verdict(goal: &Goal, rows: &[Measured]) -> Judged {
        judged(goal, &findings(rows), Scales { cpu: 2.0, fsync: 3.0 })
    }

    fn named(id: &str) -> &'static Goal {
        GOALS.iter().find(|goal| goal.id == id).unwrap()
    }

    #[test]
    fn ratios_are_judged_by_their_whole_interval() {
        let goal = named("get-10k");
        let theirs = at(goal.place, "bare-dashmap", &[10.0; 8]);
        for (ours, expected) in [(17.0, Verdict::Met), (19.0, Verdict::Missed)] {
            let judged = verdict(goal, &[at(goal.place, "mem", &[ours; 8]), theirs.clone()]);
            assert_eq!(judged.verdict, Some(expected));
        }
        let wavering: Vec<f64> = (0..8).map(|round| 15.0 + f64::from(round)).collect();
        let judged = verdict(goal, &[at(goal.place, "mem", &wavering), theirs]);
        assert_eq!(judged.verdict, Some(Verdict::Undecided));
    }

    #[test]
    fn an_original_s_figure_is_scaled() {
        let goal = named("get-task");
        let judged = verdict(goal, &[at(goal.place, "mem", &[84.0; 8])]);
        assert_eq!(judged.measured.map(|interval| interval.median), Some(0.5));
    }

    #[test]
    fn a_size_is_judged_against_the_other_size() {
        let goal = named("page-1m");
        let rows = [at(goal.place, "mem", &[12.0; 8]), at(goal.place.at(1_000), "mem", &[10.0; 8])];
        assert_eq!(verdict(goal, &rows).measured.map(|interval| interval.median), Some(1.2));
    }

    #[test]
    fn latencies_are_judged_by_their_interval() {
        let interval = |low, median, high| Some(Interval { low, median, high });
        let (tail, half) = (named("redb-journal-stall"), named("redb-journal-put-p50"));
        let judge = |goal: &Goal, ours: Option<Interval>, theirs: Option<Interval>| {
            let rows = [(goal.ours, ours), (REDB, theirs)].map(|(who, latency)| {
                let mut row = at(goal.place, who.engine, &[]);
                (row.id.mode, row.id.class) = (who.mode.map(str::to_owned), who.class);
                let mut found = findings(&[row]).remove(0);
                (found.p50, found.p999) = (latency, latency);
                found
            });
            judged(goal, &rows, Scales { cpu: 1.0, fsync: 1.0 })
        };
        const REDB: Who = Who { engine: "bare-redb", mode: None, class: Class::PowerLoss };
        assert_eq!(judge(tail, interval(1e7, 1.5e7, 1.9e7), None).verdict, Some(Verdict::Met));
        assert_eq!(judge(tail, interval(1e7, 1.5e7, 2.1e7), None).verdict, Some(Verdict::Undecided));
        let ratio = judge(half, interval(8.0, 9.0, 10.0), interval(9.0, 10.0, 11.0));
        assert_eq!(ratio.measured.map(|ratio| ratio.median), Some(0.9));
        assert_eq!(ratio.verdict, Some(Verdict::Undecided));
        assert!(judge(half, None, interval(1.0, 1.0, 1.0)).not_run.is_some());
    }

    #[test]
    fn what_was_not_measured_says_so() {
        let goal = named("get-10k");
        let judged = verdict(goal, &[at(goal.place, "bare-dashmap", &[10.0; 8])]);
        assert_eq!(judged.verdict, None);
        assert_eq!(judged.not_run.as_deref(), Some("there is no row of mem"));
        assert!(shown(&[judged]).contains("not run"));
    }

    #[test]
    fn every_goal_s_place_is_a_row_and_names_are_unique() {
        let groups = roster(Profile::Full).into_groups();
        let ids: Vec<RowId> = groups.iter().flat_map(|group| group.entrants.iter().map(|e| e.id())).collect();
        for (at, goal) in GOALS.iter().enumerate() {
            let of_ours = |id: &&RowId| goal.place.holds(id) && goal.ours.fills(id);
            assert_eq!(ids.iter().filter(of_ours).count(), 1, "{}", goal.id);
            assert!(ids.iter().filter(|id| goal.needs(id)).count() <= 2, "{}", goal.id);
            assert!(GOALS[at + 1..].iter().all(|other| other.id != goal.id), "{}", goal.id);
            if goal.place.family == Family::Tasks && goal.ours.class == Class::Memory {
                assert_eq!(
                    ids.iter().filter(|id| goal.place.holds(id) && id.engine.starts_with("port-")).count(),
                    1
                );
            }
        }
    }
}
