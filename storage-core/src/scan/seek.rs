//! Going elsewhere in a range: the engine's cursor is opened again on the part that begins there.
//!
//! Each part is noted as a read of its own, cut to what was returned of it; so what a seek skips is not read.

use crate::engine::Snapshot;
use crate::error::Result;
use crate::key::{Key, ToTuple};
use crate::range::{Direction, KeyRange, bound};
use crate::scan::{Ahead, Current, Layer, Range, Tracker};

impl<S: Snapshot> Range<'_, S> {
    /// Goes to a key, ahead of or behind where it stands, whether it has a record or not.
    ///
    /// Forward, the next record is the first at or after the key; in reverse, the last at or before it. A key outside
    /// the range counts as its nearer end. In a transaction only what was returned, and the gaps between, counts as
    /// read: not what a seek skips. An error leaves it where it stands; `TooLarge` for a key longer than any.
    ///
    /// ```
    /// use storage_core::{Database, Direction, KeyRange, Keyspace};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let notes = Keyspace::new("notes")?;
    /// db.transact(|txn| ["a", "c", "e"].iter().try_for_each(|key| txn.put(notes, key, "")))?;
    /// let snapshot = db.snapshot()?;
    /// let mut range = snapshot.range(notes, &KeyRange::all(), Direction::Forward)?;
    /// range.seek("b")?;
    /// assert_eq!(range.next()?.expect("c and e follow").key(), b"c");
    /// range.seek("a")?;
    /// assert_eq!(range.keys()?.len(), 3);
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        // Every key of the range begins with what is not shown of it.
        let mut full = Key::from(&self.origin.range.start()[..self.cut_len]);
        full.extend_from_slice(key.as_ref());
        let key = bound(&full)?;
        let range = &self.origin.range;
        self.go_to(match self.direction {
            Direction::Forward => range.from(&key),
            Direction::Reverse => range.through(&key),
        })
    }

    /// The same to a tuple; in reverse, what starts with it is still ahead.
    pub(crate) fn seek_tuple<T: ToTuple + ?Sized>(&mut self, tuple: &T) -> Result<()> {
        let (range, at) = (&self.origin.range, KeyRange::within(tuple)?);
        bound(at.start())?;
        self.go_to(match (self.direction, at.end()) {
            (Direction::Forward, _) => range.from(at.start()),
            (Direction::Reverse, Some(end)) => range.before(end),
            (Direction::Reverse, None) => range.clone(),
        })
    }

    fn go_to(&mut self, part: KeyRange) -> Result<()> {
        self.state.check_open()?;
        self.cursor = self.origin.snapshot.range(self.keyspace, &part, self.direction)?;
        self.ahead = Ahead::of(&part);
        self.current = Current::None;
        if let Some((overlay, reads)) = self.origin.pending {
            self.overlay = Layer::new(overlay, self.keyspace, &part, self.direction);
            self.tracker = Tracker::new(reads, self.keyspace, part, self.direction);
        }
        Ok(())
    }
}
