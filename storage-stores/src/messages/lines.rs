//! Export and import as lines of JSON, one a message, as eventodb writes and reads them.
//!
//! JSON that cannot stand in a line as it is, because it has line breaks or blanks around it, is kept as a string of its
//! text, so that every byte comes back.

use std::collections::VecDeque;
use std::io::{BufRead, Read as _, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use storage_core::{Direction, Engine, Timestamp};
use thiserror::Error as ThisError;

use super::error::{MessageError, Result};
use super::importing::ImportOptions;
use super::json::Json;
use super::message::{Message, parse_id};
use super::namespace::{Messages, View};
use super::query::Query;
use super::reading::{Source, check_category};
use crate::rfc3339::{format_time, parse_time};

/// So many lines one transaction of an import has.
const BATCH_LEN: usize = 1000;

/// The longest line in bytes: the longest message in its longest spelling.
const LINE_LEN_MAX: u64 = 128 << 20;

/// What is exported: everything, unless told otherwise.
///
/// ```
/// use storage_stores::messages::{Export, parse_time};
///
/// let march = Export::new()
///     .category("account")
///     .category("transfer")
///     .since(parse_time("2024-03-01").expect("a date"))
///     .until(parse_time("2024-04-01").expect("a date"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Export {
    categories: Vec<String>,
    from: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Export {
    /// Everything.
    pub fn new() -> Self {
        Export::default()
    }

    /// Only messages of a category. Called again, of that one too.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.categories.push(category.into());
        self
    }

    /// Only messages at this global position or behind it.
    #[must_use]
    pub fn from(mut self, global_position: u64) -> Self {
        self.from = global_position;
        self
    }

    /// Only messages written at this time or later.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Only messages written before this time.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }
}

/// What an export wrote.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Exported {
    /// How many messages it wrote.
    pub exported: u64,
    /// Those that cannot be read and are not among them.
    pub unreadable: Vec<MessageError>,
}

/// How far an import of lines is, after each thousand messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportProgress {
    /// How many messages are in.
    pub imported: u64,
    /// How many were there already.
    pub skipped: u64,
    /// The last global position of the namespace.
    pub global_position: u64,
}

/// An import of lines that ended early. What was imported before the line's thousand stays.
#[derive(Debug, ThisError)]
#[error("line {line} cannot be imported; {imported} messages are in")]
#[non_exhaustive]
pub struct ImportFailed {
    /// The line, counted from one; where none is to blame, the first that is not in.
    pub line: u64,
    /// How many messages are in.
    pub imported: u64,
    /// Why.
    pub source: MessageError,
}

/// A message as a line.
#[derive(Serialize)]
struct Line<'m> {
    id: String,
    stream: &'m str,
    r#type: &'m str,
    pos: u64,
    gpos: u64,
    data: Option<&'m RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_text: Option<&'m str>,
    meta: Option<&'m RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta_text: Option<&'m str>,
    time: String,
}

/// A line as it is read.
#[derive(Deserialize)]
struct Parsed {
    id: String,
    stream: String,
    r#type: String,
    pos: u64,
    gpos: u64,
    data: Option<Box<RawValue>>,
    data_text: Option<String>,
    meta: Option<Box<RawValue>>,
    meta_text: Option<String>,
    time: String,
}

impl<E: Engine> Messages<E> {
    /// Writes messages as lines of JSON, in the order of their global positions, all of one moment.
    ///
    /// ```
    /// use storage_core::Database;
    /// use storage_stores::messages::{
    ///     ExpectedVersion, Export, ImportOptions, MessageStore, NewMessage, Query,
    /// };
    ///
    /// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
    /// let (old, new) = (store.open_namespace("old")?, store.open_namespace("new")?);
    /// old.write("account-1", NewMessage::new("Opened"), ExpectedVersion::Any)?;
    ///
    /// let mut lines = Vec::new();
    /// old.export_lines(&mut lines, &Export::new())?;
    /// new.import_lines(&lines[..], &ImportOptions::new(), |_| {})?;
    /// assert_eq!(new.all(&Query::new())?.messages, old.all(&Query::new())?.messages);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export_lines(&self, mut to: impl Write, export: &Export) -> Result<Exported> {
        let view = self.view()?;
        let mut done = Exported::default();
        let sources = match export.categories.is_empty() {
            true => vec![Source::All],
            false => export.categories.iter().map(|category| Source::Category(category)).collect(),
        };
        let mut parts = Vec::with_capacity(sources.len());
        for source in sources {
            if let Source::Category(category) = source {
                check_category(category)?;
            }
            let part = Part { source, next: Some(export.from), waiting: VecDeque::new() };
            if !parts.iter().any(|other: &Part<'_>| other.source == source) {
                parts.push(part);
            }
        }
        loop {
            for part in &mut parts {
                part.fill(self, &view, export, &mut done.unreadable)?;
            }
            let first = parts
                .iter_mut()
                .filter(|part| !part.waiting.is_empty())
                .min_by_key(|part| part.waiting.front().map(|message| message.global_position));
            let Some(message) = first.and_then(|part| part.waiting.pop_front()) else { break };
            write_line(&mut to, &message)?;
            done.exported += 1;
        }
        to.flush()?;
        Ok(done)
    }

    /// Imports lines of JSON, a thousand in one transaction each, and tells `progress` after each thousand. Blank lines
    /// are passed over.
    pub fn import_lines(
        &self,
        from: impl BufRead,
        options: &ImportOptions,
        mut progress: impl FnMut(ImportProgress),
    ) -> Result<ImportProgress, ImportFailed> {
        let mut lines = Lines { from, number: 0, text: Vec::new() };
        let mut done = ImportProgress { imported: 0, skipped: 0, global_position: 0 };
        loop {
            let (mut batch, mut numbers) = (Vec::new(), Vec::new());
            let failed = |line, imported, source| ImportFailed { line, imported, source };
            while batch.len() < BATCH_LEN {
                match lines.next() {
                    Ok(Some(message)) => {
                        batch.push(message);
                        numbers.push(lines.number);
                    }
                    Ok(None) => break,
                    Err(source) => return Err(failed(lines.number, done.imported, source)),
                }
            }
            let imported = self.import(&batch, options).map_err(|error| match error {
                MessageError::Import { number, source } => {
                    let index = usize::try_from(number - 1).unwrap_or_default();
                    failed(numbers.get(index).copied().unwrap_or(lines.number), done.imported, *source)
                }
                error => failed(numbers.first().copied().unwrap_or(lines.number), done.imported, error),
            })?;
            done.imported += imported.imported;
            done.skipped += imported.skipped;
            done.global_position = imported.last_global_position;
            if batch.len() < BATCH_LEN {
                return Ok(done);
            }
            progress(done);
        }
    }
}

/// One source of an export, with the messages of it that were read and not written yet.
struct Part<'e> {
    source: Source<'e>,
    /// Where it goes on; `None` at its end.
    next: Option<u64>,
    waiting: VecDeque<Message>,
}

impl Part<'_> {
    fn fill<E: Engine>(
        &mut self,
        messages: &Messages<E>,
        view: &View<E>,
        export: &Export,
        unreadable: &mut Vec<MessageError>,
    ) -> Result<()> {
        while self.waiting.is_empty()
            && let Some(next) = self.next
        {
            let query = Query::new();
            let mut query = query.check()?;
            (query.from, query.direction) = (Some(next), Direction::Forward);
            (query.since, query.until) = (export.since, export.until);
            let page = view.page(&messages.store, self.source, &query)?;
            self.next = page.next.filter(|_| !page.is_end);
            self.waiting.extend(page.messages);
            unreadable.extend(page.unreadable);
        }
        Ok(())
    }
}

fn write_line(to: &mut impl Write, message: &Message) -> Result<()> {
    let (data, data_text) = split(message.data.as_ref());
    let (meta, meta_text) = split(message.metadata.as_ref());
    let line = Line {
        id: message.id.to_string(),
        stream: &message.stream,
        r#type: &message.message_type,
        pos: message.position,
        gpos: message.global_position,
        data,
        data_text,
        meta,
        meta_text,
        time: format_time(message.time),
    };
    serde_json::to_writer(&mut *to, &line).map_err(std::io::Error::from)?;
    Ok(to.write_all(b"\n")?)
}

/// JSON as it can stand in a line, or as text.
fn split(json: Option<&Json>) -> (Option<&RawValue>, Option<&str>) {
    let Some(json) = json.map(Json::as_str) else { return (None, None) };
    let raw = match json.contains(['\n', '\r']) {
        true => None,
        false => serde_json::from_str::<&RawValue>(json).ok(),
    };
    match raw.filter(|raw| raw.get().len() == json.len()) {
        Some(raw) => (Some(raw), None),
        None => (None, Some(json)),
    }
}

/// The messages of lines, one after the other.
struct Lines<R> {
    from: R,
    /// The line that was read last.
    number: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<Message>> {
        loop {
            self.text.clear();
            self.number += 1;
            let read = self.from.by_ref().take(LINE_LEN_MAX + 1).read_until(b'\n', &mut self.text)?;
            if read == 0 {
                return Ok(None);
            }
            super::message::check_len("line", read, LINE_LEN_MAX as usize)?;
            if !self.text.trim_ascii().is_empty() {
                return parse(&self.text).map(Some);
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<Message> {
    let parsed: Parsed = serde_json::from_slice(line)
        .map_err(|error| MessageError::InvalidRecord { reason: error.to_string() })?;
    let json = |raw: Option<Box<RawValue>>, text: Option<String>| match (text, raw) {
        (Some(text), _) => Json::parse(text).map(Some),
        (None, Some(raw)) => Json::parse(raw.get()).map(Some),
        (None, None) => Ok(None),
    };
    let Some(time) = parse_time(&parsed.time) else {
        return Err(MessageError::InvalidRecord { reason: format!("{:?} is no time", parsed.time) });
    };
    let id = parse_id(&parsed.id)?;
    Ok(Message::recorded(id, parsed.stream, parsed.r#type, parsed.pos, parsed.gpos, time)
        .with_data(json(parsed.data, parsed.data_text)?)
        .with_metadata(json(parsed.meta, parsed.meta_text)?))
}
