//! The segments of a keyspace: files of lines, of which the last is appended to.

use std::fmt;
use std::sync::Arc;

use storage_core::journal::DiskFile;
use storage_core::{Keyspace, KeyspaceKind, Result};

use crate::disk::Tree;
use crate::error::{self, OnPath};
use crate::line;
use crate::options::Form;

/// The directory of those that people need not read. In one of their own no name is anything but a keyspace's.
pub(crate) const LINES: &str = ".storage/lines";

/// How long segments become, and when they are worth moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A segment is not made longer than this, unless one line is.
    pub(crate) segment_len_max: u64,
    /// So many bytes that are no longer true are not worth a thought.
    pub(crate) dead_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { segment_len_max: 64 << 20, dead_min: 4 << 20 }
    }
}

/// A file of lines.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: String,
    file: Box<dyn DiskFile>,
}

/// A segment, and how much of it is the store's: what is behind was never taken over.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) segment: Arc<Segment>,
    pub(crate) len: u64,
}

/// The segments of a keyspace, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    pub(crate) keyspace: Keyspace,
    pub(crate) directory: String,
    pub(crate) extents: Vec<Extent>,
    /// The number of the next segment: none has one that another had.
    pub(crate) next: u64,
    /// The bytes of the lines that are still true.
    pub(crate) live: u64,
}

impl Segments {
    /// None yet. Their directory is where people look if they hold records that people read.
    pub(crate) fn new(keyspace: Keyspace, form: Form) -> Self {
        let directory = match (keyspace.kind(), form) {
            (KeyspaceKind::Data, Form::Lines) => keyspace.name().to_owned(),
            _ => format!("{LINES}/{}", keyspace.name()),
        };
        Segments::within(keyspace, directory)
    }

    /// None yet, in a directory.
    pub(crate) fn within(keyspace: Keyspace, directory: String) -> Self {
        Segments { keyspace, directory, extents: Vec::new(), next: 1, live: 0 }
    }

    fn path(&self, number: u64) -> String {
        format!("{}/{number:06}.jsonl", self.directory)
    }

    /// The bytes of all lines.
    pub(crate) fn len(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }

    /// Opens a segment that holds `len` bytes, cuts off what is behind them, and shows `visit` every line.
    pub(crate) fn load(
        &mut self,
        tree: &dyn Tree,
        number: u64,
        len: u64,
        mut visit: impl FnMut(&Arc<Segment>, u64, line::Line),
    ) -> Result<()> {
        const DOING: &str = "open";
        let path = self.path(number);
        let missing = || error::corrupt(DOING, format!("{path} is missing"));
        let file = tree.open(&path).on(DOING, &path)?.ok_or_else(missing)?;
        let found = file.len_bytes().on(DOING, &path)?;
        if found < len {
            return Err(error::corrupt(DOING, format!("{path} has {found} bytes, {len} were written")));
        }
        if found > len {
            file.set_len(len).on(DOING, &path)?;
        }
        let segment = Arc::new(Segment { number, path, file });
        segment.each_line(DOING, self.keyspace, len, |at, line| visit(&segment, at, line))?;
        self.next = self.next.max(number + 1);
        self.extents.push(Extent { segment, len });
        Ok(())
    }

    /// Writes lines behind the last, in as many segments as they need, without taking them over.
    pub(crate) fn append(
        &self,
        tree: &dyn Tree,
        limits: Limits,
        buffer: &Buffer,
        begun: &mut Vec<Begun>,
    ) -> Result<Appended> {
        const DOING: &str = "write lines";
        let mut appended = Appended {
            extents: self.extents.clone(),
            next: self.next,
            places: Vec::new(),
            written: Vec::new(),
        };
        let mut begin = 0;
        while begin < buffer.lines.len() {
            let room = appended.extents.last().filter(|extent| extent.len < limits.segment_len_max);
            let (extent, is_new) = match room {
                Some(extent) => {
                    begun.push(Begun::Longer(extent.clone()));
                    (extent.clone(), false)
                }
                None => {
                    begun.push(Begun::File(self.path(appended.next)));
                    appended.next += 1;
                    (self.create(tree, appended.next - 1)?, true)
                }
            };
            let from = buffer.lines[begin].0;
            let end = |(at, len): &(usize, usize)| extent.len + (at + len - from) as u64;
            let fits = |line: &(usize, usize)| end(line) <= limits.segment_len_max;
            let count = buffer.lines[begin..].iter().take_while(|line| fits(line)).count().max(1);
            let (last_at, last_len) = buffer.lines[begin + count - 1];
            let Extent { segment, len } = extent;
            segment.file.write_at(&buffer.bytes[from..last_at + last_len], len).on(DOING, &segment.path)?;
            for (at, _) in &buffer.lines[begin..begin + count] {
                appended.places.push((Arc::clone(&segment), len + (at - from) as u64));
            }
            let len = len + (last_at + last_len - from) as u64;
            appended.written.push(Arc::clone(&segment));
            let extent = Extent { segment, len };
            match appended.extents.last_mut() {
                Some(last) if !is_new => *last = extent,
                _ => appended.extents.push(extent),
            }
            begin += count;
        }
        Ok(appended)
    }

    fn create(&self, tree: &dyn Tree, number: u64) -> Result<Extent> {
        let path = self.path(number);
        let file = tree.create(&path).on("write lines", &path)?;
        Ok(Extent { segment: Arc::new(Segment { number, path, file }), len: 0 })
    }

    /// Whether more than half of what is written is no longer true, so that the oldest segment is worth moving.
    pub(crate) fn is_worth_moving(&self, limits: Limits) -> bool {
        self.len() > 2 * self.live + limits.dead_min
    }
}

/// Lines that are to be appended.
#[derive(Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    /// Where each begins and how long it is.
    pub(crate) lines: Vec<(usize, usize)>,
}

impl Buffer {
    /// Adds what `write` writes, one line.
    pub(crate) fn line<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let at = self.bytes.len();
        let made = write(&mut self.bytes);
        self.lines.push((at, self.bytes.len() - at));
        made
    }
}

/// What takes room before the manifest counts it.
#[derive(Debug)]
pub(crate) enum Begun {
    /// A segment that has become longer than this.
    Longer(Extent),
    /// A new file.
    File(String),
}

impl Begun {
    /// Gives the room back. Where that cannot be, the next checkpoint writes over it.
    pub(crate) fn give_back(self, tree: &dyn Tree) {
        match self {
            Begun::Longer(Extent { segment, len }) => segment.file.set_len(len).ok(),
            Begun::File(path) => tree.remove(&path).ok(),
        };
    }
}

/// Lines that were written.
pub(crate) struct Appended {
    /// The segments with them.
    pub(crate) extents: Vec<Extent>,
    /// The number of the next segment.
    pub(crate) next: u64,
    /// Where each line stands.
    pub(crate) places: Vec<(Arc<Segment>, u64)>,
    /// The segments that have to be synced.
    pub(crate) written: Vec<Arc<Segment>>,
}

impl Segment {
    /// So many bytes of it.
    pub(crate) fn read(&self, at: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        match self.file.read_at(&mut bytes, at).on("read", &self.path)? {
            read if read == len => Ok(bytes),
            read => {
                let message = format!("{} ends {} bytes before the end of a record", self.path, len - read);
                Err(error::corrupt("read", message))
            }
        }
    }

    /// Shows `visit` each line of the first `len` bytes, and where it begins.
    pub(crate) fn each_line(
        &self,
        doing: &'static str,
        keyspace: Keyspace,
        len: u64,
        mut visit: impl FnMut(u64, line::Line),
    ) -> Result<()> {
        let len = usize::try_from(len).map_err(|_| error::corrupt(doing, "a segment is too long"))?;
        let bytes = self.read(0, len)?;
        let mut at = 0;
        while at < bytes.len() {
            let damaged = || {
                let message = format!("{} is damaged in the line that begins at byte {at}", self.path);
                error::corrupt(doing, message).in_keyspace(keyspace)
            };
            let line = line::read(keyspace, &bytes[at..]).ok_or_else(damaged)?;
            let line_len = line.len;
            visit(at as u64, line);
            at += line_len;
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().on("sync", &self.path)
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
