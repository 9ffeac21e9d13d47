//! Derived entries: what a table's indexes hold for a record, kept in the same commit as the record.
//!
//! One pure function computes the entries of a record from its key and value. It runs in the transaction, or in the
//! leader for a record that waits for a commit-time value; both go through [`replace`], so that they cannot differ.

use std::fmt;
use std::sync::OnceLock;

use smallvec::SmallVec;

use crate::batch::{Change, Write};
use crate::clock::Timestamp;
use crate::error::{Error, Escaped, Kind, Result};
use crate::expiry;
use crate::found::Admission;
use crate::key::{Decoder, Key};
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::record::{Memo, Payload, Record, Stamp};

/// Computes the entries of a record from its key, its stamp, and its unpacked value.
pub(crate) type Derive = dyn Fn(&[u8], Stamp, &[u8], Option<&Memo>, &mut Entries) -> Result<()> + Send + Sync;

/// What core knows of a table's keyspace.
pub(crate) struct Definition {
    /// What the store records of it; another one means other entries.
    pub(crate) id: String,
    /// `None` for a table without indexes, whose puts need not look at what they replace.
    pub(crate) derive: Option<Box<Derive>>,
    /// One for each index.
    pub(crate) namings: Vec<Naming>,
    /// The version from which on its entries are complete; 0 unless they were built since the database was opened.
    pub(crate) built: u64,
}

/// The indexes of a definition, for a reader: what the store records of it tells them by name, version and kind.
pub(crate) fn indexes_of(id: &str) -> String {
    let shown = |index: &str| {
        let mut parts = index.split(':');
        let (name, version, holds) = (parts.next(), parts.next(), parts.next());
        let [name, version, holds] = [name, version, holds].map(Option::unwrap_or_default);
        let kind = match holds {
            "PrimaryKey" => ", unique",
            "Record" => ", covering",
            _ => "",
        };
        format!("{name} (version {version}{kind})")
    };
    match id.split(';').skip(1).map(shown).collect::<Vec<_>>() {
        none if none.is_empty() => "no index".to_owned(),
        indexes => format!("the indexes {}", indexes.join(", ")),
    }
}

impl Definition {
    /// The error of who asks for a table that is open as another.
    pub(crate) fn is_not(&self, id: &str) -> Error {
        let (open, asked) = (indexes_of(&self.id), indexes_of(id));
        Error::invalid(format!("the table is open with {open}, and was asked for with {asked}"))
    }
}

/// How the entries of an index name their records, for those who have the entries and no readable record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    pub(crate) keyspace: Keyspace,
    pub(crate) holds: Holds,
    /// Passes the fields of an entry's key.
    pub(crate) skip: Skip,
}

/// Passes the fields of an index.
pub(crate) type Skip = fn(&mut Decoder<'_>) -> Result<()>;

impl Naming {
    /// Whether the key of an entry says that it is of the record of `key`. Those of a unique index do not tell.
    pub(crate) fn is_named_by_key(&self, entry: &[u8], key: &[u8]) -> bool {
        let mut fields = Decoder::new(entry);
        self.holds != Holds::PrimaryKey && (self.skip)(&mut fields).is_ok() && fields.rest() == key
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.id)
    }
}

/// The entries of one record.
pub(crate) type Entries = SmallVec<[Entry; 3]>;

/// One entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) keyspace: Keyspace,
    pub(crate) key: Key,
    pub(crate) holds: Holds,
}

/// What an entry keeps as its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Nothing: its key ends with the record's.
    Nothing,
    /// The record's key: there can be one entry, so the index is unique.
    PrimaryKey,
    /// The record's value: listing the index reads nothing else.
    Record,
}

/// The records as the one sees them who is about to change some.
pub(crate) trait Scope {
    /// Shows the record of a key, expired or not, unpacked; `None` if there is none. A transaction records the read.
    fn look(&self, keyspace: Keyspace, key: &[u8], show: &mut Look<'_>) -> Result<()>;

    fn now(&self) -> Timestamp;

    /// Notes that something was decided by a live record, which is not so for ever.
    fn note_expiry(&self, expires_at: Option<Timestamp>);

    fn admission(&self) -> Admission;
}

type Look<'a> = dyn FnMut(Option<(Stamp, &[u8], Option<&Memo>)>) -> Result<()> + 'a;

/// The changes that putting or deleting one record makes.
pub(crate) type Changes = SmallVec<[Write; 4]>;

/// A record about to be put. Its stamp is not sealed yet.
pub(crate) struct Fresh {
    pub(crate) record: Record<Payload>,
    /// Its entries, where the caller has them already from the typed value.
    pub(crate) entries: Option<Entries>,
}

/// The changes that put `fresh` in place of the record of `key`, or delete that record: its own, those of its derived
/// entries, and its expiry. Nothing is changed yet; an error means that nothing may be.
pub(crate) fn replace(
    scope: &impl Scope,
    definition: Option<&Definition>,
    keyspace: Keyspace,
    key: &Key,
    mut fresh: Option<Fresh>,
) -> Result<Changes> {
    let mut changes = Changes::new();
    if let Some(derive) = definition.and_then(|definition| definition.derive.as_deref()) {
        replace_entries(scope, derive, keyspace, key, fresh.as_mut(), &mut changes)?;
    }
    let change = match fresh {
        None => Change::Delete,
        Some(Fresh { record: Record { stamp, value }, .. }) => {
            if let Some(at) = stamp.expires_at() {
                changes.push(expiry::entry(scope.admission(), at, keyspace, key));
            }
            Change::Put(Record { stamp: scope.admission().seal(keyspace, key, stamp, &value), value })
        }
    };
    changes.push(Write { keyspace, key: key.clone(), change });
    Ok(changes)
}

fn replace_entries(
    scope: &impl Scope,
    derive: &Derive,
    keyspace: Keyspace,
    key: &Key,
    mut fresh: Option<&mut Fresh>,
    changes: &mut Changes,
) -> Result<()> {
    let mut old = Entries::new();
    let mut old_expiry = None;
    scope.look(keyspace, key, &mut |found| match found {
        None => Ok(()),
        Some((stamp, value, memo)) => {
            old_expiry = stamp.expires_at();
            derive(key, stamp, value, memo, &mut old)
        }
    })?;
    let known = fresh.as_mut().and_then(|fresh| fresh.entries.take());
    let new = match (known, &fresh) {
        (Some(entries), _) => entries,
        (None, None) => Entries::new(),
        (None, Some(Fresh { record, .. })) => {
            let mut entries = Entries::new();
            let unpacked = Admission::unsealed().unpack(&record.stamp, &record.value)?;
            let value = unpacked.as_deref().unwrap_or(&record.value);
            derive(key, record.stamp, value, None, &mut entries)
                .map_err(|error| none_of_the_table(keyspace, key, error))?;
            entries
        }
    };
    new.iter().try_for_each(|entry| check_entry(scope, entry, key))?;
    for entry in &old {
        let kept = new.iter().any(|other| other.keyspace == entry.keyspace && other.key == entry.key);
        if !kept && (entry.holds != Holds::PrimaryKey || names(scope, entry, key)?) {
            changes.push(Write { keyspace: entry.keyspace, key: entry.key.clone(), change: Change::Delete });
        }
    }
    let Some(Fresh { record, .. }) = fresh else { return Ok(()) };
    for entry in new {
        let unchanged =
            entry.holds == Holds::Nothing && old_expiry == record.stamp.expires_at() && old.contains(&entry);
        if !unchanged {
            changes.push(put_entry(scope, entry, key, record));
        }
    }
    Ok(())
}

/// What is about to be put is no damage: it is not what the table's records are made of.
#[cold]
fn none_of_the_table(keyspace: Keyspace, key: &Key, error: Error) -> Error {
    match error.kind() {
        Kind::Corrupt => {
            Error::invalid("the key or the value is none of the table's").at(keyspace, key).caused_by(error)
        }
        _ => error,
    }
}

/// The changes that put entries of a record which has none of them yet.
pub(crate) fn put_entries(
    scope: &impl Scope,
    entries: impl Iterator<Item = Entry>,
    key: &Key,
    record: &Record<Payload>,
) -> Result<Changes> {
    let mut changes = Changes::new();
    for entry in entries {
        check_entry(scope, &entry, key)?;
        changes.push(put_entry(scope, entry, key, record));
    }
    Ok(changes)
}

/// Whether a record can have an entry: its length, and for a unique index that no other record holds the value.
fn check_entry(scope: &impl Scope, entry: &Entry, key: &Key) -> Result<()> {
    check_key(entry.keyspace, &entry.key).map_err(|error| error.during("index"))?;
    match entry.holds {
        Holds::PrimaryKey => check_free(scope, entry, key),
        Holds::Nothing | Holds::Record => Ok(()),
    }
}

fn put_entry(scope: &impl Scope, entry: Entry, key: &Key, record: &Record<Payload>) -> Write {
    let expiring = Stamp::new().with_expiry(record.stamp.expires_at());
    let (stamp, value) = match entry.holds {
        Holds::Nothing => (expiring, empty()),
        Holds::PrimaryKey => (expiring, Payload::new(key)),
        Holds::Record => (record.stamp, record.value.clone()),
    };
    let stamp = scope.admission().seal(entry.keyspace, &entry.key, stamp, &value);
    Write { keyspace: entry.keyspace, key: entry.key, change: Change::Put(Record { stamp, value }) }
}

/// The empty value, which most entries of indexes share.
pub(crate) fn empty() -> Payload {
    static EMPTY: OnceLock<Payload> = OnceLock::new();
    EMPTY.get_or_init(|| Payload::new(&[])).clone()
}

/// `AlreadyExists` if another live record holds the unique value. One that has expired holds it no more.
fn check_free(scope: &impl Scope, entry: &Entry, key: &Key) -> Result<()> {
    scope.look(entry.keyspace, &entry.key, &mut |found| match found {
        Some((stamp, holder, _)) if holder != key.as_slice() && stamp.is_live(|| scope.now()) => {
            scope.note_expiry(stamp.expires_at());
            let message = format!("unique value is held by record {}", Escaped(holder));
            Err(Error::new(Kind::AlreadyExists, message).in_keyspace(entry.keyspace))
        }
        _ => Ok(()),
    })
}

/// Whether a unique entry still names this record: another may hold the value since this one expired.
fn names(scope: &impl Scope, entry: &Entry, key: &Key) -> Result<bool> {
    let mut names = false;
    scope.look(entry.keyspace, &entry.key, &mut |found| {
        names = found.is_some_and(|(_, holder, _)| holder == key.as_slice());
        Ok(())
    })?;
    Ok(names)
}
