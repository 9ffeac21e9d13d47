//! Branches: sessions that take the beginning of another one, and the tree that they form.
//!
//! A session names its parent, and the index has the children of each parent by number, whether the parent is there or
//! not. So a child can be stored before its parent, and finds it when it comes.

use serde::Serialize;
use storage_core::{Direction, Engine, Kind, Read, Transaction};

use super::error::{Result, SessionError};
use super::layout;
use super::listing::SessionInfo;
use super::store::{Sessions, Writing, check_id};
use super::stored::{End, Header, Span, copies, slice};

/// The most sessions on a way from a root to a branch of a branch.
pub const BRANCH_DEPTH_MAX: usize = 256;

/// A session with those that branched off it, and so on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BranchTree {
    /// The session.
    pub info: SessionInfo,
    /// Those that branched off it, in the order of its children.
    pub children: Vec<BranchTree>,
}

impl<E: Engine> Sessions<E> {
    /// Stores a new session that begins with the first `index` messages of another one, under fresh ids.
    ///
    /// The branch has the parent's tags, settings and conversation, none of its metadata, and `name` as its name and its
    /// branch's. The parent gets it as a child. No message is copied: both share what they have in common, and neither
    /// sees what the other changes. `InvalidArgument` for more messages than the parent has, and past
    /// [`BRANCH_DEPTH_MAX`]; `AlreadyExists` if the id of the branch is taken.
    pub fn branch(&self, parent_id: &str, branch_id: &str, name: &str, index: u64) -> Result<SessionInfo> {
        check_id(branch_id)?;
        self.write(|writing, txn| {
            let parent = self.header(txn, parent_id)?;
            if index > parent.message_count() {
                return Err(SessionError::invalid(format!(
                    "invalid message index for branching: {index} of {} messages",
                    parent.message_count()
                )));
            }
            let spans = slice(&parent.spans, 0, index);
            let mut branch = writing.begin_branch(txn, &parent, &spans)?;
            branch.parent_id = Some(parent_id.to_owned());
            branch.branch_point = index;
            branch.branch_name = name.to_owned();
            name.clone_into(&mut branch.name);
            writing.insert_branch(txn, branch_id, branch)
        })
    }

    /// The sessions that branched off one, in the order of its children; those that are missing are left out.
    ///
    /// `NotFound` if there is no such session.
    pub fn children(&self, id: &str) -> Result<Vec<SessionInfo>> {
        let snapshot = self.store.db.snapshot()?;
        self.header(&snapshot, id)?;
        let children = self.live_children(&snapshot, id)?;
        Ok(children.into_iter().map(|(child, header)| header.into_info(&child)).collect())
    }

    /// A session with all that branched off it, as of one moment.
    ///
    /// `NotFound` if there is no such session; `InvalidArgument` if the tree is deeper than [`BRANCH_DEPTH_MAX`].
    pub fn branch_tree(&self, id: &str) -> Result<BranchTree> {
        let snapshot = self.store.db.snapshot()?;
        let root = self.header(&snapshot, id)?;
        self.tree(&snapshot, id, root, BRANCH_DEPTH_MAX)
    }

    fn tree<R: Read>(&self, reader: &R, id: &str, header: Header, depth_left: usize) -> Result<BranchTree> {
        if depth_left == 0 {
            return Err(too_deep());
        }
        let children = self.live_children(reader, id)?.into_iter();
        let children = children.map(|(child, header)| self.tree(reader, &child, header, depth_left - 1));
        Ok(BranchTree { children: children.collect::<Result<_>>()?, info: header.into_info(id) })
    }

    /// The children that are there and say so, with their headers.
    fn live_children<R: Read>(&self, reader: &R, parent: &str) -> Result<Vec<(String, Header)>> {
        let mut live = Vec::new();
        for (_, child) in self.children_of(reader, parent)? {
            if let Some(header) = self.find_header(reader, &child)?
                && header.parent_id.as_deref() == Some(parent)
            {
                live.push((child, header));
            }
        }
        Ok(live)
    }

    /// The numbers and the ids of all children of a session, those included that are not there.
    pub(super) fn children_of<R: Read>(&self, reader: &R, parent: &str) -> Result<Vec<(u64, String)>> {
        let keyspace = self.store.layout.index;
        let range = layout::child_range(&self.user, parent)?;
        let mut entries = reader.read_range(keyspace, range, Direction::Forward)?;
        let mut children = Vec::new();
        while let Some(mut entry) = entries.next()? {
            let (key, value) = entry.pair()?;
            let (_, number) = layout::child_in(key)?;
            let child = String::from_utf8(value.to_vec()).map_err(|error| {
                let message = "the id of a child is not UTF-8";
                storage_core::Error::new(Kind::Corrupt, message).caused_by(error).at(keyspace, key)
            })?;
            children.push((number, child));
        }
        Ok(children)
    }
}

impl<E: Engine> Writing<'_, E> {
    /// The header of a session that begins with messages of another one.
    pub(super) fn begin_branch(
        &self,
        txn: &mut Transaction<'_, E>,
        from: &Header,
        spans: &[Span],
    ) -> Result<Header> {
        self.share(txn, &[], spans)?;
        let now = txn.now();
        let fresh = Header::fresh(now);
        let mut conversation = from.conversation.clone();
        (conversation.created, conversation.updated) = (now, now);
        Ok(Header {
            tags: from.tags.clone(),
            config: from.config.clone(),
            conversation,
            spans: copies(spans, now),
            end: End::Closed,
            ..fresh
        })
    }

    /// Puts a branch whose header is complete but for its conversation's id. `AlreadyExists` if its id is taken.
    pub(super) fn insert_branch(
        &self,
        txn: &mut Transaction<'_, E>,
        id: &str,
        mut branch: Header,
    ) -> Result<SessionInfo> {
        if self.find_header(txn, id)?.is_some() {
            return Err(SessionError::AlreadyExists { id: id.to_owned() });
        }
        id.clone_into(&mut branch.conversation.id);
        self.set_parent(txn, id, None, branch.parent_id.as_deref())?;
        branch.child_count = self.set_children(txn, id, &[])?;
        self.put_header(txn, id, None, &branch)?;
        Ok(branch.into_info(id))
    }

    /// Moves a session, whose own record the caller puts, from one parent to another.
    pub(super) fn set_parent(
        &self,
        txn: &mut Transaction<'_, E>,
        id: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        if from == to {
            return Ok(());
        }
        if let Some(parent) = to {
            self.check_ancestors(txn, id, parent)?;
        }
        if let Some(parent) = from {
            self.remove_child(txn, parent, id)?;
        }
        match to {
            Some(parent) => self.add_child(txn, parent, id),
            None => Ok(()),
        }
    }

    /// `InvalidArgument` if `id` is among a session and its ancestors, or if those are too many.
    fn check_ancestors(&self, txn: &Transaction<'_, E>, id: &str, parent: &str) -> Result<()> {
        let mut ancestor = parent.to_owned();
        for _ in 1..BRANCH_DEPTH_MAX {
            if ancestor == id {
                return Err(SessionError::invalid(format!("session {id:?} would be its own ancestor")));
            }
            match self.find_header(txn, &ancestor)?.and_then(|header| header.parent_id) {
                Some(next) => ancestor = next,
                None => return Ok(()),
            }
        }
        Err(too_deep())
    }

    fn add_child(&self, txn: &mut Transaction<'_, E>, parent: &str, child: &str) -> Result<()> {
        let children = self.children_of(txn, parent)?;
        let mut count = children.len() as u64;
        if !children.iter().any(|(_, other)| other == child) {
            let number = children.last().map_or(0, |(last, _)| last + 1);
            txn.put(self.store.layout.index, layout::child_key(&self.user, parent, number)?, child)?;
            count += 1;
        }
        self.note_children(txn, parent, count)
    }

    pub(super) fn remove_child(&self, txn: &mut Transaction<'_, E>, parent: &str, child: &str) -> Result<()> {
        let mut left = 0;
        for (number, other) in self.children_of(txn, parent)? {
            if other == child {
                txn.delete(self.store.layout.index, layout::child_key(&self.user, parent, number)?)?;
            } else {
                left += 1;
            }
        }
        self.note_children(txn, parent, left)
    }

    /// Notes how many children a session has now, if it is there.
    fn note_children(&self, txn: &mut Transaction<'_, E>, parent: &str, count: u64) -> Result<()> {
        let mut header = match self.find_header(txn, parent) {
            // One that cannot be read keeps nobody from leaving it.
            Ok(None) | Err(SessionError::Corrupt { .. }) => return Ok(()),
            Ok(Some(header)) => header,
            Err(error) => return Err(error),
        };
        let before = header.updated;
        header.child_count = count;
        header.stamp(txn.now());
        self.put_header(txn, parent, Some(before), &header)
    }

    /// Makes these the children of a session, and behind them those that say so themselves. Returns how many they are.
    pub(super) fn set_children(
        &self,
        txn: &mut Transaction<'_, E>,
        parent: &str,
        given: &[String],
    ) -> Result<u64> {
        let before = self.children_of(txn, parent)?;
        let mut after: Vec<&str> = Vec::with_capacity(given.len());
        for child in given {
            check_id(child)?;
            if child == parent {
                return Err(SessionError::invalid(format!("session {parent:?} would be its own child")));
            }
            if !after.contains(&child.as_str()) {
                after.push(child);
            }
        }
        for (_, child) in &before {
            if after.contains(&child.as_str()) {
                continue;
            }
            let header = self.find_header(txn, child)?;
            if header.is_some_and(|header| header.parent_id.as_deref() == Some(parent)) {
                after.push(child);
            }
        }
        if !before.iter().map(|(_, child)| child.as_str()).eq(after.iter().copied()) {
            let index = self.store.layout.index;
            txn.delete_range(index, layout::child_range(&self.user, parent)?)?;
            for (number, child) in (0..).zip(&after) {
                txn.put(index, layout::child_key(&self.user, parent, number)?, child)?;
            }
        }
        Ok(after.len() as u64)
    }
}

fn too_deep() -> SessionError {
    SessionError::invalid(format!("branches of branches go at most {BRANCH_DEPTH_MAX} deep"))
}
