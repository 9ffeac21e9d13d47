//! Indexes: other orders in which the records of a table can be read.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use crate::derived::{Entries, Entry, Holds, Naming, Skip};
use crate::error::{Error, Result};
use crate::key::{FromTuple, Key, ToTuple};
use crate::keyspace::Keyspace;
use crate::records::skip;

/// An index over the records `K` to `V` of one table, ordered by fields `F`, then by the records' keys.
///
/// It is kept in the same transaction as the records, and expires with them. Make it, name it when the table is
/// opened, and read through it:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use storage_core::{Database, Direction, Index, KeyRange, Table};
///
/// #[derive(Serialize, Deserialize)]
/// struct File {
///     size: u64,
/// }
///
/// let by_size = Index::on("by_size", |_: &String, file: &File| file.size);
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let files = Table::define("files").index(&by_size).open(&db)?;
/// db.transact(|txn| {
///     files.put(txn, &"a.txt".to_string(), &File { size: 10 })?;
///     files.put(txn, &"b.txt".to_string(), &File { size: 2000 })
/// })?;
/// let snapshot = db.snapshot()?;
/// let mut largest = files.range_by(&by_size, &snapshot, KeyRange::all(), Direction::Reverse)?;
/// assert_eq!(largest.next()?.expect("two files").key()?, "b.txt");
/// # Ok::<(), storage_core::Error>(())
/// ```
pub struct Index<K, V, F> {
    inner: Arc<Inner<K, V>>,
    fields: PhantomData<fn() -> F>,
}

type Emitter<K, V> = dyn Fn(&K, &V, &mut Emit<'_>) + Send + Sync;

struct Inner<K, V> {
    name: &'static str,
    version: u32,
    holds: Holds,
    emit: Box<Emitter<K, V>>,
    skip: Skip,
    keyspace: OnceLock<Keyspace>,
}

impl<K: 'static, V: 'static, F: ToTuple + FromTuple> Index<K, V, F> {
    /// One entry a record, under what `fields` returns.
    ///
    /// `fields` must be pure: what it returns for a record now is what it returns for it for ever. When it changes,
    /// change the [`version`](Index::version) too.
    pub fn on(name: &'static str, fields: impl Fn(&K, &V) -> F + Send + Sync + 'static) -> Self {
        Index::each(name, move |key, value, emit| emit.entry(&fields(key, value)))
    }
}

impl<K, V, F: FromTuple> Index<K, V, F> {
    /// An entry for each time that `emit` is called for a record: none, one or several.
    ///
    /// What is emitted must pack as an `F` does; it can borrow from the record.
    ///
    /// ```
    /// use storage_core::Index;
    ///
    /// let by_tag = Index::<u64, Vec<String>, String>::each("by_tag", |_, tags, emit| {
    ///     tags.iter().for_each(|tag| emit.entry(tag));
    /// });
    /// ```
    pub fn each(name: &'static str, emit: impl Fn(&K, &V, &mut Emit<'_>) + Send + Sync + 'static) -> Self {
        let inner = Inner {
            name,
            version: 1,
            holds: Holds::Nothing,
            emit: Box::new(emit),
            skip: skip::<F>,
            keyspace: OnceLock::new(),
        };
        Index { inner: Arc::new(inner), fields: PhantomData }
    }
}

impl<K, V, F> Index<K, V, F> {
    /// At most one live record has each value of the fields: a put of a second one is `AlreadyExists`.
    ///
    /// A record that has expired holds its value no more.
    #[must_use]
    pub fn unique(self) -> Self {
        self.with(|inner| inner.holds = Holds::PrimaryKey)
    }

    /// The entries hold the whole record, so that listing through the index reads nothing else. It costs its size.
    #[must_use]
    pub fn covering(self) -> Self {
        self.with(|inner| inner.holds = Holds::Record)
    }

    /// Names what its function computes; 1 at first. A table that was written with another version builds the index anew
    /// when it is opened.
    #[must_use]
    pub fn version(self, version: u32) -> Self {
        self.with(|inner| inner.version = version)
    }

    fn with(mut self, change: impl FnOnce(&mut Inner<K, V>)) -> Self {
        let inner =
            Arc::get_mut(&mut self.inner).expect("an index is shared only once a table was opened with it");
        change(inner);
        self
    }

    /// Its keyspace. `Invalid` before a table was opened with it, and for the index of another table.
    pub(crate) fn keyspace_in(&self, table: Keyspace) -> Result<Keyspace> {
        let opened = self.inner.keyspace.get().filter(|keyspace| {
            keyspace.name().strip_prefix(table.name()).is_some_and(|rest| rest.starts_with('.'))
        });
        opened.copied().ok_or_else(|| {
            Error::invalid(format!("the table was not opened with the index {}", self.inner.name))
                .in_keyspace(table)
        })
    }

    pub(crate) fn is_unique(&self) -> bool {
        self.inner.holds == Holds::PrimaryKey
    }

    pub(crate) fn is_covering(&self) -> bool {
        self.inner.holds == Holds::Record
    }

    pub(crate) fn part(&self) -> Arc<dyn IndexPart<K, V>>
    where
        K: 'static,
        V: 'static,
    {
        Arc::clone(&self.inner) as Arc<dyn IndexPart<K, V>>
    }
}

impl<K, V, F> Clone for Index<K, V, F> {
    fn clone(&self) -> Self {
        Index { inner: Arc::clone(&self.inner), fields: PhantomData }
    }
}

impl<K, V, F> fmt::Debug for Index<K, V, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({}, {:?})", self.inner.name, self.inner.holds)
    }
}

/// An index as its table sees it, whatever its fields are.
pub(crate) trait IndexPart<K, V>: Send + Sync {
    fn name(&self) -> &'static str;

    /// What the catalogue keeps of it.
    fn id(&self) -> String;

    /// Finds its keyspace in a table. `Invalid` if it belongs to another table already.
    fn bind(&self, table: Keyspace) -> Result<()>;

    /// How its entries name their records. Called once it is bound.
    fn naming(&self) -> Naming;

    /// Adds its entries for a record.
    fn entries(&self, key: &K, value: &V, primary: &Key, entries: &mut Entries) -> Result<()>;
}

impl<K, V> Inner<K, V> {
    fn bound(&self) -> Keyspace {
        *self.keyspace.get().expect("an index is bound before its table is used")
    }
}

impl<K, V> IndexPart<K, V> for Inner<K, V> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn id(&self) -> String {
        format!("{}:{}:{:?}", self.name, self.version, self.holds)
    }

    fn bind(&self, table: Keyspace) -> Result<()> {
        let keyspace = table.derived(self.name)?;
        if *self.keyspace.get_or_init(|| keyspace) == keyspace {
            return Ok(());
        }
        Err(Error::invalid(format!("the index {} belongs to another table", self.name)).in_keyspace(table))
    }

    fn naming(&self) -> Naming {
        Naming { keyspace: self.bound(), holds: self.holds, skip: self.skip }
    }

    fn entries(&self, key: &K, value: &V, primary: &Key, entries: &mut Entries) -> Result<()> {
        let mut emit = Emit { keyspace: self.bound(), holds: self.holds, primary, entries, error: None };
        (self.emit)(key, value, &mut emit);
        emit.error.map_or(Ok(()), Err)
    }
}

/// Takes the entries of a record, one after the other.
pub struct Emit<'a> {
    keyspace: Keyspace,
    holds: Holds,
    primary: &'a Key,
    entries: &'a mut Entries,
    error: Option<Error>,
}

impl Emit<'_> {
    /// Adds an entry under these fields. The same fields again add nothing.
    pub fn entry<F: ToTuple + ?Sized>(&mut self, fields: &F) {
        let mut key = match Key::of(fields) {
            Ok(key) => key,
            Err(error) => {
                self.error = Some(error.in_keyspace(self.keyspace));
                return;
            }
        };
        if self.holds != Holds::PrimaryKey {
            key.extend_from_slice(self.primary);
        }
        let entry = Entry { keyspace: self.keyspace, key, holds: self.holds };
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }
}

impl fmt::Debug for Emit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit").field("keyspace", &self.keyspace).finish_non_exhaustive()
    }
}
