//! What keeps the store in order: recovery after a crash, dead letters, and the removal of what has ended.

use std::sync::Arc;

use storage_core::{Direction, Engine, Kind, Snapshot, Timestamp, Transaction};

use super::error::{Result, TaskError};
use super::indexes::{State, until};
use super::listing::{Listing, Paging, Part, list};
use super::store::{Scope, TaskStore, invalid_transition};
use super::task::{TaskRecord, TaskStatus};

/// So many tasks are given up, or removed, by one transaction.
const CHUNK_LEN: usize = 256;

/// What a recovery found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovered {
    /// What is to be done: pending tasks, delayed ones included, by their creation, then those in processing whose lease
    /// ran out, by its end.
    pub ready: Vec<Arc<TaskRecord>>,
    /// What was past its deadline, or had lost its worker in its last attempt, and is failed now.
    pub failed: Vec<Arc<TaskRecord>>,
    /// What could not be read.
    pub unreadable: Vec<TaskError>,
}

impl<E: Engine> TaskStore<E> {
    /// Finds what is to be done after a crash or a pause, and fails what it is too late for.
    ///
    /// It takes no task from a worker whose lease runs: claim what it returns. The failing goes in transactions of
    /// limited size, each of which looks at its tasks again and leaves alone what has changed since.
    pub fn recover(&self, scope: Scope<'_>) -> Result<Recovered> {
        // One moment for both, so that a task between them is in one and only one.
        let snapshot = self.access.db.snapshot()?;
        let now = snapshot.now();
        let waiting = self.list_pending_in(&snapshot, scope, &Paging::all())?;
        let abandoned = self.list_abandoned(&snapshot, scope)?;
        drop(snapshot);
        let found = waiting.items.into_iter().chain(abandoned.items);
        let (hopeless, ready): (Vec<_>, Vec<_>) =
            found.partition(|record| self.hopeless(record, now).is_some());
        let mut failed = Vec::with_capacity(hopeless.len());
        for chunk in hopeless.chunks(CHUNK_LEN) {
            failed.extend(self.access.transact(|txn| self.give_up(txn, chunk))?);
        }
        let unreadable = waiting.unreadable.into_iter().chain(abandoned.unreadable).collect();
        Ok(Recovered { ready, failed, unreadable })
    }

    /// The tasks in processing whose lease has run out, by its end.
    fn list_abandoned(&self, snapshot: &Snapshot<E>, scope: Scope<'_>) -> Result<Listing<TaskRecord>> {
        let avs = scope.avs();
        let due = until(avs.as_deref(), State::Processing, snapshot.now())?;
        let read = |_| self.tasks.range_by(&self.indexes.by_state, snapshot, due, Direction::Forward);
        let part = Part::read(&(avs.as_deref(), State::Processing as u8), None, read)?;
        list("tasks:abandoned", vec![part], &Paging::all())
    }

    fn give_up(
        &self,
        txn: &mut Transaction<'_, E>,
        chunk: &[Arc<TaskRecord>],
    ) -> Result<Vec<Arc<TaskRecord>>> {
        let now = txn.now();
        let mut failed = Vec::with_capacity(chunk.len());
        for seen in chunk {
            let Some(record) = self.tasks.get(txn, seen.id())? else { continue };
            let is_idle = record.status == TaskStatus::Pending || record.is_claimable(now);
            if let Some(hopeless) = self.hopeless(&record, now).filter(|_| is_idle) {
                failed.push(self.replace(txn, hopeless)?);
            }
        }
        Ok(failed)
    }

    /// The tasks that failed because no attempt was left, by when they did.
    pub fn list_dead_letters(&self, scope: Scope<'_>, paging: &Paging) -> Result<Listing<TaskRecord>> {
        self.list_states(scope, &[State::Dead], paging)
    }

    /// Removes a dead letter and saves its task anew under the same id, as one: pending, with every attempt before it.
    ///
    /// `NotFound` if there is no such task; `InvalidTransition` if it is not a dead letter.
    pub fn requeue_dead_letter(&self, id: &str) -> Result<Arc<TaskRecord>> {
        self.access.transact(|txn| {
            let dead = self.stored(txn, id)?;
            if !dead.is_dead {
                return Err(invalid_transition(&dead, TaskStatus::Pending));
            }
            self.tasks.delete(txn, id)?;
            let mut record = Arc::new(TaskRecord::new(dead.task.clone()));
            self.insert(txn, &mut record)?;
            Ok(record)
        })
    }

    /// Removes tasks that ended before a time, dead letters included, at most `limit` of them. How many it removed.
    ///
    /// One that cannot be read stays. It goes in transactions of limited size, so that an error may come after some of
    /// them.
    pub fn purge_ended_before(&self, scope: Scope<'_>, time: Timestamp, limit: usize) -> Result<usize> {
        if limit == 0 {
            return Err(TaskError::InvalidArgument("purge limit is 0, smallest is 1".into()));
        }
        let Some(last) = time.as_nanos().checked_sub(1).map(Timestamp::from_nanos) else { return Ok(0) };
        let mut removed = 0;
        while removed < limit {
            let max = CHUNK_LEN.min(limit - removed);
            let found = self.access.transact(|txn| {
                let ids = self.ended_until(txn, scope, last, max)?;
                ids.iter().try_for_each(|id| self.tasks.delete(txn, id))?;
                Ok(ids.len())
            })?;
            removed += found;
            if found < max {
                break;
            }
        }
        Ok(removed)
    }

    /// The ids of tasks that ended by a time and can be read.
    fn ended_until(
        &self,
        txn: &Transaction<'_, E>,
        scope: Scope<'_>,
        last: Timestamp,
        limit: usize,
    ) -> Result<Vec<String>> {
        let avs = scope.avs();
        let mut ids = Vec::new();
        for state in State::ENDED {
            let range = until(avs.as_deref(), state, last)?;
            let mut records = self.tasks.range_by(&self.indexes.by_state, txn, range, Direction::Forward)?;
            while ids.len() < limit {
                let found = match records.next() {
                    Ok(None) => break,
                    Ok(Some(mut entry)) => entry.value(),
                    Err(error) => Err(error),
                };
                match found {
                    Ok(record) => ids.push(record.id().to_owned()),
                    Err(error) if error.kind() == Kind::Corrupt && error.key().is_some() => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(ids)
    }

    /// Removes the tasks of orphaned blocks and the blocks above a number, as one. How many blocks it removed.
    ///
    /// An id that is not there is passed over. Tasks that cannot be read are removed as
    /// [`delete_task`](Self::delete_task) does.
    pub fn rewind(&self, avs: &str, chain_id: u64, number: u64, orphaned: &[&str]) -> Result<u64> {
        self.access.transact(|txn| {
            orphaned.iter().try_for_each(|id| self.tasks.discard(txn, *id))?;
            self.truncate_in(txn, avs, chain_id, number)
        })
    }
}
