//! Message rows that write.

use std::mem;

use parking_lot::Mutex;

use super::super::keys::Keys;
use super::super::message_data::{self as data, ACCOUNT, Made};
use super::super::rows::messages::WRITE_ALONE;
use super::super::{Batch, Family, Profile, Setting, Spec, Stint, Variant, Work, rows};
use crate::contestant::messages::MessageRows;
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// `write-message`, by one thread or several, and `write-message-one-commit-each`.
#[derive(Debug)]
pub struct WriteMessage<S> {
    subject: S,
    variant: Option<Variant>,
    /// What each worker writes in a batch, made before it starts.
    made: Vec<Mutex<Vec<Made>>>,
    /// How many messages there are after the batch.
    due: u64,
    /// Held by the one thread that writes, where only one may.
    alone: Option<Mutex<()>>,
}

impl<S: MessageRows> Work for WriteMessage<S> {
    type Subject = S;

    fn rows(profile: Profile) -> Vec<Spec> {
        rows::messages::write(profile)
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Spec { variant, records, family, threads, workload, .. } = setting.spec;
        let subject = S::open(setting)?;
        match (variant, family) {
            (Some(Variant::Faithful), _) => {}
            (None, Family::Growth) => subject.load(data::sparse(records))?,
            _ => subject.load(data::honest(records))?,
        }
        let due = subject.count()?;
        let alone = (workload == WRITE_ALONE).then(Mutex::default);
        let made = (0..threads).map(|_| Mutex::default()).collect();
        Ok(WriteMessage { subject, variant, made, due, alone })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        if self.variant == Some(Variant::Faithful) {
            mem::replace(&mut self.subject, S::open(setting)?).close()?;
            self.due = 0;
        }
        self.due += batch.total();
        for worker in 0..batch.threads {
            let serials = batch.stint(worker).serials();
            let made: Vec<Made> = match (self.variant, setting.spec.value_bytes) {
                (Some(Variant::Faithful), _) => Vec::new(),
                (Some(Variant::Honest), _) => {
                    let keys = Keys::new(setting.seed, setting.spec.records);
                    serials
                        .map(|serial| data::event(data::honest_stream(keys.pick(serial)), serial))
                        .collect()
                }
                (None, None) => serials.map(|serial| data::event(own(worker), serial)).collect(),
                (None, Some(bytes)) => {
                    serials.map(|serial| data::large(own(worker), serial, bytes)).collect()
                }
            };
            *self.made[worker as usize].get_mut() = made;
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        if self.variant == Some(Variant::Faithful) {
            for op in stint.ops() {
                meter.time(|| self.subject.write(data::created(op)))?;
            }
            return Ok(());
        }
        let mut last = None;
        for made in mem::take(&mut *self.made[stint.worker as usize].lock()) {
            let written = meter.time(|| {
                let _alone = self.alone.as_ref().map(Mutex::lock);
                self.subject.write(made)
            })?;
            if last.replace(written).is_some_and(|before| before >= written) {
                return Err(Failure::new(format!(
                    "a writer was given {written} after a position not below it"
                )));
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let found = self.subject.count()?;
        if found != self.due {
            return Err(Failure::new(format!("there are {found} messages instead of {}", self.due)));
        }
        match self.subject.counters().conflicts {
            None | Some(0) => Ok(()),
            Some(conflicts) => {
                Err(Failure::new(format!("writers of streams of their own had {conflicts} conflicts")))
            }
        }
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// The stream to which nobody but this worker writes.
fn own(worker: u32) -> String {
    data::stream(ACCOUNT, u64::from(worker))
}
