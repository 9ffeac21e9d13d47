//! Moments: a snapshot of the engine and the time that goes with it.
//!
//! What has expired must fit what was committed: a view in which a record has ended, but which lacks a commit made
//! while it had not, is of no moment that ever was. So the time counts only if nothing was published between pinning
//! the snapshot and reading the time, which stands still while a commit that rests on it is on its way. Where no
//! record ever expires, the clock need not be read at all.

use crate::clock::Timestamp;
use crate::database::Shared;
use crate::engine::{Engine, Intent};
use crate::error::Result;
use crate::options::Deadline;

/// After so many moments that a commit came between, the next is taken with commits shut out.
const TRIES_MAX: usize = 16;

/// A state of the database at a time.
pub(crate) struct Moment<S> {
    pub(crate) snapshot: S,
    /// `None` where no record of the snapshot expires.
    pub(crate) now: Option<Timestamp>,
}

impl<E: Engine> Shared<E> {
    /// The state now. The caller has registered its label, or read the published version, before.
    pub(crate) fn moment(&self, intent: Intent, deadline: &Deadline) -> Result<Moment<E::Snapshot>> {
        for _ in 0..TRIES_MAX {
            let published = self.pipeline.labels.published();
            let snapshot = self.engine().snapshot(intent)?;
            if !self.maintenance.has_expiring() {
                return Ok(Moment { snapshot, now: None });
            }
            let now = self.now();
            // In the exclusive lane nobody else commits.
            if intent == Intent::Exclusive || self.pipeline.labels.published() == published {
                return Ok(Moment { snapshot, now: Some(now) });
            }
        }
        let _lane = self.pipeline.exclusive_lane(deadline)?;
        let snapshot = self.engine().snapshot(intent)?;
        Ok(Moment { snapshot, now: Some(self.now()) })
    }
}
