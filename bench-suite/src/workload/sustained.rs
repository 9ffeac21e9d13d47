//! Rows about many writes at once: so many that what they put off is done between them, and so few that none is.

use super::keys::{Keys, Values};
use super::points::{Loaded, lost};
use super::{Batch, Profile, Setting, Spec, Stint, Work, rows};
use crate::contestant::{Counters, Points, Subject, Tag};
use crate::failure::Outcome;
use crate::measure::meter::Meter;

/// `put-1k-sustained`.
#[derive(Debug)]
pub struct PutSustained<S>(Loaded<S>);

impl<S: Points> Work for PutSustained<S> {
    super::points::over_loaded!(rows::put_sustained);

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        put_distinct(&self.0.subject, self.0.keys, self.0.values.clone(), stint, meter)
    }

    fn verify(&self) -> Outcome<()> {
        all_there(&self.0.subject, self.0.keys, self.0.records)
    }
}

/// `put-1k-burst`.
#[derive(Debug)]
pub struct PutBurst<S> {
    subject: Unsettled<S>,
    keys: Keys,
    values: Values,
    records: u64,
}

/// A subject whose work that was put off is no part of a batch.
#[derive(Debug)]
pub struct Unsettled<S>(S);

impl<S: Subject> Subject for Unsettled<S> {
    const TAG: Tag = S::TAG;

    fn absence(spec: &Spec) -> Option<&'static str> {
        S::absence(spec)
    }

    fn open(setting: &Setting) -> Outcome<Self> {
        S::open(setting).map(Unsettled)
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        self.0.settings()
    }

    /// It is done before the next batch.
    fn counters(&self) -> Counters {
        self.0.counters()
    }

    fn close(self) -> Outcome<()> {
        self.0.close()
    }
}

impl<S: Points> Work for PutBurst<S> {
    type Subject = Unsettled<S>;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::put_burst()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let Loaded { subject, keys, values, records } = Loaded::<S>::open(setting)?;
        Ok(PutBurst { subject: Unsettled(subject), keys, values, records })
    }

    fn ready(&mut self, _: &Setting, _: &Batch) -> Outcome<()> {
        self.subject.0.settle()
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        put_distinct(&self.subject.0, self.keys, self.values.clone(), stint, meter)
    }

    fn verify(&self) -> Outcome<()> {
        all_there(&self.subject.0, self.keys, self.records)
    }

    fn subject(&self) -> &Unsettled<S> {
        &self.subject
    }

    fn into_subject(self) -> Unsettled<S> {
        self.subject
    }
}

/// Writes each record once: an engine that waits saves none of these writes.
fn put_distinct<S: Points>(
    subject: &S,
    keys: Keys,
    mut values: Values,
    stint: &Stint,
    meter: &mut impl Meter,
) -> Outcome<()> {
    for (op, serial) in stint.ops().zip(stint.serials()) {
        let key = keys.key(keys.distinct(stint.turn, op));
        let value = values.of(serial);
        meter.time(|| subject.put(&key, value))?;
    }
    Ok(())
}

fn all_there<S: Points>(subject: &S, keys: Keys, records: u64) -> Outcome<()> {
    for index in 0..records {
        let key = keys.key(index);
        if subject.get(&key)?.is_none() {
            return Err(lost(&key));
        }
    }
    Ok(())
}
