//! Deleting: whole streams, and what is oldest in them.
//!
//! With a message go its entries, so what is deleted is found nowhere. Global positions are not used again.

use std::collections::HashMap;
use std::time::Duration;

use storage_core::{Direction, Engine, Key, KeyRange, Kind, Timestamp, Transaction};
use uuid::Uuid;

use super::error::{MessageError, Result};
use super::layout::{self, Placed};
use super::names;
use super::namespace::{Messages, View};
use super::reading::{Source, at, check_category};
use super::store::MessageStore;

/// So many messages one transaction of a retention deletes before it commits and goes on.
const DELETED_MAX: u64 = 1000;

/// What is kept of a stream: messages are deleted from its beginning up to the first that is new enough and among the
/// newest.
///
/// ```
/// use std::time::Duration;
/// use storage_stores::messages::Retention;
///
/// let month = Retention::new().newest(10_000).younger_than(Duration::from_secs(30 * 24 * 60 * 60));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    newest: Option<u64>,
    age: Option<Duration>,
}

impl Retention {
    /// Everything.
    pub fn new() -> Self {
        Retention::default()
    }

    /// At most so many messages, the last ones.
    #[must_use]
    pub fn newest(mut self, messages: u64) -> Self {
        self.newest = Some(messages);
        self
    }

    /// Only messages that were written less long ago than this.
    #[must_use]
    pub fn younger_than(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// What it means for a stream of so many messages now.
    fn bounds(&self, messages: u64, now: Timestamp) -> Bounds {
        Bounds {
            excess: self.newest.map_or(0, |newest| messages.saturating_sub(newest)),
            oldest: self.age.map(|age| now.before(age)),
        }
    }
}

/// What of the beginning of a stream goes.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// So many messages in any case.
    excess: u64,
    /// What was written then or before.
    oldest: Option<Timestamp>,
}

/// Nothing was there to be deleted.
const NOTHING: Step = Step::Deleted { messages: 0, first_kept: 0 };

/// Where the entries of messages stand that cannot be read: their global positions and ids, by their keys.
type Entries = HashMap<Key, Found>;

/// The global position and the id of a message, as far as an entry tells them.
type Found = (Option<u64>, Option<Uuid>);

/// What one transaction of a deletion came to.
enum Step {
    Deleted {
        messages: u64,
        /// The position behind the last of them; 0 where there was none.
        first_kept: u64,
    },
    /// These messages cannot be read: their entries have to be looked for.
    Unreadable(Vec<Key>),
}

impl<E: Engine> Messages<E> {
    /// Deletes a stream, and returns how many messages it had. Written again, it begins at position 0.
    ///
    /// Who follows the stream by its positions goes on from the one that was reached; by global positions, as in a
    /// category, nothing is passed over.
    ///
    /// Messages that cannot be read go too, at the cost of a walk through the entries of the namespace.
    pub fn delete_stream(&self, stream: &str) -> Result<u64> {
        self.delete(|txn, store, number, known| {
            let existed = match store.head(txn, number, stream) {
                Ok(head) => head.is_some(),
                Err(MessageError::Corrupt { .. }) => true,
                Err(error) => return Err(error),
            };
            if !existed {
                return Ok(NOTHING);
            }
            let range = layout::stream_range(number, stream)?;
            let step = store.delete_messages(txn, number, stream, &range, known, |_, _| true)?;
            if let Step::Unreadable(_) = step {
                return Ok(step);
            }
            txn.delete_range(store.layout.index, layout::type_range(number, stream)?)?;
            txn.delete(store.layout.index, layout::head_key(number, stream)?)?;
            let category = names::category(stream);
            txn.add(store.layout.index, layout::category_streams_key(number, category)?, -1)?;
            Ok(step)
        })
    }

    /// Deletes the messages of a stream before a position, and returns how many those were. Its version stays: it is
    /// written on from there.
    pub fn truncate_stream(&self, stream: &str, before: u64) -> Result<u64> {
        self.delete(|txn, store, number, known| {
            let range = layout::stream_range(number, stream)?;
            let range = range.before(&at(&range, before));
            store.truncate(txn, number, stream, &range, known, |_, _| true)
        })
    }

    /// Deletes what a retention does not keep of a stream, and returns how many messages that were.
    ///
    /// It goes in transactions of limited size.
    pub fn retain_stream(&self, stream: &str, retention: &Retention) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let part = self.delete(|txn, store, number, known| {
                let Some(head) = store.head(txn, number, stream)? else { return Ok(NOTHING) };
                let bounds = retention.bounds(head.messages, txn.now());
                let range = layout::stream_range(number, stream)?;
                store.truncate(txn, number, stream, &range, known, |index, time| {
                    let is_old = bounds.oldest.is_some_and(|oldest| time.is_some_and(|time| time <= oldest));
                    index < DELETED_MAX && (index < bounds.excess || is_old)
                })
            })?;
            deleted += part;
            if part < DELETED_MAX {
                return Ok(deleted);
            }
        }
    }

    /// The same for each stream of a category.
    pub fn retain_category(&self, category: &str, retention: &Retention) -> Result<u64> {
        check_category(category)?;
        let mut deleted = 0;
        for stream in self.view()?.overfull(&self.store, category, retention)? {
            deleted += self.retain_stream(&stream, retention)?;
        }
        Ok(deleted)
    }

    /// Runs a deletion, again once the entries of unreadable messages were found.
    fn delete(
        &self,
        body: impl Fn(&mut Transaction<'_, E>, &MessageStore<E>, u64, &Entries) -> Result<Step>,
    ) -> Result<u64> {
        let mut known = Entries::new();
        loop {
            let step = self.store.transact(|txn| {
                let number = self.store.record(txn, &self.name)?.number();
                body(txn, &self.store, number, &known)
            })?;
            match step {
                Step::Deleted { messages, .. } => return Ok(messages),
                Step::Unreadable(keys) => self.view()?.find_entries(&self.store, keys, &mut known)?,
            }
        }
    }
}

/// A message that is to go.
struct Doomed {
    key: Key,
    /// `None` where they have to be looked for.
    entries: Option<Found>,
    fate: Fate,
}

/// Whether a message goes by itself. One that cannot be read has no time: it goes with the next that goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Certain,
    OfTheNext,
}

impl<E: Engine> MessageStore<E> {
    /// Deletes messages from the beginning of a stream, which keeps its version.
    fn truncate(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        range: &KeyRange,
        known: &Entries,
        goes: impl Fn(u64, Option<Timestamp>) -> bool,
    ) -> Result<Step> {
        let Some(mut head) = self.head(txn, number, stream)? else { return Ok(NOTHING) };
        let step = self.delete_messages(txn, number, stream, range, known, goes)?;
        if let Step::Deleted { messages: messages @ 1.., first_kept } = step {
            head.messages = head.messages.saturating_sub(messages);
            head.types.retain(|(_, last)| *last >= first_kept);
            self.put_head(txn, number, stream, &head)?;
            self.forget_types(txn, number, stream, first_kept)?;
        }
        Ok(step)
    }

    /// Deletes the first messages of a range, as long as they go by their number and time, with their entries. Nothing
    /// is written where one cannot be read and its entries are not known.
    fn delete_messages(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        range: &KeyRange,
        known: &Entries,
        goes: impl Fn(u64, Option<Timestamp>) -> bool,
    ) -> Result<Step> {
        let mut doomed: Vec<Doomed> = Vec::new();
        let mut records = txn.range(self.layout.messages, range.clone(), Direction::Forward)?;
        loop {
            let found = match records.next() {
                Ok(None) => break,
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let message = layout::message(stream, 0, value);
                    Ok((Key::from(key), message.map_err(|error| error.at(self.layout.messages, key))?))
                }),
                Err(error) => Err(error),
            };
            let index = doomed.len() as u64;
            match found {
                Ok((_, message)) if !goes(index, Some(message.time)) => break,
                Ok((key, message)) => {
                    let entries = Some((Some(message.global_position), Some(message.id)));
                    doomed.push(Doomed { key, entries, fate: Fate::Certain });
                }
                Err(error) => match error.key().map(Key::from) {
                    Some(key) if error.kind() == Kind::Corrupt => {
                        let entries = known.get(&key).copied();
                        let fate = if goes(index, None) { Fate::Certain } else { Fate::OfTheNext };
                        doomed.push(Doomed { key, entries, fate });
                    }
                    _ => return Err(error.into()),
                },
            }
        }
        drop(records);
        while doomed.last().is_some_and(|last| last.fate == Fate::OfTheNext) {
            doomed.pop();
        }
        let unreadable = doomed.iter().filter(|doomed| doomed.entries.is_none());
        let unreadable: Vec<Key> = unreadable.map(|doomed| doomed.key.clone()).collect();
        if !unreadable.is_empty() {
            return Ok(Step::Unreadable(unreadable));
        }
        let Some(last) = doomed.last() else { return Ok(NOTHING) };
        let first_kept = layout::stream_and_position(&last.key)?.1 + 1;
        self.delete_doomed(txn, number, stream, &doomed)?;
        Ok(Step::Deleted { messages: doomed.len() as u64, first_kept })
    }

    fn delete_doomed(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        doomed: &[Doomed],
    ) -> Result<()> {
        let category = names::category(stream);
        for Doomed { key, entries, .. } in doomed {
            let (global_position, id) = entries.unwrap_or_default();
            txn.delete(self.layout.messages, key)?;
            if let Some(at) = global_position {
                txn.delete(self.layout.index, layout::known_log_key(number, at)?)?;
                txn.delete(self.layout.index, layout::known_category_key(number, category, at)?)?;
            }
            if let Some(id) = id {
                txn.delete(self.layout.index, layout::id_key(number, id)?)?;
            }
        }
        let count = i64::try_from(doomed.len()).expect("a transaction is shorter");
        txn.add(self.layout.index, layout::missing_key(number)?, count)?;
        Ok(txn.add(self.layout.index, layout::category_messages_key(number, category)?, -count)?)
    }

    /// Forgets the types without a place in the head whose last message was before a position.
    fn forget_types(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        first_kept: u64,
    ) -> Result<()> {
        let mut gone = Vec::new();
        let range = layout::type_range(number, stream)?;
        let mut types = txn.range(self.layout.index, range, Direction::Forward)?;
        while let Some(mut entry) = types.next()? {
            let (key, value) = entry.pair()?;
            if layout::number_of(value)? < first_kept {
                gone.push(Key::from(key));
            }
        }
        drop(types);
        Ok(gone.iter().try_for_each(|key| txn.delete(self.layout.index, key))?)
    }
}

impl<E: Engine> View<E> {
    /// Finds the entries of messages that cannot be read, by looking at all of the namespace.
    fn find_entries(&self, store: &MessageStore<E>, keys: Vec<Key>, known: &mut Entries) -> Result<()> {
        known.extend(keys.into_iter().map(|key| (key, (None, None))));
        let range = layout::log_range(self.number)?;
        let mut log = self.snapshot.range(store.layout.index, &range, Direction::Forward)?;
        while let Some(mut entry) = log.next()? {
            let (key, value) = entry.pair()?;
            if let Some(found) = Placed::decode(value).ok().and_then(|placed| known.get_mut(placed.key)) {
                found.0 = Some(layout::number_behind(key, range.start().len())?);
            }
        }
        let ids = layout::id_range(self.number)?;
        let mut ids = self.snapshot.range(store.layout.index, &ids, Direction::Forward)?;
        while let Some(mut entry) = ids.next()? {
            let (key, value) = entry.pair()?;
            if let Some(found) = known.get_mut(value) {
                found.1 = Some(layout::id_in(key)?);
            }
        }
        Ok(())
    }

    /// The streams of a category of which a retention does not keep everything.
    fn overfull(
        &self,
        store: &MessageStore<E>,
        category: &str,
        retention: &Retention,
    ) -> Result<Vec<String>> {
        let bare = KeyRange::point(&layout::head_key(self.number, category)?);
        let others = layout::heads_from(self.number, &format!("{category}-"))?;
        let mut overfull = Vec::new();
        for range in [bare, others] {
            let mut heads = self.snapshot.range(store.layout.index, &range, Direction::Forward)?;
            while let Some(mut entry) = heads.next()? {
                let (key, value) = entry.pair()?;
                let stream = layout::name_in(key)?;
                let head = layout::Head::decode(value).map_err(|error| error.at(store.layout.index, key))?;
                let bounds = retention.bounds(head.messages, self.snapshot.now());
                if head.messages > 0 && (bounds.excess > 0 || self.begins_old(store, &stream, &bounds)?) {
                    overfull.push(stream);
                }
            }
        }
        Ok(overfull)
    }

    fn begins_old(&self, store: &MessageStore<E>, stream: &str, bounds: &Bounds) -> Result<bool> {
        let Some(oldest) = bounds.oldest else { return Ok(false) };
        let places = self.places(Source::Stream(stream))?;
        let mut records = self.snapshot.range(store.layout.messages, &places, Direction::Forward)?;
        match records.next() {
            Ok(None) => Ok(false),
            Ok(Some(mut entry)) => {
                let message = entry.value().and_then(|value| layout::message(stream, 0, value));
                Ok(message.is_ok_and(|message| message.time <= oldest))
            }
            Err(_) => Ok(false),
        }
    }
}
