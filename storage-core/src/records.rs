//! Reading a table in order: by key or by an index, record by record.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::derived::Skip;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::key::{Decoder, FromTuple, Key, ToTuple};
use crate::keyspace::Keyspace;
use crate::read::Read;
use crate::scan::{Entry, Range};
use crate::table::{Inner, TableKey, TableValue, indexed};

/// The records of a table in the order of its keys or of an index.
///
/// It lends each record, so that a reader decodes only what it asks for:
///
/// ```
/// use storage_core::{Database, Direction, KeyRange, Table};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let ages = Table::<String, u32>::define("ages").open(&db)?;
/// db.transact(|txn| ages.put(txn, &"ann".to_string(), &41))?;
/// let snapshot = db.snapshot()?;
/// let mut records = ages.range(&snapshot, KeyRange::all(), Direction::Forward)?;
/// while let Some(mut record) = records.next()? {
///     println!("{} is {}", record.key()?, record.value()?);
/// }
/// # Ok::<(), storage_core::Error>(())
/// ```
pub struct Records<'r, R: Read, K, V> {
    table: Arc<Inner<K, V>>,
    source: &'r R,
    records: Range<'r, <R::Engine as Engine>::Snapshot>,
    via: Via,
}

/// What the keys and values that are read mean.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// Records by their own keys.
    Key,
    /// Entries that end with the record's key, behind fields that the function passes.
    Index(Keyspace, Skip),
    /// The same, with the record as their value.
    Covering(Keyspace, Skip),
    /// Entries whose value is the record's key.
    Unique(Keyspace),
}

pub(crate) fn skip<F: FromTuple>(from: &mut Decoder<'_>) -> Result<()> {
    F::unpack(from).map(drop)
}

impl<'r, R: Read, K: TableKey, V: TableValue> Records<'r, R, K, V> {
    pub(crate) fn new(
        table: Arc<Inner<K, V>>,
        source: &'r R,
        records: Range<'r, <R::Engine as Engine>::Snapshot>,
        via: Via,
    ) -> Self {
        Records { table, source, records, via }
    }

    /// The next record; `None` at the end.
    ///
    /// An error about one record leaves the rest readable: the next call goes on behind it.
    #[allow(clippy::should_implement_trait, reason = "it lends its records, which no iterator can")]
    pub fn next(&mut self) -> Result<Option<RecordEntry<'_, 'r, R, K, V>>> {
        let Records { table, source, records, via } = self;
        Ok(records.next()?.map(|entry| RecordEntry { table, source: *source, via: *via, entry }))
    }

    /// Every record from here on. The first error ends it; [`Table::page`](crate::Table::page) reports each instead.
    pub fn to_vec(&mut self) -> Result<Vec<(K, Arc<V>)>> {
        let mut all = Vec::new();
        while let Some(mut record) = self.next()? {
            all.push((record.key()?, record.value()?));
        }
        Ok(all)
    }

    /// Every key from here on. The first error ends it.
    ///
    /// No value is read, except through a unique index, whose entries keep the key there.
    pub fn keys(&mut self) -> Result<Vec<K>> {
        let mut all = Vec::new();
        while let Some(mut record) = self.next()? {
            all.push(record.key()?);
        }
        Ok(all)
    }

    /// Goes to a key, or to the fields of the index through which it reads, ahead of or behind where it stands.
    ///
    /// Forward, the next record is the first at or after them; in reverse, the last at or before them. `to` may be the
    /// beginning of a longer tuple: what starts with it is at it, both ways. It never leaves the range.
    ///
    /// ```
    /// use storage_core::{Database, Direction, KeyRange, Table};
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// let scores = Table::<(String, u32), u64>::define("scores").open(&db)?;
    /// db.transact(|txn| {
    ///     ["ann", "bob", "cid"].iter().try_for_each(|name| scores.put(txn, &(name.to_string(), 1), &10))
    /// })?;
    /// let snapshot = db.snapshot()?;
    /// let mut records = scores.range(&snapshot, KeyRange::all(), Direction::Reverse)?;
    /// records.seek(&("bob",))?;
    /// assert_eq!(records.keys()?, [("bob".to_string(), 1), ("ann".to_string(), 1)]);
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn seek<Q: ToTuple + ?Sized>(&mut self, to: &Q) -> Result<()> {
        self.records.seek_tuple(to)
    }

    /// Every value from here on. The first error ends it.
    pub fn values(&mut self) -> Result<Vec<Arc<V>>> {
        let mut all = Vec::new();
        while let Some(mut record) = self.next()? {
            all.push(record.value()?);
        }
        Ok(all)
    }
}

impl<R: Read, K, V> fmt::Debug for Records<'_, R, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({:?})", self.records)
    }
}

/// One record of a table.
pub struct RecordEntry<'e, 'r, R: Read, K, V> {
    table: &'e Inner<K, V>,
    source: &'r R,
    via: Via,
    entry: Entry<'e, 'r, <R::Engine as Engine>::Snapshot>,
}

impl<R: Read, K: TableKey, V: TableValue> RecordEntry<'_, '_, R, K, V> {
    /// Its key. The value is not read, except through a unique index, whose entries keep the key there.
    pub fn key(&mut self) -> Result<K> {
        match self.via {
            Via::Key => self.table.unpack_key(self.entry.key()),
            Via::Index(_, skip) | Via::Covering(_, skip) => {
                let mut fields = Decoder::new(self.entry.key());
                let key = skip(&mut fields).and_then(|()| K::unpack(&mut fields));
                key.and_then(|key| fields.finish().map(|()| key))
                    .map_err(|error| error.at(self.keyspace(), self.entry.key()))
            }
            Via::Unique(_) => self.table.unpack_key(self.entry.value()?),
        }
    }

    /// Its value, shared where the engine keeps decoded values.
    pub fn value(&mut self) -> Result<Arc<V>> {
        match self.via {
            Via::Key | Via::Covering(..) => {
                let stamp = self.entry.stamp();
                let (value, memo) = self.entry.read()?;
                let decoded = self.table.decode(stamp, value, memo);
                decoded.map_err(|error| error.at(self.keyspace(), self.entry.key()))
            }
            Via::Index(index, _) => indexed(self.table, self.source, index, &self.primary()?),
            Via::Unique(index) => {
                let primary = Key::from(self.entry.value()?);
                indexed(self.table, self.source, index, &primary)
            }
        }
    }

    /// When it stops being visible; `None` if never. The value is not read.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.entry.expires_at()
    }

    /// The key under which it was read, as bytes: that of the index, where it was read through one.
    pub fn position(&self) -> &[u8] {
        self.entry.key()
    }

    /// Where it was read.
    fn keyspace(&self) -> Keyspace {
        match self.via {
            Via::Key => self.table.keyspace,
            Via::Index(index, _) | Via::Covering(index, _) | Via::Unique(index) => index,
        }
    }

    /// The bytes of the record's key at the end of an entry's.
    fn primary(&self) -> Result<Key> {
        let bytes = self.entry.key();
        let Via::Index(index, skip) = self.via else { return Ok(Key::from(bytes)) };
        let mut fields = Decoder::new(bytes);
        skip(&mut fields).map_err(|error| error.at(index, bytes))?;
        let rest = fields.rest();
        if rest.is_empty() {
            return Err(Error::new(Kind::Corrupt, "an index entry names no record").at(index, bytes));
        }
        Ok(Key::from(rest))
    }
}

impl<R: Read, K, V> fmt::Debug for RecordEntry<'_, '_, R, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordEntry({:?})", self.entry)
    }
}
