//! Reading by time: the times of a namespace follow the order of its messages, so a time is found by halving.
//!
//! Where an import brought times that do not, each message is looked at instead.

use storage_core::{Direction, Engine, KeyRange, Kind, Timestamp};

use super::error::Result;
use super::layout::{self, Placed};
use super::namespace::View;
use super::query::Checked;
use super::reading::{Source, at};
use super::store::{MessageStore, Times};

/// The part of a source in which a query's messages stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The first position; `None` where it begins at the beginning.
    pub(super) first: Option<u64>,
    /// The position behind the last; `None` where it has no end.
    pub(super) end: Option<u64>,
}

/// Where in a source a query looks; `None` where nothing can be.
pub(super) fn bounds<E: Engine>(
    view: &View<E>,
    store: &MessageStore<E>,
    source: Source<'_>,
    query: &Checked<'_>,
) -> Result<Option<Bounds>> {
    let (mut first, mut end) = match query.direction {
        Direction::Forward => (query.from, None),
        Direction::Reverse => (None, query.from.map(|from| from.saturating_add(1))),
    };
    if !matches!(source, Source::Stream(_)) && query.filter.least_global > 0 {
        first = first.max(Some(query.filter.least_global));
    }
    if view.times() == Times::Ordered {
        let finder = Finder { view, store, source, places: view.places(source)? };
        if let Some(since) = query.since {
            match finder.first_at(since)? {
                Some(position) => first = first.max(Some(position)),
                None => return Ok(None),
            }
        }
        if let Some(until) = query.until
            && let Some(position) = finder.first_at(until)?
        {
            end = Some(end.map_or(position, |end| end.min(position)));
        }
    }
    let is_empty = matches!((first, end), (first, Some(end)) if first.unwrap_or(0) >= end);
    Ok((!is_empty).then_some(Bounds { first, end }))
}

struct Finder<'v, E: Engine> {
    view: &'v View<E>,
    store: &'v MessageStore<E>,
    source: Source<'v>,
    places: KeyRange,
}

impl<E: Engine> Finder<'_, E> {
    /// A position from which on every message was written at `time` or later, and before which none was; `None` if none
    /// was at all.
    fn first_at(&self, time: Timestamp) -> Result<Option<u64>> {
        let Some(last) = self.last()? else { return Ok(None) };
        let (mut low, mut high) = (0, last.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.readable_from(middle)? {
                Some((position, written)) if written < time => low = position + 1,
                _ => high = middle,
            }
        }
        Ok((low <= last).then_some(low))
    }

    fn last(&self) -> Result<Option<u64>> {
        let mut entries = self.view.snapshot.range(self.keyspace(), &self.places, Direction::Reverse)?;
        let prefix_len = self.places.start().len();
        Ok(match entries.next()? {
            Some(entry) => Some(layout::number_behind(entry.key(), prefix_len)?),
            None => None,
        })
    }

    /// The position and the time of the first message from a position on that can be read.
    fn readable_from(&self, position: u64) -> Result<Option<(u64, Timestamp)>> {
        let range = self.places.from(&at(&self.places, position));
        let prefix_len = self.places.start().len();
        let mut entries = self.view.snapshot.range(self.keyspace(), &range, Direction::Forward)?;
        loop {
            let found = match entries.next() {
                Ok(None) => return Ok(None),
                Ok(Some(mut entry)) => entry.pair().and_then(|(key, value)| {
                    let position = layout::number_behind(key, prefix_len)?;
                    Ok((position, self.time(value, position)?))
                }),
                Err(error) => Err(error),
            };
            match found {
                Ok((position, Some(time))) => return Ok(Some((position, time))),
                Ok((_, None)) => {}
                Err(error) if error.kind() == Kind::Corrupt => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The time of the message whose record, or whose entry, has this value.
    fn time(&self, value: &[u8], position: u64) -> storage_core::Result<Option<Timestamp>> {
        if let Source::Stream(stream) = self.source {
            return Ok(Some(layout::message(stream, position, value)?.time));
        }
        let key = Placed::decode(value)?.key;
        let Some(found) = self.view.snapshot.get(self.store.layout.messages, key)? else { return Ok(None) };
        let (stream, position) = layout::stream_and_position(key)?;
        Ok(Some(layout::message(&stream, position, &found)?.time))
    }

    fn keyspace(&self) -> storage_core::Keyspace {
        match self.source {
            Source::Stream(_) => self.store.layout.messages,
            Source::Category(_) | Source::All => self.store.layout.index,
        }
    }
}
