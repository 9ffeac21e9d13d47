//! Listing sessions, the one that changed last first: an index of times, and the headers that it names.

use serde::{Deserialize, Serialize};
use storage_core::{Codec, Direction, Engine, Key, KeyRange, Snapshot, Timestamp};

use super::error::{Result, SessionError};
use super::json;
use super::layout;
use super::store::Sessions;
use super::stored::Header;

/// So many sessions are listed unless a listing says otherwise.
const LIMIT_DEFAULT: usize = 100;

/// A session as it is listed: everything but what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// When it was created.
    #[serde(with = "json::time")]
    pub created: Timestamp,
    /// When it was last changed.
    #[serde(with = "json::time")]
    pub updated: Timestamp,
    /// How many messages it has.
    pub message_count: u64,
    /// The model that answers.
    pub model: String,
    /// Who runs it.
    pub provider: String,
    /// Words by which it is found.
    pub tags: Vec<String>,
    /// The session that it branched off.
    pub parent_id: Option<String>,
    /// What the branch is called.
    pub branch_name: String,
    /// How many ids of children it has.
    pub child_count: u64,
    /// Whether it branched off another one.
    pub is_branch: bool,
    /// Its version.
    #[serde(skip)]
    pub version: u64,
}

/// Which sessions are listed.
///
/// ```
/// use storage_stores::sessions::SessionListing;
///
/// let first = SessionListing::new().limit(20);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionListing {
    limit: Option<usize>,
    after: Option<String>,
}

/// A page of sessions, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions, the one that changed last first, and by id where they changed at once.
    pub sessions: Vec<SessionInfo>,
    /// Those in their midst that cannot be read, each with its id and the reason. They count towards the limit.
    pub unreadable: Vec<SessionError>,
    /// Behind what the next page begins; `None` if there is none.
    pub next: Option<String>,
}

impl SessionListing {
    /// The first hundred.
    pub fn new() -> Self {
        SessionListing::default()
    }

    /// Up to so many, at least one.
    #[must_use]
    pub fn limit(mut self, sessions: usize) -> Self {
        self.limit = Some(sessions.max(1));
        self
    }

    /// What follows a page: its [`next`](SessionPage::next).
    #[must_use]
    pub fn after(mut self, cursor: impl Into<String>) -> Self {
        self.after = Some(cursor.into());
        self
    }
}

impl<E: Engine> Sessions<E> {
    /// The sessions of the user, the one that changed last first.
    ///
    /// It reads the page and no message. `InvalidArgument` for a cursor that is none.
    pub fn list(&self, listing: &SessionListing) -> Result<SessionPage> {
        let snapshot = self.store.db.snapshot()?;
        let mut range = layout::listed_range(&self.user)?;
        if let Some(cursor) = &listing.after {
            let (updated, id) = parse_cursor(cursor)?;
            range = range.after(&layout::listed_key(&self.user, updated, id)?);
        }
        let limit = listing.limit.unwrap_or(LIMIT_DEFAULT);
        let (keys, has_more) = self.listed_keys(&snapshot, &range, limit)?;
        let next = match keys.last() {
            Some(last) if has_more => {
                let (updated, id) = layout::listed_in(last)?;
                Some(format!("{}-{id}", updated.as_nanos()))
            }
            _ => None,
        };
        let mut page = SessionPage { sessions: Vec::new(), unreadable: Vec::new(), next };
        for (id, header) in self.listed_headers(&snapshot, &keys)? {
            match header {
                Ok(header) => page.sessions.push(header.into_info(&id)),
                Err(error) => page.unreadable.push(error),
            }
        }
        Ok(page)
    }

    /// Up to `limit` keys of the listing, and whether there are more.
    pub(super) fn listed_keys(
        &self,
        snapshot: &Snapshot<E>,
        range: &KeyRange,
        limit: usize,
    ) -> Result<(Vec<Key>, bool)> {
        let mut entries = snapshot.range(self.store.layout.index, range, Direction::Forward)?;
        let mut keys = Vec::new();
        loop {
            // What is wrong with the record of a session shows where its header is read; here only the key counts.
            let key = match entries.next() {
                Ok(None) => return Ok((keys, false)),
                Ok(Some(entry)) => Key::from(entry.key()),
                Err(error) => match error.key() {
                    Some(key) => Key::from(key),
                    None => return Err(error.into()),
                },
            };
            if keys.len() == limit {
                return Ok((keys, true));
            }
            keys.push(key);
        }
    }

    /// The headers of listed sessions, in the same order.
    pub(super) fn listed_headers(
        &self,
        snapshot: &Snapshot<E>,
        keys: &[Key],
    ) -> Result<Vec<(String, Result<Header>)>> {
        let ids = keys.iter().map(|key| layout::listed_in(key).map(|(_, id)| id));
        let ids = ids.collect::<storage_core::Result<Vec<_>>>()?;
        let keyspace = self.store.layout.sessions;
        let keys = ids.iter().map(|id| layout::header_key(&self.user, id));
        let keys = keys.collect::<storage_core::Result<Vec<_>>>()?;
        // All at once, unless one of them is damaged: then each by itself, so that the others are had.
        let found = match snapshot.get_many(keyspace, &keys) {
            Ok(found) => found.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) if error.key().is_some() => {
                keys.iter().map(|key| snapshot.get(keyspace, key)).collect::<Vec<_>>()
            }
            Err(error) => return Err(error.into()),
        };
        let mut headers = Vec::with_capacity(ids.len());
        for ((id, key), found) in ids.into_iter().zip(&keys).zip(found) {
            let header = found.and_then(|found| match found {
                Some(found) => Codec::Bincode.decode(&found).map_err(|error| error.at(keyspace, key)),
                None => {
                    let message = "a listed session has no record";
                    Err(storage_core::Error::new(storage_core::Kind::Corrupt, message).at(keyspace, key))
                }
            });
            match header {
                Err(error) if error.key().is_none() => return Err(error.into()),
                header => headers.push((id, header.map_err(SessionError::from))),
            }
        }
        Ok(headers)
    }
}

fn parse_cursor(cursor: &str) -> Result<(Timestamp, &str)> {
    let parts = cursor.split_once('-').and_then(|(nanos, id)| Some((nanos.parse().ok()?, id)));
    let (nanos, id) =
        parts.ok_or_else(|| SessionError::invalid(format!("cursor {cursor:?} is not that of a page")))?;
    Ok((Timestamp::from_nanos(nanos), id))
}
