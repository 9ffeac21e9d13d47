//! What other hands did to the files of records, and taking it over.

use std::collections::HashSet;

use storage_core::{Database, Engine, Key, Keyspace, Result};

use crate::disk::{FileKind, Identity};
use crate::engine::FsEngine;
use crate::error::{self, OnPath};
use crate::files::{self, Extension};
use crate::names;
use crate::options::Form;
use crate::state::Where;
use crate::writer::KEPT;

const DOING: &str = "look for changes";

/// What a rescan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rescan {
    /// Records whose files were changed, added or removed, by keyspace and key.
    pub found: Vec<Found>,
    /// Paths below the root that are no record's: names that are no key's, links, directories, pipes, and files of a
    /// keyspace whose records stand in lines.
    pub strange: Vec<String>,
    /// Names in `.storage/kept`: what was found where the engine had to write.
    pub kept: Vec<String>,
}

/// A record whose file somebody else wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The keyspace of the record.
    pub keyspace: Keyspace,
    /// The key of the record.
    pub key: Key,
    /// What became of it.
    pub change: FoundChange,
    /// The path of the file below the root.
    pub path: String,
    /// What the file was when it was looked at.
    identity: Option<Identity>,
}

/// What became of the file of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FoundChange {
    /// There is a file, and no record.
    Added,
    /// The file holds something else than the record.
    Changed,
    /// There is a record, and no file.
    Removed,
}

impl FsEngine {
    /// Looks for records in files of their own that somebody else changed, added or removed.
    ///
    /// It compares inode, length and time, and reads only files in which one of them differs. Records that were put
    /// since the last checkpoint are left out: call [`Journal::checkpoint`] first to see them all. Commits wait for it
    /// only where they need a checkpoint.
    ///
    /// [`Journal::checkpoint`]: storage_core::journal::Journal::checkpoint
    pub fn rescan(&self) -> Result<Rescan> {
        self.shared.check_open()?;
        self.look().map_err(|error| self.shared.below(error))
    }

    fn look(&self) -> Result<Rescan> {
        let shared = &self.shared;
        let writer = shared.writer.lock();
        let pending = shared.pending.lock().records();
        let mut rescan = Rescan {
            kept: shared.tree.names(KEPT).on(DOING, KEPT)?.unwrap_or_default(),
            ..Rescan::default()
        };
        rescan.kept.sort();
        let names = shared.tree.names("").on(DOING, "")?.unwrap_or_default();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let is_keyspace = Keyspace::new(name);
            let Some(mut entries) = shared.tree.names(name).ok().flatten() else {
                rescan.strange.push(name.clone());
                continue;
            };
            let Ok(keyspace) = is_keyspace else {
                rescan.strange.push(name.clone());
                continue;
            };
            entries.sort();
            let mut seen = HashSet::new();
            for entry in entries {
                self.look_at(&writer, &pending, keyspace, &entry, &mut seen, &mut rescan)?;
            }
            for (key, cell) in writer.on_disk().records(keyspace).into_iter().flatten() {
                let Some(Where::File { extension, .. }) = cell.place().disk.map(|disk| disk.value) else {
                    continue;
                };
                let path = files::path(keyspace, key, extension);
                if !seen.contains(&path) && !pending.contains(&(keyspace, key.clone())) {
                    let change = FoundChange::Removed;
                    rescan.found.push(Found { keyspace, key: key.clone(), change, path, identity: None });
                }
            }
        }
        // A directory that is gone took its records with it.
        for (keyspace, records) in writer.on_disk().keyspaces() {
            if names.iter().any(|name| name == keyspace.name()) {
                continue;
            }
            for (key, cell) in records {
                let Some(Where::File { extension, .. }) = cell.place().disk.map(|disk| disk.value) else {
                    continue;
                };
                if !pending.contains(&(keyspace, key.clone())) {
                    let path = files::path(keyspace, key, extension);
                    let change = FoundChange::Removed;
                    rescan.found.push(Found { keyspace, key: key.clone(), change, path, identity: None });
                }
            }
        }
        rescan
            .found
            .sort_by(|one, other| (one.keyspace.name(), &one.key).cmp(&(other.keyspace.name(), &other.key)));
        rescan.strange.sort();
        Ok(rescan)
    }

    fn look_at(
        &self,
        writer: &crate::writer::Writer,
        pending: &HashSet<(Keyspace, Key)>,
        keyspace: Keyspace,
        entry: &str,
        seen: &mut HashSet<String>,
        rescan: &mut Rescan,
    ) -> Result<()> {
        let path = format!("{}/{entry}", keyspace.name());
        if entry.ends_with(".jsonl") || path == files::new_path(keyspace) {
            return Ok(());
        }
        let Some(identity) = self.shared.tree.identity(&path).on(DOING, &path)? else {
            // It is gone by now, or its name is no text.
            if entry.contains(char::REPLACEMENT_CHARACTER) {
                rescan.strange.push(path);
            }
            return Ok(());
        };
        let (stem, extension) = entry.rsplit_once('.').unwrap_or((entry, ""));
        let known = writer.on_disk().records(keyspace).and_then(|records| {
            let key = names::key(stem);
            match key.as_ref().and_then(|key| records.get(key)) {
                Some(cell) => Some((key?, cell)),
                // Names of long keys cannot be read back.
                None if stem.contains("%%") => {
                    let (key, cell) = records.iter().find(|(key, _)| names::file_name(key) == stem)?;
                    Some((key.clone(), cell))
                }
                None => None,
            }
        });
        let is_record = Extension::of_name(extension).is_some() && identity.kind == FileKind::Regular;
        let Some(key) =
            known.as_ref().map(|(key, _)| key.clone()).or_else(|| names::key(stem)).filter(|_| is_record)
        else {
            rescan.strange.push(path);
            return Ok(());
        };
        if pending.contains(&(keyspace, key.clone())) {
            seen.insert(path);
            return Ok(());
        }
        let place = known.and_then(|(_, cell)| Some((cell.clone(), cell.place().disk?.value)));
        let change = match place {
            Some((cell, Where::File { extension: written, identity: known }))
                if files::path(keyspace, &key, written) == path =>
            {
                seen.insert(path.clone());
                if known == identity {
                    return Ok(());
                }
                let now = crate::state::read_now(&*self.shared.tree, &path, identity)?;
                match cell.stamp.verify(keyspace, &key, &now) {
                    // Touched, or copied: it is what was written.
                    Ok(()) => return Ok(()),
                    Err(_) => FoundChange::Changed,
                }
            }
            // It has another extension than the record's file, which may be gone for it.
            Some((_, Where::File { extension: written, .. })) => {
                seen.insert(files::path(keyspace, &key, written));
                FoundChange::Changed
            }
            // A record that was taken over would stand in a line, and the file would be found for ever.
            _ if self.shared.settings.form_of(keyspace.name()) == Form::Lines => {
                rescan.strange.push(path);
                return Ok(());
            }
            Some(_) => FoundChange::Changed,
            None => FoundChange::Added,
        };
        rescan.found.push(Found { keyspace, key, change, path, identity: Some(identity) });
        Ok(())
    }

    /// What the file that was found holds now. `Invalid` if it changed since.
    fn found_value(&self, found: &Found) -> Result<Option<Vec<u8>>> {
        let tree = &*self.shared.tree;
        let now = tree.identity(&found.path).on("adopt", &found.path)?;
        if now != found.identity {
            return Err(error::invalid("adopt", format!("{} has changed since it was found", found.path)));
        }
        now.map(|identity| crate::state::read_now(tree, &found.path, identity)).transpose()
    }
}

/// Takes over what a rescan found: all of it in one transaction, with the index entries. The keys that changed.
///
/// A file's bytes become the record's value, as a raw put would: in a table they are read with its codec, so they are
/// `Invalid` where they are none of its values, and nothing is taken over. `Invalid` too if a file has changed since.
/// The index entries of an edited or removed record derive from a value that is gone, so each index of its table is
/// walked to find them: the cost of such a record is that of listing them.
///
/// ```
/// use storage_core::{Database, Table};
/// use storage_fs::{Form, FsOptions, adopt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let root = directory.path().join("store");
/// let db = Database::new(FsOptions::at(&root).form("notes", Form::Files).open()?)?;
/// let notes = Table::<String, String>::define("notes").open(&db)?;
/// db.transact(|txn| notes.put(txn, &"a".to_owned(), &"one".to_owned()))?;
/// db.engine().checkpoint()?;
///
/// std::fs::write(root.join("notes/a.json"), r#""two""#)?;
/// std::fs::write(root.join("notes/b.json"), r#""new""#)?;
/// let engine = db.engine().engine();
/// let changes = engine.rescan()?;
/// assert_eq!(adopt(&db, engine, &changes.found)?.len(), 2);
/// let two = db.transact(|txn| notes.get(txn, &"a".to_owned()))?.value.expect("it is there");
/// assert_eq!(*two, "two");
/// # Ok(())
/// # }
/// ```
pub fn adopt<E: Engine>(
    db: &Database<E>,
    engine: &FsEngine,
    found: &[Found],
) -> Result<Vec<(Keyspace, Key)>> {
    let values = found.iter().map(|found| engine.found_value(found)).collect::<Result<Vec<_>>>()?;
    db.transact(|txn| {
        for (found, value) in found.iter().zip(&values) {
            txn.discard(found.keyspace, &found.key)?;
            if let Some(value) = value {
                txn.put(found.keyspace, &found.key, value)?;
            }
        }
        Ok(())
    })?;
    Ok(found.iter().map(|found| (found.keyspace, found.key.clone())).collect())
}
