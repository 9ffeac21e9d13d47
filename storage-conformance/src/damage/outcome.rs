//! What damage did, counted.

use std::collections::BTreeMap;
use std::fmt;

use super::look::Seen;

/// What became of the states of one file and manner of damage, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// States that were tried.
    pub states: u64,
    /// States that were not opened.
    pub refused: u64,
    /// States in which everything was as it was put.
    pub whole: u64,
    /// States in which some records were named as damaged and every other one was right.
    pub named: u64,
    /// States in which a read failed with an error about more than one record.
    pub failed: u64,
    /// States in which something was wrong and no error said so.
    pub lossy: u64,
    /// Records of these that were said not to be there.
    pub missing: u64,
    /// Records of these that were shown as they had been before.
    pub stale: u64,
    /// Records of these that a range returned twice or out of order.
    pub disordered: u64,
    /// Keyspaces of these that were not listed.
    pub hidden: u64,
}

/// What became of every state that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All together.
    pub all: Tally,
    /// By file and manner of damage.
    pub parts: BTreeMap<(String, &'static str), Tally>,
    /// The change that lost most without an error, and how many records.
    pub worst: Option<(String, u64)>,
}

impl Outcome {
    pub(super) fn note(&mut self, file: &str, manner: &'static str, what: &str, seen: &Seen) {
        self.all.note(seen);
        self.parts.entry((file.to_owned(), manner)).or_default().note(seen);
        let lost = seen.lost();
        if lost > self.worst.as_ref().map_or(0, |(_, most)| *most) {
            self.worst = Some((what.to_owned(), lost));
        }
    }

    /// The states of one manner of damage, in the files whose names end so.
    pub fn of(&self, file_end: &str, manner: &str) -> Tally {
        let mut sum = Tally::default();
        let parts = self.parts.iter().filter(|((file, of), _)| file.ends_with(file_end) && *of == manner);
        parts.for_each(|(_, part)| sum.add(part));
        sum
    }
}

impl Tally {
    fn note(&mut self, seen: &Seen) {
        let Seen { refused, right: _, named, unread, missing, stale, disordered, hidden } = *seen;
        self.states += 1;
        self.missing += missing;
        self.stale += stale;
        self.disordered += disordered;
        self.hidden += hidden;
        let counted = if refused.is_some() {
            &mut self.refused
        } else if seen.lost() > 0 {
            &mut self.lossy
        } else if unread > 0 {
            &mut self.failed
        } else if named > 0 {
            &mut self.named
        } else {
            &mut self.whole
        };
        *counted += 1;
    }

    fn add(&mut self, other: &Tally) {
        let Tally { states, refused, whole, named, failed, lossy, missing, stale, disordered, hidden } =
            other;
        self.states += states;
        self.refused += refused;
        self.whole += whole;
        self.named += named;
        self.failed += failed;
        self.lossy += lossy;
        self.missing += missing;
        self.stale += stale;
        self.disordered += disordered;
        self.hidden += hidden;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { states, refused, whole, named, failed, lossy, missing, stale, disordered, hidden } = self;
        write!(
            f,
            "{states} states: {refused} refused, {whole} whole, {named} with records named, {failed} with reads that \
             failed, {lossy} with losses that no error told"
        )?;
        match lossy {
            0 => Ok(()),
            _ => write!(
                f,
                " ({missing} records missing, {stale} as they were before, {disordered} out of order, {hidden} \
                 keyspaces not listed)"
            ),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        for ((file, manner), part) in &self.parts {
            write!(f, "\n  {file}, {manner}: {part}")?;
        }
        match &self.worst {
            None => Ok(()),
            Some((what, lost)) => write!(f, "\n  most was lost without an error by {what}: {lost} records"),
        }
    }
}
