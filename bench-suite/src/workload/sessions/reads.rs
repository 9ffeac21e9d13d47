//! Session rows that read.

use std::hint::black_box;

use super::super::keys::Keys;
use super::super::rows::sessions::{FIND, FIND_COMMON, turns};
use super::super::session_data::{self as data, Ids};
use super::super::{Profile, Setting, Spec, Stint, Variant, Work, rows};
use super::counted;
use crate::contestant::sessions::{FoundView, ListedView, SessionFinds, SessionRows};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// Turns of the sessions that an honest row lists or searches.
const LONG: u64 = 50;
/// The best of what was found.
const BEST: usize = 10;

/// `load-50`.
#[derive(Debug)]
pub struct LoadSession<S> {
    subject: S,
    variant: Option<Variant>,
    /// How many messages a session has.
    len: u64,
    keys: Keys,
}

impl<S: SessionRows> Work for LoadSession<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::sessions::load()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { variant, records, .. } = setting.spec;
        let turns = turns_of(&setting.spec)?;
        let subject = S::open(setting)?;
        let made = |number| match variant {
            Some(Variant::Faithful) => data::of_turns(number, turns, Ids::Program),
            _ => data::of_messages(number, turns, Ids::Store),
        };
        subject.fill((0..records).map(made))?;
        let len = made(0).conversation.messages.len() as u64;
        Ok(LoadSession { subject, variant, len, keys: Keys::new(setting.seed, records) })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let id = data::id(self.keys.pick(serial));
            let found = meter.time(|| {
                let session = self.subject.load(&id)?;
                let messages = &session.conversation.messages;
                if self.variant == Some(Variant::Honest) {
                    for message in messages {
                        black_box(&message.content);
                    }
                }
                Ok::<_, Failure>(black_box(messages).len() as u64)
            })?;
            counted("messages", found, self.len)?;
        }
        Ok(())
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

fn turns_of(spec: &Spec) -> Outcome<u64> {
    let workload = spec.workload;
    turns(workload).ok_or_else(|| Failure::new(format!("{workload} says nothing of turns")))
}

/// `list-10`, `list-50` and `list-100`.
#[derive(Debug)]
pub struct ListSessions<S> {
    subject: S,
    variant: Option<Variant>,
    sessions: u64,
}

impl<S: SessionRows> Work for ListSessions<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::sessions::list()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { variant, records, .. } = setting.spec;
        let turns = match variant {
            Some(Variant::Faithful) => turns_of(&setting.spec)?,
            _ => LONG,
        };
        let subject = S::open(setting)?;
        subject.fill((0..records).map(|number| data::of_turns(number, turns, Ids::Program)))?;
        Ok(ListSessions { subject, variant, sessions: records })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            let found = meter.time(|| {
                let listed = self.subject.list()?;
                if self.variant == Some(Variant::Honest) {
                    for listed in &listed {
                        black_box((listed.id(), listed.messages()));
                    }
                }
                Ok::<_, Failure>(black_box(&listed).len() as u64)
            })?;
            counted("sessions", found, self.sessions)?;
        }
        Ok(())
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `search-20`.
#[derive(Debug)]
pub struct SearchSessions<S> {
    subject: S,
    due: u64,
}

impl<S: SessionRows> Work for SearchSessions<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::sessions::search()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { variant, records, .. } = setting.spec;
        let turns = if variant == Some(Variant::Faithful) { 0 } else { LONG };
        let subject = S::open(setting)?;
        subject.fill((0..records).map(|number| data::searched(number, turns)))?;
        // Every second session, and in it two messages.
        Ok(SearchSessions { subject, due: records.div_ceil(2) })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            let (found, matches) = meter.time(|| {
                let found = self.subject.search(data::NEEDLE)?;
                let matches: usize = found.iter().map(FoundView::matches).sum();
                Ok::<_, Failure>((black_box(&found).len() as u64, matches as u64))
            })?;
            counted("sessions", found, self.due)?;
            counted("matches", matches, 2 * self.due)?;
        }
        Ok(())
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `find-10` and `find-10-common`.
#[derive(Debug)]
pub struct FindMessages<S> {
    subject: S,
    word: &'static str,
    /// How many messages have the word.
    due: u64,
}

impl<S: SessionFinds> Work for FindMessages<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::sessions::find(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { workload, records, .. } = setting.spec;
        let (word, due) = match workload {
            FIND => (data::RARE, records / 100),
            FIND_COMMON => (data::COMMON, records / 2),
            other => return Err(Failure::new(format!("{other} finds no words"))),
        };
        let subject = S::open(setting)?;
        subject.fill(data::of_words(setting.seed, records))?;
        Ok(FindMessages { subject, word, due })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            let (best, all) = meter.time(|| self.subject.find(self.word, BEST))?;
            counted("best messages", best, self.due.min(BEST as u64))?;
            counted("messages", all, self.due)?;
        }
        Ok(())
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}
