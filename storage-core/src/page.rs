//! Pages: listings in pieces of a limited length, with a cursor from each to the next.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::Index;
use crate::key::{FromTuple, Key};
use crate::keyspace::Keyspace;
use crate::range::{Direction, KeyRange};
use crate::read::Read;
use crate::records::Records;
use crate::table::{Table, TableKey, TableValue};

/// Where a listing goes on: opaque text that a caller keeps and hands back.
///
/// It names a position, not a moment: the next page shows what is there when it is asked for. Text that was cut,
/// changed, or made for another listing is `Invalid`.
///
/// ```
/// use storage_core::PageCursor;
///
/// assert!("not a cursor".parse::<PageCursor>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageCursor {
    /// What is listed, and in which direction, as a checksum.
    listing: u32,
    last: Key,
}

impl PageCursor {
    /// A cursor behind a position of a listing that its owner puts together, under a name of the owner's choice.
    ///
    /// ```
    /// use storage_core::PageCursor;
    ///
    /// let cursor = PageCursor::in_listing("mine", b"last");
    /// assert_eq!(cursor.position_in("mine")?, b"last");
    /// assert!(cursor.position_in("another").is_err());
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn in_listing(name: &str, position: &[u8]) -> Self {
        PageCursor { listing: crc32fast::hash(name.as_bytes()), last: Key::from(position) }
    }

    /// The position behind which such a listing goes on. `Invalid` if the cursor was made for another one.
    pub fn position_in(&self, name: &str) -> Result<&[u8]> {
        self.last_in(crc32fast::hash(name.as_bytes()))
    }

    fn last_in(&self, listing: u32) -> Result<&[u8]> {
        match self.listing == listing {
            true => Ok(&self.last),
            false => Err(Error::invalid("the page cursor was made for another listing")),
        }
    }
}

impl fmt::Display for PageCursor {
    /// In hexadecimal: a CRC-32 of the rest, the listing, the last key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.listing.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.last);
        write!(f, "{:08x}", crc32fast::hash(&bytes))?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PageCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
        let parse = || {
            let bytes = text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
            let (checksum, rest) = bytes.split_first_chunk::<4>()?;
            let (listing, last) = rest.split_first_chunk::<4>()?;
            (u32::from_be_bytes(*checksum) == crc32fast::hash(rest))
                .then(|| PageCursor { listing: u32::from_be_bytes(*listing), last: Key::from(last) })
        };
        parse().ok_or_else(|| Error::invalid("the page cursor is damaged"))
    }
}

/// Which page of a listing is asked for.
///
/// ```
/// use storage_core::{Direction, PageRequest};
///
/// let first = PageRequest::first(50).direction(Direction::Reverse);
/// ```
#[derive(Clone, Debug)]
pub struct PageRequest {
    limit: usize,
    range: KeyRange,
    direction: Direction,
    after: Option<PageCursor>,
}

impl PageRequest {
    /// The first page of everything, of up to `limit` records. A limit of zero is `Invalid` when it is used.
    pub fn first(limit: usize) -> Self {
        PageRequest { limit, range: KeyRange::all(), direction: Direction::Forward, after: None }
    }

    /// Only the records in a range of keys, or of an index's fields.
    #[must_use]
    pub fn range(mut self, range: KeyRange) -> Self {
        self.range = range;
        self
    }

    /// In this direction.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// The page behind a cursor; the first for `None`.
    #[must_use]
    pub fn after(mut self, cursor: Option<PageCursor>) -> Self {
        self.after = cursor;
        self
    }

    /// What is left to read behind the cursor.
    fn rest(&self, listing: u32) -> Result<KeyRange> {
        if self.limit == 0 {
            return Err(Error::invalid("page limit is 0, smallest is 1"));
        }
        let Some(cursor) = &self.after else { return Ok(self.range.clone()) };
        let last = cursor.last_in(listing)?;
        Ok(match self.direction {
            Direction::Forward => self.range.after(last),
            Direction::Reverse => self.range.before(last),
        })
    }

    fn listing(&self, keyspace: Keyspace) -> u32 {
        let direction = match self.direction {
            Direction::Forward => "forward",
            Direction::Reverse => "reverse",
        };
        crc32fast::hash(format!("{}:{direction}", keyspace.name()).as_bytes())
    }
}

/// One page of a listing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Page<K, V> {
    /// The records, in order.
    pub items: Vec<(K, Arc<V>)>,
    /// The records in their midst that cannot be read, each with its reason. They count towards the limit.
    pub unreadable: Vec<Error>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<PageCursor>,
}

impl<K: TableKey, V: TableValue> Table<K, V> {
    /// A page of the records in the order of their keys.
    ///
    /// ```
    /// use storage_core::{Database, PageRequest, Table};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let squares = Table::<u32, u32>::define("squares").open(&db)?;
    /// db.transact(|txn| (1..=5).try_for_each(|n| squares.put(txn, &n, &(n * n))))?;
    /// let first = squares.page(&db.snapshot()?, &PageRequest::first(3))?;
    /// assert_eq!(first.items.len(), 3);
    /// let second = squares.page(&db.snapshot()?, &PageRequest::first(3).after(first.next))?;
    /// assert_eq!(second.items.iter().map(|(_, square)| **square).collect::<Vec<_>>(), [16, 25]);
    /// assert!(second.next.is_none());
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn page(&self, from: &impl Read, request: &PageRequest) -> Result<Page<K, V>> {
        let listing = request.listing(self.keyspace());
        let records = self.range(from, request.rest(listing)?, request.direction)?;
        take_page(records, request.limit, listing)
    }

    /// A page of the records in the order of an index.
    pub fn page_by<F: FromTuple>(
        &self,
        index: &Index<K, V, F>,
        from: &impl Read,
        request: &PageRequest,
    ) -> Result<Page<K, V>> {
        let listing = request.listing(index.keyspace_in(self.keyspace())?);
        let records = self.range_by(index, from, request.rest(listing)?, request.direction)?;
        take_page(records, request.limit, listing)
    }
}

/// Takes up to `limit` records and looks whether another follows.
fn take_page<R: Read, K: TableKey, V: TableValue>(
    mut records: Records<'_, R, K, V>,
    limit: usize,
    listing: u32,
) -> Result<Page<K, V>> {
    let mut page = Page { items: Vec::with_capacity(limit.min(64)), unreadable: Vec::new(), next: None };
    let mut last = None;
    loop {
        let taken = page.items.len() + page.unreadable.len();
        match records.next() {
            Ok(None) => return Ok(page),
            Ok(Some(_)) if taken == limit => {
                page.next = last.map(|last| PageCursor { listing, last });
                return Ok(page);
            }
            Ok(Some(mut record)) => {
                if taken + 1 == limit {
                    last = Some(Key::from(record.position()));
                }
                match record.key().and_then(|key| Ok((key, record.value()?))) {
                    Ok(item) => page.items.push(item),
                    Err(error) if error.key().is_some() => page.unreadable.push(error),
                    Err(error) => return Err(error),
                }
            }
            // One damaged stamp is one record; what names no record ends the listing.
            Err(error) => match error.key().map(Key::from) {
                Some(key) if taken < limit => {
                    if taken + 1 == limit {
                        last = Some(key);
                    }
                    page.unreadable.push(error);
                }
                Some(_) => {
                    page.next = last.map(|last| PageCursor { listing, last });
                    return Ok(page);
                }
                None => return Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_changed_one_is_not() {
        let cursor = PageCursor { listing: 7, last: Key::from(b"last\0".as_slice()) };
        let text = cursor.to_string();
        assert_eq!(text.parse::<PageCursor>().unwrap(), cursor);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert!(String::from_utf8(bytes).unwrap().parse::<PageCursor>().is_err());
        }
        assert!("".parse::<PageCursor>().is_err());
        assert!(text[1..].parse::<PageCursor>().is_err());
    }
}
