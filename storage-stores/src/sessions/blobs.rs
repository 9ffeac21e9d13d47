//! Content of attachments that is too long to stand in its message: parts in records of their own.
//!
//! They stand under the position of the message, so they are shared and go with it, and nothing that does not ask for
//! content ever touches them.

use storage_core::{Direction, Engine, Error, Kind, Read, Transaction};
use uuid::Uuid;

use super::conversation::ChatMessage;
use super::error::Result;
use super::layout;
use super::store::Sessions;
use super::stored::{INLINE_LEN_MAX, Kept};

/// The length of every part but the last. Values of this length are kept by every engine without trouble.
const PART_LEN: usize = 256 << 10;

impl<E: Engine> Sessions<E> {
    /// Puts the content of a message's attachments that stands apart.
    pub(super) fn put_blobs(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        position: u64,
        message: &ChatMessage,
    ) -> Result<()> {
        for (number, attachment) in (0..).zip(&message.attachments) {
            if attachment.content.len() <= INLINE_LEN_MAX {
                continue;
            }
            for (part, bytes) in (0..).zip(attachment.content.chunks(PART_LEN)) {
                let key = layout::blob_key(&self.user, segment, position, number, part)?;
                txn.put(self.store.layout.blobs, key, bytes)?;
            }
        }
        Ok(())
    }

    /// Fills in the content of a message's attachments that stands apart.
    pub(super) fn read_blobs<R: Read>(
        &self,
        reader: &R,
        segment: Uuid,
        position: u64,
        kept: &mut Kept,
    ) -> Result<()> {
        let keyspace = self.store.layout.blobs;
        for (number, len) in &kept.apart {
            let range = layout::blob_range(&self.user, segment, position, *number as u64)?;
            let start = range.start().clone();
            let mut parts = reader.read_range(keyspace, range, Direction::Forward)?;
            let content = &mut kept.message.attachments[*number].content;
            while let Some(mut part) = parts.next()? {
                content.extend_from_slice(part.value()?);
            }
            if content.len() as u64 != *len {
                let message = format!("an attachment has {} of {len} bytes", content.len());
                return Err(Error::new(Kind::Corrupt, message).at(keyspace, &start).into());
            }
        }
        Ok(())
    }
}
