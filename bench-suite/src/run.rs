//! A whole run: what is measured, in which order, and what is written.

mod finished;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use crate::cli::{Arguments, Command, Goals};
use crate::contestant::{Group, be_killed, roster};
use crate::failure::{Failure, Outcome, Within};
use crate::goals::{self, Goal, judge};
use crate::measure::bout::{Pace, measure};
use crate::measure::machine::{Machine, Noise, load};
use crate::measure::process::is_gone;
use crate::measure::statistics::Ratio;
use crate::report::compare::{self, Comparison};
use crate::report::json::{Finding, Report, SCHEMA};
use crate::report::markdown;
use crate::report::progress::Progress;
use crate::report::tables::{Look, by_family};
use crate::report::time::rfc3339;
use crate::workload::{Family, Profile, Variant};
use finished::{Finished, Found, Settings};

/// Rows that are measured against themselves: nanoseconds, allocations, threads.
const NOISE_ROWS: [(Family, &str, u32, &str); 3] = [
    (Family::Growth, "get", 1, "bare-dashmap"),
    (Family::Tasks, "save-task", 1, "port-tasks-memory"),
    (Family::Concurrency, "put", 2, "bare-dashmap"),
];
/// The pace of those.
const NOISE_PACE: Pace = Pace::Rounds { rounds: 16, time: Duration::from_millis(300), sampling: None };
/// The pace of goals.
const GOALS_PACE: Pace = goals_pace(None);
/// The pace of those about single operations: long enough for the checkpoints of a journal.
const LATENCY_GOALS_PACE: Pace = goals_pace(Some(Duration::from_secs(4)));

const fn goals_pace(sampling: Option<Duration>) -> Pace {
    Pace::Rounds { rounds: 40, time: Duration::from_secs(2), sampling }
}

/// Does what the arguments say.
pub fn run(arguments: &Arguments) -> Outcome<ExitCode> {
    if !matches!(arguments.command, Some(Command::BeKilled(_))) {
        fs::create_dir_all(&arguments.out).within(|| arguments.out.display().to_string())?;
    }
    match &arguments.command {
        Some(Command::Goals(wanted)) => run_goals(arguments, wanted),
        Some(Command::BeKilled(orders)) => be_killed(orders, arguments.seed).map(|()| ExitCode::SUCCESS),
        None => run_rows(arguments),
    }
}

fn run_rows(arguments: &Arguments) -> Outcome<ExitCode> {
    let profile = arguments.profile();
    let mut catalogue = roster(profile);
    catalogue.keep(&arguments.engine, &arguments.workload)?;
    let groups = catalogue.into_groups();
    if groups.is_empty() {
        return Err(Failure::new("these engines have none of these workloads"));
    }
    if arguments.list {
        let entrants = groups.iter().flat_map(|group| &group.entrants);
        entrants.for_each(|entrant| println!("{}", entrant.id()));
        return Ok(ExitCode::SUCCESS);
    }
    // Read before anything is measured: a wrong name must not cost minutes.
    let baseline =
        arguments.compare.as_deref().map(|name| compare::load(&arguments.out, name)).transpose()?;

    let pace = Pace::of(profile);
    let (report, findings) = measured_report(arguments, profile, pace, |_| pace, &groups)?;
    if profile == Profile::Smoke {
        let ran = findings.iter().filter(|found| found.row.not_run.is_none()).count();
        println!("{ran} rows ran, {} cannot:", findings.len() - ran);
        print_not_run(&findings);
    } else {
        print_report(&report, &findings);
    }
    write_report(arguments, &report, &findings)?;
    if let Some(name) = &arguments.save {
        let path = compare::save(&arguments.out, name, &report, &findings)?;
        println!("Kept as `{name}` in {}.", path.display());
    }
    if let Some((name, baseline)) = arguments.compare.as_ref().zip(baseline) {
        let comparison = compare::compare(&baseline, &report, &findings);
        print!("{}", compare::shown(&comparison, name));
        return Ok(exit_code(&comparison, arguments));
    }
    Ok(ExitCode::SUCCESS)
}

fn run_goals(arguments: &Arguments, wanted: &Goals) -> Outcome<ExitCode> {
    let goals = goals::chosen(&wanted.engine, &wanted.goal)?;
    if arguments.list {
        goals.iter().for_each(|goal| println!("{:<28} {}", goal.id, goal.wording));
        return Ok(ExitCode::SUCCESS);
    }
    let mut catalogue = roster(Profile::Full);
    catalogue.keep_rows(|id| goals.iter().any(|goal| goal.needs(id)));
    // A row that only the other side of a goal fills decides nothing.
    let mut groups = catalogue.into_groups();
    groups.retain(|group| {
        group.entrants.iter().any(|entrant| {
            let id = entrant.id();
            goals.iter().any(|goal| goal.place.holds(&id) && goal.ours.fills(&id))
        })
    });
    let pace_of = |group: &Group| {
        let mut ids = group.entrants.iter().map(|entrant| entrant.id());
        let by_latency = |goal: &&Goal| goal.needs_latencies();
        match ids.any(|id| goals.iter().filter(by_latency).any(|goal| goal.needs(&id))) {
            true => LATENCY_GOALS_PACE,
            false => GOALS_PACE,
        }
    };
    let (report, findings) = measured_report(arguments, Profile::Full, GOALS_PACE, pace_of, &groups)?;
    let judged = judge::judge(&goals, &findings, &report.machine);
    print_machine(&report.machine);
    println!("{}", judge::shown(&judged));
    let path = arguments.out.join("goals.json");
    let page = serde_json::json!({ "machine": report.machine, "started": report.started, "goals": judged });
    fs::write(&path, serde_json::to_vec_pretty(&page)?).within(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}

fn exit_code(comparison: &Comparison, arguments: &Arguments) -> ExitCode {
    let regressed = comparison.changes.iter().any(|change| change.is_regression());
    if regressed && arguments.fail_on_regression { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Measures all groups, each at its own pace, and looks at the machine before and after.
fn measured_report(
    arguments: &Arguments,
    profile: Profile,
    pace: Pace,
    pace_of: impl Fn(&Group) -> Pace,
    groups: &[Group],
) -> Outcome<(Report, Vec<Finding>)> {
    let started = rfc3339(SystemTime::now());
    let mut machine = Machine::look(&arguments.out)?;
    let scratch = Scratch::new(&arguments.out)?;
    let noise_groups = if pace == Pace::Once { Vec::new() } else { noise_groups() };
    let progress = Progress::new(groups.len() + noise_groups.len());
    for group in &noise_groups {
        let row = format!("{}, {}", group.title(), group.entrants[0].tag.engine);
        progress.group(&format!("noise of {row}"));
        let measured = measure(group, NOISE_PACE, arguments.seed, &scratch.path, &|now| progress.tell(now))?;
        if let Some(ratio) = Ratio::of(&measured[0].round_ns, &measured[1].round_ns) {
            machine.noise_floor.push(Noise { row, ratio: ratio.interval, noise: ratio.noise() });
        }
        progress.done();
    }

    let mut settings = bench_settings(arguments, pace);
    let mut found = Vec::new();
    let mut finished = match (profile, &arguments.command) {
        (Profile::Full, None) => Some(Finished::open(&arguments.out, arguments, pace)?),
        _ => None,
    };
    for group in groups {
        progress.group(&group.title());
        let of_group = match finished.as_ref().and_then(|finished| finished.found(group)) {
            Some(kept) => kept,
            None => {
                let tell = |now: &str| progress.tell(now);
                let of_group =
                    Found::of(&measure(group, pace_of(group), arguments.seed, &scratch.path, &tell)?);
                if let Some(finished) = &mut finished {
                    finished.keep(group, of_group.clone())?;
                }
                of_group
            }
        };
        of_group
            .settings
            .into_iter()
            .for_each(|(engine, read)| settings.entry(engine).or_default().extend(read));
        found.extend(of_group.findings);
        progress.done();
    }
    progress.end();
    finished.map_or(Ok(()), Finished::end)?;
    machine.load_after = load();
    let rows = found.iter().map(|found| found.row.clone()).collect();
    Ok((Report { schema: SCHEMA, machine, settings, started, profile, rows }, found))
}

/// The groups that show how much two measurements of the same thing differ.
fn noise_groups() -> Vec<Group> {
    let groups = roster(Profile::Quick).into_groups();
    let entrants = groups.iter().flat_map(|group| &group.entrants);
    let rows = entrants.filter(|entrant| {
        let spec = &entrant.spec;
        let row = (spec.family, spec.workload, spec.threads, entrant.tag.engine);
        let standard = spec.family != Family::Growth || spec.records == 10_000;
        NOISE_ROWS.contains(&row) && standard && spec.variant != Some(Variant::Honest)
    });
    rows.map(|entrant| Group { entrants: vec![entrant.clone(), entrant.clone()] }).collect()
}

fn bench_settings(arguments: &Arguments, pace: Pace) -> Settings {
    let mut bench = BTreeMap::from([("seed".to_owned(), arguments.seed.to_string())]);
    if let Pace::Rounds { rounds, time, .. } = pace {
        bench.insert("rounds_at_most".to_owned(), rounds.to_string());
        bench.insert("ms_per_row_and_contestant".to_owned(), time.as_millis().to_string());
    }
    BTreeMap::from([("bench".to_owned(), bench)])
}

/// What the names of those directories begin with, before the number of the process.
const SCRATCH: &str = "scratch-";

/// The directory of the contestants' files. It goes away with the run, also with one that fails.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Removes as well what runs left behind that were killed: gigabytes, where an engine keeps files.
    fn new(out: &Path) -> Outcome<Self> {
        for entry in fs::read_dir(out).within(|| out.display().to_string())? {
            let entry = entry?;
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(SCRATCH)?.parse::<u32>().ok());
            if owner.is_some_and(is_gone) {
                fs::remove_dir_all(entry.path()).within(|| entry.path().display().to_string())?;
            }
        }
        Ok(Scratch { path: out.join(format!("{SCRATCH}{}", std::process::id())) })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.path.exists()
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            eprintln!("warning: {} is left behind: {error}", self.path.display());
        }
    }
}

fn print_machine(machine: &Machine) {
    for (name, value) in markdown::card(machine) {
        println!("{name}: {value}");
    }
    for warning in machine.warnings() {
        println!("WARNING: {warning}");
    }
    println!();
}

/// The reasons of the rows that cannot run, each once, with how many it keeps from it.
fn print_not_run(findings: &[Finding]) {
    let mut reasons = BTreeMap::<&str, usize>::new();
    for reason in findings.iter().filter_map(|found| found.row.not_run.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    reasons.iter().for_each(|(reason, rows)| println!("  {rows}: {reason}"));
}

fn print_report(report: &Report, findings: &[Finding]) {
    print_machine(&report.machine);
    for (family, table) in by_family(findings, report.machine.noise(), Look::Terminal) {
        println!("{}\n{table}\n", family.name());
    }
}

fn write_report(arguments: &Arguments, report: &Report, findings: &[Finding]) -> Outcome<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("cargo xtask bench {}", given.join(" "));
    // What has no figures must not take the place of what has.
    let name = if report.profile == Profile::Smoke { "smoke" } else { "report" };
    let json = arguments.out.join(format!("{name}.json"));
    fs::write(&json, serde_json::to_vec_pretty(report)?).within(|| json.display().to_string())?;
    let page = arguments.out.join(format!("{name}.md"));
    let text = markdown::page(report, findings, command.trim_end());
    fs::write(&page, text).within(|| page.display().to_string())?;
    println!("{}\n{}", json.display(), page.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_killed_run_left_behind_goes() {
        let out = tempfile::tempdir().unwrap();
        // No process has this number: the kernel's largest is 2^22.
        let (stale, ours) = (format!("{SCRATCH}{}", u32::MAX), format!("{SCRATCH}{}", std::process::id()));
        for folder in [&stale, &ours] {
            fs::create_dir(out.path().join(folder)).unwrap();
        }
        let scratch = Scratch::new(out.path()).unwrap();
        assert!(!out.path().join(stale).exists() && scratch.path.ends_with(ours) && scratch.path.exists());
    }

    #[test]
    fn each_noise_row_is_one_contestant_against_itself() {
        let groups = noise_groups();
        assert_eq!(groups.len(), NOISE_ROWS.len());
        for group in groups {
            assert_eq!(group.entrants.len(), 2);
            assert_eq!(group.entrants[0].id(), group.entrants[1].id());
        }
    }
}
