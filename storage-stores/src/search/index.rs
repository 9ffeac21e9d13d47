//! An index: its definition, and how documents come into it and go out of it.

use std::sync::Arc;

use storage_core::key::ToTuple;
use storage_core::{Engine, Error, Keyspace, Kind, Result, Transaction};

use super::encoding::{Reader, put_number};
use super::entry::{Entry, EntryBuilder, FIELDS_MAX, weight};
use super::layout::{Counter, Scope};
use super::postings::Place;
use super::words::words;

/// An inverted index over documents that have keys and texts, in a keyspace of its own. Cheap to clone.
///
/// It is kept in the transaction that writes the documents. A scope (a user, a tenant) is an index of its own with its
/// own statistics.
///
/// ```
/// use storage_core::Database;
/// use storage_stores::search::TextIndex;
///
/// let db = Database::new(storage_mem::MemEngine::new())?;
/// let index = TextIndex::new("note_text", &["title", "content"])?;
/// db.transact(|txn| {
///     index.put(txn, "ann", b"1", &[("title", "Milk"), ("content", "Buy two bottles of milk.")])?;
///     index.put(txn, "ann", b"2", &[("title", "Bread"), ("content", "With the milk, buy bread.")])
/// })?;
/// let query = index.parse("\"buy bread\" mil*")?;
/// let found = index.search(&db.snapshot()?, "ann", &query, 10)?;
/// assert_eq!(found.hits[0].document.as_slice(), b"2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextIndex {
    pub(super) keyspace: Keyspace,
    pub(super) fields: Arc<[Field]>,
}

/// A field, and what a word in it counts.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) weight: f64,
}

impl TextIndex {
    /// An index in the keyspace of a name, with its fields.
    ///
    /// The order of the fields is part of what is stored: to an index that has documents, fields can only be added, at
    /// the end. `Invalid` for no fields, more than [`FIELDS_MAX`], and names that are not unique, or empty, or hold
    /// anything but small letters, digits and underscores.
    pub fn new(keyspace: &str, fields: &[&str]) -> Result<Self> {
        if fields.is_empty() || fields.len() > FIELDS_MAX {
            let message = format!("index has {} fields, it needs 1 to {FIELDS_MAX}", fields.len());
            return Err(invalid(message));
        }
        let is_name = |name: &str| {
            let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            !name.is_empty() && name.bytes().all(of_name)
        };
        for (index, name) in fields.iter().enumerate() {
            if !is_name(name) || fields[..index].contains(name) {
                return Err(invalid(format!("field name {name:?} is taken, or is none")));
            }
        }
        let fields = fields.iter().map(|&name| Field { name: name.into(), weight: 1.0 }).collect();
        Ok(TextIndex { keyspace: Keyspace::new(keyspace)?, fields })
    }

    /// The same with a field whose words count `weight` times. It changes nothing that is stored.
    ///
    /// `Invalid` for an unknown field, and for a weight that is not above zero.
    pub fn weighing(mut self, field: &str, weight: f64) -> Result<Self> {
        let index = self.field(field)?;
        if !(weight.is_finite() && weight > 0.0) {
            return Err(invalid(format!("weight of field {field:?} is {weight}, it must be above 0")));
        }
        let mut fields = self.fields.to_vec();
        fields[index].weight = weight;
        self.fields = fields.into();
        Ok(self)
    }

    /// The keyspace in which it is kept.
    pub fn keyspace(&self) -> Keyspace {
        self.keyspace
    }

    /// The number of a field.
    pub(super) fn field(&self, name: &str) -> Result<usize> {
        self.find_field(name).ok_or_else(|| invalid(format!("index has no field {name:?}")))
    }

    pub(super) fn find_field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| &*field.name == name)
    }

    /// Indexes the texts of a document, in place of what was indexed for it before.
    ///
    /// A field can be given several times: no phrase spans two of its texts. Transactions that index other documents
    /// never conflict with it. `Invalid` for an unknown field, `TooLarge` where scope and document do not fit into a
    /// key, or the words not into a value.
    pub fn put<E: Engine, S: ToTuple + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &S,
        document: impl AsRef<[u8]>,
        texts: &[(&str, &str)],
    ) -> Result<()> {
        let (scope, document) = (Scope::new(scope)?, document.as_ref());
        let mut entry = EntryBuilder::default();
        let mut ends = [0; FIELDS_MAX];
        for (field, text) in texts {
            let field = self.field(field)?;
            let start = ends[field];
            for word in words(text) {
                let position = start + word.position;
                entry.add(word.folded, field, position)?;
                // One place stays empty behind each text.
                ends[field] = position + 2;
            }
        }
        let len = entry.len();
        let record = entry.finish();
        self.forget(txn, &scope, document)?;
        txn.put(self.keyspace, scope.fresh(document), record)?;
        self.count(txn, &scope, 1, len)?;
        txn.add(self.keyspace, scope.counter(Counter::Fresh), weight(len))
    }

    /// Removes what was indexed for a document, and says whether anything was.
    pub fn remove<E: Engine, S: ToTuple + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &S,
        document: impl AsRef<[u8]>,
    ) -> Result<bool> {
        self.forget(txn, &Scope::new(scope)?, document.as_ref())
    }

    /// Removes everything that was indexed in a scope.
    ///
    /// It reads nothing, so that it also clears an index that is damaged.
    pub fn remove_all<E: Engine, S: ToTuple + ?Sized>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &S,
    ) -> Result<()> {
        txn.delete_range(self.keyspace, Scope::new(scope)?.all()?)
    }

    fn forget<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &Scope,
        document: &[u8],
    ) -> Result<bool> {
        let keyspace = self.keyspace;
        let fresh = scope.fresh(document);
        let len = match txn.get(keyspace, &fresh)? {
            Some(found) => Some(Entry::read(&found).map_err(|error| error.at(keyspace, &fresh))?.len()),
            None => None,
        };
        if let Some(len) = len {
            txn.delete(keyspace, fresh)?;
            txn.add(keyspace, scope.counter(Counter::Fresh), -weight(len))?;
            return self.count(txn, scope, -1, len).map(|()| true);
        }
        let key = scope.place(document);
        let Some(settled) = Settled::of(self, txn, scope, document)? else { return Ok(false) };
        txn.delete(keyspace, key)?;
        txn.put(keyspace, scope.gone(settled.place.segment, settled.place.ordinal), "")?;
        txn.add(keyspace, scope.counter(Counter::Gone), 1)?;
        self.count(txn, scope, -1, settled.len).map(|()| true)
    }

    /// Counts a document in or out, at the commit: nobody reads these numbers to write.
    fn count<E: Engine>(
        &self,
        txn: &mut Transaction<'_, E>,
        scope: &Scope,
        documents: i64,
        len: u64,
    ) -> Result<()> {
        let words = documents * i64::try_from(len).unwrap_or(i64::MAX);
        txn.add(self.keyspace, scope.counter(Counter::Documents), documents)?;
        txn.add(self.keyspace, scope.counter(Counter::Words), words)
    }
}

fn invalid(message: String) -> Error {
    Error::new(Kind::Invalid, message)
}

/// A document that stands in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) place: Place,
    /// How many words it has.
    pub(super) len: u64,
}

impl Settled {
    pub(super) fn of<E: Engine>(
        index: &TextIndex,
        txn: &Transaction<'_, E>,
        scope: &Scope,
        document: &[u8],
    ) -> Result<Option<Self>> {
        let key = scope.place(document);
        let Some(found) = txn.get(index.keyspace, &key)? else { return Ok(None) };
        Settled::read(&found).map(Some).map_err(|error| error.at(index.keyspace, &key))
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let place = Place { segment: reader.small()?, ordinal: reader.small()? };
        Ok(Settled { place, len: reader.number()? })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::from(self.place.segment));
        put_number(&mut bytes, u64::from(self.place.ordinal));
        put_number(&mut bytes, self.len);
        bytes
    }
}
