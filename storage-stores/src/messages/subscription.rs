//! Subscriptions: what is there from a position on, and then what is written, each message once and in order.
//!
//! A subscription is a reader that knows when to read again: a watch tells it that something changed, and what it returns
//! comes from the log. So it misses nothing, slows no writer, and goes on from a position after a restart.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use storage_core::{Engine, Watch};

use super::error::{MessageError, Result};
use super::message::Message;
use super::namespace::{Messages, View};
use super::query::Query;
use super::reading::{Source, check_category};

/// Follows a stream, a category or a namespace.
///
/// Its position is kept by who follows, for instance with [`Messages::store_position`]. Where the namespace is cleared
/// meanwhile, it goes on at the beginning.
///
/// ```
/// use std::time::Duration;
/// use storage_core::Database;
/// use storage_stores::messages::{ExpectedVersion, MessageStore, NewMessage, Query};
///
/// let store = MessageStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
/// let bank = store.open_namespace("bank")?;
/// bank.write("account-1", NewMessage::new("Opened"), ExpectedVersion::Any)?;
///
/// let mut accounts = bank.subscribe_category("account", &Query::new())?;
/// assert_eq!(accounts.next()?.message_type, "Opened");
/// assert_eq!(accounts.try_next()?, None);
/// bank.write("account-2", NewMessage::new("Opened"), ExpectedVersion::Any)?;
/// assert_eq!(accounts.next_within(Duration::from_secs(1))?.map(|found| found.stream).as_deref(), Some("account-2"));
/// assert_eq!(accounts.position(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Subscription<E: Engine> {
    messages: Messages<E>,
    source: Followed,
    query: Query,
    /// From where the next page is read.
    next: u64,
    /// From where whoever begins anew goes on behind what was returned.
    resume: u64,
    waiting: VecDeque<Result<Message>>,
    watch: Watch,
    /// The number of the namespace that is watched.
    number: u64,
}

/// What is followed.
#[derive(Clone, Debug)]
enum Followed {
    Stream(String),
    Category(String),
    All,
}

impl Followed {
    fn source(&self) -> Source<'_> {
        match self {
            Followed::Stream(stream) => Source::Stream(stream),
            Followed::Category(category) => Source::Category(category),
            Followed::All => Source::All,
        }
    }
}

impl<E: Engine> Messages<E> {
    /// Follows a stream from a position on. The batch of the query is how many messages are read at once.
    ///
    /// `InvalidOptions` for a query that is backwards or has an end.
    pub fn subscribe_stream(&self, stream: &str, query: &Query) -> Result<Subscription<E>> {
        self.store.check_stream(stream, query)?;
        self.subscribe(Followed::Stream(stream.to_owned()), query)
    }

    /// Follows a category from a global position on, or what a member of a consumer group gets of it.
    ///
    /// Errors are as for [`category`](Self::category) and [`subscribe_stream`](Self::subscribe_stream).
    pub fn subscribe_category(&self, category: &str, query: &Query) -> Result<Subscription<E>> {
        check_category(category)?;
        self.subscribe(Followed::Category(category.to_owned()), query)
    }

    /// Follows the whole namespace from a global position on.
    pub fn subscribe_all(&self, query: &Query) -> Result<Subscription<E>> {
        self.subscribe(Followed::All, query)
    }

    fn subscribe(&self, source: Followed, query: &Query) -> Result<Subscription<E>> {
        let next = query.check_endless()?.from.unwrap_or(0);
        let view = self.view()?;
        let watch = self.watch(&view, source.source())?;
        Ok(Subscription {
            messages: self.clone(),
            source,
            query: query.clone(),
            next,
            resume: next,
            waiting: VecDeque::new(),
            watch,
            number: view.number,
        })
    }

    fn watch(&self, view: &View<E>, source: Source<'_>) -> Result<Watch> {
        let layout = &self.store.layout;
        let keyspace = match source {
            Source::Stream(_) => layout.messages,
            Source::Category(_) | Source::All => layout.index,
        };
        Ok(self.store.db.watch(keyspace, view.places(source)?)?)
    }
}

impl<E: Engine> Subscription<E> {
    /// The next message that is there already, without waiting; `None` if there is none yet.
    ///
    /// A message that cannot be read is an error once, and the next call goes on behind it.
    pub fn try_next(&mut self) -> Result<Option<Message>> {
        while self.watch.try_next()?.is_some() {}
        self.fill()?;
        self.take()
    }

    /// The next message, waiting for one up to `timeout`; `None` if none came.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Message>> {
        let started = Instant::now();
        loop {
            if let Some(message) = self.try_next()? {
                return Ok(Some(message));
            }
            let left = timeout.saturating_sub(started.elapsed());
            if self.watch.next_within(left)?.is_none() {
                return self.try_next();
            }
        }
    }

    /// The next message, waiting for as long as it takes. `Closed` ends the wait, and `NamespaceNotFound` once the
    /// namespace is deleted.
    #[allow(clippy::should_implement_trait, reason = "it has no end, and an error does not end it either")]
    pub fn next(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.try_next()? {
                return Ok(message);
            }
            self.watch.next()?;
        }
    }

    /// From where a new subscription goes on behind the last message that this one returned.
    pub fn position(&self) -> u64 {
        self.resume
    }

    /// Reads until something waits or the end is reached.
    fn fill(&mut self) -> Result<()> {
        while self.waiting.is_empty() {
            let view = self.messages.view()?;
            if view.number != self.number {
                // The namespace was cleared, or deleted and created again: another one is written now.
                self.watch = self.messages.watch(&view, self.source.source())?;
                (self.number, self.next, self.resume) = (view.number, 0, 0);
                continue;
            }
            let mut query = self.query.check()?;
            query.from = Some(self.next);
            let page = view.page(&self.messages.store, self.source.source(), &query)?;
            self.next = page.next.unwrap_or(self.next);
            if page.messages.is_empty() && page.unreadable.is_empty() {
                // What was looked at need not be looked at again.
                self.resume = self.next;
                if page.is_end {
                    return Ok(());
                }
            }
            self.waiting.extend(page.unreadable.into_iter().map(Err));
            self.waiting.extend(page.messages.into_iter().map(Ok));
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Message>> {
        let Some(message) = self.waiting.pop_front().transpose()? else { return Ok(None) };
        self.resume = match self.source {
            Followed::Stream(_) => message.position + 1,
            Followed::Category(_) | Followed::All => message.global_position + 1,
        };
        Ok(Some(message))
    }
}

impl Query {
    /// Checks a query that is to be followed.
    fn check_endless(&self) -> Result<super::query::Checked<'_>> {
        let checked = self.check()?;
        match checked.direction == storage_core::Direction::Forward && checked.until.is_none() {
            true => Ok(checked),
            false => {
                Err(MessageError::InvalidOptions("what is followed is read forward, without an end".into()))
            }
        }
    }
}

impl<E: Engine> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("messages", &self.messages)
            .field("source", &self.source)
            .field("position", &self.resume)
            .finish_non_exhaustive()
    }
}
