//! Reading: streams, categories and whole namespaces in pages that fill up, and single messages.
//!
//! A stream is one range. A category and a namespace are a range of small entries, filtered there, and then the messages
//! that they name; so a page costs what it returns.

use storage_core::{Direction, Engine, Error, Key, KeyRange, Timestamp};
use uuid::Uuid;

use super::error::{MessageError, Result};
use super::layout::{self, Head, Placed};
use super::message::Message;
use super::namespace::{Messages, View};
use super::query::{Checked, Query};
use super::store::{MessageStore, Mode, Times};
use super::{fetching, names, timing};

/// So many messages are fetched at once.
const FETCHED_MAX: usize = 256;

/// What a read found, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// Those in their midst that cannot be read, each with its place and the reason. They count towards the batch.
    pub unreadable: Vec<MessageError>,
    /// From where the next page is read; `None` backwards, once the first message was passed.
    ///
    /// At the end of what is there it is the position behind the last that was looked at, so that a reader goes on there
    /// when more was written.
    pub next: Option<u64>,
    /// Whether the end was reached before the batch was full.
    pub is_end: bool,
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'s> {
    Stream(&'s str),
    Category(&'s str),
    All,
}

impl<E: Engine> Messages<E> {
    /// The messages of a stream by their positions; none if there is no such stream.
    ///
    /// A name without a dash is a stream too, except in [`Mode::MessageDb`].
    pub fn stream(&self, stream: &str, query: &Query) -> Result<Page> {
        let query = self.store.check_stream(stream, query)?;
        self.view()?.page(&self.store, Source::Stream(stream), &query)
    }

    /// The messages of a category by their global positions; none if there is no such category.
    ///
    /// `NotACategory` for a name with a dash.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::messages::{ExpectedVersion, MessageStore, NewMessage, Query};
    ///
    /// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
    /// let bank = store.open_namespace("bank")?;
    /// for stream in ["account-1", "other-1", "account-2"] {
    ///     bank.write(stream, NewMessage::new("Opened"), ExpectedVersion::Any)?;
    /// }
    /// let first = bank.category("account", &Query::new().batch(1))?;
    /// assert_eq!(first.messages[0].global_position, 1);
    /// let next = first.next.expect("a page read forward has a next one") as i64;
    /// assert_eq!(bank.category("account", &Query::new().from(next))?.messages[0].stream, "account-2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn category(&self, category: &str, query: &Query) -> Result<Page> {
        check_category(category)?;
        self.view()?.page(&self.store, Source::Category(category), &query.check()?)
    }

    /// Every message of the namespace by global position, without a gap and in the order of the commits.
    pub fn all(&self, query: &Query) -> Result<Page> {
        self.view()?.page(&self.store, Source::All, &query.check()?)
    }

    /// The message of an id; `None` if there is none.
    pub fn get(&self, id: Uuid) -> Result<Option<Message>> {
        let view = self.view()?;
        let key = layout::id_key(view.number, id)?;
        let Some(found) = view.snapshot.get(self.store.layout.index, &key)? else { return Ok(None) };
        view.message(&self.store, &found)
    }

    /// The last message of a stream; `None` if it has none.
    pub fn last(&self, stream: &str) -> Result<Option<Message>> {
        let view = self.view()?;
        let Some(head) = view.head(&self.store, stream)? else { return Ok(None) };
        if head.messages == 0 {
            return Ok(None);
        }
        let last = layout::message_key(view.number, stream, head.position)?;
        match view.message(&self.store, &last)? {
            // It was deleted, and earlier ones were imported since.
            None => {
                let query = Query::new().backwards().batch(1);
                let mut page = view.page(&self.store, Source::Stream(stream), &query.check()?)?;
                page.unreadable.pop().map_or(Ok(page.messages.pop()), Err)
            }
            last => Ok(last),
        }
    }

    /// The last message of a type in a stream; `None` if it has none.
    pub fn last_of_type(&self, stream: &str, message_type: &str) -> Result<Option<Message>> {
        let view = self.view()?;
        let Some(head) = view.head(&self.store, stream)? else { return Ok(None) };
        let position = match head.last_of_type(message_type) {
            Some(position) => position,
            None => match view.displaced_type(&self.store, stream, message_type)? {
                Some(position) => position,
                None => return Ok(None),
            },
        };
        view.message(&self.store, &layout::message_key(view.number, stream, position)?)
    }

    /// The position of the last message of a stream; `None` if it never had one.
    pub fn version(&self, stream: &str) -> Result<Option<u64>> {
        let view = self.view()?;
        Ok(view.head(&self.store, stream)?.map(|head| head.position))
    }
}

impl<E: Engine> MessageStore<E> {
    /// Checks what a read of a stream asks for.
    pub(super) fn check_stream<'q>(&self, stream: &str, query: &'q Query) -> Result<Checked<'q>> {
        if self.mode == Mode::MessageDb && names::is_category(stream) {
            return Err(MessageError::NotAStreamName { name: stream.to_owned() });
        }
        let query = query.check()?;
        match query.filter.correlation.is_none() && query.filter.group.is_none() {
            true => Ok(query),
            false => {
                let message = "a stream is read without a correlation and without a consumer group";
                Err(MessageError::InvalidOptions(message.into()))
            }
        }
    }
}

pub(super) fn check_category(category: &str) -> Result<()> {
    match names::is_category(category) {
        true => Ok(()),
        false => Err(MessageError::NotACategory { name: category.to_owned() }),
    }
}

impl<E: Engine> View<E> {
    /// The messages that a query finds in a source.
    pub(super) fn page(
        &self,
        store: &MessageStore<E>,
        source: Source<'_>,
        query: &Checked<'_>,
    ) -> Result<Page> {
        let places = self.places(source)?;
        let mut reader = Reader::new(query, self.record.times, places.start().len());
        let Some(bounds) = timing::bounds(self, store, source, query)? else {
            reader.is_end = true;
            return Ok(reader.into_page(query));
        };
        let mut range = places.clone();
        if let Some(first) = bounds.first {
            range = range.from(&at(&places, first));
        }
        if let Some(end) = bounds.end {
            range = range.before(&at(&places, end));
        }
        match source {
            Source::Stream(stream) => self.read_stream(store, stream, &range, &mut reader)?,
            Source::Category(_) | Source::All => self.read_entries(store, &range, &mut reader)?,
        }
        Ok(reader.into_page(query))
    }

    /// The keys of a source. Each ends with a position.
    pub(super) fn places(&self, source: Source<'_>) -> Result<KeyRange> {
        Ok(match source {
            Source::Stream(stream) => layout::stream_range(self.number, stream)?,
            Source::Category(category) => layout::category_range(self.number, category)?,
            Source::All => layout::log_range(self.number)?,
        })
    }

    fn read_stream(
        &self,
        store: &MessageStore<E>,
        stream: &str,
        range: &KeyRange,
        reader: &mut Reader<'_>,
    ) -> Result<()> {
        let keyspace = store.layout.messages;
        let mut records = self.snapshot.range(keyspace, range, reader.direction)?;
        while !reader.is_full() {
            let taken = match records.next() {
                Ok(None) => {
                    reader.is_end = true;
                    break;
                }
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let position = reader.pass(key)?;
                    layout::message(stream, position, value).map_err(|error| error.at(keyspace, key))
                }),
                Err(error) => Err(reader.pass_damaged(error)),
            };
            reader.take(taken)?;
        }
        Ok(())
    }

    fn read_entries(&self, store: &MessageStore<E>, range: &KeyRange, reader: &mut Reader<'_>) -> Result<()> {
        let keyspace = store.layout.index;
        let mut entries = self.snapshot.range(keyspace, range, reader.direction)?;
        while !reader.is_full() && !reader.is_end {
            let mut keys: Vec<Key> = Vec::new();
            let wanted = FETCHED_MAX.min(reader.room());
            while keys.len() < wanted {
                let found = match entries.next() {
                    Ok(None) => {
                        reader.is_end = true;
                        break;
                    }
                    Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                        reader.pass(key)?;
                        let placed = Placed::decode(value).map_err(|error| error.at(keyspace, key))?;
                        let passes = reader.filter.passes(&placed);
                        Ok(passes.then(|| Key::from(placed.key)))
                    }),
                    Err(error) => Err(reader.pass_damaged(error)),
                };
                match found {
                    Ok(key) => keys.extend(key),
                    Err(error) => {
                        // What came before stands before it.
                        self.fetch(store, &keys, reader)?;
                        keys.clear();
                        reader.take(Err(error))?;
                        break;
                    }
                }
            }
            self.fetch(store, &keys, reader)?;
        }
        Ok(())
    }

    /// Reads the messages of these keys in their order.
    fn fetch(&self, store: &MessageStore<E>, keys: &[Key], reader: &mut Reader<'_>) -> Result<()> {
        fetching::messages(self, store, keys, |message| reader.take(message))
    }

    /// The message of a key; `None` if there is none.
    pub(super) fn message(&self, store: &MessageStore<E>, key: &[u8]) -> Result<Option<Message>> {
        let keyspace = store.layout.messages;
        let Some(found) = self.snapshot.get(keyspace, key)? else { return Ok(None) };
        Ok(Some(fetching::decoded(keyspace, key, Some(&found))?))
    }

    pub(super) fn head(&self, store: &MessageStore<E>, stream: &str) -> Result<Option<Head>> {
        let key = layout::head_key(self.number, stream)?;
        let found = self.snapshot.get(store.layout.index, &key)?;
        let decode = |value: &[u8]| Head::decode(value).map_err(|error| error.at(store.layout.index, &key));
        Ok(found.map(|found| decode(&found)).transpose()?)
    }

    fn displaced_type(
        &self,
        store: &MessageStore<E>,
        stream: &str,
        message_type: &str,
    ) -> Result<Option<u64>> {
        let key = layout::type_key(self.number, stream, message_type)?;
        let found = self.snapshot.get(store.layout.index, &key)?;
        let decode =
            |value: &[u8]| layout::number_of(value).map_err(|error| error.at(store.layout.index, &key));
        Ok(found.map(|found| decode(&found)).transpose()?)
    }

    pub(super) fn times(&self) -> Times {
        self.record.times
    }
}

/// The key of a position among the keys of a source.
pub(super) fn at(places: &KeyRange, position: u64) -> Key {
    let mut key = places.start().clone();
    let position = Key::of(&position).expect("a known number is a key");
    key.extend_from_slice(&position);
    key
}

/// A page that is being filled.
struct Reader<'q> {
    direction: Direction,
    filter: super::query::Filter<'q>,
    limit: usize,
    /// Checked on each message where the times do not follow the order.
    times: Option<(Option<Timestamp>, Option<Timestamp>)>,
    prefix_len: usize,
    messages: Vec<Message>,
    unreadable: Vec<MessageError>,
    last: Option<u64>,
    is_end: bool,
}

impl<'q> Reader<'q> {
    fn new(query: &Checked<'q>, times: Times, prefix_len: usize) -> Self {
        Reader {
            direction: query.direction,
            filter: query.filter,
            limit: query.limit,
            times: (times == Times::Mixed).then_some((query.since, query.until)),
            prefix_len,
            messages: Vec::new(),
            unreadable: Vec::new(),
            last: None,
            is_end: false,
        }
    }

    fn room(&self) -> usize {
        self.limit - self.messages.len() - self.unreadable.len()
    }

    fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Notes that the record of a key was looked at, and returns its position.
    fn pass(&mut self, key: &[u8]) -> storage_core::Result<u64> {
        let position = layout::number_behind(key, self.prefix_len)?;
        self.last = Some(position);
        Ok(position)
    }

    /// Notes that a record was looked at whose stamp is damaged.
    fn pass_damaged(&mut self, error: Error) -> Error {
        let position = error.key().and_then(|key| layout::number_behind(key, self.prefix_len).ok());
        self.last = position.or(self.last);
        error
    }

    /// Takes a message, if it is asked for, or what is wrong with one.
    fn take(&mut self, message: storage_core::Result<Message>) -> Result<()> {
        match message {
            Ok(message) => {
                let in_time = self.times.is_none_or(|(since, until)| {
                    since.is_none_or(|since| message.time >= since)
                        && until.is_none_or(|until| message.time < until)
                });
                let of_type = self.filter.has_type(&message.message_type);
                if in_time && of_type && message.global_position >= self.filter.least_global {
                    self.messages.push(message);
                }
            }
            Err(error) => match error.key() {
                Some(_) => self.unreadable.push(error.into()),
                None => return Err(error.into()),
            },
        }
        Ok(())
    }

    fn into_page(self, query: &Checked<'_>) -> Page {
        let next = match (self.direction, self.last) {
            (Direction::Forward, Some(last)) => last.checked_add(1),
            (Direction::Forward, None) => Some(query.from.unwrap_or(0)),
            (Direction::Reverse, Some(last)) if !self.is_end => last.checked_sub(1),
            (Direction::Reverse, _) => None,
        };
        Page { messages: self.messages, unreadable: self.unreadable, next, is_end: self.is_end }
    }
}
