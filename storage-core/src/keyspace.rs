//! Keyspaces: named, ordered maps from keys to records inside one database.
//!
//! A name is checked and interned once, when the application starts; from then on a keyspace is a small number that
//! indexes arrays, so that nothing hashes a name on a hot path.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use crc32fast::Hasher;
use parking_lot::RwLock;

use crate::error::{Error, Result};
use crate::limits;

/// What a keyspace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyspaceKind {
    /// What an application put there.
    Data,
    /// What core computed from data: indexes, expiry. It can be rebuilt.
    Derived,
    /// What core keeps of its own, such as which tables exist.
    System,
}

/// A named, ordered map from keys to records. It exists by being named; unwritten, it reads empty.
///
/// ```
/// use storage_core::Keyspace;
///
/// let notes = Keyspace::new("notes")?;
/// assert_eq!(notes.name(), "notes");
/// assert_eq!(Keyspace::new("notes")?, notes);
/// assert!(Keyspace::new("Notes!").is_err());
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyspace {
    id: u16,
    kind: KeyspaceKind,
}

impl Keyspace {
    /// The keyspace of a name matching `[a-z][a-z0-9_]{0,47}`.
    ///
    /// Anything else is `Invalid`. Names live as long as the process, so make them from a fixed set, never from
    /// input: there can be [`limits::KEYSPACES_MAX`] in one process.
    pub fn new(name: &str) -> Result<Self> {
        limits::check_name(name)?;
        intern(name, KeyspaceKind::Data)
    }

    /// The derived keyspace `part` of this one, such as an index. `part` obeys the rule for names.
    pub fn derived(self, part: &str) -> Result<Self> {
        limits::check_name(part)?;
        intern(&format!("{}.{part}", self.name()), KeyspaceKind::Derived)
    }

    /// Whether it is a derived keyspace of `parent`.
    pub(crate) fn is_derived_from(self, parent: Keyspace) -> bool {
        self.name().split_once('.').is_some_and(|(name, _)| name == parent.name())
    }

    /// A keyspace of core's own. Its name starts with `_`, which no application can choose.
    pub(crate) fn system(name: &'static str, kind: KeyspaceKind) -> Self {
        intern(name, kind).expect("core names few keyspaces, and before the application does")
    }

    /// The keyspace of a stored name of any kind, as an engine lists it.
    ///
    /// `Invalid` for what no keyspace can be called.
    pub fn from_stored(name: &str) -> Result<Self> {
        if let Some((parent, part)) = name.split_once('.') {
            return Keyspace::from_stored(parent)?.derived(part);
        }
        match name.strip_prefix('_') {
            Some("expiry") => Ok(Keyspace::system("_expiry", KeyspaceKind::Derived)),
            Some("copying") => Ok(Keyspace::system("_copying", KeyspaceKind::System)),
            Some("tables") => Ok(Keyspace::system("_tables", KeyspaceKind::System)),
            _ => Keyspace::new(name),
        }
    }

    /// Its name. A derived keyspace is called `parent.part`, one of core's own `_name`.
    #[inline]
    pub fn name(self) -> &'static str {
        self.interned().name
    }

    /// The CRC-32 (IEEE) of its name's length, one byte, and its name: where the checksum of its every record begins.
    #[inline]
    pub(crate) fn name_checksum(self) -> u32 {
        self.interned().checksum
    }

    #[inline]
    fn interned(self) -> &'static Interned {
        INTERNED.get(self).expect("a keyspace is made only by interning its name")
    }

    /// What it holds.
    pub fn kind(self) -> KeyspaceKind {
        self.kind
    }

    /// A dense number, counted from zero in this process; never stored.
    pub fn id(self) -> usize {
        usize::from(self.id)
    }
}

impl fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyspace({})", self.name())
    }
}

/// What is known of a keyspace.
struct Interned {
    name: &'static str,
    checksum: u32,
}

/// By keyspace, read without a lock: the checksum of every record begins here.
static INTERNED: KeyspaceMap<Interned> = KeyspaceMap::new();

/// The ids of the names, in the order in which they came.
fn ids() -> &'static RwLock<HashMap<&'static str, u16>> {
    static IDS: OnceLock<RwLock<HashMap<&'static str, u16>>> = OnceLock::new();
    IDS.get_or_init(RwLock::default)
}

fn intern(name: &str, kind: KeyspaceKind) -> Result<Keyspace> {
    if let Some(&id) = ids().read().get(name) {
        return Ok(Keyspace { id, kind });
    }
    let mut ids = ids().write();
    if let Some(&id) = ids.get(name) {
        return Ok(Keyspace { id, kind });
    }
    let len = ids.len();
    let id = u16::try_from(len).ok().filter(|_| len < limits::KEYSPACES_MAX).ok_or_else(|| {
        Error::invalid(format!(
            "{len} keyspaces are named in this process, limit is {}",
            limits::KEYSPACES_MAX
        ))
    })?;
    let name: &'static str = Box::leak(name.into());
    let keyspace = Keyspace { id, kind };
    INTERNED.get_or_init(keyspace, || {
        let mut hasher = Hasher::new();
        hasher.update(&[u8::try_from(name.len()).expect("names are short")]);
        hasher.update(name.as_bytes());
        Interned { name, checksum: hasher.finalize() }
    });
    ids.insert(name, id);
    Ok(keyspace)
}

/// A growing array with a place for every keyspace, read without a lock.
///
/// For engines, which keep one structure a keyspace, and for core's own definitions.
pub struct KeyspaceMap<T> {
    chunks: [OnceLock<Box<Chunk<T>>>; CHUNKS],
}

const CHUNK_LEN: usize = 64;
const CHUNKS: usize = limits::KEYSPACES_MAX / CHUNK_LEN;

type Chunk<T> = [OnceLock<T>; CHUNK_LEN];

impl<T> KeyspaceMap<T> {
    /// An empty map.
    pub const fn new() -> Self {
        KeyspaceMap { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// What was kept for `keyspace`, if anything.
    #[inline]
    pub fn get(&self, keyspace: Keyspace) -> Option<&T> {
        self.chunks[keyspace.id() / CHUNK_LEN].get()?[keyspace.id() % CHUNK_LEN].get()
    }

    /// What was kept for `keyspace`; made by `make` if nothing was.
    #[inline]
    pub fn get_or_init(&self, keyspace: Keyspace, make: impl FnOnce() -> T) -> &T {
        let chunk = self.chunks[keyspace.id() / CHUNK_LEN]
            .get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK_LEN]));
        chunk[keyspace.id() % CHUNK_LEN].get_or_init(make)
    }

    /// Everything kept, in the order of the keyspaces' ids.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter().filter_map(OnceLock::get))
    }
}

impl<T> Default for KeyspaceMap<T> {
    fn default() -> Self {
        KeyspaceMap::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for KeyspaceMap<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_keyspace() {
        let notes = Keyspace::new("interned_once").unwrap();
        assert_eq!(Keyspace::new("interned_once").unwrap(), notes);
        assert_eq!(notes.kind(), KeyspaceKind::Data);
        let index = notes.derived("by_time").unwrap();
        assert_eq!((index.name(), index.kind()), ("interned_once.by_time", KeyspaceKind::Derived));
        assert_eq!(Keyspace::from_stored("interned_once.by_time").unwrap(), index);
    }

    #[test]
    fn a_map_keeps_one_value_a_keyspace() {
        let map = KeyspaceMap::new();
        let keyspace = Keyspace::new("mapped").unwrap();
        assert!(map.get(keyspace).is_none());
        assert_eq!(*map.get_or_init(keyspace, || 1), 1);
        assert_eq!(*map.get_or_init(keyspace, || 2), 1);
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [1]);
    }
}
