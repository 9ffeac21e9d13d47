//! Importing: messages keep their ids, positions, global positions and times.

use std::sync::Arc;

use storage_core::{BodyError, CommitTime, Direction, Engine, Error, Number, Timestamp, Transaction};

use super::error::{MessageError, Result};
use super::layout::{self, Head, StoredMessage};
use super::message::{Message, check_message, check_stream_name};
use super::names;
use super::namespace::Messages;
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
        let mut placed: Vec<(u64, Timestamp)> = Vec::with_capacity(messages.len());
        for (index, message) in (1..).zip(messages) {
            let at = match options.positions {
                Positions::Kept => None,
                Positions::Renumbered => Some(done.last_global_position + 1),
            };
            let put = self.import_one(txn, number, message, at, options);
            match put.map_err(|error| numbered(index, error))? {
                Some(global) => {
                    done.imported += 1;
                    done.last_global_position = done.last_global_position.max(global);
                    placed.push((global, message.time));
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
        self.note_times(txn, namespace, &record, &mut placed)?;
        Ok(done)
    }

    /// Puts one message, at a global position if one is given, and returns where it stands; `None` if it is there.
    fn import_one(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        message: &Message,
        at: Option<u64>,
        options: &ImportOptions,
    ) -> Result<Option<u64>> {
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
        Ok(Some(global))
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
        placed: &mut [(u64, Timestamp)],
    ) -> Result<()> {
        placed.sort_unstable();
        let latest = placed.iter().map(|(_, time)| *time).max().unwrap_or_default();
        let mut changed = NamespaceRecord::clone(record);
        if latest > txn.now() {
            changed.time_floor = changed.time_floor.max(latest);
        }
        if changed.times == Times::Ordered && !self.is_ordered(txn, record.number(), placed)? {
            changed.times = Times::Mixed;
        }
        if changed.time_floor != record.time_floor || changed.times != record.times {
            self.namespaces.put(txn, &namespace.to_owned(), &changed)?;
        }
        Ok(())
    }

    /// Whether messages that were put fit between their neighbours in time.
    fn is_ordered(&self, txn: &Transaction<'_, E>, number: u64, placed: &[(u64, Timestamp)]) -> Result<bool> {
        if !placed.is_sorted_by_key(|(_, time)| *time) {
            return Ok(false);
        }
        for (index, &(global, time)) in placed.iter().enumerate() {
            let follows = index > 0 && placed[index - 1].0 + 1 == global;
            if !follows
                && self
                    .neighbour(txn, number, global, Direction::Reverse)?
                    .is_some_and(|before| before > time)
            {
                return Ok(false);
            }
            let leads = placed.get(index + 1).is_some_and(|next| next.0 == global + 1);
            if !leads
                && self.neighbour(txn, number, global, Direction::Forward)?.is_some_and(|after| after < time)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The time of the message before or behind a global position; `None` if there is none.
    fn neighbour(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        global: u64,
        direction: Direction,
    ) -> Result<Option<Timestamp>> {
        let (all, key) = (layout::log_range(number)?, layout::known_log_key(number, global)?);
        let range = match direction {
            Direction::Forward => all.after(&key),
            Direction::Reverse => all.before(&key),
        };
        let mut entries = txn.range(self.layout.index, range, direction)?;
        let Some(mut entry) = entries.next()? else { return Ok(None) };
        let key = layout::Placed::decode(entry.value()?)?.key.to_vec();
        drop(entries);
        Ok(self.stored(txn, &key)?.map(|stored| stored.time))
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
