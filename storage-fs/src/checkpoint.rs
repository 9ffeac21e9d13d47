//! Checkpoints: what was committed is written to the files.
//!
//! The journal holds every byte of it durably, so nothing here need be atomic but the last step, the manifest: what a
//! crash leaves before is written again. Files are made under another name and renamed; lines are appended behind what
//! the manifest counts. Removals come first, so that they make room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage_core::engine::Compacted;
use storage_core::journal::Epochs;
use storage_core::{Key, Keyspace, KeyspaceKind, Kind, Result};

use crate::disk::{FileKind, Identity, OWN};
use crate::engine::Shared;
use crate::error::OnPath;
use crate::files::{self, Extension};
use crate::line;
use crate::options::Form;
use crate::pending::{Changes, Fold};
use crate::segment::{Begun, Buffer, LINES, Segment, Segments};
use crate::state::{Cell, OnDisk, Where};
use crate::writer::Writer;

const DOING: &str = "checkpoint";

impl Shared {
    /// Writes the commits up to `synced`, durably, together with the epochs.
    pub(crate) fn checkpoint(&self, epochs: Epochs, synced: u64) -> Result<u64> {
        let mut writer = self.writer.lock();
        let fold = self.pending.lock().fold(synced, writer.version());
        if fold.changes.is_empty() && fold.version == writer.version() && writer.has_epochs(epochs) {
            return Ok(writer.version());
        }
        let written =
            self.trusted(&mut writer, |writer| Work::new(self, writer, &fold, epochs).and_then(Work::finish));
        self.is_full
            .store(written.as_ref().is_err_and(|error| error.kind() == Kind::Full), Ordering::Relaxed);
        written?;
        drop(writer);
        self.pending.lock().forget(&fold);
        for cell in fold.changes.values().filter_map(|(_, cell)| cell.as_ref()) {
            self.cache.note(cell, cell.kept_len());
        }
        Ok(fold.version)
    }
}

impl Shared {
    /// Writes every line that is true into new segments.
    pub(crate) fn compact(&self) -> Result<Compacted> {
        let mut writer = self.writer.lock();
        let len = |writer: &Writer| writer.segments().map(Segments::len).sum();
        let bytes_before = len(&writer);
        let nothing = Fold::nothing(writer.version());
        let epochs = writer.epochs();
        self.trusted(&mut writer, |writer| {
            let mut work = Work::new(self, writer, &nothing, epochs)?;
            let names: Vec<_> = work.segments.keys().copied().collect();
            names.into_iter().try_for_each(|name| work.move_all(name))?;
            work.finish()
        })?;
        Ok(Compacted { bytes_before, bytes_after: len(&writer) })
    }
}

impl Shared {
    /// Does what writes files. After a failure nobody knows which manifest is there, nor what it counts, so that nothing
    /// is written any more; want of room is told before that.
    fn trusted<T>(&self, writer: &mut Writer, work: impl FnOnce(&mut Writer) -> Result<T>) -> Result<T> {
        writer.check()?;
        let done = work(writer);
        match done.as_ref().map_err(storage_core::Error::kind) {
            Ok(_) => {}
            Err(Kind::Full) => writer.give_back(&*self.tree),
            Err(_) => writer.break_off(),
        }
        done
    }
}

/// A checkpoint that is being made. Nothing of the writer's changes before the manifest is replaced.
struct Work<'a> {
    shared: &'a Shared,
    writer: &'a mut Writer,
    changes: &'a Changes,
    version: u64,
    epochs: Epochs,
    /// The segments as they will be.
    segments: BTreeMap<&'static str, Segments>,
    /// The places that records will have.
    places: Vec<(Arc<Cell>, OnDisk)>,
    /// Segments of which nothing is true any more.
    emptied: Vec<Arc<Segment>>,
    /// Segments that have to be synced.
    written: Vec<Arc<Segment>>,
    /// Files of records that have to be synced.
    files: Vec<String>,
    directories: BTreeSet<String>,
}

/// The line of a record, before it has its place.
struct Planned {
    cell: Arc<Cell>,
    value: Where,
}

impl<'a> Work<'a> {
    /// Writes everything but the manifest.
    fn new(shared: &'a Shared, writer: &'a mut Writer, fold: &'a Fold, epochs: Epochs) -> Result<Self> {
        let mut work = Work {
            shared,
            segments: writer.segments.clone(),
            writer,
            changes: &fold.changes,
            version: fold.version,
            epochs,
            places: Vec::new(),
            emptied: Vec::new(),
            written: Vec::new(),
            files: Vec::new(),
            directories: BTreeSet::new(),
        };
        work.remove_files()?;
        let files = work.write_files()?;
        let mut names: Vec<&'static str> = work.changes.keys().map(|(name, _)| *name).collect();
        names.dedup();
        names.into_iter().try_for_each(|name| work.write_lines(name, &files))?;
        Ok(work)
    }

    /// Makes what was written durable.
    fn sync(&self) -> Result<()> {
        let tree = &self.shared.tree;
        tree.sync_files(&self.files).on(DOING, "")?;
        self.written.iter().try_for_each(|segment| segment.sync())?;
        self.directories.iter().try_for_each(|directory| tree.sync_directory(directory).on(DOING, directory))
    }

    /// Replaces the manifest, and takes over what was written.
    fn finish(self) -> Result<()> {
        self.sync()?;
        let Work { shared, writer, changes, version, epochs, segments, places, emptied, .. } = self;
        writer.take_over(&*shared.tree, version, epochs, &segments)?;
        (writer.version, writer.epochs, writer.segments) = (version, epochs, segments);
        if !changes.is_empty() {
            // They take in those of every checkpoint that did not take place.
            writer.replaced.clear();
        }
        for ((_, key), (keyspace, cell)) in changes {
            let records = writer.on_disk.records_mut(*keyspace);
            match cell {
                Some(cell) => drop(records.insert(key.clone(), Arc::clone(cell))),
                None => drop(records.remove(key)),
            }
        }
        for (cell, place) in places {
            cell.moved(place);
        }
        for segment in emptied {
            // It is no longer the store's, so it may stay as well; opening does not look at it.
            shared.tree.remove(&segment.path).ok();
        }
        Ok(())
    }

    fn form(&self, keyspace: Keyspace) -> Form {
        match keyspace.kind() {
            KeyspaceKind::Data => self.shared.settings.form_of(keyspace.name()),
            _ => Form::Lines,
        }
    }

    /// The file of a record as the last checkpoint left it, if it has one.
    fn file_of(base: Option<&Arc<Cell>>) -> Option<(Extension, Identity)> {
        match base?.place().disk?.value {
            Where::File { extension, identity } => Some((extension, identity)),
            Where::Line { .. } | Where::Aside { .. } => None,
        }
    }

    /// Removes the files of records that are gone, or that will stand elsewhere.
    fn remove_files(&mut self) -> Result<()> {
        for ((_, key), (keyspace, cell)) in self.changes {
            let base = self.writer.on_disk.get(*keyspace, key).cloned();
            let Some((extension, identity)) = Work::file_of(base.as_ref()) else { continue };
            let stays = cell.as_ref().is_some_and(|cell| {
                self.form(*keyspace) == Form::Files && Extension::of(&cell.kept_value()) == extension
            });
            if !stays {
                let path = files::path(*keyspace, key, extension);
                self.make_way(*keyspace, key, &path, base.as_ref(), Some(identity), cell.as_ref())?;
                self.shared.tree.remove(&path).on(DOING, &path)?;
                self.directories.insert(keyspace.name().to_owned());
            }
        }
        Ok(())
    }

    /// Lets nothing be lost that is at a path which is about to be replaced: what a snapshot reads, what others wrote.
    fn make_way(
        &mut self,
        keyspace: Keyspace,
        key: &Key,
        path: &str,
        base: Option<&Arc<Cell>>,
        known: Option<Identity>,
        next: Option<&Arc<Cell>>,
    ) -> Result<()> {
        // The records on the disk hold one; this call another.
        const OWN_HOLDERS: usize = 2;
        let tree = Arc::clone(&self.shared.tree);
        let found = tree.identity(path).on(DOING, path)?;
        if let (Some(known), Some(base)) = (known, base)
            && Arc::strong_count(base) > OWN_HOLDERS
        {
            // Whatever is there: a snapshot does not read what comes instead.
            base.set_aside(|| self.writer.set_aside(&tree, path, found))?;
            self.writer.replaced.insert(path.to_owned(), known);
        }
        let Some(found) = found else { return Ok(()) };
        let is_known = known == Some(found) || self.writer.replaced.get(path) == Some(&found);
        if is_known || self.is_ours(keyspace, key, path, found, base, next) {
            return Ok(());
        }
        self.directories.insert(keyspace.name().to_owned());
        self.writer.keep_aside(&*tree, path)
    }

    /// Whether what is at a path is the record's, in a store that was copied; or what is about to be written there, or
    /// was before a crash.
    fn is_ours(
        &self,
        keyspace: Keyspace,
        key: &Key,
        path: &str,
        found: Identity,
        base: Option<&Arc<Cell>>,
        next: Option<&Arc<Cell>>,
    ) -> bool {
        if found.kind != FileKind::Regular {
            return false;
        }
        let Ok(bytes) = crate::state::read_now(&*self.shared.tree, path, found) else { return false };
        let replayed = self.shared.replayed.lock();
        let replayed = replayed.as_ref().and_then(|replayed| replayed.get(&(keyspace, key.clone())));
        base.is_some_and(|base| base.stamp.verify(keyspace, key, &bytes).is_ok())
            || next.is_some_and(|next| *next.kept_value() == *bytes)
            || replayed.is_some_and(|sums| sums.contains(&crc32fast::hash(&bytes)))
    }

    /// Removes a file that somebody gave another extension than its content has, once its record has one of its own.
    fn remove_adopted(
        &mut self,
        keyspace: Keyspace,
        key: &Key,
        extension: Extension,
        value: &[u8],
    ) -> Result<()> {
        let tree = &self.shared.tree;
        for other in extension.others() {
            let path = files::path(keyspace, key, other);
            let Some(found) = tree.identity(&path).on(DOING, &path)? else { continue };
            let is_regular = found.kind == FileKind::Regular && found.len == value.len() as u64;
            if is_regular && crate::state::read_now(&**tree, &path, found).is_ok_and(|bytes| bytes == value) {
                tree.remove(&path).on(DOING, &path)?;
            }
        }
        Ok(())
    }

    /// Writes the records that have files of their own.
    fn write_files(&mut self) -> Result<Files> {
        let mut written = Files::new();
        let tree = Arc::clone(&self.shared.tree);
        let mut directory = "";
        for ((name, key), (keyspace, cell)) in self.changes {
            let Some(cell) = cell.as_ref().filter(|_| self.form(*keyspace) == Form::Files) else { continue };
            if directory != *name {
                directory = *name;
                tree.create_directory(name).on(DOING, name)?;
                self.directories.extend(["", name].map(str::to_owned));
            }
            let value = cell.kept_value();
            let extension = Extension::of(&value);
            let (path, new) = (files::path(*keyspace, key, extension), files::new_path(*keyspace));
            self.writer.begun.push(Begun::File(new.clone()));
            let file = tree.create(&new).on(DOING, &new)?;
            file.write_at(&value, 0).on(DOING, &new)?;
            let base = self.writer.on_disk.get(*keyspace, key).cloned();
            let known = Work::file_of(base.as_ref())
                .filter(|(old, _)| *old == extension)
                .map(|(_, identity)| identity);
            if known.is_none() {
                self.remove_adopted(*keyspace, key, extension, &value)?;
            }
            self.make_way(*keyspace, key, &path, base.as_ref(), known, Some(cell))?;
            tree.rename(&new, &path).on(DOING, &path)?;
            let identity = tree.identity(&path).on(DOING, &path)?;
            let identity =
                identity.ok_or_else(|| crate::error::corrupt(DOING, format!("{path} is gone already")))?;
            self.writer.replaced.insert(path.clone(), identity);
            self.files.push(path);
            written.insert((*name, key.clone()), (extension, identity));
        }
        Ok(written)
    }

    /// Appends the lines of a keyspace.
    fn write_lines(&mut self, name: &'static str, files: &Files) -> Result<()> {
        let keyspace = Keyspace::from_stored(name)?;
        let mut lines = self.begin_lines(keyspace)?;
        for ((other, key), (_, cell)) in self.changes.range((name, Key::new())..) {
            if *other != name {
                break;
            }
            let base = self.writer.on_disk.get(keyspace, key);
            lines.segments.live -= base.map_or(0, |base| base.line_len());
            match (cell, base) {
                (Some(cell), _) => lines.put(key, cell, files.get(&(name, key.clone())).copied()),
                (None, Some(_)) => lines.gone(key),
                (None, None) => {}
            }
        }
        let limits = self.shared.settings.limits;
        if lines.segments.is_worth_moving(limits) && !lines.segments.extents.is_empty() {
            let oldest = lines.segments.extents.remove(0).segment;
            self.move_lines(&mut lines, oldest)?;
        }
        self.end_lines(lines)
    }

    /// Copies what is true of every segment of a keyspace into new ones.
    fn move_all(&mut self, name: &'static str) -> Result<()> {
        let Some(segments) = self.segments.get_mut(name) else { return Ok(()) };
        // None of them takes what is moved, or it would go with it.
        for extent in std::mem::take(&mut segments.extents) {
            let mut lines = self.begin_lines(Keyspace::from_stored(name)?)?;
            self.move_lines(&mut lines, extent.segment)?;
            self.end_lines(lines)?;
        }
        Ok(())
    }

    fn begin_lines(&mut self, keyspace: Keyspace) -> Result<Lines> {
        let segments = match self.segments.get(keyspace.name()) {
            Some(segments) => segments.clone(),
            None => {
                let segments = Segments::new(keyspace, self.form(keyspace));
                let directory = &segments.directory;
                if directory.starts_with(LINES) {
                    self.shared.tree.create_directory(LINES).on(DOING, LINES)?;
                    self.directories.extend([OWN, LINES].map(str::to_owned));
                } else {
                    self.directories.insert(String::new());
                }
                self.shared.tree.create_directory(directory).on(DOING, directory)?;
                segments
            }
        };
        Ok(Lines { segments, buffer: Buffer::default(), planned: Vec::new() })
    }

    /// Writes lines, and notes where they are.
    fn end_lines(&mut self, lines: Lines) -> Result<()> {
        let Lines { mut segments, buffer, planned } = lines;
        let appended = segments.append(
            &*self.shared.tree,
            self.shared.settings.limits,
            &buffer,
            &mut self.writer.begun,
        )?;
        if appended.next != segments.next {
            self.directories.insert(segments.directory.clone());
        }
        for ((planned, (segment, line_at)), (_, len)) in
            planned.into_iter().zip(appended.places).zip(&buffer.lines)
        {
            if let Some(Planned { cell, value }) = planned {
                self.places.push((cell, OnDisk { segment, line_at, line_len: short(*len), value }));
            }
        }
        self.written.extend(appended.written);
        (segments.extents, segments.next) = (appended.extents, appended.next);
        self.segments.insert(segments.keyspace.name(), segments);
        Ok(())
    }

    /// Copies what is still true of a segment, the oldest, behind the others, so that it can go.
    fn move_lines(&mut self, lines: &mut Lines, oldest: Arc<Segment>) -> Result<()> {
        let keyspace = lines.segments.keyspace;
        // The lines of this checkpoint stand before those that are moved, and are never about the same key.
        for (key, cell) in self.writer.on_disk.records(keyspace).into_iter().flatten() {
            let Some(place) = cell.place().disk.filter(|place| Arc::ptr_eq(&place.segment, &oldest)) else {
                continue;
            };
            if !self.changes.contains_key(&(keyspace.name(), key.clone())) {
                let bytes =
                    oldest.read(place.line_at, usize::try_from(place.line_len).unwrap_or(usize::MAX))?;
                lines.buffer.line(|into| into.extend_from_slice(&bytes));
                lines.planned.push(Some(Planned { cell: Arc::clone(cell), value: place.value }));
            }
        }
        self.emptied.push(oldest);
        Ok(())
    }
}

/// The files of records that were written, by keyspace and key.
type Files = BTreeMap<(&'static str, Key), (Extension, Identity)>;

/// The lines of a keyspace that are to be appended, and the records that will stand in them.
struct Lines {
    segments: Segments,
    buffer: Buffer,
    planned: Vec<Option<Planned>>,
}

impl Lines {
    fn put(&mut self, key: &Key, cell: &Arc<Cell>, file: Option<(Extension, Identity)>) {
        let (keyspace, line_at) = (self.segments.keyspace, self.buffer.bytes.len());
        let value = match file {
            Some((extension, identity)) => {
                self.buffer.line(|into| line::put_file(into, keyspace, key, cell.stamp, extension, identity));
                Where::File { extension, identity }
            }
            None => {
                let value = cell.kept_value();
                let written = self.buffer.line(|into| line::put(into, keyspace, key, cell.stamp, &value));
                Where::Line { form: written.form, at: short(written.at - line_at), len: short(written.len) }
            }
        };
        self.segments.live += (self.buffer.bytes.len() - line_at) as u64;
        self.planned.push(Some(Planned { cell: Arc::clone(cell), value }));
    }

    fn gone(&mut self, key: &Key) {
        let keyspace = self.segments.keyspace;
        self.buffer.line(|into| line::gone(into, keyspace, key));
        self.planned.push(None);
    }
}

/// A length within a line: a value is limited to far less than four gigabytes.
fn short(len: usize) -> u32 {
    u32::try_from(len).expect("values are limited to far fewer bytes than 2^32")
}
