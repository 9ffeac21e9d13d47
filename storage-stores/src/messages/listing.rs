//! Which streams and which categories there are.

use storage_core::{Direction, Engine, Timestamp};

use super::error::{MessageError, Result};
use super::layout::{self, Head};
use super::namespace::{Messages, View};

/// So many streams are listed unless a listing says otherwise, and no more than so many in any case.
const STREAMS_DEFAULT: usize = 100;
const STREAMS_MAX: usize = 1000;

/// Which streams are listed: by name, compared as bytes.
///
/// ```
/// use storage_stores::messages::StreamListing;
///
/// let first = StreamListing::new().prefix("account-").limit(50);
/// let next = StreamListing::new().prefix("account-").limit(50).after("account-77");
/// ```
#[derive(Clone, Debug, Default)]
pub struct StreamListing {
    prefix: String,
    after: Option<String>,
    limit: i64,
}

impl StreamListing {
    /// The first hundred of all.
    pub fn new() -> Self {
        StreamListing::default()
    }

    /// Only those whose names begin so, character for character.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Only those behind a name: the last one of the page before.
    #[must_use]
    pub fn after(mut self, name: impl Into<String>) -> Self {
        self.after = Some(name.into());
        self
    }

    /// Up to so many: at most a thousand, and a hundred for anything below 1.
    #[must_use]
    pub fn limit(mut self, streams: i64) -> Self {
        self.limit = streams;
        self
    }

    fn limit_len(&self) -> usize {
        match usize::try_from(self.limit) {
            Ok(0) | Err(_) => STREAMS_DEFAULT,
            Ok(limit) => limit.min(STREAMS_MAX),
        }
    }
}

/// A stream, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// The position of its last message.
    pub version: u64,
    /// How many messages it has, which is less than its version says where some were deleted or not imported.
    pub messages: u64,
    /// When its last message was written.
    pub last_activity: Timestamp,
}

/// A page of streams, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Streams {
    /// The streams, by name.
    pub streams: Vec<StreamInfo>,
    /// Those in their midst that cannot be read. They count towards the limit.
    pub unreadable: Vec<MessageError>,
    /// Behind which name the next page begins; `None` if there is none.
    pub next: Option<String>,
}

/// A category, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CategoryInfo {
    /// Its name.
    pub name: String,
    /// How many streams it has, one of its own name included.
    pub streams: u64,
    /// How many messages those have.
    pub messages: u64,
}

impl<E: Engine> Messages<E> {
    /// The streams, by name.
    pub fn streams(&self, listing: &StreamListing) -> Result<Streams> {
        let view = self.view()?;
        let keyspace = self.store.layout.index;
        let mut range = layout::heads_from(view.number, &listing.prefix)?;
        if let Some(after) = &listing.after {
            range = range.after(&layout::head_key(view.number, after)?);
        }
        let mut heads = view.snapshot.range(keyspace, &range, Direction::Forward)?;
        let limit = listing.limit_len();
        let mut page = Streams { streams: Vec::new(), unreadable: Vec::new(), next: None };
        let mut last = None;
        loop {
            let is_full = page.streams.len() + page.unreadable.len() == limit;
            let found = match heads.next() {
                Ok(None) => return Ok(page),
                Ok(Some(_)) if is_full => break,
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let name = layout::name_in(key)?;
                    last = Some(name.clone());
                    let head = Head::decode(value).map_err(|error| error.at(keyspace, key))?;
                    Ok(info(name, &head))
                }),
                Err(error) if error.key().is_some() && is_full => break,
                Err(error) => {
                    last = error.key().and_then(|key| layout::name_in(key).ok()).or(last);
                    Err(error)
                }
            };
            match found {
                Ok(stream) => page.streams.push(stream),
                Err(error) if error.key().is_some() => page.unreadable.push(error.into()),
                Err(error) => return Err(error.into()),
            }
        }
        page.next = last;
        Ok(page)
    }

    /// One stream; `None` if it never had a message.
    pub fn stream_info(&self, stream: &str) -> Result<Option<StreamInfo>> {
        Ok(self.view()?.head(&self.store, stream)?.map(|head| info(stream.to_owned(), &head)))
    }

    /// Every category that has a stream, by name.
    pub fn categories(&self) -> Result<Vec<CategoryInfo>> {
        self.categories_in(&self.view()?)
    }

    /// The same as of one moment.
    pub(super) fn categories_in(&self, view: &View<E>) -> Result<Vec<CategoryInfo>> {
        let counters = self.store.layout.index;
        let range = layout::category_streams(view.number)?;
        let mut categories = Vec::new();
        for key in view.snapshot.range(counters, &range, Direction::Forward)?.keys()? {
            let name = layout::category_of_counter(&key)?;
            let count = |key| Ok::<_, MessageError>(view.snapshot.counter(counters, key)?.unsigned_abs());
            let streams = count(key)?;
            let messages = count(layout::category_messages_key(view.number, &name)?)?;
            if streams > 0 {
                categories.push(CategoryInfo { name, streams, messages });
            }
        }
        Ok(categories)
    }
}

fn info(name: String, head: &Head) -> StreamInfo {
    StreamInfo { name, version: head.position, messages: head.messages, last_activity: head.last_activity() }
}
