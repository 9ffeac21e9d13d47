//! How the messages of a namespace divide among streams, categories and types: what Message DB has as views.

use std::collections::BTreeMap;

use storage_core::{Direction, Engine};

use super::error::{MessageError, Result};
use super::layout::{self, Head};
use super::names;
use super::namespace::{Messages, View};

/// By what messages are counted. The rows of a summary are sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grouping {
    /// By stream.
    Stream,
    /// By category.
    Category,
    /// By type.
    Type,
    /// By stream, and in it by type.
    StreamAndType,
    /// By type, and of that by stream.
    TypeAndStream,
    /// By category, and in it by type.
    CategoryAndType,
    /// By type, and of that by category.
    TypeAndCategory,
}

/// So many messages are alike.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryRow {
    /// Their stream; `None` where streams are not told apart.
    pub stream: Option<String>,
    /// Their category; `None` where categories are not told apart.
    pub category: Option<String>,
    /// Their type; `None` where types are not told apart.
    pub message_type: Option<String>,
    /// How many they are.
    pub messages: u64,
    /// How many of a hundred messages of the namespace that is.
    pub percent: f64,
}

/// The messages of a namespace, counted, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The counts, sorted by what is told apart, compared as bytes.
    pub rows: Vec<SummaryRow>,
    /// Messages, streams and counts that cannot be read. They are not in the rows.
    pub unreadable: Vec<MessageError>,
    /// The messages of all rows.
    pub messages: u64,
}

impl<E: Engine> Messages<E> {
    /// Counts the messages of the namespace.
    ///
    /// By stream and by category it reads counts that are kept, one for each. By anything with a type it reads every
    /// message.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::messages::{ExpectedVersion, Grouping, MessageStore, NewMessage};
    ///
    /// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
    /// let bank = store.open_namespace("bank")?;
    /// for message_type in ["Opened", "Deposited", "Deposited", "Deposited"] {
    ///     bank.write("account-1", NewMessage::new(message_type), ExpectedVersion::Any)?;
    /// }
    /// let summary = bank.summary(Grouping::CategoryAndType)?;
    /// let first = &summary.rows[0];
    /// assert_eq!((first.category.as_deref(), first.message_type.as_deref()), (Some("account"), Some("Deposited")));
    /// assert_eq!((first.messages, first.percent, summary.messages), (3, 75.0, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn summary(&self, by: Grouping) -> Result<Summary> {
        let view = self.view()?;
        let mut counts = Counts { by, rows: BTreeMap::new(), unreadable: Vec::new() };
        match by {
            Grouping::Category => {
                for category in self.categories_in(&view)? {
                    counts.add("", &category.name, "", category.messages);
                }
            }
            Grouping::Stream => self.count_heads(&view, &mut counts)?,
            _ => self.count_messages(&view, &mut counts)?,
        }
        Ok(counts.into_summary())
    }

    fn count_heads(&self, view: &View<E>, counts: &mut Counts) -> Result<()> {
        let keyspace = self.store.layout.index;
        let range = layout::heads_from(view.number, "")?;
        let mut heads = view.snapshot.range(keyspace, &range, Direction::Forward)?;
        loop {
            let found = match heads.next() {
                Ok(None) => return Ok(()),
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let head = Head::decode(value).map_err(|error| error.at(keyspace, key))?;
                    Ok((layout::name_in(key)?, head.messages))
                }),
                Err(error) => Err(error),
            };
            if let Some((stream, messages)) = counts.readable(found)? {
                counts.add(&stream, "", "", messages);
            }
        }
    }

    fn count_messages(&self, view: &View<E>, counts: &mut Counts) -> Result<()> {
        let keyspace = self.store.layout.messages;
        let range = layout::messages_range(view.number)?;
        let mut records = view.snapshot.range(keyspace, &range, Direction::Forward)?;
        loop {
            let found = match records.next() {
                Ok(None) => return Ok(()),
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let (stream, position) = layout::stream_and_position(key)?;
                    layout::message(&stream, position, value).map_err(|error| error.at(keyspace, key))
                }),
                Err(error) => Err(error),
            };
            if let Some(message) = counts.readable(found)? {
                counts.add(&message.stream, names::category(&message.stream), &message.message_type, 1);
            }
        }
    }
}

/// What is being counted.
struct Counts {
    by: Grouping,
    /// By the names that are told apart, in the order in which they are.
    rows: BTreeMap<(String, String), u64>,
    unreadable: Vec<MessageError>,
}

impl Counts {
    /// What was found; `None` for what cannot be read, which is noted.
    fn readable<T>(&mut self, found: storage_core::Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.key().is_some() => {
                self.unreadable.push(error.into());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn add(&mut self, stream: &str, category: &str, message_type: &str, messages: u64) {
        let (first, second) = match self.by {
            Grouping::Stream => (stream, ""),
            Grouping::Category => (category, ""),
            Grouping::Type => (message_type, ""),
            Grouping::StreamAndType => (stream, message_type),
            Grouping::TypeAndStream => (message_type, stream),
            Grouping::CategoryAndType => (category, message_type),
            Grouping::TypeAndCategory => (message_type, category),
        };
        if messages > 0 {
            *self.rows.entry((first.to_owned(), second.to_owned())).or_insert(0) += messages;
        }
    }

    fn into_summary(self) -> Summary {
        let all: u64 = self.rows.values().sum();
        let by = self.by;
        let row = |((first, second), messages): ((String, String), u64)| {
            let (mut stream, mut category, mut message_type) = (None, None, None);
            match by {
                Grouping::Stream => stream = Some(first),
                Grouping::Category => category = Some(first),
                Grouping::Type => message_type = Some(first),
                Grouping::StreamAndType => (stream, message_type) = (Some(first), Some(second)),
                Grouping::TypeAndStream => (message_type, stream) = (Some(first), Some(second)),
                Grouping::CategoryAndType => (category, message_type) = (Some(first), Some(second)),
                Grouping::TypeAndCategory => (message_type, category) = (Some(first), Some(second)),
            }
            let percent = messages as f64 * 100.0 / all as f64;
            SummaryRow { stream, category, message_type, messages, percent }
        };
        Summary { rows: self.rows.into_iter().map(row).collect(), unreadable: self.unreadable, messages: all }
    }
}
