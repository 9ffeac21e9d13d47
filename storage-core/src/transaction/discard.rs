//! Discarding: deleting a record that cannot be read, with the derived entries that only it could name.

use super::Transaction;
use crate::batch::{Change, Write};
use crate::derived::{Changes, Definition, Entries, Holds, Naming, Scope};
use crate::engine::Engine;
use crate::error::{Kind, Result};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::limits::check_key;
use crate::overlay::Seen;
use crate::range::{Direction, KeyRange};
use crate::scan::{Liveness, Range};

impl<E: Engine> Transaction<'_, E> {
    /// Deletes a record whether or not it can be read, so that its key can be written again.
    ///
    /// In a table with indexes a damaged record can be neither deleted nor replaced, since it does not tell which
    /// entries are its own. This finds them: where a record or an entry of it cannot be read, it walks through every
    /// index of the table, and its cost is that of listing them all. A record that can be read costs what
    /// [`delete`](Self::delete) does.
    ///
    /// An entry of a unique index that is itself damaged goes only with a record that can be read and says that it is
    /// its own.
    pub fn discard(&mut self, keyspace: Keyspace, key: impl AsRef<[u8]>) -> Result<()> {
        let key = key.as_ref();
        let definition = self.writable(keyspace)?;
        check_key(keyspace, key)?;
        match self.delete(keyspace, key) {
            Err(error) if error.kind() == Kind::Corrupt => {}
            done => return done,
        }
        // What this transaction wrote is not damaged, so that the record is as the snapshot shows it.
        let key = Key::from(key);
        let mut changes = match definition {
            Some(definition) => self.entries_naming(definition, keyspace, &key)?,
            None => Changes::new(),
        };
        changes.push(Write { keyspace, key, change: Change::Delete });
        self.apply(changes)
    }

    /// The changes that delete every derived entry of a record.
    ///
    /// Entries change only together with their record, whose key was noted as read; so only the entries of unique
    /// indexes, which another record may take over, are noted besides.
    fn entries_naming(&self, definition: &Definition, keyspace: Keyspace, key: &Key) -> Result<Changes> {
        self.reads.note_key(keyspace, key);
        let own = self.own_entries(definition, keyspace, key)?;
        let mut changes = Changes::new();
        for naming in &definition.namings {
            let sight = self.shared.sight(Liveness::Any);
            let all = KeyRange::all();
            let mut entries = Range::over(&self.snapshot, naming.keyspace, &all, Direction::Forward, sight)?;
            loop {
                let named = match entries.next() {
                    Ok(None) => break,
                    Ok(Some(mut entry)) => {
                        let at = Key::from(entry.key());
                        let holder = match naming.holds {
                            Holds::PrimaryKey => known(entry.value())?,
                            Holds::Nothing | Holds::Record => None,
                        };
                        names(naming, &at, holder, key, &own).then_some(at)
                    }
                    // The stamp of this entry is damaged; its key may still tell.
                    Err(error) => {
                        let at = error.key().filter(|_| error.kind() == Kind::Corrupt).map(Key::from);
                        let at = at.ok_or(error)?;
                        names(naming, &at, None, key, &own).then_some(at)
                    }
                };
                let Some(at) = named else { continue };
                if naming.holds == Holds::PrimaryKey {
                    self.reads.note_key(naming.keyspace, &at);
                }
                // What this transaction wrote there is of another record.
                if matches!(self.overlay.seen(naming.keyspace, &at), Seen::Untouched) {
                    changes.push(Write { keyspace: naming.keyspace, key: at, change: Change::Delete });
                }
            }
        }
        Ok(changes)
    }

    /// The entries that follow from a record, if it can be read.
    fn own_entries(&self, definition: &Definition, keyspace: Keyspace, key: &Key) -> Result<Entries> {
        let mut own = Entries::new();
        let Some(derive) = definition.derive.as_deref() else { return Ok(own) };
        let derived = self.look(keyspace, key, &mut |found| match found {
            None => Ok(()),
            Some((stamp, value, memo)) => derive(key, stamp, value, memo, &mut own),
        });
        match derived {
            Err(error) if error.kind() == Kind::Corrupt => Ok(Entries::new()),
            other => other.map(|()| own),
        }
    }
}

/// What was read; `None` if it is damaged.
fn known<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == Kind::Corrupt => Ok(None),
        other => other.map(Some),
    }
}

/// Whether an entry names the record of `key`, whose `own` entries are known if it can be read.
fn names(naming: &Naming, entry: &Key, holder: Option<&[u8]>, key: &Key, own: &Entries) -> bool {
    match (naming.holds, holder) {
        (Holds::PrimaryKey, Some(holder)) => holder == key.as_slice(),
        (Holds::PrimaryKey, None) => {
            own.iter().any(|other| other.keyspace == naming.keyspace && other.key == *entry)
        }
        (Holds::Nothing | Holds::Record, _) => naming.is_named_by_key(entry, key),
    }
}
