//! Deleting sessions, readable or not, one by one or all that nobody has touched for long.

use storage_core::{Codec, Direction, Engine, Key, KeyRange, Timestamp, Transaction};
use uuid::Uuid;

use super::error::{Result, SessionError};
use super::layout;
use super::sharing::segments;
use super::store::{Sessions, Writing};

/// So many sessions are purged in one transaction.
const PURGED_MAX: usize = 100;

impl<E: Engine> Sessions<E> {
    /// Deletes a session with its messages. `NotFound` if there is none.
    ///
    /// Those that branched off it are roots from then on, and keep their messages: what they share with it stays as
    /// long as one of them does. Its parent has it as a child no more. A session that cannot be read is deleted too, at
    /// the cost of a walk through the user's listing and children.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.write(|writing, txn| writing.remove(txn, id))
    }

    /// Deletes the sessions that were last changed before a time, the oldest first, and returns how many those were.
    ///
    /// It reads no message, and goes in transactions of limited size: if one fails, what earlier ones deleted is gone.
    pub fn purge(&self, before: Timestamp) -> Result<u64> {
        let mut purged = 0;
        loop {
            let found = self.write(|writing, txn| {
                let ids = writing.untouched_since(txn, before)?;
                ids.iter().try_for_each(|id| writing.remove(txn, id))?;
                Ok(ids.len())
            })?;
            purged += found as u64;
            if found < PURGED_MAX {
                return Ok(purged);
            }
        }
    }

    /// Deletes every session of the user, readable or not, and returns how many were listed.
    pub fn delete_all(&self) -> Result<u64> {
        let layout = self.store.layout;
        self.write(|writing, txn| {
            let listed = layout::listed_range(&self.user)?;
            let count = txn.range(layout.index, listed, Direction::Forward)?.keys()?.len();
            for keyspace in [layout.sessions, layout.messages, layout.blobs, layout.index] {
                txn.delete_range(keyspace, KeyRange::within(&*self.user)?)?;
            }
            writing.forget_all(txn)?;
            Ok(count as u64)
        })
    }
}

impl<E: Engine> Writing<'_, E> {
    /// The ids of the oldest sessions, as many as are purged at once.
    fn untouched_since(&self, txn: &Transaction<'_, E>, before: Timestamp) -> Result<Vec<String>> {
        let mut entries =
            txn.range(self.store.layout.index, layout::listed_range(&self.user)?, Direction::Reverse)?;
        let mut ids = Vec::new();
        while ids.len() < PURGED_MAX
            && let Some(entry) = entries.next()?
        {
            let (updated, id) = layout::listed_in(entry.key())?;
            if updated >= before {
                break;
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn remove(&self, txn: &mut Transaction<'_, E>, id: &str) -> Result<()> {
        let (listed, segments, parents): (_, Vec<Uuid>, _) = match self.header(txn, id) {
            Ok(header) => {
                match self.cut_unshared(txn, &header.spans, &[]) {
                    // What cannot be read stays with those who share it.
                    Err(SessionError::Corrupt { .. }) => {}
                    cut => cut?,
                }
                let listed = layout::listed_key(&self.user, header.updated, id)?;
                (
                    Some(listed),
                    segments(&header.spans).into_iter().collect(),
                    header.parent_id.into_iter().collect(),
                )
            }
            Err(SessionError::Corrupt { .. }) => {
                let (listed, segments) = self.find_listed(txn, id)?;
                (listed, segments, self.parents_of(txn, id)?)
            }
            Err(error) => return Err(error),
        };
        self.forget_session(txn, id, &segments)?;
        let layout = &self.store.layout;
        if let Some(listed) = listed {
            txn.delete(layout.index, listed)?;
        }
        txn.delete(layout.sessions, layout::header_key(&self.user, id)?)?;
        for segment in segments {
            self.release_segment(txn, segment)?;
        }
        self.detach_children(txn, id)?;
        parents.iter().try_for_each(|parent| self.remove_child(txn, parent, id))
    }

    /// Makes roots of the children of a session. They were not changed by anyone, so their times stay.
    fn detach_children(&self, txn: &mut Transaction<'_, E>, parent: &str) -> Result<()> {
        let children = self.children_of(txn, parent)?;
        if children.is_empty() {
            return Ok(());
        }
        for (_, child) in children {
            let header = match self.find_header(txn, &child) {
                Err(SessionError::Corrupt { .. }) => continue,
                found => found?.filter(|header| header.parent_id.as_deref() == Some(parent)),
            };
            if let Some(mut header) = header {
                header.parent_id = None;
                header.branch_point = 0;
                header.next_version();
                self.put_header(txn, &child, Some(header.updated), &header)?;
            }
        }
        Ok(txn.delete_range(self.store.layout.index, layout::child_range(&self.user, parent)?)?)
    }

    /// Where a session is listed, and its segments, found without its header.
    fn find_listed(&self, txn: &Transaction<'_, E>, id: &str) -> Result<(Option<Key>, Vec<Uuid>)> {
        let mut entries =
            txn.range(self.store.layout.index, layout::listed_range(&self.user)?, Direction::Forward)?;
        loop {
            let key = match entries.next() {
                Ok(None) => return Ok((None, Vec::new())),
                Ok(Some(mut entry)) => {
                    if layout::listed_in(entry.key())?.1 != id {
                        continue;
                    }
                    let key = Key::from(entry.key());
                    if let Ok(segments) =
                        entry.value().and_then(|value| Codec::Bincode.decode::<Vec<u128>>(value))
                    {
                        return Ok((Some(key), segments.into_iter().map(Uuid::from_u128).collect()));
                    }
                    key
                }
                Err(error) => match error.key().map(Key::from) {
                    Some(key) => key,
                    None => return Err(error.into()),
                },
            };
            // The entry itself is damaged: its segments stay behind, which nobody can name any more.
            if layout::listed_in(&key)?.1 == id {
                return Ok((Some(key), Vec::new()));
            }
        }
    }

    /// The sessions that have one as a child, found without its header.
    fn parents_of(&self, txn: &Transaction<'_, E>, id: &str) -> Result<Vec<String>> {
        let mut entries =
            txn.range(self.store.layout.index, layout::children_range(&self.user)?, Direction::Forward)?;
        let mut parents = Vec::new();
        while let Some(mut entry) = entries.next()? {
            let (key, child) = entry.pair()?;
            if child == id.as_bytes() {
                parents.push(layout::child_in(key)?.0);
            }
        }
        Ok(parents)
    }
}
