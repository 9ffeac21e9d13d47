//! The orders in which tasks are found, and the keys of each.
//!
//! A task that waits stands in `pending` and in `pending_by_avs`, those to be tried later apart from the others, so
//! that a claim finds the next one at the head however many are delayed. Every other task, and a delayed one too,
//! stands in `by_state` under the time that matters for its state, once for all and once for its AVS.

use std::borrow::Cow;

use storage_core::{Index, KeyRange, Timestamp};

use super::error::Result;
use super::task::{TaskRecord, TaskStatus};

/// The indexes of the table of tasks. Each ends with the task's id.
#[derive(Debug)]
pub(super) struct Indexes {
    /// Whether it is delayed, when it was created. It holds the records: the listing is read far more often than
    /// written.
    pub(super) pending: Index<String, TaskRecord, (bool, Timestamp)>,
    /// AVS, whether it is delayed, when it was created.
    pub(super) pending_by_avs: Index<String, TaskRecord, (String, bool, Timestamp)>,
    /// AVS (none for all), state, the state's time.
    pub(super) by_state: Index<String, TaskRecord, (Option<String>, u8, Timestamp)>,
}

/// Why a task stands in `by_state`. The number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Pending, from its time on.
    Delayed = 0,
    /// Processing, on a lease until its time.
    Processing = 1,
    /// Completed at its time.
    Completed = 2,
    /// Failed at its time with attempts left.
    Failed = 3,
    /// Failed at its time because none was left.
    Dead = 4,
}

impl State {
    /// Those in which nothing more will happen.
    pub(super) const ENDED: [State; 3] = [State::Completed, State::Failed, State::Dead];
}

impl Indexes {
    pub(super) fn new() -> Self {
        Indexes {
            pending: Index::each("pending", |_, record: &TaskRecord, emit| {
                if record.status == TaskStatus::Pending {
                    emit.entry(&(is_delayed(record), record.created_at));
                }
            })
            .covering(),
            pending_by_avs: Index::each("pending_by_avs", |_, record: &TaskRecord, emit| {
                if record.status == TaskStatus::Pending {
                    let avs = normalized(&record.task.avs_address);
                    emit.entry(&(avs, is_delayed(record), record.created_at));
                }
            }),
            by_state: Index::each("by_state", |_, record: &TaskRecord, emit| {
                if let Some((state, at)) = state_of(record) {
                    emit.entry(&(None::<&str>, state as u8, at));
                    emit.entry(&(Some(normalized(&record.task.avs_address)), state as u8, at));
                }
            }),
        }
    }
}

fn is_delayed(record: &TaskRecord) -> bool {
    record.not_before.is_some()
}

fn state_of(record: &TaskRecord) -> Option<(State, Timestamp)> {
    match record.status {
        TaskStatus::Pending => record.not_before.map(|at| (State::Delayed, at)),
        TaskStatus::Processing => Some((State::Processing, record.lease_until.unwrap_or(record.updated_at))),
        TaskStatus::Completed => Some((State::Completed, record.updated_at)),
        TaskStatus::Failed if record.is_dead => Some((State::Dead, record.updated_at)),
        TaskStatus::Failed => Some((State::Failed, record.updated_at)),
    }
}

/// An AVS address as it stands in keys: in lower case, so that spellings of one address meet.
///
/// Only ASCII letters change: addresses are hexadecimal, and what Unicode folds differs between its versions.
pub(super) fn normalized(avs: &str) -> Cow<'_, str> {
    match avs.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(avs.to_ascii_lowercase()),
        false => Cow::Borrowed(avs),
    }
}

/// The entries of a state whose time is at most `last`.
pub(super) fn until(avs: Option<&str>, state: State, last: Timestamp) -> Result<KeyRange> {
    let whole = KeyRange::within(&(avs, state as u8))?;
    let due = KeyRange::within(&(avs, state as u8, last))?;
    Ok(match due.end() {
        Some(end) => whole.before(end),
        None => whole,
    })
}

#[cfg(test)]
mod tests {
    use storage_core::Key;

    use super::*;

    #[test]
    fn a_range_of_due_entries_includes_its_last_moment() {
        let at = Timestamp::from_nanos;
        let key = |avs: Option<&str>, state: State, nanos, id: &str| {
            Key::of(&(avs, state as u8, at(nanos), id)).unwrap()
        };
        let range = until(Some("0xavs"), State::Processing, at(256)).unwrap();
        assert!(range.contains(&key(Some("0xavs"), State::Processing, 0, "a")));
        assert!(range.contains(&key(Some("0xavs"), State::Processing, 256, "z\0")));
        assert!(!range.contains(&key(Some("0xavs"), State::Processing, 257, "")));
        assert!(!range.contains(&key(Some("0xavs"), State::Delayed, 1, "a")));
        assert!(!range.contains(&key(Some("0xavs0"), State::Processing, 1, "a")));
        assert!(!range.contains(&key(None, State::Processing, 1, "a")));
        assert!(until(None, State::Dead, Timestamp::MAX).unwrap().contains(&key(
            None,
            State::Dead,
            u64::MAX,
            "a"
        )));
    }

    #[test]
    fn addresses_meet_in_lower_case() {
        assert_eq!(normalized("0xAVS123"), "0xavs123");
        assert!(matches!(normalized("0xavs123"), Cow::Borrowed(_)));
        assert_eq!(normalized("É"), "É");
    }
}
