//! The rows of the task store's published table, each faithful and honest.
//!
//! *Faithful* measures what the original's benchmark measures, its accidents included: ids and tasks are made
//! inside the time, stores grow, a refused change is ignored. *Honest* measures what the row's name says:
//! what is written was made beforehand, the store keeps its size where the name gives one, and what is read
//! is looked at. [`super::rows::meaning`] has each definition.

pub mod lists;
pub mod saves;

use std::mem;

use super::{Batch, Setting, Spec, Variant};
use crate::contestant::{TaskRows, TaskView};
use crate::failure::{Failure, Outcome};

/// Which reading a row is.
fn variant(spec: &Spec) -> Outcome<Variant> {
    spec.variant.ok_or_else(|| Failure::new(format!("{} is neither faithful nor honest", spec.workload)))
}

/// Puts an empty store in place of a used one.
fn reopen<S: TaskRows>(subject: &mut S, setting: &Setting) -> Outcome<()> {
    mem::replace(subject, S::open(setting)?).close()
}

/// Looks at the id of each task. Returns the length of all, so that none is left out.
fn ids_len<V: TaskView>(found: &[V]) -> usize {
    found.iter().map(|task| task.id().len()).sum()
}

/// Fails unless a list has as many entries as it must.
fn counted(what: &str, found: usize, due: u64) -> Outcome<()> {
    if found as u64 == due {
        Ok(())
    } else {
        Err(Failure::new(format!("{found} {what} were listed instead of {due}")))
    }
}

/// The operations of a batch that one worker does alone.
fn alone(batch: &Batch) -> Outcome<u64> {
    if batch.threads == 1 { Ok(batch.ops) } else { Err(Failure::new("this row is for one worker")) }
}
