//! The messages of a session: chunks in segments, read through spans, written behind the last one.

use std::borrow::Cow;

use storage_core::{Codec, Direction, Engine, Error, Kind, Read, Transaction};
use uuid::Uuid;

use super::conversation::ChatMessage;
use super::error::Result;
use super::ids::id_text;
use super::layout;
use super::store::{Sessions, Writing};
use super::stored::{Draft, End, Header, Kept, Span, StoredId, StoredMessage, encode, fresh, slice};

/// The most messages of a chunk, and about the most bytes of one with several. A chunk is read whole, so it is no
/// longer than what a reader of one message likes to pay, and long enough that a record's own cost does not show.
pub(super) const CHUNK_MESSAGES_MAX: usize = 64;
const CHUNK_LEN_MAX: usize = 16 << 10;

/// The most spans of a session. Every one is a range to read; beyond, the messages are copied into one segment.
pub(super) const SPANS_MAX: usize = 32;

/// Whether content that stands apart from its message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blobs {
    Read,
    Skip,
}

/// A chunk as it stands, with the position of its first message.
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) messages: Vec<StoredMessage<'static>>,
}

impl<E: Engine> Sessions<E> {
    /// The messages of a session.
    pub(super) fn messages<R: Read>(
        &self,
        reader: &R,
        header: &Header,
        blobs: Blobs,
    ) -> Result<Vec<ChatMessage>> {
        let named = |kept: Kept| ChatMessage {
            id: match kept.id {
                StoredId::Numbered(number) => id_text(header.seed, number),
                StoredId::Given(id) => id.into_owned(),
            },
            ..kept.message
        };
        Ok(self.kept(reader, &header.spans, blobs)?.into_iter().map(named).collect())
    }

    /// The messages of spans, with their ids as the session has them that lists the spans.
    pub(super) fn kept<R: Read>(&self, reader: &R, spans: &[Span], blobs: Blobs) -> Result<Vec<Kept>> {
        let count: u64 = spans.iter().map(|span| span.len).sum();
        let mut found = Vec::with_capacity(usize::try_from(count).unwrap_or_default().min(1 << 16));
        for span in spans {
            for chunk in self.chunks(reader, span)? {
                self.keep(reader, span, chunk, blobs, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Adds the messages of a chunk that lie in a span.
    pub(super) fn keep<R: Read>(
        &self,
        reader: &R,
        span: &Span,
        chunk: Chunk,
        blobs: Blobs,
        found: &mut Vec<Kept>,
    ) -> Result<()> {
        for (position, stored) in (chunk.start..).zip(chunk.messages) {
            if !(span.from..span.end()).contains(&position) {
                continue;
            }
            let mut kept = stored.into_kept()?;
            if let Some(copy) = span.copy {
                kept.id = StoredId::Given(Cow::Owned(id_text(copy, position)));
            }
            if blobs == Blobs::Read {
                self.read_blobs(reader, span.segment(), position, &mut kept)?;
            }
            found.push(kept);
        }
        Ok(())
    }

    /// The chunks in which the messages of a span are, without a gap.
    pub(super) fn chunks<R: Read>(&self, reader: &R, span: &Span) -> Result<Vec<Chunk>> {
        let (keyspace, segment) = (self.store.layout.messages, span.segment());
        let mut next = match span.from {
            0 => 0,
            from => self.chunk_start(reader, segment, from)?,
        };
        let end = layout::chunk_key(&self.user, segment, span.end())?;
        let range = layout::segment_from(&self.user, segment, next)?.before(&end);
        let mut records = reader.read_range(keyspace, range, Direction::Forward)?;
        let mut chunks = Vec::new();
        while let Some(mut entry) = records.next()? {
            let (key, value) = entry.pair()?;
            let start = layout::position_in(key)?;
            if start != next {
                return Err(missing(next).at(keyspace, key).into());
            }
            let messages: Vec<StoredMessage<'static>> =
                Codec::Bincode.decode(value).map_err(|error| error.at(keyspace, key))?;
            next += messages.len() as u64;
            chunks.push(Chunk { start, messages });
        }
        match next >= span.end() {
            true => Ok(chunks),
            false => Err(missing(next).at(keyspace, &end).into()),
        }
    }

    /// Where the chunk begins in which a position is.
    fn chunk_start<R: Read>(&self, reader: &R, segment: Uuid, position: u64) -> Result<u64> {
        let keyspace = self.store.layout.messages;
        let key = layout::chunk_key(&self.user, segment, position)?;
        let range = layout::segment_range(&self.user, segment)?.through(&key);
        let mut records = reader.read_range(keyspace, range, Direction::Reverse)?;
        match records.next()? {
            Some(entry) => Ok(layout::position_in(entry.key())?),
            None => Err(missing(position).at(keyspace, &key).into()),
        }
    }
}

impl<E: Engine> Writing<'_, E> {
    /// Puts messages behind the last one.
    pub(super) fn append_drafts(
        &self,
        txn: &mut Transaction<'_, E>,
        header: &mut Header,
        drafts: &[Draft<'_>],
    ) -> Result<()> {
        if drafts.is_empty() {
            return Ok(());
        }
        if header.end == End::Closed {
            self.begin_segment(txn, header)?;
        }
        let span = header.spans.last_mut().expect("a session whose end is open has a span");
        let mut rest = drafts;
        while !rest.is_empty() {
            let stored = chunk_of(rest)?;
            let (put, left) = rest.split_at(stored.len());
            self.put_chunk(txn, span.segment(), span.end(), put, &stored)?;
            span.len += put.len() as u64;
            rest = left;
        }
        Ok(())
    }

    /// Opens the end of a session, with a segment of its own behind the others.
    fn begin_segment(&self, txn: &mut Transaction<'_, E>, header: &mut Header) -> Result<()> {
        if header.spans.len() >= SPANS_MAX {
            return self.gather(txn, header);
        }
        header.spans.push(Span::own(Uuid::from_u128(fresh(txn.now())), 0));
        header.end = End::Open;
        Ok(())
    }

    /// Copies all messages of a session into one segment of its own. They keep their ids.
    pub(super) fn gather(&self, txn: &mut Transaction<'_, E>, header: &mut Header) -> Result<()> {
        let kept = self.kept(txn, &header.spans, Blobs::Read)?;
        let own = Span::own(Uuid::from_u128(fresh(txn.now())), 0);
        let before = std::mem::replace(&mut header.spans, vec![own]);
        header.end = End::Open;
        let drafts: Vec<_> = kept
            .iter()
            .map(|kept| Draft { message: &kept.message, id: kept.id.clone(), time: kept.message.timestamp })
            .collect();
        self.append_drafts(txn, header, &drafts)?;
        self.cut_unshared(txn, &before, &header.spans)?;
        self.release(txn, &before, &header.spans)
    }

    /// Drops the messages from the index `count` on.
    pub(super) fn truncate(
        &self,
        txn: &mut Transaction<'_, E>,
        header: &mut Header,
        count: u64,
    ) -> Result<()> {
        if count >= header.message_count() {
            return Ok(());
        }
        let left = slice(&header.spans, 0, count);
        let before = std::mem::replace(&mut header.spans, left);
        header.end = match header.spans.last() {
            Some(last) if last.copy.is_none() && self.shared_len(txn, last.segment())? <= last.end() => {
                End::Open
            }
            _ => End::Closed,
        };
        self.cut_unshared(txn, &before, &header.spans)?;
        self.release(txn, &before, &header.spans)
    }

    /// Deletes what a session had to itself in the segments that it began, and drops with the spans `left` instead of
    /// `before`.
    pub(super) fn cut_unshared(
        &self,
        txn: &mut Transaction<'_, E>,
        before: &[Span],
        left: &[Span],
    ) -> Result<()> {
        for span in before.iter().filter(|span| span.copy.is_none()) {
            let own = left.iter().find(|own| own.copy.is_none() && own.segment == span.segment);
            let end = own.map_or(0, Span::end).max(self.shared_len(txn, span.segment())?);
            // A segment without any of it goes as a whole.
            if (1..span.end()).contains(&end) {
                self.cut_segment(txn, span.segment(), end)?;
            }
        }
        Ok(())
    }

    /// Deletes what stands in a segment from a position on that is not its first.
    fn cut_segment(&self, txn: &mut Transaction<'_, E>, segment: Uuid, end: u64) -> Result<()> {
        self.forget_messages(txn, segment, end)?;
        let last = self.chunks(txn, &Span { from: end - 1, ..Span::own(segment, 1) })?.pop();
        let last = last.expect("the chunks of one message are one");
        let kept_len = usize::try_from(end - last.start).expect("a chunk has few messages");
        if kept_len < last.messages.len() {
            let key = layout::chunk_key(&self.user, segment, last.start)?;
            txn.put(self.store.layout.messages, key, encode(&last.messages[..kept_len])?)?;
        }
        let range = layout::segment_from(&self.user, segment, end)?;
        txn.delete_range(self.store.layout.messages, range.clone())?;
        Ok(txn.delete_range(self.store.layout.blobs, range)?)
    }

    /// Puts other messages in the place of those of a chunk. Returns whether they fit there.
    pub(super) fn rewrite_chunk(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        start: u64,
        kept: &[Kept],
        drafts: &[Draft<'_>],
    ) -> Result<bool> {
        let stored = drafts.iter().map(StoredMessage::of).collect::<storage_core::Result<Vec<_>>>()?;
        let len: usize = stored.iter().map(StoredMessage::len).sum();
        if len > 2 * CHUNK_LEN_MAX && stored.len() > 1 {
            return Ok(false);
        }
        let key = layout::chunk_key(&self.user, segment, start)?;
        txn.put(self.store.layout.messages, key, encode(&stored)?)?;
        for (position, (kept, draft)) in (start..).zip(kept.iter().zip(drafts)) {
            if kept.is(draft) {
                continue;
            }
            if !kept.apart.is_empty() {
                txn.delete_range(
                    self.store.layout.blobs,
                    layout::blobs_range(&self.user, segment, position)?,
                )?;
            }
            self.put_blobs(txn, segment, position, draft.message)?;
            self.note_message(txn, segment, position, &draft.message.content)?;
        }
        self.note_ids(txn, segment, start, &stored)?;
        Ok(true)
    }

    fn put_chunk(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        start: u64,
        drafts: &[Draft<'_>],
        stored: &[StoredMessage<'_>],
    ) -> Result<()> {
        let key = layout::chunk_key(&self.user, segment, start)?;
        txn.put(self.store.layout.messages, key, encode(stored)?)?;
        for (position, draft) in (start..).zip(drafts) {
            self.put_blobs(txn, segment, position, draft.message)?;
            self.note_message(txn, segment, position, &draft.message.content)?;
        }
        self.note_ids(txn, segment, start, stored)
    }
}

/// The first messages of those to be written, as many as one chunk holds; at least one.
fn chunk_of<'a>(drafts: &'a [Draft<'_>]) -> Result<Vec<StoredMessage<'a>>> {
    let mut stored = Vec::with_capacity(drafts.len().min(CHUNK_MESSAGES_MAX));
    let mut len = 0;
    for draft in drafts.iter().take(CHUNK_MESSAGES_MAX) {
        let next = StoredMessage::of(draft)?;
        len += next.len();
        if len > CHUNK_LEN_MAX && !stored.is_empty() {
            break;
        }
        stored.push(next);
    }
    Ok(stored)
}

fn missing(position: u64) -> Error {
    Error::new(Kind::Corrupt, format!("the message at {position} of its segment is missing"))
}
