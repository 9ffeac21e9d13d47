//! Reading a range: the engine's cursor, with a transaction's pending writes laid over it.

mod seek;

use std::cmp::Ordering;
use std::fmt;

use crate::capabilities::Checksums;
use crate::clock::Timestamp;
use crate::counter::{self, Merge};
use crate::engine::{Cursor, Snapshot};
use crate::error::{Error, Escaped, Result};
use crate::found::Admission;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::overlay::{Overlay, Pending};
use crate::range::{Direction, KeyRange};
use crate::reads::Reads;
use crate::record::{Memo, Payload, Record, Stamp, Value};
use crate::sorted;
use crate::state::State;

/// The records of a range, one after the other.
///
/// It lends each record, so that reading keys alone reads no values:
///
/// ```
/// use storage_core::{Database, Direction, KeyRange, Keyspace};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let notes = Keyspace::new("notes")?;
/// db.put(notes, "today", "buy milk")?;
/// let snapshot = db.snapshot()?;
/// let mut range = snapshot.range(notes, &KeyRange::all(), Direction::Forward)?;
/// while let Some(mut entry) = range.next()? {
///     let (key, value) = entry.pair()?;
///     println!("{key:?}: {} bytes", value.len());
/// }
/// # Ok::<(), storage_core::Error>(())
/// ```
pub struct Range<'a, S: Snapshot> {
    keyspace: Keyspace,
    direction: Direction,
    admission: Admission,
    liveness: Liveness,
    state: &'a State,
    origin: Origin<'a, S>,
    /// How much of each key belongs to its namespace, and is not shown.
    cut_len: usize,
    cursor: S::Cursor<'a>,
    ahead: Ahead,
    overlay: Option<Layer<'a>>,
    tracker: Option<Tracker<'a>>,
    current: Current<'a>,
    inflated: Vec<u8>,
    /// Holds the key while the value is read.
    key: Key,
}

/// What a range was made from: it is opened again elsewhere when it is told to seek.
struct Origin<'a, S> {
    snapshot: &'a S,
    range: KeyRange,
    pending: Option<(&'a Overlay, &'a Reads)>,
}

/// How a database looks at its records.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) admission: Admission,
    pub(crate) liveness: Liveness,
    pub(crate) state: &'a State,
}

/// Which records a range shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Liveness {
    /// Those that are live at a time.
    At(Timestamp),
    /// All, expired ones included.
    Any,
}

impl Liveness {
    fn shows(self, stamp: Stamp) -> bool {
        match self {
            Liveness::At(now) => stamp.is_live(|| now),
            Liveness::Any => true,
        }
    }
}

/// Where the engine's cursor stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    /// On a record already returned or passed, or before the first.
    Behind,
    /// On a record that was not returned yet.
    Ready,
    /// Behind the last record.
    Done,
}

impl Ahead {
    /// Before the first record of a range.
    fn of(range: &KeyRange) -> Self {
        if range.is_empty() { Ahead::Done } else { Ahead::Behind }
    }
}

enum Current<'a> {
    None,
    Stored(Stamp),
    Pending(&'a Key, &'a Record<Payload>),
    /// A counter with pending changes. What they change is read with the value: the live record under the cursor that
    /// has this stamp, or nothing.
    Counter(&'a Key, Merge, Option<Stamp>),
}

/// Pending writes in the range.
struct Layer<'a> {
    overlay: &'a Overlay,
    pending: sorted::Iter<'a, Pending>,
    next: Option<(&'a Key, &'a Pending)>,
}

impl<'a> Layer<'a> {
    fn new(overlay: &'a Overlay, keyspace: Keyspace, range: &KeyRange, direction: Direction) -> Option<Self> {
        if overlay.is_empty() || range.is_empty() {
            return None;
        }
        let mut layer = Layer { overlay, pending: overlay.writes().range(keyspace, range), next: None };
        layer.advance(direction);
        Some(layer)
    }

    fn advance(&mut self, direction: Direction) {
        self.next = match direction {
            Direction::Forward => self.pending.next(),
            Direction::Reverse => self.pending.next_back(),
        };
    }
}

/// Keeps the transaction's record of what this range has read.
///
/// The whole range is recorded when reading begins and cut to what was returned when it ends, so that a range that is
/// leaked instead of dropped has read too much, never too little.
struct Tracker<'a> {
    reads: &'a Reads,
    index: usize,
    direction: Direction,
    last: Option<Key>,
    exhausted: bool,
}

impl<'a> Tracker<'a> {
    /// `None` for an empty range, of which nothing can be read.
    fn new(reads: &'a Reads, keyspace: Keyspace, range: KeyRange, direction: Direction) -> Option<Self> {
        if range.is_empty() {
            return None;
        }
        let index = reads.begin_range(keyspace, range);
        Some(Tracker { reads, index, direction, last: None, exhausted: false })
    }
}

impl<'a, S: Snapshot> Range<'a, S> {
    pub(crate) fn over(
        snapshot: &'a S,
        keyspace: Keyspace,
        range: &KeyRange,
        direction: Direction,
        sight: Sight<'a>,
    ) -> Result<Self> {
        Ok(Range {
            keyspace,
            direction,
            admission: sight.admission,
            liveness: sight.liveness,
            state: sight.state,
            cursor: snapshot.range(keyspace, range, direction)?,
            ahead: Ahead::of(range),
            origin: Origin { snapshot, range: range.clone(), pending: None },
            cut_len: 0,
            overlay: None,
            tracker: None,
            current: Current::None,
            inflated: Vec::new(),
            key: Key::new(),
        })
    }

    /// Lays pending writes over it and records what it reads.
    pub(crate) fn tracked(mut self, overlay: &'a Overlay, range: KeyRange, reads: &'a Reads) -> Self {
        self.origin.pending = Some((overlay, reads));
        self.overlay = Layer::new(overlay, self.keyspace, &range, self.direction);
        self.tracker = Tracker::new(reads, self.keyspace, range, self.direction);
        self
    }

    /// Shows keys without their first `len` bytes, which are those of its start.
    pub(crate) fn cutting(mut self, len: usize) -> Self {
        self.cut_len = len;
        self
    }

    /// The next record; `None` at the end.
    ///
    /// An error about one record, which `Error::key` names, leaves the range usable: the next call goes on behind it.
    #[allow(clippy::should_implement_trait, reason = "it lends its records, which no iterator can")]
    pub fn next(&mut self) -> Result<Option<Entry<'_, 'a, S>>> {
        match self.advance()? {
            true => Ok(Some(Entry { range: self })),
            false => Ok(None),
        }
    }

    /// Every record from here on, as owned keys and values.
    pub fn to_vec(&mut self) -> Result<Vec<(Key, Vec<u8>)>> {
        let mut records = Vec::new();
        while let Some(mut entry) = self.next()? {
            let (key, value) = entry.pair()?;
            records.push((Key::from(key), value.to_vec()));
        }
        Ok(records)
    }

    /// Every key from here on. No value is read.
    pub fn keys(&mut self) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        while let Some(entry) = self.next()? {
            keys.push(Key::from(entry.key()));
        }
        Ok(keys)
    }

    fn advance(&mut self) -> Result<bool> {
        let found = self.state.check_open().and_then(|()| self.find());
        if let Some(tracker) = &mut self.tracker {
            match &found {
                Ok(true) => {
                    tracker.last = Some(match &self.current {
                        Current::Pending(key, _) | Current::Counter(key, ..) => Key::clone(key),
                        _ => Key::from(self.cursor.key()),
                    });
                }
                // After an error the whole range counts as read.
                Ok(false) | Err(_) => tracker.exhausted = true,
            }
        }
        found
    }

    fn find(&mut self) -> Result<bool> {
        self.inflated.clear();
        self.key.clear();
        self.current = Current::None;
        loop {
            if self.ahead == Ahead::Behind {
                self.ahead = if self.cursor.advance()? { Ahead::Ready } else { Ahead::Done };
            }
            let found = match self.nearer() {
                Nearer::None => return Ok(false),
                Nearer::Stored => {
                    self.ahead = Ahead::Behind;
                    self.take_stored()?
                }
                Nearer::Pending => self.take_pending(None)?,
                Nearer::Both => {
                    self.ahead = Ahead::Behind;
                    self.take_pending(Some(self.cursor.stamp()))?
                }
            };
            if found {
                return Ok(true);
            }
        }
    }

    /// Which of the two sources holds the next key.
    fn nearer(&self) -> Nearer {
        let pending = self.overlay.as_ref().and_then(|layer| layer.next);
        match (pending, self.ahead == Ahead::Ready) {
            (None, false) => Nearer::None,
            (None, true) => Nearer::Stored,
            (Some(_), false) => Nearer::Pending,
            (Some((key, _)), true) => {
                let order = key.as_slice().cmp(self.cursor.key());
                match if self.direction == Direction::Reverse { order.reverse() } else { order } {
                    Ordering::Less => Nearer::Pending,
                    Ordering::Equal => Nearer::Both,
                    Ordering::Greater => Nearer::Stored,
                }
            }
        }
    }

    /// Whether the pending write that comes next is to be returned; the stamp is that of the record it hides.
    fn take_pending(&mut self, hidden: Option<Stamp>) -> Result<bool> {
        let Some(layer) = &mut self.overlay else { return Ok(false) };
        let Some((key, pending)) = layer.next else { return Ok(false) };
        layer.advance(self.direction);
        match pending {
            Pending::Put(record) if self.liveness.shows(record.stamp) => {
                self.current = Current::Pending(key, record);
                Ok(true)
            }
            Pending::Merge(merge) => {
                let below = self.counter_below(key, hidden)?;
                self.current = Current::Counter(key, *merge, below);
                Ok(true)
            }
            Pending::Put(_) | Pending::Delete | Pending::Awaits => Ok(false),
        }
    }

    /// The stamp of the record that a pending change applies to; `None` where there is none.
    fn counter_below(&self, key: &Key, hidden: Option<Stamp>) -> Result<Option<Stamp>> {
        let Some(stamp) = hidden else { return Ok(None) };
        if self.is_range_deleted(key) {
            return Ok(None);
        }
        self.admission.check_stamp(self.keyspace, key, &stamp)?;
        Ok(self.show(stamp).then_some(stamp))
    }

    /// Whether the engine's record here is to be returned.
    fn take_stored(&mut self) -> Result<bool> {
        let stamp = self.cursor.stamp();
        if self.overlay.is_some() && self.is_range_deleted(self.cursor.key()) {
            return Ok(false);
        }
        if self.admission.checksums == Checksums::Verified {
            stamp.verify_head(self.keyspace, self.cursor.key())?;
        }
        let shown = self.show(stamp);
        if shown {
            self.current = Current::Stored(stamp);
        }
        Ok(shown)
    }

    /// Whether a stored record is shown. That it was live is part of what was read.
    fn show(&self, stamp: Stamp) -> bool {
        let shown = self.liveness.shows(stamp);
        if let (true, Some(tracker), Liveness::At(_)) = (shown, &self.tracker, self.liveness) {
            tracker.reads.note_expiry(stamp.expires_at());
        }
        shown
    }

    fn is_range_deleted(&self, key: &[u8]) -> bool {
        self.overlay.as_ref().is_some_and(|layer| layer.overlay.is_range_deleted(self.keyspace, key))
    }
}

/// Which source holds the next key: both, where a pending write hides a stored record.
enum Nearer {
    None,
    Stored,
    Pending,
    Both,
}

impl Drop for Tracker<'_> {
    fn drop(&mut self) {
        if !self.exhausted {
            self.reads.end_range(self.index, self.direction, self.last.as_deref());
        }
    }
}

impl<S: Snapshot> fmt::Debug for Range<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Range({}, {:?})", self.keyspace.name(), self.direction)
    }
}

/// One record of a range.
pub struct Entry<'r, 'a, S: Snapshot> {
    range: &'r mut Range<'a, S>,
}

impl<S: Snapshot> Entry<'_, '_, S> {
    /// Its key.
    pub fn key(&self) -> &[u8] {
        &self.range.full_key()[self.range.cut_len..]
    }

    /// When it stops being visible; `None` if never. The value is not read.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.stamp().expires_at()
    }

    /// The byte that the application keeps beside the value. The value is not read.
    pub fn user_byte(&self) -> u8 {
        self.stamp().user_byte()
    }

    /// Its value, verified and unpacked. `Corrupt` names the record, and the range goes on behind it.
    pub fn value(&mut self) -> Result<&[u8]> {
        self.read().map(|(bytes, _)| bytes)
    }

    /// Its key and its value.
    pub fn pair(&mut self) -> Result<(&[u8], &[u8])> {
        self.range.keep_key();
        let cut_len = self.range.cut_len;
        let (key, (value, _)) = self.range.read_kept()?;
        Ok((&key[cut_len..], value))
    }

    pub(crate) fn stamp(&self) -> Stamp {
        match &self.range.current {
            Current::Pending(_, record) => record.stamp,
            Current::Counter(_, _, below) => below.unwrap_or(Stamp::new().counter()),
            Current::Stored(stamp) => *stamp,
            Current::None => self.range.cursor.stamp(),
        }
    }

    /// Its value with the place for the decoded form, where there is one.
    pub(crate) fn read(&mut self) -> Result<(&[u8], Option<&Memo>)> {
        self.range.read()
    }
}

impl<S: Snapshot> Range<'_, S> {
    /// The key of the record here, as it is stored.
    fn full_key(&self) -> &[u8] {
        match &self.current {
            Current::Pending(key, _) | Current::Counter(key, ..) => key,
            Current::Stored(_) | Current::None => self.cursor.key(),
        }
    }

    /// Copies the key of the record here aside: reading the value borrows the cursor.
    fn keep_key(&mut self) {
        self.key.clear();
        self.key.extend_from_slice(match &self.current {
            Current::Pending(key, _) | Current::Counter(key, ..) => key,
            Current::Stored(_) | Current::None => self.cursor.key(),
        });
    }

    /// The value of the record here, read once. The key is needed only where reading can fail.
    #[inline]
    fn read(&mut self) -> Result<(&[u8], Option<&Memo>)> {
        let can_fail = match &self.current {
            Current::Stored(stamp) => {
                self.admission.checksums == Checksums::Verified || stamp.is_compressed()
            }
            _ => false,
        };
        if can_fail {
            self.keep_key();
        }
        self.read_kept().map(|(_, value)| value)
    }

    /// The key that was kept, and the value of the record here.
    #[inline]
    fn read_kept(&mut self) -> Result<(&[u8], (&[u8], Option<&Memo>))> {
        let Range { current, cursor, admission, keyspace, inflated, key, .. } = self;
        let value = match current {
            Current::Pending(_, record) => unpacked(record, inflated)?,
            Current::Counter(key, merge, below) => {
                let below = match below {
                    Some(stamp) => Some((*stamp, counter_at(cursor, *admission, *keyspace, key, *stamp)?)),
                    None => None,
                };
                inflated.clear();
                inflated.extend_from_slice(&merge.apply(*keyspace, key, below)?.value);
                (inflated.as_slice(), None)
            }
            Current::None => (&[][..], None),
            Current::Stored(stamp) => {
                let named = |error: Error| if key.is_empty() { error } else { error.at(*keyspace, key) };
                let value = cursor.value().map_err(named)?;
                match admission.unpack(stamp, value.as_ref()).map_err(named)? {
                    Some(bytes) => {
                        *inflated = bytes;
                        (inflated.as_slice(), None)
                    }
                    None => (value.as_ref(), value.memo()),
                }
            }
        };
        Ok((key, value))
    }
}

/// What the counter under a cursor holds.
fn counter_at(
    cursor: &mut impl Cursor,
    admission: Admission,
    keyspace: Keyspace,
    key: &Key,
    stamp: Stamp,
) -> Result<i64> {
    let value = cursor.value()?.as_ref();
    let unpacked = admission.unpack(&stamp, value).map_err(|error| error.at(keyspace, key))?;
    counter::parse(keyspace, key, stamp, unpacked.as_deref().unwrap_or(value))
}

/// The value of a record that this transaction wrote.
fn unpacked<'r>(
    record: &'r Record<Payload>,
    inflated: &'r mut Vec<u8>,
) -> Result<(&'r [u8], Option<&'r Memo>)> {
    match Admission::unsealed().unpack(&record.stamp, &record.value)? {
        Some(bytes) => {
            *inflated = bytes;
            Ok((inflated, None))
        }
        None => Ok((&record.value, record.value.memo())),
    }
}

impl<S: Snapshot> fmt::Debug for Entry<'_, '_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {:?})", Escaped(self.key()), self.stamp())
    }
}
