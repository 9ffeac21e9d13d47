//! Who shares segments: counted, so that one goes with the last session that has a span of it.
//!
//! A segment without a record of this kind is one session's alone. Once shared, the positions up to which it was are
//! never changed again, also when the other sessions are gone.

use std::collections::BTreeSet;

use storage_core::{Codec, Engine, Transaction};
use uuid::Uuid;

use super::error::Result;
use super::layout;
use super::store::Writing;
use super::stored::{Share, Span, encode};

impl<E: Engine> Writing<'_, E> {
    /// Notes that a session, which has the spans `own` already, takes the spans `taken` of other sessions.
    pub(super) fn share(&self, txn: &mut Transaction<'_, E>, own: &[Span], taken: &[Span]) -> Result<()> {
        let own = segments(own);
        for segment in segments(taken) {
            let mut share = self.share_of(txn, segment)?;
            share.sessions += u64::from(!own.contains(&segment));
            let ends = taken.iter().filter(|span| span.segment() == segment).map(Span::end);
            share.len = share.len.max(ends.max().unwrap_or_default());
            txn.put(self.store.layout.index, layout::share_key(&self.user, segment)?, encode(&share)?)?;
        }
        Ok(())
    }

    /// Notes that a session has the spans `left` instead of `before`, and deletes the segments that nobody has now.
    pub(super) fn release(&self, txn: &mut Transaction<'_, E>, before: &[Span], left: &[Span]) -> Result<()> {
        let left = segments(left);
        for segment in segments(before) {
            if !left.contains(&segment) {
                self.release_segment(txn, segment)?;
            }
        }
        Ok(())
    }

    /// Notes that a session has a segment no more, and deletes it if that was the last one.
    pub(super) fn release_segment(&self, txn: &mut Transaction<'_, E>, segment: Uuid) -> Result<()> {
        let layout = &self.store.layout;
        let mut share = self.share_of(txn, segment)?;
        share.sessions -= 1;
        let key = layout::share_key(&self.user, segment)?;
        if share.sessions > 0 {
            return Ok(txn.put(layout.index, key, encode(&share)?)?);
        }
        self.forget_messages(txn, segment, 0)?;
        txn.delete(layout.index, key)?;
        txn.delete_range(layout.index, layout::ids_range(&self.user, segment)?)?;
        let range = layout::segment_range(&self.user, segment)?;
        txn.delete_range(layout.messages, range.clone())?;
        Ok(txn.delete_range(layout.blobs, range)?)
    }

    /// The position before which nothing of a segment may be changed.
    pub(super) fn shared_len(&self, txn: &Transaction<'_, E>, segment: Uuid) -> Result<u64> {
        Ok(self.share_of(txn, segment)?.len)
    }

    fn share_of(&self, txn: &Transaction<'_, E>, segment: Uuid) -> Result<Share> {
        let (keyspace, key) = (self.store.layout.index, layout::share_key(&self.user, segment)?);
        match txn.get(keyspace, &key)? {
            Some(found) => Ok(Codec::Bincode.decode(&found).map_err(|error| error.at(keyspace, &key))?),
            None => Ok(Share { sessions: 1, len: 0 }),
        }
    }
}

/// The segments of spans, each once.
pub(super) fn segments(spans: &[Span]) -> BTreeSet<Uuid> {
    spans.iter().map(Span::segment).collect()
}
