//! A view: one state of the file, in a read transaction of redb, with every table opened at most once.

use std::fmt;

use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableDefinition, TableError, TableHandle};
use storage_core::{Error, Keyspace, KeyspaceMap, Kind, Result};

use crate::error::{self, NAME};
use crate::header;
use crate::stored::Bytes;

/// A table as it was in one state.
pub(crate) type Table = ReadOnlyTable<Bytes, Bytes>;

/// How the table of a keyspace is called and typed.
pub(crate) fn definition(keyspace: Keyspace) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(keyspace.name())
}

/// One state of the file. It keeps that state's pages on disk until it is dropped.
pub(crate) struct View {
    transaction: ReadTransaction,
    /// The tables opened so far, in boxes, so that an unused place costs no more than a pointer.
    tables: KeyspaceMap<Option<Box<Table>>>,
}

impl View {
    pub(crate) fn new(transaction: ReadTransaction) -> Self {
        View { transaction, tables: KeyspaceMap::new() }
    }

    pub(crate) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    /// The table of a keyspace; `None` where the state has none.
    #[inline]
    pub(crate) fn table(&self, keyspace: Keyspace) -> Result<Option<&Table>> {
        match self.tables.get(keyspace) {
            Some(table) => Ok(table.as_deref()),
            None => self.open(keyspace),
        }
    }

    #[cold]
    fn open(&self, keyspace: Keyspace) -> Result<Option<&Table>> {
        let opened = match self.transaction.open_table(definition(keyspace)) {
            Ok(table) => Some(Box::new(table)),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(cause) => return Err(error::failed("open a table", cause).in_keyspace(keyspace)),
        };
        Ok(self.tables.get_or_init(keyspace, || opened).as_deref())
    }

    /// The keyspaces that hold a record. `Corrupt` where a table is no keyspace's.
    ///
    /// A delete alone leaves an empty table, so a table is not enough.
    pub(crate) fn keyspaces(&self) -> Result<Vec<Keyspace>> {
        let tables = self.transaction.list_tables().map_err(|cause| error::failed("list tables", cause))?;
        let ours = tables.filter(|table| table.name() != header::TABLE);
        let mut keyspaces = Vec::new();
        for table in ours {
            let keyspace =
                Keyspace::from_stored(table.name()).map_err(|cause| stranger(table.name(), cause))?;
            if self.holds_any(keyspace)? {
                keyspaces.push(keyspace);
            }
        }
        Ok(keyspaces)
    }

    fn holds_any(&self, keyspace: Keyspace) -> Result<bool> {
        let Some(table) = self.table(keyspace)? else { return Ok(false) };
        let is_empty = table.is_empty().map_err(|cause| error::failed("list tables", cause))?;
        Ok(!is_empty)
    }
}

fn stranger(table: &str, cause: Error) -> Error {
    let message = format!("the file holds a table `{}`, which is no keyspace's", table.escape_debug());
    Error::new(Kind::Corrupt, message).in_engine(NAME).caused_by(cause)
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}
