//! Listings: in a total order, in pages, and with what cannot be read reported beside the rest.
//!
//! A listing can be put together from parts of an index, merged by what follows each part's prefix. A walk decodes no
//! key: it compares positions as bytes, and once one part is left not even those.

use std::sync::Arc;

use storage_core::key::ToTuple;
use storage_core::{Error, Key, KeyRange, PageCursor, Read, Records, TableKey, TableValue};

use super::error::{Result, TaskError};

/// How much of a listing is asked for.
///
/// ```
/// use storage_core::Database;
/// use storage_stores::tasks::{ExecutorStore, Paging, PerformerState};
///
/// let executor = ExecutorStore::open(&Database::new(storage_mem::MemEngine::new())?)?;
/// for id in ["a", "b", "c"] {
///     executor.save_performer(id, PerformerState::default())?;
/// }
/// let first = executor.list_performers(&Paging::first(2))?;
/// assert_eq!(first.items.len(), 2);
/// let second = executor.list_performers(&Paging::first(2).after(first.next))?;
/// assert_eq!(second.items[0].performer_id, "c");
/// assert!(second.next.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Paging {
    limit: Option<usize>,
    after: Option<PageCursor>,
}

impl Paging {
    /// All of it.
    pub fn all() -> Self {
        Paging::default()
    }

    /// Up to `limit` records. Zero is `InvalidArgument` when it is used.
    pub fn first(limit: usize) -> Self {
        Paging { limit: Some(limit), after: None }
    }

    /// Behind a cursor, which an earlier page of the same listing gave; from the beginning for `None`.
    #[must_use]
    pub fn after(mut self, cursor: Option<PageCursor>) -> Self {
        self.after = cursor;
        self
    }

    /// The position behind which the listing of this name begins.
    pub(super) fn behind(&self, name: &str) -> Result<Option<&[u8]>> {
        let position = self.after.as_ref().map(|cursor| cursor.position_in(name)).transpose();
        position.map_err(|error| TaskError::InvalidArgument(error.to_string()))
    }
}

/// What a listing found, all of one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Listing<V> {
    /// The records, in order.
    pub items: Vec<Arc<V>>,
    /// Those in their midst that cannot be read, each with its id and reason. They count towards the limit.
    pub unreadable: Vec<TaskError>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<PageCursor>,
}

/// One ordered part of a listing.
pub(super) struct Part<'r, R: Read, K, V> {
    records: Records<'r, R, K, V>,
    prefix_len: usize,
    head: Option<Head<V>>,
}

/// The record at which a part stands, taken from it to be compared with those of other parts.
struct Head<V> {
    position: Key,
    value: storage_core::Result<Arc<V>>,
}

impl<'r, R: Read, K: TableKey, V: TableValue> Part<'r, R, K, V> {
    /// The keys that start with `prefix`, from behind a position on.
    pub(super) fn read(
        prefix: &(impl ToTuple + ?Sized),
        behind: Option<&[u8]>,
        read: impl FnOnce(KeyRange) -> storage_core::Result<Records<'r, R, K, V>>,
    ) -> Result<Self> {
        let mut range = KeyRange::within(prefix)?;
        let prefix_len = range.start().len();
        if let Some(behind) = behind {
            let mut last = range.start().clone();
            last.extend_from_slice(behind);
            range = range.after(&last);
        }
        Ok(Part { records: read(range)?, prefix_len, head: None })
    }

    /// Whether it stands at a record.
    fn fill(&mut self) -> Result<bool> {
        if self.head.is_none() {
            self.head = match self.records.next() {
                Ok(None) => None,
                Ok(Some(mut record)) => {
                    let value = record.value();
                    Some(Head { position: Key::from(&record.position()[self.prefix_len..]), value })
                }
                Err(error) => {
                    Some(Head { position: position_of(&error, self.prefix_len)?, value: Err(error) })
                }
            };
        }
        Ok(self.head.is_some())
    }
}

/// Where an error about one record was met. An error about anything else ends the listing.
fn position_of(error: &Error, prefix_len: usize) -> Result<Key> {
    match error.key() {
        Some(key) => Ok(Key::from(key.get(prefix_len..).unwrap_or_default())),
        None => Err(Error::new(error.kind(), error.to_string()).into()),
    }
}

/// Lists what the parts hold, in the order of their positions.
pub(super) fn list<R: Read, K: TableKey, V: TableValue>(
    name: &str,
    mut parts: Vec<Part<'_, R, K, V>>,
    paging: &Paging,
) -> Result<Listing<V>> {
    let mut taken = Taken::new(paging)?;
    loop {
        let mut at = 0;
        while at < parts.len() {
            match parts[at].fill()? {
                true => at += 1,
                false => drop(parts.swap_remove(at)),
            }
        }
        let head = match parts.as_mut_slice() {
            [] => break,
            [last] => {
                taken.drain(last)?;
                break;
            }
            many => many.iter_mut().map(|part| &mut part.head).min_by(|a, b| key_of(a).cmp(&key_of(b))),
        };
        let Some(head) = head.and_then(Option::take) else { break };
        if !taken.take(head.value, || head.position)? {
            break;
        }
    }
    Ok(taken.into_listing(name))
}

fn key_of<V>(head: &Option<Head<V>>) -> Option<&Key> {
    head.as_ref().map(|head| &head.position)
}

/// How many records there are, unreadable ones included.
pub(super) fn count<R: Read, K: TableKey, V: TableValue>(mut records: Records<'_, R, K, V>) -> Result<u64> {
    let mut count = 0;
    loop {
        match records.next() {
            Ok(None) => return Ok(count),
            Ok(Some(_)) => count += 1,
            Err(error) if error.key().is_some() => count += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// What was taken so far.
struct Taken<V> {
    items: Vec<Arc<V>>,
    unreadable: Vec<TaskError>,
    limit: usize,
    /// The position of the last record of a full page.
    last: Option<Key>,
    is_cut: bool,
}

impl<V: TableValue> Taken<V> {
    fn new(paging: &Paging) -> Result<Self> {
        let limit = paging.limit.unwrap_or(usize::MAX);
        if limit == 0 {
            return Err(TaskError::InvalidArgument("page limit is 0, smallest is 1".into()));
        }
        let items = Vec::with_capacity(limit.min(64));
        Ok(Taken { items, unreadable: Vec::new(), limit, last: None, is_cut: false })
    }

    fn is_full(&self) -> bool {
        self.items.len() + self.unreadable.len() == self.limit
    }

    /// Takes one record; `false` if there was no room for it. Only the last of a page is asked for its position.
    #[inline]
    fn take(&mut self, value: storage_core::Result<Arc<V>>, position: impl FnOnce() -> Key) -> Result<bool> {
        if self.is_full() {
            self.is_cut = true;
            return Ok(false);
        }
        match value {
            Ok(value) => self.items.push(value),
            Err(error) if error.key().is_some() => self.unreadable.push(error.into()),
            Err(error) => return Err(error.into()),
        }
        if self.is_full() {
            self.last = Some(position());
        }
        Ok(true)
    }

    /// Takes everything from the only part that is left.
    fn drain<R: Read, K: TableKey>(&mut self, part: &mut Part<'_, R, K, V>) -> Result<()> {
        let Part { records, prefix_len, head } = part;
        let mut went_in = match head.take() {
            Some(head) => self.take(head.value, || head.position)?,
            None => true,
        };
        while went_in {
            went_in = match records.next() {
                Ok(None) => return Ok(()),
                Ok(Some(mut record)) => {
                    let value = record.value();
                    self.take(value, || Key::from(&record.position()[*prefix_len..]))?
                }
                Err(error) => {
                    let position = position_of(&error, *prefix_len)?;
                    self.take(Err(error), || position)?
                }
            };
        }
        Ok(())
    }

    fn into_listing(self, name: &str) -> Listing<V> {
        let next = self.last.filter(|_| self.is_cut).map(|last| PageCursor::in_listing(name, &last));
        Listing { items: self.items, unreadable: self.unreadable, next }
    }
}

#[cfg(test)]
mod tests {
    use storage_core::{Keyspace, Kind};

    use super::*;

    #[test]
    fn a_damaged_entry_stands_where_its_key_says_and_another_error_ends_the_listing() {
        let keyspace = Keyspace::new("anything").unwrap();
        let error = |key: &[u8]| Error::new(Kind::Corrupt, "damaged").at(keyspace, key);
        assert_eq!(position_of(&error(b"prefix-rest"), 7).unwrap().as_slice(), b"rest");
        assert_eq!(position_of(&error(b"cut"), 7).unwrap().as_slice(), b"");
        let other = position_of(&Error::new(Kind::Unavailable, "the disk is gone"), 7);
        assert!(matches!(other, Err(TaskError::Storage(error)) if error.kind() == Kind::Unavailable));
    }
}
