//! One long history whose answers stand in a file, the same for every engine.
//!
//! The model alone writes the file; an engine only reads it. So two engines that were never compared with each other
//! are known to answer alike, and a change of an answer shows in a diff. An engine that cannot reopen does all the
//! same steps: there, a reopening only lets the snapshots go.

use storage_core::Result;

use super::oracle::Oracle;
use super::step::Step;
use super::{Divergence, events_of, long, names, run, text};
use crate::subject::Subject;

/// Where the answers stand, from the root of this crate.
pub const FILE: &str = "fixtures/answers.txt";

const ANSWERS: &str = include_str!("../../fixtures/answers.txt");

const HEAD: &str = "\
# One history and its answers, as the model gives them; every engine gives the same.
# A line is a step: its number, the call, its answer, and what watches on the keyspaces were told.
# Written by `cargo xtask conformance --write-answers`, and by nothing else.
";

/// What the model writes into the file.
pub fn answers() -> Result<String> {
    Ok(written(&mut Oracle::new(names()?, true)).1)
}

/// The answers that the file holds.
pub fn answers_on_file() -> &'static str {
    ANSWERS
}

/// Replays the history on a subject, and compares every answer with the one on file, up to the first that differs.
///
/// # Panics
///
/// Where the database or its engine does.
pub fn replay<S: Subject>(subject: &S) -> Result<Result<(), Divergence>> {
    let (steps, _) = written(&mut Oracle::new(names()?, true));
    let mut lines = ANSWERS.lines().filter(|line| !line.starts_with('#'));
    let replayed = run(subject, &steps, |at, answered, told| {
        let step = &at.steps[at.step];
        let found = text::line(at.step, step, &answered.answer, &told);
        let expected = lines.next().unwrap_or("nothing: the file has ended");
        if found == expected {
            return Ok(());
        }
        let call = text::call(at.step, step);
        let report = match (expected.strip_prefix(&call), found.strip_prefix(&call)) {
            (Some(expected), Some(found)) => format!("{step}\n  expected{expected}\n  found   {found}"),
            _ => format!("{step}\n  is not the call on file: {expected}"),
        };
        Err(Divergence { step: at.step, report })
    });
    Ok(replayed.and_then(|()| match lines.next() {
        Some(line) => Err(Divergence { step: steps.len(), report: format!("the file goes on: {line}") }),
        None => Ok(()),
    }))
}

/// The steps, and the file about them.
fn written(oracle: &mut Oracle) -> (Vec<Step>, String) {
    let (mut steps, mut file) = (Vec::new(), HEAD.to_owned());
    long::draw(oracle, |oracle, step| {
        let answer = oracle.step(&step, None);
        let told = events_of(oracle, &step);
        file += &text::line(steps.len(), &step, &answer, &told);
        file.push('\n');
        steps.push(step);
    });
    (steps, file)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn file_holds_what_the_model_writes_now() {
        let now = answers().unwrap();
        for (number, (line, written)) in ANSWERS.lines().zip(now.lines()).enumerate() {
            assert_eq!(line, written, "line {}: run `cargo xtask conformance --write-answers`", number + 1);
        }
        assert!(ANSWERS == now, "run `cargo xtask conformance --write-answers`");
    }

    #[test]
    fn answers_do_not_depend_on_what_reopening_keeps() {
        let mut oracle = Oracle::new(names().unwrap(), false);
        assert!(written(&mut oracle).1 == answers().unwrap());
    }

    #[test]
    fn history_does_everything_and_is_refused_in_every_way() {
        let mut counts = BTreeMap::<&str, usize>::new();
        for word in [
            " put 0:",
            " delete 1:",
            " delete range ",
            " range ",
            " in reverse",
            " get ",
            " add ",
            " draw ",
            ", drawn ",
            " hold a snapshot",
            " in snapshot ",
            " release snapshot ",
            " clock +",
            " clock -",
            " sweep",
            " sync",
            " reopen",
            " raise ",
            " touch ",
            " put row ",
            " delete rows ",
            " page of ",
            " rows by group",
            " rows by key in reverse",
            ", and more",
            " meanwhile",
            ", then fail",
            ", then panic",
            "(deferred)",
            " until ",
            " expire ",
            "=> Invalid",
            "=> TooLarge",
            "page of 0 rows by ",
        ] {
            counts.insert(word, ANSWERS.lines().filter(|line| line.contains(word)).count());
        }
        let missing: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(ANSWERS.lines().count() > 600);
    }
}
