//! Task rows that write.

use std::mem;

use parking_lot::Mutex;

use super::super::task_data::{
    Block, OperatorSetConfig, PerformerState, Task, block, operator_set_config, operator_set_key, performer,
    performer_id, task, task_id,
};
use super::super::{Batch, Profile, Setting, Spec, Stint, Variant, Work, rows};
use super::{alone, counted, reopen, variant};
use crate::contestant::TaskRows;
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// The service whose blocks are saved.
const AVS: &str = "0xavs1";
/// The chain whose blocks are saved.
const CHAIN: u64 = 1;
/// Performers that the honest row writes over.
const PERFORMERS: u64 = 100;

/// What a batch writes, made before it starts; the one worker takes all of it.
type Made<T> = Mutex<Vec<T>>;

fn taken<T>(made: &Made<T>) -> Vec<T> {
    mem::take(&mut *made.lock())
}

/// `save-task`.
#[derive(Debug)]
pub struct SaveTask<S> {
    subject: S,
    variant: Variant,
    made: Made<Task>,
    due: u64,
}

impl<S: TaskRows> Work for SaveTask<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::save_task()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let variant = variant(&setting.spec)?;
        Ok(SaveTask { subject: S::open(setting)?, variant, made: Mutex::default(), due: 0 })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        reopen(&mut self.subject, setting)?;
        self.due = alone(batch)?;
        if self.variant == Variant::Honest {
            *self.made.lock() = (0..self.due).map(|number| task(task_id(number))).collect();
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                for op in stint.ops() {
                    meter.time(|| self.subject.save_task(task(task_id(op))))?;
                }
            }
            Variant::Honest => {
                for task in taken(&self.made) {
                    meter.time(|| self.subject.save_task(task))?;
                }
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        counted("tasks", self.subject.list_pending()?.len(), self.due)
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `last-processed-block`.
#[derive(Debug)]
pub struct LastBlock<S> {
    subject: S,
    variant: Variant,
    made: Made<Block>,
    due: Option<u64>,
}

impl<S: TaskRows> Work for LastBlock<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::last_block()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let variant = variant(&setting.spec)?;
        Ok(LastBlock { subject: S::open(setting)?, variant, made: Mutex::default(), due: None })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        reopen(&mut self.subject, setting)?;
        let ops = alone(batch)?;
        self.due = ops.checked_sub(1);
        if self.variant == Variant::Honest {
            *self.made.lock() = (0..ops).map(|number| block(CHAIN, number)).collect();
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                for op in stint.ops() {
                    meter.time(|| self.subject.set_last_block(CHAIN, op))?;
                }
            }
            Variant::Honest => {
                for block in taken(&self.made) {
                    let number = block.number;
                    let last = meter.time(|| {
                        self.subject.save_block(AVS, block)?;
                        self.subject.last_saved_block(AVS, CHAIN)
                    })?;
                    if last != number {
                        return Err(Failure::new(format!(
                            "block {last} is the last after {number} was saved"
                        )));
                    }
                }
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        let Some(due) = self.due else { return Ok(()) };
        let last = match self.variant {
            Variant::Faithful => self.subject.last_block(CHAIN)?,
            Variant::Honest => self.subject.last_saved_block(AVS, CHAIN)?,
        };
        if last == due {
            Ok(())
        } else {
            Err(Failure::new(format!("the last block is {last} instead of {due}")))
        }
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

/// `save-operator-set-config`.
#[derive(Debug)]
pub struct SaveConfig<S> {
    subject: S,
    variant: Variant,
    made: Made<(String, u32, OperatorSetConfig)>,
}

impl<S: TaskRows> Work for SaveConfig<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::save_config()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let variant = variant(&setting.spec)?;
        Ok(SaveConfig { subject: S::open(setting)?, variant, made: Mutex::default() })
    }

    fn ready(&mut self, _: &Setting, batch: &Batch) -> Outcome<()> {
        let ops = alone(batch)?;
        if self.variant == Variant::Honest {
            let first = batch.turn * ops;
            let made = (first..first + ops).map(|number| {
                let (avs, set) = operator_set_key(number);
                (avs, set, operator_set_config(number))
            });
            *self.made.lock() = made.collect();
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                for serial in stint.serials() {
                    meter.time(|| {
                        let (avs, set) = operator_set_key(serial);
                        self.subject.save_config(&avs, set, operator_set_config(serial))
                    })?;
                }
            }
            Variant::Honest => {
                for (avs, set, config) in taken(&self.made) {
                    meter.time(|| self.subject.save_config(&avs, set, config))?;
                }
            }
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

/// `save-performer`.
#[derive(Debug)]
pub struct SavePerformer<S> {
    subject: S,
    variant: Variant,
    made: Made<(String, PerformerState)>,
    due: u64,
}

impl<S: TaskRows> Work for SavePerformer<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::save_performer()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let variant = variant(&setting.spec)?;
        let subject = S::open(setting)?;
        let mut due = 0;
        if variant == Variant::Honest {
            subject.fill(|subject| {
                (0..PERFORMERS)
                    .map(performer_id)
                    .try_for_each(|id| subject.save_performer(&id, performer(id.clone())))
            })?;
            due = PERFORMERS;
        }
        Ok(SavePerformer { subject, variant, made: Mutex::default(), due })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        let ops = alone(batch)?;
        match self.variant {
            Variant::Faithful => {
                reopen(&mut self.subject, setting)?;
                self.due = ops;
            }
            Variant::Honest => {
                let ids = (0..ops).map(|number| performer_id(number % PERFORMERS));
                *self.made.lock() = ids.map(|id| (id.clone(), performer(id))).collect();
            }
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                for op in stint.ops() {
                    meter.time(|| {
                        let id = performer_id(op);
                        self.subject.save_performer(&id, performer(id.clone()))
                    })?;
                }
            }
            Variant::Honest => {
                for (id, state) in taken(&self.made) {
                    meter.time(|| self.subject.save_performer(&id, state))?;
                }
            }
        }
        Ok(())
    }

    fn verify(&self) -> Outcome<()> {
        counted("performers", self.subject.list_performers()?.len(), self.due)
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}
