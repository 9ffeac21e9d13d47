//! Snapshots: a state that nobody changes, and positions in it.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;
use storage_core::engine::{Cursor, Snapshot};
use storage_core::{Direction, Key, KeyRange, Keyspace, Record, Result, Stamp, Value};

use crate::engine::Shared;
use crate::state::{Cell, FsValue, Records, State};

/// What was committed at one moment. It holds no file, and costs nothing but what has changed since.
pub struct FsSnapshot {
    shared: Arc<Shared>,
    state: Arc<State>,
}

impl FsSnapshot {
    pub(crate) fn new(shared: Arc<Shared>, state: Arc<State>) -> Self {
        FsSnapshot { shared, state }
    }
}

impl fmt::Debug for FsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsSnapshot").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Snapshot for FsSnapshot {
    type Value<'a> = FsValue;
    type Cursor<'a> = FsCursor<'a>;

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Record<FsValue>>> {
        self.shared.check_open()?;
        let Some(cell) = self.state.get(keyspace, key) else { return Ok(None) };
        let value = self.shared.value(keyspace, key, cell)?;
        Ok(Some(Record { stamp: cell.stamp, value }))
    }

    fn get_many(&self, keyspace: Keyspace, keys: &[&[u8]]) -> Result<Vec<Option<Record<FsValue>>>> {
        keys.iter().map(|key| self.get(keyspace, key)).collect()
    }

    fn range(&self, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Result<FsCursor<'_>> {
        self.shared.check_open()?;
        let records = self.state.records(keyspace).map(|records| within(records, range, direction));
        Ok(FsCursor { shared: &self.shared, keyspace, records, here: None, value: None })
    }
}

/// The records within a range, in the order of a direction.
pub(crate) fn within<'a>(records: &'a Records, range: &KeyRange, direction: Direction) -> Within<'a> {
    let start = Bound::Included(range.start().as_slice());
    let end = range.end().map_or(Bound::Unbounded, |end| Bound::Excluded(end.as_slice()));
    let is_empty = range.end().is_some_and(|end| end.as_slice() <= range.start().as_slice());
    Within { records: (!is_empty).then(|| records.range::<_, [u8]>((start, end))), direction }
}

pub(crate) struct Within<'a> {
    records: Option<RangedIter<'a, Key, Arc<Cell>, DefaultSharedPtr>>,
    direction: Direction,
}

impl<'a> Iterator for Within<'a> {
    type Item = (&'a Key, &'a Arc<Cell>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let records = self.records.as_mut()?;
        match self.direction {
            Direction::Forward => records.next(),
            Direction::Reverse => records.next_back(),
        }
    }
}

/// A position in a range of a snapshot.
pub struct FsCursor<'a> {
    shared: &'a Arc<Shared>,
    keyspace: Keyspace,
    records: Option<Within<'a>>,
    here: Option<(&'a Key, &'a Arc<Cell>)>,
    value: Option<FsValue>,
}

impl FsCursor<'_> {
    fn place(&self) -> (&Key, &Arc<Cell>) {
        self.here.expect("it is asked only where it stands on a record")
    }
}

impl Cursor for FsCursor<'_> {
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        self.value = None;
        self.here = self.records.as_mut().and_then(Iterator::next);
        if self.here.is_none() {
            self.records = None;
        }
        Ok(self.here.is_some())
    }

    fn key(&self) -> &[u8] {
        self.place().0
    }

    fn stamp(&self) -> Stamp {
        self.place().1.stamp
    }

    fn value(&mut self) -> Result<&dyn Value> {
        let value = match self.value.take() {
            Some(value) => value,
            None => {
                let (key, cell) = self.place();
                self.shared.value_aside(self.keyspace, key, cell)?
            }
        };
        Ok(self.value.insert(value))
    }
}

impl fmt::Debug for FsCursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsCursor")
            .field("keyspace", &self.keyspace)
            .field("here", &self.here)
            .finish_non_exhaustive()
    }
}
