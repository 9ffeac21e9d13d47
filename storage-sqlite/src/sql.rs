//! Every SQL text of the engine. Names come from keyspaces alone, which are letters, digits, `_` and `.`.

use storage_core::{Keyspace, KeyspaceMap, Result};

/// The name of the header's table, which no keyspace can have.
pub(crate) const HEADER: &str = "storage_header";

pub(crate) const CREATE_HEADER: &str =
    "CREATE TABLE storage_header (name TEXT PRIMARY KEY NOT NULL, value ANY NOT NULL) STRICT, WITHOUT ROWID";
pub(crate) const PUT_HEADER: &str = "REPLACE INTO storage_header (name, value) VALUES (?1, ?2)";
pub(crate) const GET_HEADER: &str = "SELECT value FROM storage_header WHERE name = ?1";
/// Who a store is, and which log it has.
pub(crate) const GET_LINEAGE: &str = "SELECT name, value FROM storage_header WHERE name IN ('store', 'log')";
pub(crate) const PUT_LOG: &str = "REPLACE INTO storage_header (name, value) VALUES ('log', ?1)";
pub(crate) const GET_LOG: &str = "SELECT value FROM storage_header WHERE name = 'log'";
/// Changes one row, so that the commit around it has something to make durable.
pub(crate) const COUNT_SYNC: &str = "UPDATE storage_header SET value = value + 1 WHERE name = 'syncs'";

pub(crate) const BEGIN_READ: &str = "BEGIN DEFERRED";
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
pub(crate) const COMMIT: &str = "COMMIT";
pub(crate) const ROLLBACK: &str = "ROLLBACK";

/// Changes whenever another connection has committed. It reads the database, so it also pins a transaction.
pub(crate) const MARK: &str = "PRAGMA data_version";

pub(crate) const HAS_TABLE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
pub(crate) const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
pub(crate) const SCHEMA_LEN: &str = "SELECT count(*) FROM sqlite_schema";

pub(crate) const CHECK: &str = "PRAGMA integrity_check(1)";
pub(crate) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// Looks at the log and moves nothing. Its second column is the number of its pages.
pub(crate) const LOG_LEN: &str = "PRAGMA wal_checkpoint(NOOP)";
pub(crate) const VACUUM: &str = "VACUUM";
pub(crate) const OPTIMIZE: &str = "PRAGMA optimize";
pub(crate) const FREE_BYTES: &str =
    "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
/// The bytes in pages in use that hold nothing.
pub(crate) const UNUSED_BYTES: &str = "SELECT coalesce(sum(unused), 0) FROM dbstat";

/// The statements on the table of one keyspace.
pub(crate) struct TableSql {
    pub(crate) name: Box<str>,
    pub(crate) create: Box<str>,
    pub(crate) get: Box<str>,
    pub(crate) put: Box<str>,
    pub(crate) delete: Box<str>,
    pub(crate) clear: Box<str>,
    pub(crate) delete_from: Box<str>,
    pub(crate) delete_between: Box<str>,
    pub(crate) up_from: Box<str>,
    pub(crate) up_between: Box<str>,
    pub(crate) down_from: Box<str>,
    pub(crate) down_between: Box<str>,
    pub(crate) any: Box<str>,
    pub(crate) live_bytes: Box<str>,
    pub(crate) replace_value: Box<str>,
}

/// The statements on the table of a keyspace. They live as long as the process, as its name does.
#[inline]
pub(crate) fn of(keyspace: Keyspace) -> &'static TableSql {
    static TEXTS: KeyspaceMap<TableSql> = KeyspaceMap::new();
    TEXTS.get_or_init(keyspace, || TableSql::new(keyspace.name()))
}

/// What stands before a keyspace's name: names that begin with `sqlite_` are SQLite's own.
const PREFIX: &str = "t_";

/// The keyspace whose table has this name; `None` for a table that is none's.
///
/// `Invalid` for what no keyspace can be called.
pub(crate) fn keyspace_of(table: &str) -> Result<Option<Keyspace>> {
    table.strip_prefix(PREFIX).map(Keyspace::from_stored).transpose()
}

impl TableSql {
    fn new(name: &str) -> Self {
        let name = format!("{PREFIX}{name}");
        let table = format!("\"{name}\"");
        let scan = |bounds: &str, order: &str| {
            format!("SELECT key, stamp, value FROM {table} WHERE {bounds} ORDER BY key{order}").into()
        };
        let (from, between) = ("key >= ?1", "key >= ?1 AND key < ?2");
        TableSql {
            create: format!(
                "CREATE TABLE {table} (key BLOB PRIMARY KEY NOT NULL, stamp BLOB, value BLOB NOT NULL) \
                 STRICT, WITHOUT ROWID"
            )
            .into(),
            get: format!("SELECT stamp, value FROM {table} WHERE key = ?1").into(),
            put: format!("REPLACE INTO {table} (key, stamp, value) VALUES (?1, ?2, ?3)").into(),
            delete: format!("DELETE FROM {table} WHERE key = ?1").into(),
            clear: format!("DELETE FROM {table}").into(),
            delete_from: format!("DELETE FROM {table} WHERE {from}").into(),
            delete_between: format!("DELETE FROM {table} WHERE {between}").into(),
            up_from: scan(from, ""),
            up_between: scan(between, ""),
            down_from: scan(from, " DESC"),
            down_between: scan(between, " DESC"),
            any: format!("SELECT 1 FROM {table} LIMIT 1").into(),
            live_bytes: format!(
                "SELECT coalesce(sum(length(key) + coalesce(length(stamp), 0) + length(value)), 0) FROM {table}"
            )
            .into(),
            replace_value: format!("UPDATE {table} SET value = ?2 WHERE key = ?1").into(),
            name: name.into(),
        }
    }
}

/// Makes a view of the JSON in a table. The names were checked.
///
/// A key is a tuple: 0x02, a text and 0x00, or 0x14 and as many more as it has bytes, and a big-endian number.
pub(crate) fn create_json_view(table: &str, view: &str, fields: &[&str]) -> String {
    let columns: String =
        fields.iter().map(|field| format!(", json_extract(json, '$.\"{field}\"') AS \"{field}\"")).collect();
    let digit = |place: usize| {
        format!("((instr('0123456789ABCDEF', substr(digits, {}, 1)) - 1) << {})", place + 1, 4 * (15 - place))
    };
    let number: Vec<_> = (0..16).map(digit).collect();
    format!(
        "DROP VIEW IF EXISTS \"{view}\";
         CREATE VIEW \"{view}\" AS SELECT CASE
             WHEN head = '02' AND hex(substr(key, -1)) = '00' AND instr(body, x'00') = 0 THEN CAST(body AS TEXT)
             WHEN head BETWEEN '14' AND '1C' AND length(key) = instr('456789ABC', substr(head, 2))
                 AND (head < '1C' OR digits < '8') THEN {number}
             ELSE hex(key) END AS key{columns}
         FROM (SELECT key, hex(substr(key, 1, 1)) AS head, substr(key, 2, length(key) - 2) AS body,
             substr('0000000000000000' || hex(substr(key, 2)), -16) AS digits, CAST(value AS TEXT) AS json
             FROM \"{table}\") WHERE json_valid(json)",
        number = number.join(" | ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_keyspaces_have_each_others_names() {
        let parent = Keyspace::new("sqlite_master").unwrap();
        for keyspace in [parent, parent.derived("by_name").unwrap(), Keyspace::new("header").unwrap()] {
            let name = &of(keyspace).name;
            assert!(!name.starts_with("sqlite_"), "{name} is SQLite's own");
            assert_eq!(keyspace_of(name).unwrap(), Some(keyspace));
        }
        assert_eq!(keyspace_of(HEADER).unwrap(), None);
        assert_eq!(keyspace_of("sqlite_stat1").unwrap(), None);
        assert_eq!(keyspace_of("theirs").unwrap(), None);
        assert!(keyspace_of("t_Their Table").is_err());
    }
}
