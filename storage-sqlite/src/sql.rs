//! The statements of each keyspace, made once.

use std::sync::OnceLock;

use storage_core::{Direction, Keyspace, KeyspaceMap};

/// What a keyspace's table is called begins so: names that begin with `sqlite_` are SQLite's own.
const PREFIX: &str = "t_";

/// A value longer than this is not read along with its neighbours in a range, but when it is asked for.
const VALUE_LEN_ALONG: usize = 4096;

/// The statements of one keyspace.
#[derive(Debug)]
pub(crate) struct Statements {
    pub(crate) table: String,
    pub(crate) create: String,
    pub(crate) get: String,
    pub(crate) value: String,
    pub(crate) put: String,
    pub(crate) delete: String,
    pub(crate) delete_all: String,
    delete_from: String,
    delete_between: String,
    /// Forward and reverse, without an end and with one.
    ranges: [[String; 2]; 2],
}

impl Statements {
    /// Those of a keyspace.
    pub(crate) fn of(keyspace: Keyspace) -> &'static Statements {
        static ALL: OnceLock<KeyspaceMap<Statements>> = OnceLock::new();
        ALL.get_or_init(KeyspaceMap::new).get_or_init(keyspace, || Statements::new(keyspace))
    }

    fn new(keyspace: Keyspace) -> Self {
        // A keyspace's name has no character that would have to be escaped.
        let table = format!("\"{PREFIX}{}\"", keyspace.name());
        let range = |order: &str, condition: &str| {
            format!(
                "SELECT key, stamp, CASE WHEN length(value) <= {VALUE_LEN_ALONG} THEN value END \
                 FROM {table} WHERE {condition} ORDER BY key {order} LIMIT ?1"
            )
        };
        let both = |order| [range(order, "key >= ?2"), range(order, "key >= ?2 AND key < ?3")];
        Statements {
            create: format!(
                "CREATE TABLE IF NOT EXISTS {table} \
                 (key BLOB PRIMARY KEY NOT NULL, stamp BLOB, value BLOB NOT NULL) STRICT, WITHOUT ROWID"
            ),
            get: format!("SELECT stamp, value FROM {table} WHERE key = ?1"),
            value: format!("SELECT value FROM {table} WHERE key = ?1"),
            put: format!("INSERT OR REPLACE INTO {table} (key, stamp, value) VALUES (?1, ?2, ?3)"),
            delete: format!("DELETE FROM {table} WHERE key = ?1"),
            delete_all: format!("DELETE FROM {table}"),
            delete_from: format!("DELETE FROM {table} WHERE key >= ?1"),
            delete_between: format!("DELETE FROM {table} WHERE key >= ?1 AND key < ?2"),
            ranges: [both("ASC"), both("DESC")],
            table: format!("{PREFIX}{}", keyspace.name()),
        }
    }

    pub(crate) fn range(&self, direction: Direction, has_end: bool) -> &str {
        let ranges = match direction {
            Direction::Forward => &self.ranges[0],
            Direction::Reverse => &self.ranges[1],
        };
        &ranges[usize::from(has_end)]
    }

    pub(crate) fn delete_range(&self, has_end: bool) -> &str {
        if has_end { &self.delete_between } else { &self.delete_from }
    }
}

/// The name of the keyspace of a table; `None` for a table that is none's.
pub(crate) fn keyspace_of(table: &str) -> Option<&str> {
    table.strip_prefix(PREFIX)
}
