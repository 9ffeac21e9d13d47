//! The catalogue: which keyspaces are tables, and as what they were written.
//!
//! It lets core refuse raw writes into a table's keyspace by a program that does not know its indexes.

use std::sync::OnceLock;

use crate::database::{Database, Shared};
use crate::derived::Definition;
use crate::engine::{Cursor, Engine, Intent, Snapshot as _};
use crate::error::{Error, Escaped, Kind, Result};
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::options::{Deadline, TransactOptions};
use crate::range::{Direction, KeyRange};
use crate::retry;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

fn catalogue() -> Keyspace {
    static TABLES: OnceLock<Keyspace> = OnceLock::new();
    *TABLES.get_or_init(|| Keyspace::system("_tables", KeyspaceKind::System))
}

/// The keyspaces that the store records as tables.
pub(crate) fn recorded<E: Engine>(snapshot: &Snapshot<E>) -> Result<Vec<Keyspace>> {
    let mut keyspaces = Vec::new();
    let mut range = snapshot.range(catalogue(), &KeyRange::all(), Direction::Forward)?;
    while let Some(entry) = range.next()? {
        keyspaces.push(named(entry.key())?);
    }
    Ok(keyspaces)
}

impl<E: Engine> Shared<E> {
    /// Marks the tables that other processes have made. Called by the leader.
    pub(crate) fn mark_foreign_tables(&self) -> Result<()> {
        let snapshot = self.engine().snapshot(Intent::Read)?;
        let mut entries = snapshot.range(catalogue(), &KeyRange::all(), Direction::Forward)?;
        while entries.advance()? {
            self.admission().check_stamp(catalogue(), entries.key(), &entries.stamp())?;
            self.mark_foreign_table(named(entries.key())?);
        }
        Ok(())
    }
}

/// Deletes the definitions of the tables that are not open, and returns their keyspaces. Those that are open stay.
pub(crate) fn forget_closed<E: Engine>(txn: &mut Transaction<'_, E>) -> Result<Vec<Keyspace>> {
    let mut forgotten = Vec::new();
    let mut recorded = txn.range(catalogue(), KeyRange::all(), Direction::Forward)?;
    while let Some(entry) = recorded.next()? {
        let keyspace = named(entry.key())?;
        if !txn.shared().is_table_open(keyspace) {
            forgotten.push(keyspace);
        }
    }
    drop(recorded);
    for keyspace in &forgotten {
        txn.delete_derived(catalogue(), keyspace.name().as_bytes())?;
    }
    Ok(forgotten)
}

/// The keyspace that an entry of the catalogue names.
fn named(entry: &[u8]) -> Result<Keyspace> {
    let name = std::str::from_utf8(entry).ok().and_then(|name| Keyspace::new(name).ok());
    name.ok_or_else(|| Error::new(Kind::Corrupt, format!("the catalogue names {}", Escaped(entry))))
}

impl<E: Engine> Database<E> {
    /// Opens a table: records it if it is new, and refuses it if its keyspace was written otherwise.
    pub(crate) fn define(&self, keyspace: Keyspace, definition: Definition) -> Result<()> {
        let shared = self.shared();
        shared.check_data(keyspace)?;
        shared.check_outside_body()?;
        let id = definition.id.clone();
        // Alone, so that no commit comes between recording the table and writing its derived entries.
        let options = TransactOptions::new();
        let deadline = Deadline::after(options.deadline);
        let lane = shared.pipeline.exclusive_lane(&deadline)?;
        let mut record = |txn: &mut Transaction<'_, E>| {
            shared.check_definition(keyspace, &id)?;
            let known = txn.get(catalogue(), keyspace.name())?.map(|id| id.to_vec());
            if known.as_deref() == Some(id.as_bytes()) {
                return Ok(());
            }
            if txn.holds_any(keyspace)? {
                return Err(mismatch(keyspace, known.as_deref(), &id));
            }
            txn.put_system(catalogue(), keyspace.name().as_bytes(), id.as_bytes())
        };
        retry::attempt_in(shared, &lane, options, &deadline, &mut record)?;
        shared.define(keyspace, definition);
        Ok(())
    }
}

fn mismatch(keyspace: Keyspace, known: Option<&[u8]>, id: &str) -> Error {
    let message = match known {
        Some(known) => format!("the table was written as {}, not as `{id}`", Escaped(known)),
        None => format!("the keyspace holds records that were not written as the table `{id}`"),
    };
    Error::new(Kind::Invalid, message).in_keyspace(keyspace)
}
