//! How a transaction is tried: body, commit, and both again after a conflict, until it succeeds or its time is up.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commit::{FOREIGN_MAX, Lane, overtaken};
use crate::database::{BodyError, Shared};
use crate::engine::{Engine, Intent};
use crate::error::{Error, Kind, Result};
use crate::moment::Moment;
use crate::options::{Deadline, Outcome, TransactOptions};
use crate::statistics::Counters;
use crate::sync::pause;
use crate::transaction::{Ended, Label, Transaction};
use crate::watch::Cause;

/// A transaction that has lost this often takes the exclusive lane: it runs once more, alone.
const LOSSES_MAX: u32 = 8;

/// The first pause between tries; each is twice as long, up to the last, and each is cut at random.
const PAUSE_FIRST: Duration = Duration::from_micros(20);
const PAUSE_LAST: Duration = Duration::from_millis(2);

pub(crate) fn run<E: Engine, T, X: BodyError>(
    shared: &Arc<Shared<E>>,
    options: TransactOptions,
    deadline: &Deadline,
    cause: Cause,
    body: &mut dyn FnMut(&mut Transaction<'_, E>) -> Result<T, X>,
) -> Result<Outcome<T>, X> {
    let mut losses = 0;
    let mut lane = None;
    loop {
        if losses == LOSSES_MAX && lane.is_none() {
            shared.check_outside_body()?;
            lane = Some(shared.pipeline.exclusive_lane(deadline)?);
            Counters::count(&shared.counters.exclusive);
        }
        let error = match attempt(shared, options, cause, lane.as_ref(), deadline, body) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        if error.storage().is_none_or(|error| error.kind() != Kind::Conflict) {
            return Err(error);
        }
        Counters::count(&shared.counters.conflicts);
        let ends_at = deadline.instant();
        if Instant::now() >= ends_at {
            return Err(error);
        }
        Counters::count(&shared.counters.retries);
        losses = LOSSES_MAX.min(losses + 1);
        pause(jittered(losses));
    }
}

/// Runs a transaction once, in a lane that the caller holds.
pub(crate) fn attempt_in<E: Engine, T>(
    shared: &Arc<Shared<E>>,
    lane: &Lane<'_>,
    options: TransactOptions,
    deadline: &Deadline,
    body: &mut dyn FnMut(&mut Transaction<'_, E>) -> Result<T>,
) -> Result<Outcome<T>> {
    attempt(shared, options, Cause::Application, Some(lane), deadline, body)
}

fn attempt<E: Engine, T, X: BodyError>(
    shared: &Arc<Shared<E>>,
    options: TransactOptions,
    cause: Cause,
    lane: Option<&Lane<'_>>,
    deadline: &Deadline,
    body: &mut dyn FnMut(&mut Transaction<'_, E>) -> Result<T, X>,
) -> Result<Outcome<T>, X> {
    let inside = shared.enter_body()?;
    shared.check_open()?;
    let intent = if lane.is_some() { Intent::Exclusive } else { Intent::Transact };
    let (label, moment) = begin(shared, lane, intent, deadline)?;
    let mut transaction = Transaction::begin(shared, label, moment, cause);
    let value = body(&mut transaction)?;
    drop(inside);
    let (member, snapshot) = match transaction.end(options.durability) {
        Ended::ReadOnly { version } => {
            return Ok(Outcome { value, version, numbers: Vec::new(), time: None });
        }
        Ended::Commit(member, snapshot) => (member, snapshot),
    };
    let committed = match lane {
        Some(_) => shared.commit_in_lane(&member, snapshot),
        None => {
            // What was read is in the member; the engine need not keep it for the wait.
            drop(snapshot);
            shared.commit(*member, deadline)
        }
    };
    let committed = committed.map_err(|error: Error| error)?;
    Ok(Outcome { value, version: committed.version, numbers: committed.numbers, time: committed.time })
}

/// The label of a transaction and then its moment. In the lane, what other processes committed is noted before.
fn begin<'s, E: Engine>(
    shared: &'s Arc<Shared<E>>,
    lane: Option<&Lane<'_>>,
    intent: Intent,
    deadline: &Deadline,
) -> Result<(Label<'s, E>, Moment<E::Snapshot>)> {
    for _ in 0..FOREIGN_MAX {
        let label = Label::register(shared);
        match (shared.moment(intent, deadline), lane) {
            (Err(error), Some(lane)) if error.kind() == Kind::ForeignCommit => {
                shared.note_foreign_commit(lane)?;
            }
            (moment, _) => return Ok((label, moment?)),
        }
    }
    Err(overtaken())
}

/// A pause after so many losses, cut at random so that losers do not meet again.
fn jittered(losses: u32) -> Duration {
    if losses <= 1 {
        return Duration::ZERO;
    }
    let longest = PAUSE_LAST.min(PAUSE_FIRST * 2_u32.pow(losses));
    let random = RandomState::new().build_hasher().finish();
    Duration::from_nanos(random % u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX))
}
