//! Session rows that write.

use std::hint::black_box;
use std::mem;

use parking_lot::Mutex;
use storage_stores::sessions::Session;

use super::super::rows::sessions::turns;
use super::super::session_data::{self as data, Ids};
use super::super::{Batch, Profile, Setting, Spec, Stint, Variant, Work, rows};
use super::counted;
use crate::contestant::sessions::SessionRows;
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// Turns of the sessions that stand beside those of a row.
const BESIDE_TURNS: u64 = 10;
/// Where the ids of sessions begin that a batch saves.
const FIRST_NEW: u64 = 1_000_000;
/// Messages of a session before a batch appends to it: the middle of the batch is at 134.
const BEFORE_APPENDS: u64 = 129;

/// Sessions that stand beside those of a row.
fn beside(spec: &Spec) -> impl Iterator<Item = Session> {
    let sessions = if spec.variant == Some(Variant::Honest) { spec.records } else { 0 };
    (0..sessions).map(|number| data::of_turns(number, BESIDE_TURNS, Ids::Store))
}

/// Whether a store holds what a batch left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    Nothing,
    OfABatch,
}

/// Opens an empty store in the place of one that holds something.
fn empty<S: SessionRows>(subject: &mut S, contents: &mut Contents, setting: &Setting) -> Outcome<()> {
    match mem::replace(contents, Contents::OfABatch) {
        Contents::Nothing => Ok(()),
        Contents::OfABatch => mem::replace(subject, S::open(setting)?).close(),
    }
}

/// `save-10`, `save-50` and `save-100`.
#[derive(Debug)]
pub struct SaveSession<S> {
    subject: S,
    contents: Contents,
    /// What a batch saves, made before it starts.
    made: Mutex<Vec<Session>>,
    /// How many sessions there are after the batch.
    due: u64,
}

impl<S: SessionRows> Work for SaveSession<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::sessions::save()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let (subject, contents) = (S::open(setting)?, Contents::Nothing);
        Ok(SaveSession { subject, contents, made: Mutex::default(), due: 0 })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        let spec = &setting.spec;
        let unknown = || Failure::new(format!("{} says nothing of turns", spec.workload));
        let turns = turns(spec.workload).ok_or_else(unknown)?;
        empty(&mut self.subject, &mut self.contents, setting)?;
        self.subject.fill(beside(spec))?;
        self.due = self.subject.count()? + batch.total();
        let new = |op| match spec.variant {
            Some(Variant::Faithful) => data::of_turns(FIRST_NEW + op, turns, Ids::Program),
            _ => data::of_messages(FIRST_NEW + op, turns, Ids::Store),
        };
        *self.made.get_mut() = batch.stint(0).ops().map(new).collect();
        Ok(())
    }

    fn run<M: Meter>(&self, _: &Stint, meter: &mut M) -> Outcome<()> {
        self.made.lock().iter().try_for_each(|session| meter.time(|| self.subject.save(session)))
    }

    fn verify(&self) -> Outcome<()> {
        counted("sessions", self.subject.count()?, self.due)?;
        let made = self.made.lock();
        let Some(last) = made.last() else { return Ok(()) };
        let found = self.subject.load(&last.id)?.conversation.messages.len();
        counted("messages", found as u64, last.conversation.messages.len() as u64)
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `workflow`.
#[derive(Debug)]
pub struct Workflow<S> {
    subject: S,
    beside: u64,
}

impl<S: SessionRows> Work for Workflow<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::sessions::workflow()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        subject.fill(beside(&setting.spec))?;
        Ok(Workflow { beside: subject.count()?, subject })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for serial in stint.serials() {
            let (messages, listed, found) = meter.time(|| {
                let new = data::greeting(FIRST_NEW + serial);
                self.subject.save(&new)?;
                let mut loaded = self.subject.load(&new.id)?;
                loaded.conversation.messages.push(data::spoken(2));
                self.subject.save(&loaded)?;
                let listed = black_box(self.subject.list()?).len();
                let found = black_box(self.subject.search(data::GREETING)?).len();
                self.subject.delete(&new.id)?;
                Ok::<_, Failure>((loaded.conversation.messages.len(), listed, found))
            })?;
            counted("messages", messages as u64, 3)?;
            counted("sessions", listed as u64, self.beside + 1)?;
            counted("sessions found", found as u64, 1)?;
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        counted("sessions", self.subject.count()?, self.beside)
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `append-1-to-100` and `append-indexed`.
#[derive(Debug)]
pub struct AppendMessage<S> {
    subject: S,
    contents: Contents,
    /// The sessions as they stand in the store.
    sessions: Mutex<Vec<Session>>,
}

impl<S: SessionRows> Work for AppendMessage<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::sessions::append(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let (subject, contents) = (S::open(setting)?, Contents::Nothing);
        Ok(AppendMessage { subject, contents, sessions: Mutex::default() })
    }

    fn ready(&mut self, setting: &Setting, _: &Batch) -> Outcome<()> {
        empty(&mut self.subject, &mut self.contents, setting)?;
        let made = |number| data::of_messages(number, BEFORE_APPENDS, Ids::Store);
        let sessions: Vec<Session> = (0..setting.spec.records).map(made).collect();
        self.subject.fill(sessions.iter().cloned())?;
        *self.sessions.get_mut() = sessions;
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        let mut sessions = self.sessions.lock();
        let many = sessions.len() as u64;
        for op in stint.ops() {
            let session = &mut sessions[(op % many) as usize];
            session.conversation.messages.push(data::spoken(op));
            meter.time(|| self.subject.append(session))?;
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        for session in self.sessions.lock().iter() {
            let found = self.subject.load(&session.id)?.conversation.messages.len();
            counted("messages", found as u64, session.conversation.messages.len() as u64)?;
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
