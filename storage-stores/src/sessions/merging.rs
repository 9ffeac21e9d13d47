//! Merging: what was said in one session, put behind what was said in another.

use storage_core::{Engine, Timestamp, Transaction};

use super::conversation::ChatMessage;
use super::error::{Result, SessionError};
use super::history::{Blobs, SPANS_MAX};
use super::store::{Sessions, Writing, check_id};
use super::stored::{Draft, End, Header, Span, copies, slice};
use crate::rfc3339::format_time;

/// How two sessions are merged. The numbers are those in the metadata of a merged branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MergeKind {
    /// Everything that the source has and the target has not: all of it, or what came behind the branch point if the
    /// source branched off the target.
    #[default]
    Continuation = 0,
    /// All of the source, behind the target's messages up to the merge point.
    Rebase = 1,
    /// Some messages of the source.
    CherryPick = 2,
}

impl TryFrom<u64> for MergeKind {
    type Error = SessionError;

    fn try_from(number: u64) -> Result<Self> {
        let kinds = [MergeKind::Continuation, MergeKind::Rebase, MergeKind::CherryPick];
        let kind = kinds.into_iter().find(|kind| *kind as u64 == number);
        kind.ok_or(SessionError::UnsupportedMerge { kind: number })
    }
}

/// What is merged, and where it goes.
///
/// ```
/// use storage_stores::sessions::MergeOptions;
///
/// let all = MergeOptions::continuation();
/// let behind_two = MergeOptions::rebase(2);
/// let elsewhere = MergeOptions::cherry_pick(["m-3", "m-1"]).into_branch("Best of both");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeOptions {
    /// How they are merged.
    pub kind: MergeKind,
    /// So many messages of the target stay in a rebase, and are the branch point of a new branch.
    pub merge_point: u64,
    /// The messages that are picked, in this order.
    pub message_ids: Vec<String>,
    /// Whether the outcome is a new branch of the target, which then stays as it is, and its name. An empty one stands
    /// for one made of the names of both.
    pub branch_name: Option<String>,
}

/// What a merge came to. Merging only adds messages, so nothing can contradict anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// The session that was written.
    pub session_id: String,
    /// How many messages it got from the source.
    pub merged_count: u64,
    /// The branch, if one was made.
    pub new_branch_id: Option<String>,
    /// The version of the session that was written.
    pub version: u64,
}

impl MergeOptions {
    /// Puts what the source has and the target has not behind the target.
    pub fn continuation() -> Self {
        MergeOptions::default()
    }

    /// Puts all of the source behind the first messages of the target, so many as the merge point says. 0, and as many
    /// as there are or more, stand for all.
    pub fn rebase(merge_point: u64) -> Self {
        MergeOptions { kind: MergeKind::Rebase, merge_point, ..MergeOptions::default() }
    }

    /// Puts messages of the source behind the target, in the order of these ids. Unknown ones are skipped; one that
    /// stands there twice is put twice.
    pub fn cherry_pick<I: Into<String>>(message_ids: impl IntoIterator<Item = I>) -> Self {
        let message_ids = message_ids.into_iter().map(Into::into).collect();
        MergeOptions { kind: MergeKind::CherryPick, message_ids, ..MergeOptions::default() }
    }

    /// Leaves the target as it is, and makes a branch of it with the outcome.
    #[must_use]
    pub fn into_branch(mut self, name: impl Into<String>) -> Self {
        self.branch_name = Some(name.into());
        self
    }

    /// The merge point: the branch point of a branch that is made.
    #[must_use]
    pub fn at(mut self, merge_point: u64) -> Self {
        self.merge_point = merge_point;
        self
    }
}

impl<E: Engine> Sessions<E> {
    /// Puts messages of the source behind those of the target, in one transaction. The source stays as it is.
    ///
    /// What is put has fresh ids, and otherwise everything as it was. `InvalidArgument` for a session with itself;
    /// `NotFound` if one of them is missing.
    pub fn merge(&self, target_id: &str, source_id: &str, options: &MergeOptions) -> Result<Merged> {
        check_id(target_id)?;
        check_id(source_id)?;
        if target_id == source_id {
            return Err(SessionError::invalid("cannot merge session with itself"));
        }
        let branch = options.branch_name.as_deref().map(|name| (self.new_id(), name));
        self.write(|writing, txn| {
            let target = self.header(txn, target_id)?;
            let source = self.header(txn, source_id)?;
            match &branch {
                None => writing.merge_into(txn, target_id, target, (source_id, &source), options),
                Some((id, name)) => {
                    let names = (target_id, source_id);
                    writing.merge_into_branch(txn, names, (&target, &source), (id, name), options)
                }
            }
        })
    }
}

impl<E: Engine> Writing<'_, E> {
    fn merge_into(
        &self,
        txn: &mut Transaction<'_, E>,
        id: &str,
        mut target: Header,
        (source_id, source): (&str, &Header),
        options: &MergeOptions,
    ) -> Result<Merged> {
        let before = target.updated;
        target.stamp(txn.now());
        target.conversation.updated = target.updated;
        if let Some(count) = stays(&target, options) {
            self.truncate(txn, &mut target, count).map_err(|error| error.of(id))?;
        }
        let merged_count = self.add_merged(txn, &mut target, (source_id, source), id, options)?;
        self.put_header(txn, id, Some(before), &target)?;
        Ok(Merged { session_id: id.to_owned(), merged_count, new_branch_id: None, version: target.version })
    }

    fn merge_into_branch(
        &self,
        txn: &mut Transaction<'_, E>,
        (target_id, source_id): (&str, &str),
        (target, source): (&Header, &Header),
        (id, name): (&str, &str),
        options: &MergeOptions,
    ) -> Result<Merged> {
        let count = target.message_count();
        let spans = slice(&target.spans, 0, stays(target, options).unwrap_or(count));
        let mut branch = self.begin_branch(txn, target, &spans)?;
        branch.parent_id = Some(target_id.to_owned());
        branch.branch_point = options.merge_point.min(count);
        branch.branch_name = name.to_owned();
        branch.name = match name {
            "" => format!("Merge of {} into {}", source.name, target.name),
            name => name.to_owned(),
        };
        branch.metadata = merge_metadata(target_id, source_id, options.kind, txn.now());
        let merged_count = self.add_merged(txn, &mut branch, (source_id, source), target_id, options)?;
        let info = self.insert_branch(txn, id, branch)?;
        Ok(Merged {
            session_id: id.to_owned(),
            merged_count,
            new_branch_id: Some(id.to_owned()),
            version: info.version,
        })
    }

    /// Puts what is merged behind the messages of a session. Returns how many messages that were.
    fn add_merged(
        &self,
        txn: &mut Transaction<'_, E>,
        header: &mut Header,
        (source_id, source): (&str, &Header),
        target_id: &str,
        options: &MergeOptions,
    ) -> Result<u64> {
        let from = match options.kind {
            MergeKind::Rebase => 0,
            MergeKind::Continuation if source.parent_id.as_deref() == Some(target_id) => source.branch_point,
            MergeKind::Continuation => 0,
            MergeKind::CherryPick => {
                let picked = self.picked(txn, source, &options.message_ids);
                return self.append_copies(txn, header, &picked.map_err(|error| error.of(source_id))?);
            }
        };
        let spans = slice(&source.spans, from, source.message_count());
        let count = spans.iter().map(|span| span.len).sum();
        self.add_spans(txn, header, &spans).map_err(|error| error.of(source_id))?;
        Ok(count)
    }

    /// The messages of these ids, in their order.
    fn picked(&self, txn: &Transaction<'_, E>, source: &Header, ids: &[String]) -> Result<Vec<ChatMessage>> {
        let messages = self.messages(txn, source, Blobs::Read)?;
        let of_id = |id: &String| messages.iter().find(|message| message.id == *id).cloned();
        Ok(ids.iter().filter_map(of_id).collect())
    }

    fn append_copies(
        &self,
        txn: &mut Transaction<'_, E>,
        header: &mut Header,
        messages: &[ChatMessage],
    ) -> Result<u64> {
        let draft = |message| Draft { message, id: header.next_id(), time: message.timestamp };
        let drafts: Vec<_> = messages.iter().map(draft).collect();
        self.append_drafts(txn, header, &drafts)?;
        Ok(drafts.len() as u64)
    }

    /// Puts copies of the messages of spans behind those of a session.
    fn add_spans(&self, txn: &mut Transaction<'_, E>, header: &mut Header, spans: &[Span]) -> Result<()> {
        if spans.is_empty() {
            return Ok(());
        }
        self.share(txn, &header.spans, spans)?;
        header.spans.extend(copies(spans, txn.now()));
        header.end = End::Closed;
        match header.spans.len() > SPANS_MAX {
            true => self.gather(txn, header),
            false => Ok(()),
        }
    }
}

/// How many messages of the target stay, if not all.
fn stays(target: &Header, options: &MergeOptions) -> Option<u64> {
    let cuts =
        options.kind == MergeKind::Rebase && (1..target.message_count()).contains(&options.merge_point);
    cuts.then_some(options.merge_point)
}

/// What a merged branch says about where it comes from.
fn merge_metadata(target_id: &str, source_id: &str, kind: MergeKind, now: Timestamp) -> String {
    let metadata = serde_json::json!({
        "merge_source": source_id,
        "merge_target": target_id,
        "merge_type": kind as u64,
        "merge_date": format_time(now),
    });
    metadata.to_string()
}
