//! Writing: one message, a batch to one stream, or to several streams at once, in one transaction.
//!
//! What a write reads is the head of each stream and the ids that it was given, so that writers of different streams do
//! not conflict; the global position and the time are decided by the commit.

use std::borrow::Cow;
use std::collections::HashMap;

use storage_core::{Attributes, CommitTime, Engine, Number, Timestamp, Transaction};
use uuid::Uuid;

use super::error::{MessageError, Result};
use super::layout::{self, Head, Placed, StoredMessage};
use super::message::{Message, NewMessage, check_stream_name};
use super::names;
use super::namespace::Messages;
use super::store::{Ids, MessageStore, Mode};

/// The version at which a stream must be for a write to take place: the position of its last message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Whatever it is.
    #[default]
    Any,
    /// This position; -1 for no stream. What no stream can be at is always a conflict.
    At(i64),
}

impl ExpectedVersion {
    /// The stream has no message.
    pub const NO_STREAM: ExpectedVersion = ExpectedVersion::At(-1);
}

impl From<i64> for ExpectedVersion {
    fn from(version: i64) -> Self {
        ExpectedVersion::At(version)
    }
}

impl From<Option<i64>> for ExpectedVersion {
    fn from(version: Option<i64>) -> Self {
        version.map_or(ExpectedVersion::Any, ExpectedVersion::At)
    }
}

/// Where a message came to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Its id.
    pub id: Uuid,
    /// Its position in the stream.
    pub position: u64,
    /// Its position in the namespace.
    pub global_position: u64,
    /// Its time.
    pub time: Timestamp,
    /// Whether it stood there before: the same message was written earlier, under the same id.
    pub is_duplicate: bool,
}

/// What a batch came to in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// Its messages, in their order.
    pub messages: Vec<Written>,
    /// The version of the stream behind them; `None` if it has no message.
    pub version: Option<u64>,
}

/// What is to be written to one stream, as a part of a write to several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamWrite {
    stream: String,
    expected: ExpectedVersion,
    messages: Vec<NewMessage>,
}

impl StreamWrite {
    /// Messages to a stream at whatever version it is. Without messages it only checks the version.
    pub fn new(stream: impl Into<String>, messages: Vec<NewMessage>) -> Self {
        StreamWrite { stream: stream.into(), expected: ExpectedVersion::Any, messages }
    }

    /// Expects a version.
    #[must_use]
    pub fn expecting(mut self, expected: impl Into<ExpectedVersion>) -> Self {
        self.expected = expected.into();
        self
    }
}

impl<E: Engine> Messages<E> {
    /// Writes a message at the end of a stream.
    ///
    /// `VersionConflict` if the stream is not at the expected version, and `DuplicateId` if another message of the
    /// namespace has its id. A message that was written before under the same id, to the same stream, with the same type
    /// and data, is not written again: where it stands is returned, whatever version is expected
    /// ([`Mode`](super::Mode)).
    pub fn write(
        &self,
        stream: &str,
        message: NewMessage,
        expected: impl Into<ExpectedVersion>,
    ) -> Result<Written> {
        let appended = self.write_batch(stream, vec![message], expected)?;
        Ok(*appended.messages.first().expect("one message was written"))
    }

    /// Writes messages at the end of a stream, all or none, one behind the other. Without messages it only checks the
    /// version.
    ///
    /// Errors are as for [`write`](Self::write). A batch is repeated as a whole: if some of its ids are taken and others
    /// are not, that is `DuplicateId`.
    pub fn write_batch(
        &self,
        stream: &str,
        messages: Vec<NewMessage>,
        expected: impl Into<ExpectedVersion>,
    ) -> Result<Appended> {
        let write = StreamWrite { stream: stream.to_owned(), expected: expected.into(), messages };
        let mut appended = self.write_many(&[write])?;
        Ok(appended.swap_remove(0))
    }

    /// Writes to several streams, all or nothing; global positions follow the order given. A stream that comes again is
    /// expected at the version which the earlier part leaves.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::messages::{ExpectedVersion, MessageStore, NewMessage, StreamWrite};
    ///
    /// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
    /// let bank = store.open_namespace("bank")?;
    /// let transfer = [
    ///     StreamWrite::new("account-1", vec![NewMessage::new("Withdrawn")]),
    ///     StreamWrite::new("account-2", vec![NewMessage::new("Deposited")]),
    ///     StreamWrite::new("transfer-7", vec![]).expecting(ExpectedVersion::NO_STREAM),
    /// ];
    /// let done = bank.write_many(&transfer)?;
    /// assert_eq!(done[1].messages[0].global_position, 2);
    /// assert_eq!(done[2].version, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_many(&self, writes: &[StreamWrite]) -> Result<Vec<Appended>> {
        let drafts = self.store.drafts(writes)?;
        loop {
            let outcome = self.store.run(|txn| self.store.append(txn, &self.name, writes, &drafts))?;
            let plan = match &outcome.value {
                Step::FloorUnknown(number) => {
                    self.store.find_floor(*number)?;
                    continue;
                }
                Step::Repeated(appended) => return Ok(appended.clone()),
                Step::Planned(plan) => plan,
            };
            let mut planned = plan.messages.iter().zip(&drafts);
            let time = plan.time.or(outcome.time).unwrap_or_default();
            let appended = |(write, version): (&StreamWrite, &Option<u64>)| Appended {
                messages: planned
                    .by_ref()
                    .take(write.messages.len())
                    .map(|((position, number), draft)| Written {
                        id: draft.id,
                        position: *position,
                        global_position: outcome.number(*number),
                        time,
                        is_duplicate: false,
                    })
                    .collect(),
                version: *version,
            };
            return Ok(writes.iter().zip(&plan.versions).map(appended).collect());
        }
    }
}

/// What is known of a message before any transaction.
pub(super) struct Draft<'w> {
    stream: &'w str,
    /// Which of the streams that are written it is.
    open: usize,
    message: &'w NewMessage,
    id: Uuid,
    correlation: Option<String>,
    /// Whether another message can have its id.
    origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Random: nobody has it.
    Fresh,
    /// From a function of the application.
    Made,
    /// From the caller, who may repeat it.
    Given,
}

/// What one transaction of a write came to.
pub(super) enum Step {
    /// The time below which nothing is written has to be looked up first.
    FloorUnknown(u64),
    /// All of it stood there before.
    Repeated(Vec<Appended>),
    Planned(Plan),
}

pub(super) struct Plan {
    /// The position and the ticket of each message.
    messages: Vec<(u64, Number)>,
    /// The version of each stream afterwards.
    versions: Vec<Option<u64>>,
    /// The time of the messages, unless it is that of the commit.
    time: Option<Timestamp>,
}

/// A stream that is being written.
struct Open<'w> {
    stream: &'w str,
    existence: Existence,
    /// With the messages that were put.
    head: Option<Head>,
    /// How many those are.
    count: i64,
    version: Option<u64>,
}

/// Whether a stream was there before a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existence {
    New,
    Old,
}

/// For each write, which of the streams that are written it is about, in the order in which they come.
fn streams_of(writes: &[StreamWrite]) -> Vec<usize> {
    // The most frequent case needs no table.
    if let [_] = writes {
        return vec![0];
    }
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut streams = Vec::with_capacity(writes.len());
    for write in writes {
        let next = known.len();
        streams.push(*known.entry(&write.stream).or_insert(next));
    }
    streams
}

impl<E: Engine> MessageStore<E> {
    /// Checks what can be checked before reading anything, and gives each message its id.
    fn drafts<'w>(&self, writes: &'w [StreamWrite]) -> Result<Vec<Draft<'w>>> {
        let now = self.db.now();
        let mut drafts = Vec::with_capacity(writes.iter().map(|write| write.messages.len()).sum());
        for (write, open) in writes.iter().zip(streams_of(writes)) {
            check_stream_name(&write.stream)?;
            for message in &write.messages {
                message.check(self.message_len_max)?;
                let (id, origin) = match (message.id, &self.ids) {
                    (Some(id), _) => (id, Origin::Given),
                    (None, Ids::Random) => (self.ids.next(now), Origin::Fresh),
                    (None, Ids::Given(_)) => (self.ids.next(now), Origin::Made),
                };
                let metadata = message.metadata.as_ref();
                let correlation = metadata.and_then(|metadata| metadata.correlation_stream());
                drafts.push(Draft { stream: &write.stream, open, message, id, correlation, origin });
            }
        }
        Ok(drafts)
    }

    fn append<'w>(
        &self,
        txn: &mut Transaction<'_, E>,
        namespace: &str,
        writes: &'w [StreamWrite],
        drafts: &[Draft<'w>],
    ) -> Result<Step> {
        let record = self.record(txn, namespace)?;
        let number = record.number();
        let Some(floor) = self.floors.lock().get(&number).copied() else {
            return Ok(Step::FloorUnknown(number));
        };
        let taken = self.taken(txn, number, drafts)?;
        if self.mode == Mode::Idempotent && !drafts.is_empty() && taken.iter().all(Option::is_some) {
            return self.repeated(txn, number, writes, drafts, &taken).map(Step::Repeated);
        }
        let streams = streams_of(writes);
        let mut open = self.open_streams(txn, number, writes, &streams)?;
        let versions = expect_versions(writes, &streams, &mut open)?;
        let duplicate = drafts.iter().zip(&taken).find(|(_, taken)| taken.is_some());
        if let Some((draft, _)) = duplicate {
            return Err(MessageError::DuplicateId { id: draft.id });
        }
        let floor = floor.max(record.time_floor);
        let time = Some(floor).filter(|floor| txn.now() < *floor);
        let messages =
            self.put_drafts(txn, number, drafts, open, time.map_or(CommitTime::AtCommit, Into::into))?;
        Ok(Step::Planned(Plan { messages, versions, time }))
    }

    /// The key of the message that has the id of each draft. `DuplicateId` where two drafts share one.
    fn taken(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        drafts: &[Draft<'_>],
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let known: Vec<Uuid> =
            drafts.iter().filter(|draft| draft.origin != Origin::Fresh).map(|draft| draft.id).collect();
        let mut sorted = known;
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(MessageError::DuplicateId { id: pair[0] });
        }
        let taken = |draft: &Draft<'_>| match draft.origin {
            Origin::Fresh => Ok(None),
            Origin::Made | Origin::Given => {
                Ok(txn.get(self.layout.index, layout::id_key(number, draft.id)?)?.map(|found| found.to_vec()))
            }
        };
        drafts.iter().map(taken).collect()
    }

    /// What an earlier write of the same messages came to. `DuplicateId` if one of them is another.
    fn repeated(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        writes: &[StreamWrite],
        drafts: &[Draft<'_>],
        taken: &[Option<Vec<u8>>],
    ) -> Result<Vec<Appended>> {
        let mut drafts = drafts.iter().zip(taken);
        let mut all = Vec::with_capacity(writes.len());
        for write in writes {
            let mut messages = Vec::with_capacity(write.messages.len());
            for (draft, key) in drafts.by_ref().take(write.messages.len()) {
                let stored = self.stored(txn, key.as_deref().unwrap_or_default())?;
                match stored.filter(|stored| draft.is_repeated_by(stored)) {
                    Some(stored) => messages.push(Written {
                        id: stored.id,
                        position: stored.position,
                        global_position: stored.global_position,
                        time: stored.time,
                        is_duplicate: true,
                    }),
                    None => return Err(MessageError::DuplicateId { id: draft.id }),
                }
            }
            let version = match messages.last() {
                Some(last) => Some(last.position),
                None => self.head(txn, number, &write.stream)?.map(|head| head.position),
            };
            all.push(Appended { messages, version });
        }
        Ok(all)
    }

    /// The message of a key.
    pub(super) fn stored(&self, txn: &Transaction<'_, E>, key: &[u8]) -> Result<Option<Message>> {
        let Some(found) = txn.get(self.layout.messages, key)? else { return Ok(None) };
        let (stream, position) = layout::stream_and_position(key)?;
        let message = layout::message(&stream, position, &found);
        Ok(Some(message.map_err(|error| error.at(self.layout.messages, key))?))
    }

    /// The head of a stream; `None` if it has none.
    pub(super) fn head(&self, txn: &Transaction<'_, E>, number: u64, stream: &str) -> Result<Option<Head>> {
        let key = layout::head_key(number, stream)?;
        let found = txn.get(self.layout.index, &key)?;
        let decode = |value: &[u8]| Head::decode(value).map_err(|error| error.at(self.layout.index, &key));
        Ok(found.map(|found| decode(&found)).transpose()?)
    }

    fn open_streams<'w>(
        &self,
        txn: &Transaction<'_, E>,
        number: u64,
        writes: &'w [StreamWrite],
        streams: &[usize],
    ) -> Result<Vec<Open<'w>>> {
        let mut open: Vec<Open<'w>> = Vec::with_capacity(writes.len());
        for (write, stream) in writes.iter().zip(streams) {
            if *stream == open.len() {
                let head = self.head(txn, number, &write.stream)?;
                let version = head.as_ref().map(|head| head.position);
                let existence = if head.is_some() { Existence::Old } else { Existence::New };
                open.push(Open { stream: &write.stream, existence, head, count: 0, version });
            }
        }
        Ok(open)
    }

    fn put_drafts(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        drafts: &[Draft<'_>],
        mut open: Vec<Open<'_>>,
        time: CommitTime,
    ) -> Result<Vec<(u64, Number)>> {
        let sequence = self.layout.global_positions(number)?;
        let mut planned = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Open { stream, head, count, .. } = &mut open[draft.open];
            let message_type = &*draft.message.message_type;
            let position = head.as_ref().map_or(0, |head| head.position + 1);
            let displaced = match head {
                Some(head) => head.push(position, time, message_type),
                None => {
                    *head = Some(Head::first(position, time, message_type));
                    None
                }
            };
            if let Some((message_type, last)) = displaced {
                self.put_type(txn, number, stream, &message_type, last)?;
            }
            let drawn = txn.next(&sequence)?;
            self.put_message(txn, number, draft, position, drawn, time)?;
            planned.push((position, drawn));
            *count += 1;
        }
        for Open { stream, existence, head, count, .. } in open {
            if let Some(head) = head.filter(|_| count > 0) {
                self.put_head(txn, number, stream, &head)?;
                let category = names::category(stream);
                txn.add(self.layout.index, layout::category_messages_key(number, category)?, count)?;
                if existence == Existence::New {
                    txn.add(self.layout.index, layout::category_streams_key(number, category)?, 1)?;
                }
            }
        }
        Ok(planned)
    }

    pub(super) fn put_head(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        head: &Head,
    ) -> Result<()> {
        let key = layout::head_template(number, stream);
        Ok(txn.put_template(self.layout.index, key, head.template()?, Attributes::new())?)
    }

    pub(super) fn put_type(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        message_type: &str,
        position: u64,
    ) -> Result<()> {
        let key = layout::type_key(number, stream, message_type)?;
        Ok(txn.put(self.layout.index, key, layout::number_value(position))?)
    }

    fn put_message(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        draft: &Draft<'_>,
        position: u64,
        global_position: Number,
        time: CommitTime,
    ) -> Result<()> {
        let stored = StoredMessage {
            global_position,
            time,
            id: draft.id.as_u128(),
            message_type: Cow::Borrowed(&draft.message.message_type),
            data: layout::text(draft.message.data.as_ref()),
            metadata: layout::text(draft.message.metadata.as_ref()),
        };
        self.put_stored(txn, number, draft.stream, position, &stored, draft.correlation.as_deref())
    }

    /// Puts a message and its three entries.
    pub(super) fn put_stored(
        &self,
        txn: &mut Transaction<'_, E>,
        number: u64,
        stream: &str,
        position: u64,
        stored: &StoredMessage<'_>,
        correlation: Option<&str>,
    ) -> Result<()> {
        let layout = &self.layout;
        let key = layout::message_key(number, stream, position)?;
        let place = Placed::new(stream, &stored.message_type, correlation, &key).encode();
        let at = stored.global_position;
        let attributes = Attributes::new();
        let category = layout::category_key(number, names::category(stream), at);
        txn.put(layout.index, layout::id_key(number, Uuid::from_u128(stored.id))?, &key)?;
        txn.put_template(layout.index, layout::log_key(number, at), place.clone().into(), attributes)?;
        txn.put_template(layout.index, category, place.into(), attributes)?;
        let message = layout::message_template(number, stream, position);
        Ok(txn.put_template(layout.messages, message, stored.template()?, attributes)?)
    }

    /// Looks up when the last message of a namespace was written, below which no later one is.
    ///
    /// The clock of an open database does not step back; that of an earlier process may have been ahead.
    fn find_floor(&self, number: u64) -> Result<()> {
        let time = self.last_time(&self.db.snapshot()?, number)?.unwrap_or_default();
        self.floors.lock().insert(number, time);
        Ok(())
    }
}

impl Draft<'_> {
    fn is_repeated_by(&self, stored: &Message) -> bool {
        stored.stream == self.stream
            && stored.message_type == self.message.message_type
            && stored.data == self.message.data
    }
}

/// Checks every expected version against what the writes before it leave. Returns the version behind each.
fn expect_versions(
    writes: &[StreamWrite],
    streams: &[usize],
    open: &mut [Open<'_>],
) -> Result<Vec<Option<u64>>> {
    let mut versions = Vec::with_capacity(writes.len());
    for (write, stream) in writes.iter().zip(streams) {
        let stream = &mut open[*stream];
        let actual = stream.version.map_or(-1, |version| i64::try_from(version).unwrap_or(i64::MAX));
        if let ExpectedVersion::At(expected) = write.expected
            && expected != actual
        {
            return Err(MessageError::VersionConflict { stream: write.stream.clone(), expected, actual });
        }
        let added = write.messages.len() as u64;
        stream.version = match (stream.version, added) {
            (version, 0) => version,
            (None, added) => Some(added - 1),
            (Some(version), added) => Some(version + added),
        };
        versions.push(stream.version);
    }
    Ok(versions)
}
