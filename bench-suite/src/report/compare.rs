//! Runs that are kept under a name, and what changed since.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::figures::{digits, nanoseconds};
use super::json::{Finding, Report, SCHEMA};
use super::tables::{Look, drawn};
use crate::failure::{Failure, Outcome, Within};
use crate::measure::statistics::{Interval, rank_test};
use crate::workload::RowId;

/// A rank test over hundreds of rows sees a few differences by chance at 5 %, so a change has to be rarer
/// than this.
const SIGNIFICANCE: f64 = 0.001;

/// A run as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Baseline {
    report: Report,
    /// `ns_per_op` of each round, in the order of the report's rows.
    round_ns: Vec<Vec<f64>>,
}

/// A row that takes another time than it did.
#[derive(Clone, Debug)]
pub struct Change {
    /// The row.
    pub id: RowId,
    /// Its median time then.
    pub before_ns: f64,
    /// Its median time now.
    pub after_ns: f64,
}

impl Change {
    /// Whether it got slower.
    #[must_use]
    pub fn is_regression(&self) -> bool {
        self.after_ns > self.before_ns
    }
}

/// What became of a baseline.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Rows that differ, the worst first.
    pub changes: Vec<Change>,
    /// Rows that could be compared.
    pub compared: usize,
    /// Why the whole comparison may mean nothing, if something speaks against it.
    pub doubt: Option<String>,
}

fn path(directory: &Path, name: &str) -> Outcome<PathBuf> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if plain && !name.starts_with('.') {
        Ok(directory.join("baselines").join(format!("{name}.json")))
    } else {
        Err(Failure::new(format!(
            "`{name}` is no name for a baseline: letters, digits, `-`, `_` and `.` only"
        )))
    }
}

/// Keeps a run under a name, in place of an earlier one.
pub fn save(directory: &Path, name: &str, report: &Report, findings: &[Finding]) -> Outcome<PathBuf> {
    let path = path(directory, name)?;
    let round_ns = findings.iter().map(|found| found.round_ns.clone()).collect();
    let baseline = Baseline { report: report.clone(), round_ns };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, serde_json::to_vec(&baseline)?).within(|| path.display().to_string())?;
    Ok(path)
}

/// A run that was kept under a name.
pub fn load(directory: &Path, name: &str) -> Outcome<Baseline> {
    let path = path(directory, name)?;
    let bytes = fs::read(&path).within(|| format!("there is no baseline {}", path.display()))?;
    let baseline: Baseline = serde_json::from_slice(&bytes).within(|| path.display().to_string())?;
    if baseline.report.schema != SCHEMA || baseline.report.rows.len() != baseline.round_ns.len() {
        return Err(Failure::new(format!("{} was written by another version", path.display())));
    }
    Ok(baseline)
}

/// What changed since `baseline`.
///
/// A row has changed if the intervals of then and now are apart by more than the noise of both runs, and the
/// rank test agrees.
#[must_use]
pub fn compare(baseline: &Baseline, report: &Report, findings: &[Finding]) -> Comparison {
    let before: HashMap<&RowId, &Vec<f64>> =
        baseline.report.rows.iter().map(|row| &row.id).zip(&baseline.round_ns).collect();
    let noise = baseline.report.machine.noise().max(report.machine.noise());
    let mut changes = Vec::new();
    let mut compared = 0;
    for found in findings {
        let Some(before) = before.get(&found.row.id) else { continue };
        let Some((then, now)) = Interval::of(before).zip(Interval::of(&found.round_ns)) else { continue };
        compared += 1;
        let apart = now.low > then.high * (1.0 + noise) || now.high * (1.0 + noise) < then.low;
        if apart && rank_test(before, &found.round_ns) < SIGNIFICANCE {
            changes.push(Change { id: found.row.id.clone(), before_ns: then.median, after_ns: now.median });
        }
    }
    changes.sort_by(|a, b| (b.after_ns / b.before_ns).total_cmp(&(a.after_ns / a.before_ns)));
    Comparison { changes, compared, doubt: doubt(&baseline.report, report) }
}

fn doubt(before: &Report, after: &Report) -> Option<String> {
    let (then, now) = (&before.machine, &after.machine);
    let model = |cpu: &Option<String>| cpu.clone().unwrap_or_else(|| "an unknown CPU".to_owned());
    if (&then.cpu, then.cores) != (&now.cpu, now.cores) {
        Some(format!(
            "the baseline was taken on another machine ({}, {} threads; this is {}, {} threads)",
            model(&then.cpu),
            then.cores,
            model(&now.cpu),
            now.cores
        ))
    } else if !(0.8..1.25).contains(&(now.cpu_scale / then.cpu_scale)) {
        Some(format!("the CPU probes take {:.2} x as long as they did", now.cpu_scale / then.cpu_scale))
    } else {
        let warnings: Vec<String> = [("then", then), ("now", now)]
            .iter()
            .flat_map(|(when, machine)| {
                machine.warnings().into_iter().map(move |text| format!("{when}, {text}"))
            })
            .collect();
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }
}

/// The comparison for people.
#[must_use]
pub fn shown(comparison: &Comparison, name: &str) -> String {
    let Comparison { changes, compared, doubt } = comparison;
    let mut text = format!("Against `{name}`: {} of {compared} rows have changed.\n", changes.len());
    if let Some(doubt) = doubt {
        text.push_str(&format!("Beware: {doubt}.\n"));
    }
    if !changes.is_empty() {
        let rows = changes.iter().map(|change| {
            vec![
                change.id.to_string(),
                if change.is_regression() { "slower" } else { "faster" }.to_owned(),
                format!("x {}", digits(change.after_ns / change.before_ns)),
                nanoseconds(change.before_ns),
                nanoseconds(change.after_ns),
            ]
        });
        text.push_str(&drawn(&["row", "", "ratio", "before", "now"], rows, 2, Look::Terminal));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::json::{findings, tests::measured, tests::report};
    use super::*;

    fn around(ns: f64) -> Vec<f64> {
        (0..16).map(|round| ns + f64::from(round) / 10.0).collect()
    }

    fn run(mem: f64, bare: f64) -> (Report, Vec<Finding>) {
        let findings = findings(&[measured("mem", &around(mem)), measured("bare-dashmap", &around(bare))]);
        (report(findings.iter().map(|found| found.row.clone()).collect()), findings)
    }

    #[test]
    fn a_slower_row_is_found_in_a_saved_run() {
        let directory = tempfile::tempdir().unwrap();
        let (before, then) = run(30.0, 20.0);
        save(directory.path(), "main", &before, &then).unwrap();
        let (after, now) = run(60.0, 20.0);
        let comparison = compare(&load(directory.path(), "main").unwrap(), &after, &now);
        assert_eq!((comparison.compared, comparison.changes.len()), (2, 1));
        assert!(comparison.changes[0].is_regression());
        let text = shown(&comparison, "main");
        assert!(text.contains("slower") && text.contains("engine/get"), "{text}");
    }

    #[test]
    fn a_change_within_the_noise_or_to_the_better_is_no_regression() {
        let directory = tempfile::tempdir().unwrap();
        let (before, then) = run(30.0, 20.0);
        save(directory.path(), "main", &before, &then).unwrap();
        let baseline = load(directory.path(), "main").unwrap();
        let (after, now) = run(30.5, 10.0);
        let changes = compare(&baseline, &after, &now).changes;
        assert_eq!(changes.len(), 1);
        assert!(!changes[0].is_regression());
    }

    #[test]
    fn another_machine_is_named() {
        let (before, then) = run(30.0, 20.0);
        let (mut after, now) = run(30.0, 20.0);
        after.machine.cores = 64;
        let baseline =
            Baseline { report: before, round_ns: then.into_iter().map(|found| found.round_ns).collect() };
        let doubt = compare(&baseline, &after, &now).doubt.unwrap();
        assert!(doubt.contains("another machine") && doubt.contains("64 threads"), "{doubt}");
    }

    #[test]
    fn a_busy_machine_is_named() {
        let (before, then) = run(30.0, 20.0);
        let (mut after, now) = run(30.0, 20.0);
        after.machine.load_before = Some(9.0);
        let baseline =
            Baseline { report: before, round_ns: then.into_iter().map(|found| found.round_ns).collect() };
        let doubt = compare(&baseline, &after, &now).doubt.unwrap();
        assert!(doubt.contains("now, the load was 9.0"), "{doubt}");
    }

    #[test]
    fn names_and_missing_baselines_are_answered() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["", "../up", "a/b", ".hidden"] {
            assert!(path(directory.path(), name).is_err(), "{name}");
        }
        assert!(load(directory.path(), "never").unwrap_err().to_string().contains("never.json"));
    }
}
