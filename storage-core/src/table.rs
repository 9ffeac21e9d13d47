//! Typed tables: records with a key type, a value type, a codec and indexes.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attributes::Attributes;
use crate::codec::{Codec, compress};
use crate::database::Database;
use crate::derived::{Definition, Derive, Entries};
use crate::engine::{Engine, Snapshot as EngineSnapshot};
use crate::error::{Error, Kind, Result};
use crate::index::{Index, IndexPart};
use crate::key::{FromTuple, Key, Template, ToTuple, unpack};
use crate::keyspace::Keyspace;
use crate::limits::Limits;
use crate::options::TransactOptions;
use crate::range::{Direction, KeyRange};
use crate::read::{Get, Read};
use crate::record::{Memo, Payload, Record, Stamp, Value};
use crate::records::{Records, Via, skip};
use crate::scan::Entry;
use crate::schema::Schema;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// What a table's keys are made of.
pub trait TableKey: ToTuple + FromTuple + Send + Sync + 'static {}

impl<T: ToTuple + FromTuple + Send + Sync + 'static> TableKey for T {}

/// What a table's values are made of.
pub trait TableValue: Serialize + DeserializeOwned + Any + Send + Sync {}

impl<T: Serialize + DeserializeOwned + Any + Send + Sync> TableValue for T {}

/// What stands for a key of type `K` in a look-up: itself, or what packs the same, as `str` does for `String`.
pub trait KeyLike<K>: ToTuple {}

impl<K: ToTuple> KeyLike<K> for K {}
impl KeyLike<String> for str {}

/// A typed table in one keyspace. Cheap to clone.
///
/// It reads from a database, a snapshot or a transaction, and writes in a transaction:
///
/// ```
/// use storage_core::{Database, Table};
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let ages = Table::<String, u32>::define("ages").open(&db)?;
/// db.transact(|txn| ages.put(txn, &"ann".to_string(), &41))?;
/// assert_eq!(ages.get(&db, "ann")?.as_deref(), Some(&41));
/// assert_eq!(ages.get(&db, "bob")?, None);
/// # Ok::<(), storage_core::Error>(())
/// ```
pub struct Table<K, V> {
    inner: Arc<Inner<K, V>>,
}

pub(crate) struct Inner<K, V> {
    pub(crate) keyspace: Keyspace,
    codec: Codec,
    compress_above: Option<usize>,
    schema: Schema<V>,
    indexes: Vec<Arc<dyn IndexPart<K, V>>>,
}

/// A table that is being described. [`TableBuilder::open`] makes it.
pub struct TableBuilder<K, V> {
    name: String,
    codec: Option<Codec>,
    compress_above: Option<usize>,
    schema: Schema<V>,
    indexes: Vec<Arc<dyn IndexPart<K, V>>>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: TableKey, V: TableValue> TableBuilder<K, V> {
    /// Encodes values with `codec`. What is stored already stays as it is.
    ///
    /// Where none is named, it is the engine's: JSON on plain files, which are there to be read, bincode elsewhere.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Compresses values longer than so many bytes with lz4, where that makes them smaller.
    #[must_use]
    pub fn compress_above(mut self, bytes: usize) -> Self {
        self.compress_above = Some(bytes);
        self
    }

    /// Names the version of the type of the values, which each record keeps; 0 unless it is set.
    ///
    /// Raise it when the type changes so that older records would be decoded wrongly or not at all, and say how those
    /// become values of today with [`upcast`](Self::upcast). They stay as they are stored until they are put again. A
    /// record of a newer version, which a newer program wrote, is `Invalid` when it is read, and so is one without an
    /// upcast. Raw puts name no version and are read as the newest.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use storage_core::{Database, Table};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Person {
    ///     name: String,
    ///     born: Option<u16>,
    /// }
    ///
    /// let db = Database::new(storage_mem::MemEngine::new())?;
    /// // Version 0 was the name alone.
    /// let people = Table::<u64, Person>::define("people")
    ///     .schema(1)
    ///     .upcast(0, |name: String| Person { name, born: None })
    ///     .open(&db)?;
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    #[must_use]
    pub fn schema(mut self, version: u16) -> Self {
        self.schema.set_version(version);
        self
    }

    /// Reads records of an older schema version as `Old`, and makes them values of today with `upcast`.
    ///
    /// `upcast` must be pure, as the functions of indexes are: it runs whenever such a record is read.
    #[must_use]
    pub fn upcast<Old: DeserializeOwned>(
        mut self,
        from: u16,
        upcast: impl Fn(Old) -> V + Send + Sync + 'static,
    ) -> Self {
        self.schema.add_upcast(from, upcast);
        self
    }

    /// Keeps an index.
    #[must_use]
    pub fn index<F>(mut self, index: &Index<K, V, F>) -> Self {
        self.indexes.push(index.part());
        self
    }

    /// Opens the table, and records it in the store if it is new.
    ///
    /// Where its records were written with other indexes, those that are new or have another version are built first,
    /// and those that are gone are dropped; nobody else commits until that is done. Indexes that stay are not touched.
    /// A record that cannot be read has no entry in what was built, and [`Table::damaged`] lists it. Should it end
    /// early, the next opening builds all of them; no record changes.
    ///
    /// `Invalid` if the table is open with other indexes, if its keyspace is not empty and was not written as a table,
    /// or if a record has a schema version that it cannot read; `AlreadyExists` if two records have the same value of
    /// a unique index that would be built.
    pub fn open<E: Engine>(self, db: &Database<E>) -> Result<Table<K, V>> {
        let keyspace = Keyspace::new(&self.name)?;
        let mut id = String::from("table");
        for (at, index) in self.indexes.iter().enumerate() {
            if self.indexes[..at].iter().any(|other| other.name() == index.name()) {
                let message = format!("the table has two indexes called {}", index.name());
                return Err(Error::invalid(message).in_keyspace(keyspace));
            }
            index.bind(keyspace)?;
            id = format!("{id};{}", index.id());
        }
        self.schema.check().map_err(|error| error.in_keyspace(keyspace))?;
        let TableBuilder { codec, compress_above, schema, indexes, .. } = self;
        let codec = codec.unwrap_or(db.capabilities().codec);
        let inner = Arc::new(Inner { keyspace, codec, compress_above, schema, indexes });
        let of_records = Arc::clone(&inner);
        let derive =
            move |key: &[u8], stamp: Stamp, value: &[u8], memo: Option<&Memo>, entries: &mut Entries| {
                let typed = of_records
                    .decode(stamp, value, memo)
                    .map_err(|error| error.at(of_records.keyspace, key))?;
                let decoded = of_records.unpack_key(key)?;
                of_records.entries(&decoded, &typed, &Key::from(key), entries)
            };
        let derive = (!inner.indexes.is_empty()).then(|| Box::new(derive) as Box<Derive>);
        let namings = inner.indexes.iter().map(|index| index.naming()).collect();
        db.define(keyspace, Definition { id, derive, namings, built: 0 })?;
        Ok(Table { inner })
    }
}

impl<K: TableKey, V: TableValue> Inner<K, V> {
    /// The decoded value, kept beside the bytes where the engine has a place for it.
    ///
    /// The error does not name the record yet.
    #[inline]
    pub(crate) fn decode(&self, stamp: Stamp, value: &[u8], memo: Option<&Memo>) -> Result<Arc<V>> {
        if let Some(kept) = memo.and_then(Memo::get) {
            return Ok(kept);
        }
        let decoded = Arc::new(self.schema.decode(self.codec, stamp, value)?);
        if let Some(memo) = memo {
            memo.set(Arc::clone(&decoded));
        }
        Ok(decoded)
    }

    pub(crate) fn unpack_key(&self, key: &[u8]) -> Result<K> {
        unpack(key).map_err(|error| error.at(self.keyspace, key))
    }

    #[inline]
    fn value(&self, from: &impl Get, key: &[u8]) -> Result<Option<Arc<V>>> {
        if let Some(kept) = from.kept(self.keyspace, key)?.and_then(|kept| Arc::downcast(kept).ok()) {
            return Ok(Some(kept));
        }
        self.read(from, key)
    }

    fn read(&self, from: &impl Get, key: &[u8]) -> Result<Option<Arc<V>>> {
        let Some(found) = from.get_record(self.keyspace, key)? else { return Ok(None) };
        let decoded = self.decode(found.stamp(), &found, found.memo());
        decoded.map(Some).map_err(|error| error.at(self.keyspace, key))
    }

    fn entries(&self, key: &K, value: &V, primary: &Key, entries: &mut Entries) -> Result<()> {
        self.indexes.iter().try_for_each(|index| index.entries(key, value, primary, entries))
    }

    /// The stamp of a value that is not compressed.
    fn stamp(&self, attributes: Attributes) -> Result<Stamp> {
        Ok(attributes.stamp()?.with_codec(self.codec.id()).with_schema(self.schema.version()))
    }

    /// The stamp and stored form of a value.
    fn pack(&self, attributes: Attributes, value: &[u8]) -> Result<Record<Payload>> {
        let stamp = self.stamp(attributes)?;
        let packed =
            self.compress_above.filter(|above| value.len() > *above).and_then(|_| compress::compress(value));
        Ok(match packed {
            Some(packed) => Record { stamp: stamp.compressed(), value: Payload::new(&packed) },
            None => Record { stamp, value: Payload::new(value) },
        })
    }
}

impl<K: TableKey, V: TableValue> Table<K, V> {
    /// Begins to describe the table kept in the keyspace `name`.
    pub fn define(name: &str) -> TableBuilder<K, V> {
        TableBuilder {
            name: name.to_owned(),
            codec: None,
            compress_above: None,
            schema: Schema::first(),
            indexes: Vec::new(),
            types: PhantomData,
        }
    }

    /// The keyspace of its records. Raw writes there keep the indexes too.
    pub fn keyspace(&self) -> Keyspace {
        self.inner.keyspace
    }

    /// The value of a key; `None` if there is none or it has expired.
    ///
    /// It is shared, not copied, on engines that keep decoded values.
    #[inline]
    pub fn get<Q: KeyLike<K> + ?Sized>(&self, from: &impl Get, key: &Q) -> Result<Option<Arc<V>>> {
        let key = Key::of(key)?;
        self.inner.value(from, &key)
    }

    /// Whether a key has a live record. The value is not decoded.
    pub fn contains<Q: KeyLike<K> + ?Sized>(&self, from: &impl Get, key: &Q) -> Result<bool> {
        Ok(from.get_record(self.inner.keyspace, &Key::of(key)?)?.is_some())
    }

    /// Puts a record, whether the key has one or not. It never expires.
    pub fn put<E: Engine>(&self, txn: &mut Transaction<'_, E>, key: &K, value: &V) -> Result<()> {
        self.put_with(txn, key, value, Attributes::new())
    }

    /// Puts a record with what is kept beside it.
    pub fn put_with<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &K,
        value: &V,
        attributes: Attributes,
    ) -> Result<()> {
        self.put_encoded(txn, key, value, attributes).map(drop)
    }

    /// Puts a record whose decoded value the engine may keep, so that its readers need not decode it.
    ///
    /// Only for values that come back from their codec as they went in: fields that serde skips would be seen.
    pub fn put_shared<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &K,
        value: Arc<V>,
        attributes: Attributes,
    ) -> Result<()> {
        let payload = self.put_encoded(txn, key, &value, attributes)?;
        if let Some(memo) = payload.memo() {
            memo.set(value);
        }
        Ok(())
    }

    /// Puts one record at once, as a transaction of its own. It never expires; the engine may keep the decoded value.
    ///
    /// Only for values that come back from their codec as they went in, as with [`put_shared`](Self::put_shared).
    pub fn put_now<E: Engine>(
        &self,
        db: &Database<E>,
        key: &K,
        value: Arc<V>,
        options: impl Into<TransactOptions>,
    ) -> Result<()> {
        let options = options.into();
        if self.inner.indexes.is_empty() {
            let record = self.encoded(&value, Attributes::new(), db.shared().limits())?;
            if let Some(memo) = record.value.memo() {
                memo.set(value);
            }
            return db.put_record(self.inner.keyspace, &Key::of(key)?, &record, options);
        }
        db.transact_with(options, |txn| self.put_shared(txn, key, Arc::clone(&value), Attributes::new()))
            .map(drop)
    }

    /// A value as it is stored, with its stamp, which is not sealed.
    ///
    /// The limit is for what readers get, so it comes before compression.
    fn encoded(&self, value: &V, attributes: Attributes, limits: &Limits) -> Result<Record<Payload>> {
        // Taken out, since encoding runs the application's code.
        let mut bytes = ENCODED.take();
        bytes.clear();
        self.inner.codec.encode(value, &mut bytes)?;
        limits.check_value(bytes.len())?;
        let record = self.inner.pack(attributes, &bytes)?;
        bytes.clear();
        bytes.shrink_to(ENCODED_LEN_KEPT);
        ENCODED.set(bytes);
        Ok(record)
    }

    fn put_encoded<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &K,
        value: &V,
        attributes: Attributes,
    ) -> Result<Payload> {
        let (primary, record, entries) = self.prepare(key, value, attributes, txn.shared().limits())?;
        let payload = record.value.clone();
        txn.put_record(self.inner.keyspace, &primary, record, entries)?;
        Ok(payload)
    }

    /// A record as it is stored, and its entries in a table that has indexes.
    pub(crate) fn prepare(
        &self,
        key: &K,
        value: &V,
        attributes: Attributes,
        limits: &Limits,
    ) -> Result<(Key, Record<Payload>, Option<Entries>)> {
        let record = self.encoded(value, attributes, limits)?;
        let primary = Key::of(key)?;
        if self.inner.indexes.is_empty() {
            return Ok((primary, record, None));
        }
        let mut entries = Entries::new();
        self.inner.entries(key, value, &primary, &mut entries)?;
        Ok((primary, record, Some(entries)))
    }

    /// Puts a record whose key or value holds numbers drawn in this transaction, or the commit time.
    ///
    /// The commit fills them in and computes the indexes. Within the transaction the record cannot be read.
    pub fn put_at_commit<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &K,
        value: &V,
        attributes: Attributes,
    ) -> Result<()> {
        let stamp = self.inner.stamp(attributes)?;
        let value = self.inner.codec.encode_template(value)?;
        txn.put_template_as(self.inner.keyspace, Template::of(key), value, stamp)
    }

    /// Deletes a record. Nothing happens if it is not there.
    pub fn delete<E: Engine, Q: KeyLike<K> + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &Q,
    ) -> Result<()> {
        txn.delete(self.inner.keyspace, &*Key::of(key)?)
    }

    /// Deletes a record whether or not it can be read, as [`Transaction::discard`] does.
    pub fn discard<E: Engine, Q: KeyLike<K> + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        key: &Q,
    ) -> Result<()> {
        txn.discard(self.inner.keyspace, &*Key::of(key)?)
    }

    /// What is wrong with each record of a range that cannot be read, in the order of their keys.
    ///
    /// [`Error::key`] names the record, for [`Transaction::discard`]. Records that have expired are among them, since
    /// the sweeper leaves what it cannot read. Every record of the range is read and decoded; indexes are not.
    pub fn damaged<E: Engine>(&self, snapshot: &Snapshot<E>, range: &KeyRange) -> Result<Vec<Error>> {
        let mut damaged = Vec::new();
        let mut records = snapshot.range_of_all(self.inner.keyspace, range, Direction::Forward)?;
        loop {
            let checked = match records.next() {
                Ok(None) => return Ok(damaged),
                Ok(Some(mut entry)) => self.check(&mut entry),
                Err(error) => Err(error),
            };
            match checked {
                Err(error) if error.kind() == Kind::Corrupt && error.key().is_some() => damaged.push(error),
                other => other?,
            }
        }
    }

    /// `Corrupt`, naming the record, if its key or value cannot be read.
    fn check<S: EngineSnapshot>(&self, entry: &mut Entry<'_, '_, S>) -> Result<()> {
        self.inner.unpack_key(entry.key())?;
        let stamp = entry.stamp();
        let (value, memo) = entry.read()?;
        let decoded = self.inner.decode(stamp, value, memo);
        decoded.map(drop).map_err(|error| error.at(self.inner.keyspace, entry.key()))
    }

    /// The records of a range of keys, such as [`KeyRange::within`] a tuple.
    pub fn range<'r, R: Read>(
        &self,
        from: &'r R,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Records<'r, R, K, V>> {
        let records = from.read_range(self.inner.keyspace, range, direction)?;
        Ok(Records::new(Arc::clone(&self.inner), from, records, Via::Key))
    }

    /// The records in the order of an index, for a range of its fields.
    pub fn range_by<'r, R: Read, F>(
        &self,
        index: &Index<K, V, F>,
        from: &'r R,
        range: KeyRange,
        direction: Direction,
    ) -> Result<Records<'r, R, K, V>>
    where
        F: FromTuple,
    {
        let keyspace = index.keyspace_in(self.inner.keyspace)?;
        let via = match () {
            () if index.is_unique() => Via::Unique(keyspace),
            () if index.is_covering() => Via::Covering(keyspace, skip::<F>),
            () => Via::Index(keyspace, skip::<F>),
        };
        from.check_shows(self.inner.keyspace)?;
        let entries = from.read_range(keyspace, range, direction)?;
        Ok(Records::new(Arc::clone(&self.inner), from, entries, via))
    }

    /// The record that holds a value of a unique index; `None` if none does.
    pub fn get_by<F: ToTuple + FromTuple>(
        &self,
        index: &Index<K, V, F>,
        from: &impl Read,
        fields: &F,
    ) -> Result<Option<(K, Arc<V>)>> {
        let keyspace = index.keyspace_in(self.inner.keyspace)?;
        if !index.is_unique() {
            return Err(Error::invalid("the index is not unique: read its range").in_keyspace(keyspace));
        }
        from.check_shows(self.inner.keyspace)?;
        let Some(primary) = from.get_record(keyspace, &Key::of(fields)?)? else { return Ok(None) };
        let value = indexed(&self.inner, from, keyspace, &primary)?;
        Ok(Some((self.inner.unpack_key(&primary)?, value)))
    }
}

/// The value of a record that an index names.
pub(crate) fn indexed<K: TableKey, V: TableValue>(
    table: &Inner<K, V>,
    from: &impl Get,
    index: Keyspace,
    primary: &[u8],
) -> Result<Arc<V>> {
    table.value(from, primary)?.ok_or_else(|| {
        let message = format!("the index {} names a record that is not there", index.name());
        Error::new(Kind::Corrupt, message).at(table.keyspace, primary)
    })
}

/// How large a buffer a thread keeps for the next value that it encodes.
const ENCODED_LEN_KEPT: usize = 64 << 10;

thread_local! {
    /// Where values are encoded before they are copied into an allocation of their length.
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Table { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.inner.keyspace.name())
    }
}

impl<K, V> fmt::Debug for TableBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableBuilder({})", self.name)
    }
}
