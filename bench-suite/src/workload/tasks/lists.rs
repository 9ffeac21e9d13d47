//! Task rows that read, and those that read and write by turns.

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::super::keys::Keys;
use super::super::task_data::{
    Task, TaskStatus, operator_set_config, operator_set_key, performer, performer_id,
    performer_with_environment, spread_task, task, task_id,
};
use super::super::{Batch, Profile, Setting, Spec, Stint, Variant, Work, rows};
use super::{counted, ids_len, reopen, variant};
use crate::contestant::{PerformerView, TaskRows, TaskView, Transition};
use crate::failure::{Failure, Outcome};
use crate::measure::meter::Meter;

/// Configurations of the large data set.
const LARGE_CONFIGS: u64 = 100;

/// `get-task`.
#[derive(Debug)]
pub struct GetTask<S> {
    subject: S,
    variant: Variant,
    keys: Keys,
    ids: Vec<String>,
}

impl<S: TaskRows> Work for GetTask<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::get_task()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        let ids: Vec<String> = (0..setting.spec.records).map(task_id).collect();
        subject.fill(|subject| ids.iter().try_for_each(|id| subject.save_task(task(id.clone()))))?;
        let keys = Keys::new(setting.seed, setting.spec.records);
        Ok(GetTask { subject, variant: variant(&setting.spec)?, keys, ids })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                let preloaded = self.ids.len() as u64;
                for op in stint.ops() {
                    meter.time(|| {
                        self.subject.get_task(&task_id(op % preloaded)).map(|found| drop(black_box(found)))
                    })?;
                }
            }
            Variant::Honest => {
                for serial in stint.serials() {
                    let id = &self.ids[self.keys.pick(serial) as usize];
                    let right = meter.time(|| {
                        let found = self.subject.get_task(id)?;
                        black_box(found.payload().iter().fold(0_u8, |sum, &byte| sum ^ byte));
                        Ok::<_, Failure>(found.id() == id)
                    })?;
                    if !right {
                        return Err(Failure::new(format!("{id} was asked for and another task was given")));
                    }
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

/// `list-pending-1000`.
#[derive(Debug)]
pub struct ListPending<S> {
    subject: S,
    variant: Variant,
    due: u64,
}

impl<S: TaskRows> Work for ListPending<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::list_pending()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        let variant = variant(&setting.spec)?;
        let preloaded = setting.spec.records;
        subject.fill(|subject| preload(subject, variant, preloaded))?;
        let due = match variant {
            Variant::Faithful => preloaded,
            Variant::Honest => preloaded - preloaded.div_ceil(3),
        };
        Ok(ListPending { subject, variant, due })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            list(&self.subject, self.variant, self.due, meter)?;
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

/// Saves so many tasks, and completes every third of them, or asks for it as the original does.
fn preload<S: TaskRows>(subject: &S, variant: Variant, preloaded: u64) -> Outcome<()> {
    for number in 0..preloaded {
        subject.save_task(task(task_id(number)))?;
    }
    for id in (0..preloaded).step_by(3).map(task_id) {
        let made = match variant {
            // Illegal from pending. The original asks all the same and drops the error.
            Variant::Faithful => subject.change_status(&id, TaskStatus::Completed)?,
            Variant::Honest => {
                subject.change_status(&id, TaskStatus::Processing)?;
                subject.change_status(&id, TaskStatus::Completed)?
            }
        };
        if (made == Transition::Made) != (variant == Variant::Honest) {
            return Err(Failure::new(format!("{id} was let through or kept back against the rules")));
        }
    }
    Ok(())
}

/// One list of `due` pending tasks; an honest one is looked at.
fn list<S: TaskRows>(subject: &S, variant: Variant, due: u64, meter: &mut impl Meter) -> Outcome<()> {
    let listed = meter.time(|| {
        let found = subject.list_pending()?;
        if variant == Variant::Honest {
            black_box(ids_len(&found));
        }
        Ok::<_, Failure>(found.len())
    })?;
    counted("tasks", listed, due)
}

/// `concurrent-read-write-2000` and `-10000`.
#[derive(Debug)]
pub struct ConcurrentReadWrite<S> {
    subject: S,
    variant: Variant,
    /// How many are pending when nobody writes.
    held: u64,
    workers: Vec<Mutex<Worker>>,
}

/// What one worker of the honest row owns: no other touches these tasks.
#[derive(Debug, Default)]
struct Worker {
    /// Ids of its tasks, the oldest first.
    saved: std::collections::VecDeque<String>,
    made: Vec<Task>,
}

impl<S: TaskRows> Work for ConcurrentReadWrite<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::concurrent_read_write()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        let variant = variant(&setting.spec)?;
        let threads = u64::from(setting.spec.threads);
        let mut workers: Vec<Mutex<Worker>> = (0..threads).map(|_| Mutex::default()).collect();
        let mut held = 0;
        if variant == Variant::Honest {
            held = setting.spec.records;
            subject.fill(|subject| (0..held).map(task_id).try_for_each(|id| subject.save_task(task(id))))?;
            for number in 0..held {
                workers[(number % threads) as usize].get_mut().saved.push_back(task_id(number));
            }
        }
        Ok(ConcurrentReadWrite { subject, variant, held, workers })
    }

    fn ready(&mut self, setting: &Setting, batch: &Batch) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => {
                reopen(&mut self.subject, setting)?;
                self.held = batch.ops.div_ceil(2) * u64::from(batch.threads);
            }
            Variant::Honest => {
                for (at, worker) in self.workers.iter_mut().enumerate() {
                    let writes = 0..batch.ops.div_ceil(2);
                    let made = writes.map(|op| task(format!("task-{}-{at}-{op}", batch.turn)));
                    worker.get_mut().made = made.collect();
                }
            }
        }
        Ok(())
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => self.grow(stint, meter),
            Variant::Honest => self.replace(stint, meter),
        }
    }

    fn verify(&self) -> Outcome<()> {
        counted("tasks", self.subject.list_pending()?.len(), self.held)
    }

    fn subject(&self) -> &S {
        &self.subject
    }

    fn into_subject(self) -> S {
        self.subject
    }
}

impl<S: TaskRows> ConcurrentReadWrite<S> {
    fn grow(&self, stint: &Stint, meter: &mut impl Meter) -> Outcome<()> {
        for (turn, _) in stint.ops().enumerate() {
            if turn % 2 == 0 {
                meter.time(|| {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
                    // The worker's number, because two workers may read the same nanosecond.
                    let id = format!("concurrent-{}-{turn}-{now}", stint.worker);
                    self.subject.save_task(task(id))
                })?;
            } else {
                meter.time(|| self.subject.list_pending().map(|found| drop(black_box(found))))?;
            }
        }
        Ok(())
    }

    fn replace(&self, stint: &Stint, meter: &mut impl Meter) -> Outcome<()> {
        let mut worker = self.workers[stint.worker as usize].lock();
        let mut made = std::mem::take(&mut worker.made).into_iter();
        // Not exact: a contestant without snapshots may miss or repeat what is replaced while it lists.
        let plausible = self.held / 2..=self.held * 2;
        for (turn, _) in stint.ops().enumerate() {
            if turn % 2 == 0 {
                let (Some(new), Some(old)) = (made.next(), worker.saved.pop_front()) else {
                    return Err(Failure::new("a worker ran out of tasks"));
                };
                worker.saved.push_back(new.task_id.clone());
                meter.time(|| {
                    self.subject.delete_task(&old)?;
                    self.subject.save_task(new)
                })?;
            } else {
                let listed = meter.time(|| {
                    let found = self.subject.list_pending()?;
                    black_box(ids_len(&found));
                    Ok::<_, Failure>(found.len() as u64)
                })?;
                if !plausible.contains(&listed) {
                    return Err(Failure::new(format!("{listed} of {} tasks were listed", self.held)));
                }
            }
        }
        Ok(())
    }
}

/// `list-performers-100`.
#[derive(Debug)]
pub struct ListPerformers<S> {
    subject: S,
    variant: Variant,
    due: u64,
}

impl<S: TaskRows> Work for ListPerformers<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::list_performers()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let subject = S::open(setting)?;
        let variant = variant(&setting.spec)?;
        subject.fill(|subject| {
            (0..setting.spec.records).map(performer_id).try_for_each(|id| {
                let state = match variant {
                    Variant::Faithful => performer(id.clone()),
                    Variant::Honest => performer_with_environment(id.clone()),
                };
                subject.save_performer(&id, state)
            })
        })?;
        Ok(ListPerformers { subject, variant, due: setting.spec.records })
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        for _ in stint.ops() {
            let listed = meter.time(|| {
                let found = self.subject.list_performers()?;
                if self.variant == Variant::Honest {
                    black_box(found.iter().map(looked_at).sum::<usize>());
                }
                Ok::<_, Failure>(found.len())
            })?;
            counted("performers", listed, self.due)?;
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

/// The length of what a reader of a performer wants to know.
fn looked_at(performer: &impl PerformerView) -> usize {
    let mut len = performer.id().len() + performer.status().len();
    performer.environment(|name, value| len += name.len() + value.len());
    len
}

/// `large-dataset`.
#[derive(Debug)]
pub struct LargeDataset<S> {
    subject: S,
    variant: Variant,
    due: u64,
}

impl<S: TaskRows> Work for LargeDataset<S> {
    type Subject = S;

    fn rows(_: Profile) -> Vec<Spec> {
        rows::large_dataset()
    }

    fn set_up(setting: &Setting) -> Outcome<Self> {
        let variant = variant(&setting.spec)?;
        let large = LargeDataset { subject: S::open(setting)?, variant, due: setting.spec.records };
        if variant == Variant::Honest {
            large.subject.fill(|subject| save_all(subject, large.due))?;
        }
        Ok(large)
    }

    fn ready(&mut self, setting: &Setting, _: &Batch) -> Outcome<()> {
        match self.variant {
            Variant::Faithful => reopen(&mut self.subject, setting),
            Variant::Honest => Ok(()),
        }
    }

    fn run<M: Meter>(&self, stint: &Stint, meter: &mut M) -> Outcome<()> {
        if self.variant == Variant::Faithful {
            save_all(&self.subject, self.due)?;
        }
        for _ in stint.ops() {
            list(&self.subject, self.variant, self.due, meter)?;
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

fn save_all<S: TaskRows>(subject: &S, tasks: u64) -> Outcome<()> {
    for number in 0..tasks {
        subject.save_task(spread_task(number))?;
    }
    for number in 0..LARGE_CONFIGS {
        let (avs, set) = operator_set_key(number);
        subject.save_config(&avs, set, operator_set_config(number))?;
    }
    Ok(())
}
