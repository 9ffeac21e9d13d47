//! The catalogue: which keyspaces are tables, and as what they were written.
//!
//! It lets core refuse raw writes into a table's keyspace by a program that does not know its indexes.

use std::sync::OnceLock;

use crate::commit::Lane;
use crate::database::{Database, Shared};
use crate::derived::{Definition, indexes_of};
use crate::engine::{Cursor, Engine, Intent, Snapshot as _};
use crate::error::{Error, Escaped, Kind, Result};
use crate::keyspace::{Keyspace, KeyspaceKind};
use crate::options::{Deadline, TransactOptions};
use crate::range::{Direction, KeyRange};
use crate::rebuild::Rebuild;
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
    ///
    /// `Unavailable` while a table that is open here is recorded otherwise: what is written to it here would lack the
    /// entries of the indexes that the other process has.
    pub(crate) fn mark_foreign_tables(&self) -> Result<()> {
        let snapshot = self.engine().snapshot(Intent::Read)?;
        let mut entries = snapshot.range(catalogue(), &KeyRange::all(), Direction::Forward)?;
        while entries.advance()? {
            self.admission().check_stamp(catalogue(), entries.key(), &entries.stamp())?;
            let keyspace = named(entries.key())?;
            self.mark_foreign_table(keyspace);
            let recorded = entries.value()?.as_ref();
            if matches!(self.definition(keyspace), Ok(Some(open)) if open.id.as_bytes() != recorded) {
                let message =
                    "another process has opened the table with other indexes: open the database again";
                return Err(Error::new(Kind::Unavailable, message).in_keyspace(keyspace));
            }
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

/// What the catalogue says of a table whose indexes are being built.
const UNFINISHED: &str = "unfinished";

/// How the records of a keyspace were written, seen by who opens it as a table.
enum Written {
    /// As this table, or not yet.
    Alike,
    /// As a table with other indexes.
    Otherwise(String),
}

impl<E: Engine> Database<E> {
    /// Opens a table: records it if it is new, builds its indexes if it was written with others, and refuses it if its
    /// keyspace is no table's.
    pub(crate) fn define(&self, keyspace: Keyspace, mut definition: Definition) -> Result<()> {
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
                return Ok(Written::Alike);
            }
            if known.as_deref() == Some(UNFINISHED.as_bytes()) || txn.holds_any(keyspace)? {
                let written = known.and_then(|known| String::from_utf8(known).ok());
                return written.map(Written::Otherwise).ok_or_else(|| raw(keyspace, &id));
            }
            note(txn, keyspace, &id)?;
            Ok(Written::Alike)
        };
        let written = retry::attempt_in(shared, &lane, options, &deadline, &mut record)?.value;
        if let Written::Otherwise(known) = written {
            definition.built = self.rebuild(&lane, keyspace, &known, &definition)?;
        }
        shared.define(keyspace, definition);
        Ok(())
    }

    /// Builds the indexes that were not there and drops those that are no more. Returns the version that shows it done.
    fn rebuild(&self, lane: &Lane<'_>, keyspace: Keyspace, known: &str, new: &Definition) -> Result<u64> {
        let indexes = |id: &str| id.split(';').skip(1).map(str::to_owned).collect::<Vec<_>>();
        let (old, new_indexes) = (indexes(known), indexes(&new.id));
        let derived = |index: &String| keyspace.derived(index.split(':').next().unwrap_or_default());
        let missing = |index: &&String| known == UNFINISHED || !old.contains(index);
        let built = new_indexes.iter().filter(missing).map(derived).collect::<Result<Vec<_>>>()?;
        let gone = old.iter().filter(|index| !new_indexes.contains(index)).map(derived);
        let mut emptied = gone.collect::<Result<Vec<_>>>()?;
        if known == UNFINISHED {
            emptied.extend(
                self.engine().keyspaces()?.into_iter().filter(|other| other.is_derived_from(keyspace)),
            );
        }
        let rebuild = Rebuild { shared: self.shared(), lane, keyspace, emptied: &emptied, built: &built };
        rebuild.run(new.derive.as_deref(), &|txn| note(txn, keyspace, UNFINISHED), &|txn| {
            note(txn, keyspace, &new.id)
        })
    }
}

/// Records what a keyspace is written as.
fn note<E: Engine>(txn: &mut Transaction<'_, E>, keyspace: Keyspace, id: &str) -> Result<()> {
    txn.put_system(catalogue(), keyspace.name().as_bytes(), id.as_bytes())
}

fn raw(keyspace: Keyspace, id: &str) -> Error {
    let indexes = indexes_of(id);
    let message =
        format!("the keyspace holds records that no table wrote: it cannot become one with {indexes}");
    Error::invalid(message).in_keyspace(keyspace)
}
