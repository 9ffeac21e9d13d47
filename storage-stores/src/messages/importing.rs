//! Importing: messages keep their ids, positions, global positions and times.

use std::sync::Arc;

use storage_core::{
    BodyError, CommitTime, Direction, Engine, Error, KeyRange, Number, Timestamp, Transaction,
};

use super::error::{MessageError, Result};
use super::layout::{self, Head, StoredMessage};
use super::message::{Message, check_message, check_stream_name};
use super::names;
use super::namespace::Messages;
use super::reading::at;
use super::store::{MessageStore, NamespaceRecord, Times};

/// How messages are imported.
///
/// ```
/// use storage_stores::messages::ImportOptions;
///
/// let again = ImportOptions::new().skip_existing();
/// let look = ImportOptions::new().dry_run();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    existing: Existing,
    positions: Positions,
    run: Run,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Existing {
    #[default]
    Refused,
    Skipped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Positions {
    #[default]
    Kept,
    Renumbered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Run {
    #[default]
    Real,
    Dry,
}

impl ImportOptions {
    /// Positions are kept, and what is there already is refused.
    pub fn new() -> Self {
        ImportOptions::default()
    }

    /// Passes over a message that is there already, the same in every field.
    #[must_use]
    pub fn skip_existing(mut self) -> Self {
        self.existing = Existing::Skipped;
        self
    }

    /// Puts the messages behind those that are there, in their streams and in the namespace. Ids and times are kept.
    #[must_use]
    pub fn renumber(mut self) -> Self {
        self.positions = Positions::Renumbered;
        self
    }

    /// Checks everything and writes nothing.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.run = Run::Dry;
        self
    }
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many messages it wrote.
    pub imported: u64,
    /// How many were there already.
    pub skipped: u64,
    /// The last global position of the namespace afterwards; 0 if it never had a message.
    pub last_global_position: u64,
}

/// Why a transaction of an import ended without a commit.
enum Stopped {
    Dry(Imported),
    Failed(MessageError),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Failed(error.into())
    }
}

impl BodyError for Stopped {
    fn storage(&self) -> Option<&Error> {
        match self {
            Stopped::Dry(_) => None,
            Stopped::Failed(error) => error.storage(),
        }
    }
}

impl<E: Engine> Messages<E> {
    /// Imports messages, all or none.
    ///
    /// Positions may have gaps, and begin anywhere. What is written afterwards goes on behind the highest. An error is
    /// [`Import`](MessageError::Import), with the number of the message: its cause is `PositionExists`,
    /// `StreamPositionExists` or `DuplicateId` for what is taken, by a message that is there or by one before it, and
    /// `InvalidRecord` for global position 0. Times are kept as they are; where they do not follow the order, reading
    /// by time looks at each message from then on.
    pub fn import(&self, messages: &[Message], options: &ImportOptions) -> Result<Imported> {
        for (number, message) in (1..).zip(messages) {
            self.store.check_import(message, options).map_err(|error| numbered(number, error))?;
        }
        let done = self.store.db.try_transact(self.store.durability, |txn| {
            let imported = self.store.import(txn, &self.name, messages, options).map_err(Stopped::Failed)?;
            match options.run {
                Run::Real => Ok(imported),
                Run::Dry => Err(Stopped::Dry(imported)),
            }
        });
        match done {
            Ok(outcome) => Ok(outcome.value),
            Err(Stopped::Dry(imported)) => Ok(imported),
            Err(Stopped::Failed(error)) => Err(error),
        }
    }
}

fn numbered(number: u64, error: MessageError) -> MessageError {
    match error {
        // They concern the store and no message.
        MessageError::Storage(_) | MessageError::Closed => error,
        error => MessageError::Import { number, source: Box::new(error) },
    }
}

impl<E: Engine> MessageStore<E> {
    fn check_import(&self, message: &Message, options: &ImportOptions) -> Result<()> {
        check_stream_name(&message.stream)?;
        let (data, metadata) = (message.data.as_ref(), message.metadata.as_ref());
        check_message(&message.message_type, data, metadata, self.message_len_max)?;
        let largest = i64::MAX.unsigned_abs();
        let fits = (1..largest).contains(&message.global_position) && message.position < largest;
        match fits || options.positions == Positions::Renumbered {
            true => Ok(()),
            false => {
                let (position, global) = (message.position, message.global_position);
                let reason = format!("no message is at position {position} and global position {global}");
                Err(MessageError::InvalidRecord { reason })
            }
        }
    }

    fn import(
        &self,
        txn: &mut Transaction<'_, E>,
        namespace: &str,
        messages: &[Message],
        options: &ImportOptions,
    ) -> Result<Imported> {
        let record = self.record(txn, namespace)?;
        let number = record.number();
        let last = txn.counter(self.layout.index, layout::last_key(number)?)?.unsigned_abs();
        let mut done = Imported { last_global_position: last, ..Imported::default() };
        let mut put: Vec<Put<'_>> = Vec::with_capacity(messages.len());
        for (index, message) in (1..).zip(messages) {
            let at = match options.positions {
                Positions::Kept => None,
                Positions::Renumbered => Some(done.last_global_position + 1),
            };
            if at.is_some_and(|at| i64::try_from(at).is_err()) {
                let reason = "no global position is left for it".to_owned();
                return Err(numbered(index, MessageError::InvalidRecord { reason }));
            }
            let imported = self.import_one(txn, number, message, at, options);
            match imported.map_err(|error| numbered(index, error))? {
                Some(one) => {
                    done.imported += 1;
                    done.last_global_position = done.last_global_position.max(one.global);
                    put.push(one);
                }
                None => done.skipped += 1,
            }
        }
        if done.imported == 0 {
            return Ok(done);
        }
        let signed = |number: u64| i64::try_from(number).expect("global positions are within 63 bits");
        let grown = signed(done.last_global_position) - signed(last);
        txn.max(self.layout.index, layout::last_key(number)?, signed(done.last_global_position))?;
        txn.add(self.layout.index, layout::missing_key(number)?, grown - signed(done.imported))?;
        self.note_times(txn, namespace, &record, &mut put)?;
        Ok(done)
    }

    /// Puts one message, at a global position if one is given, and returns where it stands; `None` if it is there.
    fn import_one<'m>(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        message: &'m Message,
        at: Option<u64>,
        options: &ImportOptions,
    ) -> Result<Option<Put<'m>>> {
        let head = self.head(txn, number, &message.stream)?;
        let (position, global) = match at {
            Some(global) => (head.as_ref().map_or(0, |head| head.position + 1), global),
            None => (message.position, message.global_position),
        };
        let taken =
            txn.get(self.layout.index, layout::id_key(number, message.id)?)?.map(|found| found.to_vec());
        if let Some(key) = taken {
            let is_there = options.existing == Existing::Skipped
                && self.stored(txn, &key)?.is_some_and(|stored| is_same(&stored, message, options));
            return match is_there {
                true => Ok(None),
                false => Err(self.conflict(txn, number, message, position, global)?),
            };
        }
        if self.is_taken(txn, number, &message.stream, position, global)? {
            return Err(self.conflict(txn, number, message, position, global)?);
        }
        let metadata = message.metadata.as_ref();
        let stored = StoredMessage {
            global_position: Number::Known(global),
            time: CommitTime::Known(message.time),
            id: message.id.as_u128(),
            message_type: (&*message.message_type).into(),
            data: layout::text(message.data.as_ref()),
            metadata: layout::text(metadata),
        };
        let correlation = metadata.and_then(|metadata| metadata.correlation_stream());
        self.put_stored(txn, number, &message.stream, position, &stored, correlation.as_deref())?;
        self.import_head(txn, number, message, position, head)?;
        Ok(Some(Put { global, stream: &message.stream, position, time: message.time }))
    }

    fn is_taken(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        stream: &str,
        position: u64,
        global: u64,
    ) -> Result<bool> {
        let of_stream = layout::message_key(number, stream, position)?;
        let of_log = layout::known_log_key(number, global)?;
        Ok(txn.get(self.layout.messages, of_stream)?.is_some()
            || txn.get(self.layout.index, of_log)?.is_some())
    }

    /// What stands in the way of a message: the global position before the position before the id.
    fn conflict(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        message: &Message,
        position: u64,
        global: u64,
    ) -> Result<MessageError> {
        if txn.get(self.layout.index, layout::known_log_key(number, global)?)?.is_some() {
            return Ok(MessageError::PositionExists { global_position: global });
        }
        let key = layout::message_key(number, &message.stream, position)?;
        Ok(match txn.get(self.layout.messages, key)? {
            Some(_) => MessageError::StreamPositionExists { stream: message.stream.clone(), position },
            None => MessageError::DuplicateId { id: message.id },
        })
    }

    fn import_head(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        message: &Message,
        position: u64,
        head: Option<Head>,
    ) -> Result<()> {
        let (stream, message_type) = (&*message.stream, &*message.message_type);
        let time = CommitTime::Known(message.time);
        let category = names::category(stream);
        txn.add(self.layout.index, layout::category_messages_key(number, category)?, 1)?;
        let Some(mut head) = head else {
            txn.add(self.layout.index, layout::category_streams_key(number, category)?, 1)?;
            return self.put_head(txn, number, stream, &Head::first(position, time, message_type));
        };
        // A type without a place in the head may have been seen further behind.
        let displaced = match head.last_of_type(message_type) {
            Some(_) => None,
            None => self.displaced(txn, number, stream, message_type)?,
        };
        let last = displaced.map_or(position, |displaced| displaced.max(position));
        if let Some((displaced, last)) = head.insert(position, last, time, message_type) {
            let known = self.displaced(txn, number, stream, &displaced)?;
            self.put_type(txn, number, stream, &displaced, known.map_or(last, |known| known.max(last)))?;
        }
        if position < head.position {
            // Behind it may be only what was deleted.
            let places = layout::stream_range(number, stream)?;
            if self.beside_in_stream(txn, &places, stream, position, Direction::Forward)?.is_none() {
                head.time = time;
            }
        }
        self.put_head(txn, number, stream, &head)
    }

    fn displaced(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        stream: &str,
        message_type: &str,
    ) -> Result<Option<u64>> {
        let found = txn.get(self.layout.index, layout::type_key(number, stream, message_type)?)?;
        Ok(found.map(|found| layout::number_of(&found)).transpose()?)
    }

    /// Keeps later messages from earlier times, and notes where times do not follow the order.
    fn note_times(
        &self,
        txn: &mut Transaction<'_, E>,
        namespace: &str,
        record: &Arc<NamespaceRecord>,
        put: &mut [Put<'_>],
    ) -> Result<()> {
        let latest = put.iter().map(|put| put.time).max().unwrap_or_default();
        let mut changed = NamespaceRecord::clone(record);
        if latest > txn.now() {
            changed.time_floor = changed.time_floor.max(latest);
        }
        if changed.times == Times::Ordered && !self.are_ordered(txn, record.number(), put)? {
            changed.times = Times::Mixed;
        }
        if changed.time_floor != record.time_floor || changed.times != record.times {
            self.namespaces.put(txn, &namespace.to_owned(), &changed)?;
        }
        Ok(())
    }

    /// Whether messages that were put fit between their neighbours in time, in the namespace and in their streams.
    fn are_ordered(&self, txn: &Transaction<'_, E>, number: u64, put: &mut [Put<'_>]) -> Result<bool> {
        put.sort_unstable_by_key(|put| put.global);
        let log = layout::log_range(number)?;
        let of_log = |put: &Put<'_>| put.global;
        if !Self::fit(put, of_log, |put, direction| self.beside_in_log(txn, &log, put.global, direction))? {
            return Ok(false);
        }
        // Positions in a stream need not follow the global ones.
        put.sort_unstable_by_key(|put| (put.stream, put.position));
        for of_stream in put.chunk_by(|one, other| one.stream == other.stream) {
            let stream = of_stream[0].stream;
            let range = layout::stream_range(number, stream)?;
            let of_stream_fit = Self::fit(
                of_stream,
                |put| put.position,
                |put, direction| self.beside_in_stream(txn, &range, stream, put.position, direction),
            );
            if !of_stream_fit? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether messages, sorted by a position, fit in time between each other and what stands beside them.
    fn fit(
        put: &[Put<'_>],
        position: impl Fn(&Put<'_>) -> u64,
        beside: impl Fn(&Put<'_>, Direction) -> Result<Option<Timestamp>>,
    ) -> Result<bool> {
        if !put.is_sorted_by_key(|put| put.time) {
            return Ok(false);
        }
        for (index, one) in put.iter().enumerate() {
            let follows = index > 0 && position(&put[index - 1]) + 1 == position(one);
            if !follows && beside(one, Direction::Reverse)?.is_some_and(|before| before > one.time) {
                return Ok(false);
            }
            let leads = put.get(index + 1).is_some_and(|next| position(next) == position(one) + 1);
            if !leads && beside(one, Direction::Forward)?.is_some_and(|after| after < one.time) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The time of the message before or behind a global position; `None` if there is none.
    fn beside_in_log(
        &self,
        txn: &Transaction<'_, E>,
        log: &KeyRange,
        global: u64,
        direction: Direction,
    ) -> Result<Option<Timestamp>> {
        let mut entries = txn.range(self.layout.index, beside(log, global, direction), direction)?;
        let Some(mut entry) = entries.next()? else { return Ok(None) };
        let key = layout::Placed::decode(entry.value()?)?.key.to_vec();
        drop(entries);
        Ok(self.stored(txn, &key)?.map(|stored| stored.time))
    }

    /// The time of the message before or behind a position of a stream; `None` if there is none.
    fn beside_in_stream(
        &self,
        txn: &Transaction<'_, E>,
        places: &KeyRange,
        stream: &str,
        position: u64,
        direction: Direction,
    ) -> Result<Option<Timestamp>> {
        let keyspace = self.layout.messages;
        let mut records = txn.range(keyspace, beside(places, position, direction), direction)?;
        let Some(mut entry) = records.next()? else { return Ok(None) };
        let (key, value) = entry.pair()?;
        let message = layout::message(stream, position, value).map_err(|error| error.at(keyspace, key))?;
        Ok(Some(message.time))
    }
}

/// Where a message was put, and when it was written.
struct Put<'m> {
    global: u64,
    stream: &'m str,
    position: u64,
    time: Timestamp,
}

/// What stands before or behind a position of a source.
fn beside(places: &KeyRange, position: u64, direction: Direction) -> KeyRange {
    let key = at(places, position);
    match direction {
        Direction::Forward => places.after(&key),
        Direction::Reverse => places.before(&key),
    }
}

/// Whether a message that is there is the one to be imported.
fn is_same(stored: &Message, message: &Message, options: &ImportOptions) -> bool {
    match options.positions {
        Positions::Kept => stored == message,
        Positions::Renumbered => {
            let mut moved = message.clone();
            (moved.position, moved.global_position) = (stored.position, stored.global_position);
            *stored == moved
        }
    }
}
