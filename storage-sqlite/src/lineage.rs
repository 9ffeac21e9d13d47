//! Whether a log goes on from the file beside which it lies.
//!
//! SQLite believes any log whose checksums are right. So each log holds a new random tag and those that the file may
//! have beneath it, in the header's row `log`; the file alone must have one of these. Why no crash makes it have
//! another: docs/decisions/0010-sqlite-log.md.
//!
//! | bytes of the row | hold |
//! |---|---|
//! | 8 | the salts of the log that there was when the row was written, zeros for an empty one |
//! | 16 | the tag |
//! | 2 x 16 | the tags of the two rows before; twice the last one where the log was empty |

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use storage_core::Result;
use uuid::Uuid;

use crate::connection::value;
use crate::disk::{self, Salts};
use crate::{error, sql};

const ROW_LEN: usize = 8 + 3 * 16;

/// How often a mismatch must be seen: a page that is being written may be read in two parts, but not over and over.
const LOOKS_THAT_AGREE: u32 = 3;

/// Whoever changes it so often while somebody looks has it open, and so knows its log.
const LOOKS_MAX: u32 = 10;

/// The row `log` of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    salts: Option<Salts>,
    tag: Uuid,
    before: [Uuid; 2],
}

impl Row {
    /// The row that follows `last`, written while the log had these salts.
    fn after(last: Option<Row>, salts: Option<Salts>) -> Row {
        let (tag, before) = last.map_or((Uuid::nil(), Uuid::nil()), |last| (last.tag, last.before[0]));
        let before = match salts {
            // The file has all, and so the last row.
            None => [tag, tag],
            // The commit that wrote the last row may be the one that began the log.
            Some(_) => [tag, before],
        };
        Row { salts, tag: Uuid::new_v4(), before }
    }

    /// Whether a file with this tag can lie beneath the log in which this row is the newest.
    fn goes_on_from(&self, file: Uuid) -> bool {
        self.tag == file || self.before.contains(&file)
    }

    fn encode(&self) -> [u8; ROW_LEN] {
        let mut bytes = [0; ROW_LEN];
        bytes[..8].copy_from_slice(&self.salts.unwrap_or_default());
        for (place, tag) in bytes[8..].chunks_exact_mut(16).zip([self.tag, self.before[0], self.before[1]]) {
            place.copy_from_slice(tag.as_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Row> {
        let (salts, tags) = bytes.split_first_chunk()?;
        let mut tags = tags.chunks(16).map(Uuid::from_slice);
        let mut tag = || tags.next()?.ok();
        let row = Row {
            salts: Some(*salts).filter(|salts| *salts != [0; 8]),
            tag: tag()?,
            before: [tag()?, tag()?],
        };
        (bytes.len() == ROW_LEN).then_some(row)
    }
}

/// Writes what a log with these salts is known by, unless it is there already. It belongs into a commit, before all
/// else.
pub(crate) fn mark(connection: &Connection, salts: Option<Salts>) -> rusqlite::Result<()> {
    let last = connection
        .prepare_cached(sql::GET_LOG)?
        .query_row([], |row| Ok(decoded(row.get_ref(0)?)))
        .optional()?;
    let last = last.flatten();
    if salts.is_some() && last.is_some_and(|last| last.salts == salts) {
        return Ok(());
    }
    let row = Row::after(last, salts);
    connection.prepare_cached(sql::PUT_LOG)?.execute([row.encode().as_slice()]).map(drop)
}

fn decoded(value: rusqlite::types::ValueRef<'_>) -> Option<Row> {
    value.as_blob().ok().and_then(Row::decode)
}

/// What a view of the database says of who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Identity {
    store: Option<Uuid>,
    log: Known,
}

/// What a view has for a row `log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// None, as before there was one: what the first row calls a tag of zeros.
    Never,
    /// Nothing that can be judged.
    #[default]
    Unclear,
    Row(Row),
}

impl Known {
    fn tag(&self) -> Option<Uuid> {
        match self {
            Known::Never => Some(Uuid::nil()),
            Known::Unclear => None,
            Known::Row(row) => Some(row.tag),
        }
    }
}

impl Identity {
    fn read(connection: &Connection) -> rusqlite::Result<Identity> {
        let (mut store, mut log) = (None, None);
        let mut statement = connection.prepare(sql::GET_LINEAGE)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let value = row.get_ref(1)?;
            match row.get_ref(0)?.as_str() {
                Ok("store") => store = value.as_blob().ok().and_then(|id| Uuid::from_slice(id).ok()),
                _ => log = Some(decoded(value).map_or(Known::Unclear, Known::Row)),
            }
        }
        // The rows stand in one page: where one is, the other would be.
        let log = log.unwrap_or(if store.is_some() { Known::Never } else { Known::Unclear });
        Ok(Identity { store, log })
    }

    /// What the file says without its log. `None` where it says nothing that can be read: a checkpoint that was broken
    /// off leaves pages of two states in it.
    fn of_file_alone(path: &Path) -> Option<Identity> {
        let connection = open_alone(path).ok()?;
        match value(&connection, sql::SCHEMA_LEN).ok()? {
            // It was created, and all that was written since is in the log.
            0 => Some(Identity { store: None, log: Known::Never }),
            _ => Identity::read(&connection).ok(),
        }
    }
}

fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(unchanging(path), flags)
}

/// The URI of a file that SQLite reads without locks and without a log.
fn unchanging(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    if cfg!(windows) {
        uri.push_str("///");
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(*byte));
            }
            _ => write!(uri, "%{byte:02X}").expect("a string takes everything"),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Refuses a log that does not go on from the file, as `Invalid`. It writes nothing.
///
/// Others may commit and move the log meanwhile. As long as none of them writes a new row, the file has one of the tags
/// that the row names, so what is read twice around a look at the file is true of that look.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<()> {
    let mut last = None;
    let mut agreed = 0;
    for _ in 0..LOOKS_MAX {
        if disk::log_len(path) == 0 {
            return Ok(());
        }
        let with_log = || match Identity::read(connection) {
            Err(cause) if error::is_about_the_statement(&cause) => Some(Identity::default()),
            // It is told when the header is read.
            Err(_) => None,
            Ok(identity) => Some(identity),
        };
        let (Some(before), Some(file)) = (with_log(), Identity::of_file_alone(path)) else { return Ok(()) };
        let Some(message) = mismatch(&file, &before) else { return Ok(()) };
        if with_log() == Some(before)
            && last.replace((file, before)).is_none_or(|last| last == (file, before))
        {
            agreed += 1;
        } else {
            agreed = 0;
        }
        if agreed == LOOKS_THAT_AGREE {
            return Err(error::invalid("open", message));
        }
    }
    Ok(())
}

/// Refuses a log that has something and hides nothing of an empty file: it cannot be what was written into it. It writes
/// nothing.
///
/// The first commit into an empty file changes its first page. A log without a whole commit is what is left of one.
pub(crate) fn check_empty(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |cause| error::failed("open", cause);
    if connection.query_row(sql::LOG_LEN, [], |row| row.get::<_, i64>(1)).map_err(failed)? <= 0 {
        return Ok(());
    }
    let with_log = first_page(connection).map_err(failed)?;
    let is_empty = value::<i64>(connection, sql::SCHEMA_LEN).map_err(failed)? == 0;
    let alone = open_alone(path).and_then(|connection| first_page(&connection));
    match alone {
        Ok(alone) if is_empty && alone == with_log => Err(error::invalid("open", OF_ANOTHER_COPY)),
        _ => Ok(()),
    }
}

/// What any first commit changes of the first page.
fn first_page(connection: &Connection) -> rusqlite::Result<[i64; 3]> {
    let schema = value(connection, "PRAGMA schema_version")?;
    Ok([schema, value(connection, "PRAGMA application_id")?, value(connection, "PRAGMA user_version")?])
}

const OF_ANOTHER_STORE: &str = "the log beside the file (`-wal`) belongs to another store: put back the file's own, or \
    move the log away if the file was closed without one";

const OF_ANOTHER_COPY: &str = "the log beside the file (`-wal`) belongs to an older, newer or other copy of it: put the \
    file and its log back together, or move the log away if the file is a whole backup";

fn mismatch(file: &Identity, with_log: &Identity) -> Option<&'static str> {
    if file.store.is_some() && with_log.store != file.store {
        return Some(OF_ANOTHER_STORE);
    }
    match (file.log.tag(), with_log.log) {
        (Some(file), Known::Row(log)) if !log.goes_on_from(file) => Some(OF_ANOTHER_COPY),
        _ => None,
    }
}
