//! What a full run has finished: a line of JSON a group, kept until the run is whole, so that one that was
//! interrupted goes on where it ended.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::cli::Arguments;
use crate::contestant::Group;
use crate::failure::{Outcome, Within};
use crate::measure::bout::{Measured, Pace};
use crate::report::json::{Finding, SCHEMA, findings};
use crate::workload::{Class, RowId};

/// Settings by contestant and class.
pub type Settings = BTreeMap<String, BTreeMap<String, String>>;

/// What was found of one group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Found {
    /// What each contestant read back.
    pub settings: Settings,
    /// The rows.
    pub findings: Vec<Finding>,
}

impl Found {
    /// What a measured group gives.
    #[must_use]
    pub fn of(measured: &[Measured]) -> Self {
        let mut settings = Settings::new();
        for measured in measured.iter().filter(|measured| measured.not_run.is_none()) {
            let engine = settings.entry(title(&measured.id)).or_default();
            engine.extend(measured.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        Found { settings, findings: findings(measured) }
    }
}

/// A contestant's name; one on disk has other settings in each class.
fn title(id: &RowId) -> String {
    match id.class {
        Class::Memory => id.contestant(),
        class => format!("{} ({})", id.contestant(), class.name()),
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    group: String,
    found: Found,
}

/// The file of finished groups.
#[derive(Debug)]
pub struct Finished {
    path: PathBuf,
    file: File,
    groups: HashMap<String, Found>,
}

impl Finished {
    /// The groups that an interrupted run of the same program, seed and pace left in `directory`; a file of
    /// another run begins anew.
    pub fn open(directory: &Path, arguments: &Arguments, pace: Pace) -> Outcome<Self> {
        Self::of_run(directory.join("unfinished.jsonl"), &run(arguments, pace)?)
    }

    fn of_run(path: PathBuf, run: &str) -> Outcome<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.within(|| path.display().to_string())?,
        };
        let mut lines = text.lines();
        // The interruption may have cut the last line short; what follows nothing is measured again.
        let kept =
            (lines.next() == Some(run)).then(|| lines.map_while(|line| serde_json::from_str(line).ok()));
        let kept: Vec<Line> = kept.into_iter().flatten().collect();
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        writeln!(file, "{run}")?;
        let mut finished = Finished { path, file, groups: HashMap::new() };
        for Line { group, found } in kept {
            finished.write(group, found)?;
        }
        Ok(finished)
    }

    /// What was found of a group, if it is finished.
    #[must_use]
    pub fn found(&self, group: &Group) -> Option<Found> {
        self.groups.get(&name(group)).cloned()
    }

    /// Keeps what was found of a group.
    pub fn keep(&mut self, group: &Group, found: Found) -> Outcome<()> {
        self.write(name(group), found)
    }

    fn write(&mut self, group: String, found: Found) -> Outcome<()> {
        let line = Line { group, found };
        writeln!(self.file, "{}", serde_json::to_string(&line)?)
            .within(|| self.path.display().to_string())?;
        self.groups.insert(line.group, line.found);
        Ok(())
    }

    /// Forgets all of it: the run is whole.
    pub fn end(self) -> Outcome<()> {
        fs::remove_file(&self.path).within(|| self.path.display().to_string())
    }
}

/// The rows of a group, which are its name: with other contestants it is another group.
fn name(group: &Group) -> String {
    let rows: Vec<String> = group.entrants.iter().map(|entrant| entrant.id().to_string()).collect();
    rows.join("; ")
}

/// What must be the same for figures of two runs to stand in one report, in one line.
fn run(arguments: &Arguments, pace: Pace) -> Outcome<String> {
    // The program's file stands for its source, which may have changes that no commit has.
    let program = fs::metadata(std::env::current_exe()?)?;
    let built = program.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    let seed = arguments.seed;
    Ok(format!("schema {SCHEMA}, program of {} bytes built at {built}, seed {seed}, {pace:?}", program.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestant::roster;
    use crate::report::json::tests::measured;
    use crate::workload::Profile;

    fn found() -> Found {
        Found::of(&[measured("mem", &[10.0; 8]), measured("bare-dashmap", &[5.0; 8])])
    }

    #[test]
    fn a_run_goes_on_where_it_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unfinished");
        let groups = roster(Profile::Smoke).into_groups();
        let mut first = Finished::of_run(path.clone(), "one").unwrap();
        first.keep(&groups[0], found()).unwrap();
        first.keep(&groups[1], found()).unwrap();
        drop(first);
        // The interruption came in the middle of the second line.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 20]).unwrap();

        let second = Finished::of_run(path.clone(), "one").unwrap();
        let kept = second.found(&groups[0]).unwrap();
        assert_eq!(kept.findings[0].round_ns, [10.0; 8]);
        assert_eq!(kept.findings[0].row.vs_bare, Some(2.0));
        assert!(second.found(&groups[1]).is_none());
        second.end().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn another_run_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unfinished");
        let groups = roster(Profile::Smoke).into_groups();
        let mut first = Finished::of_run(path.clone(), "one").unwrap();
        first.keep(&groups[0], found()).unwrap();
        let second = Finished::of_run(path, "another").unwrap();
        assert!(second.groups.is_empty());
    }
}
