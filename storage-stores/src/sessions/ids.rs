//! Ids of messages: unique within their session, and mostly not stored.
//!
//! The store gives out a session's seed with a number; a copy has the number of its span with its position. Ids that
//! come with messages are hashed beside their chunks, so that an append need not read the others to know whether one is
//! taken. A hash is a hint: who finds it looks at the messages.

use std::borrow::Cow;
use std::collections::HashSet;

use storage_core::{Direction, Engine, Transaction};
use uuid::Uuid;

use super::error::{Result, SessionError};
use super::history::Blobs;
use super::layout;
use super::store::Sessions;
use super::stored::{Draft, Header, Span, StoredId, StoredMessage};

/// So many hashes of one chunk at most stand by themselves; more stand together.
const SINGLE_IDS_MAX: usize = 8;

const HASH_LEN: usize = size_of::<u64>();

/// The text of an id that was given out.
pub(super) fn id_text(seed: u128, number: u64) -> String {
    format!("{seed:032x}-{number}")
}

/// The number of an id that was given out with a seed.
fn number_in(seed: u128, id: &str) -> Option<u64> {
    let (start, number) = id.split_once('-')?;
    let number = number.parse().ok()?;
    (start.len() == 32 && id_text(seed, number) == id).then_some(number)
}

impl Header {
    /// How an id is stored that came with a message.
    pub(super) fn given_id<'a>(&self, id: &'a str) -> Result<StoredId<'a>> {
        match number_in(self.seed, id) {
            None => Ok(StoredId::Given(Cow::Borrowed(id))),
            Some(number) if number < self.numbered => Ok(StoredId::Numbered(number)),
            Some(_) => Err(SessionError::invalid(format!("message id {id:?} was not given out yet"))),
        }
    }

    /// An id that no message of the session has or had.
    pub(super) fn next_id(&mut self) -> StoredId<'static> {
        self.numbered += 1;
        StoredId::Numbered(self.numbered - 1)
    }

    /// The text of an id of this session.
    pub(super) fn text_of(&self, id: &StoredId<'_>) -> String {
        match id {
            StoredId::Numbered(number) => id_text(self.seed, *number),
            StoredId::Given(id) => id.to_string(),
        }
    }
}

/// `DuplicateMessageId` if two messages have the same id.
pub(super) fn check_distinct(header: &Header, drafts: &[Draft<'_>]) -> Result<()> {
    let mut seen = HashSet::with_capacity(drafts.len());
    match drafts.iter().find(|draft| !seen.insert(&draft.id)) {
        None => Ok(()),
        Some(draft) => Err(SessionError::DuplicateMessageId { id: header.text_of(&draft.id) }),
    }
}

impl<E: Engine> Sessions<E> {
    /// `DuplicateMessageId` if a message that came with its id has that of one that is there.
    pub(super) fn check_not_taken(
        &self,
        txn: &Transaction<'_, E>,
        header: &Header,
        drafts: &[Draft<'_>],
    ) -> Result<()> {
        let mut suspects = Vec::new();
        for draft in drafts.iter().filter(|draft| !draft.message.id.is_empty()) {
            if self.may_be_taken(txn, header, &draft.id)? {
                suspects.push(draft);
            }
        }
        if suspects.is_empty() {
            return Ok(());
        }
        let kept = self.kept(txn, &header.spans, Blobs::Skip)?;
        match suspects.into_iter().find(|draft| kept.iter().any(|kept| kept.id == draft.id)) {
            None => Ok(()),
            Some(draft) => Err(SessionError::DuplicateMessageId { id: header.text_of(&draft.id) }),
        }
    }

    fn may_be_taken(&self, txn: &Transaction<'_, E>, header: &Header, id: &StoredId<'_>) -> Result<bool> {
        let StoredId::Given(id) = id else { return Ok(true) };
        for span in &header.spans {
            let found = match span.copy {
                Some(copy) => number_in(copy, id).is_some_and(|at| (span.from..span.end()).contains(&at)),
                None => self.is_noted(txn, span, id)?,
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_noted(&self, txn: &Transaction<'_, E>, span: &Span, id: &str) -> Result<bool> {
        let (index, hash) = (self.store.layout.index, hash(id));
        if txn.get(index, layout::single_id_key(&self.user, span.segment(), hash)?)?.is_some() {
            return Ok(true);
        }
        let range = layout::chunk_ids_range(&self.user, span.segment())?;
        let mut hashes = txn.range(index, range, Direction::Forward)?;
        while let Some(mut entry) = hashes.next()? {
            if entry.value()?.chunks(HASH_LEN).any(|other| other == hash.to_be_bytes()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes the ids that came with the messages of a chunk.
    pub(super) fn note_ids(
        &self,
        txn: &mut Transaction<'_, E>,
        segment: Uuid,
        start: u64,
        messages: &[StoredMessage<'_>],
    ) -> Result<()> {
        let given = |message: &StoredMessage<'_>| match &message.id {
            StoredId::Given(id) => Some(hash(id)),
            StoredId::Numbered(_) => None,
        };
        let hashes: Vec<u64> = messages.iter().filter_map(given).collect();
        let index = self.store.layout.index;
        if hashes.len() > SINGLE_IDS_MAX {
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
            return Ok(txn.put(index, layout::chunk_ids_key(&self.user, segment, start)?, bytes)?);
        }
        for hash in hashes {
            txn.put(index, layout::single_id_key(&self.user, segment, hash)?, [])?;
        }
        Ok(())
    }
}

/// FNV-1a, 64 bits wide. It is on disk: it never changes.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use storage_core::Timestamp;

    use super::*;

    #[test]
    fn given_out_ids_are_known_by_their_spelling_alone() {
        let mut header = Header::fresh(Timestamp::from_nanos(1));
        header.numbered = 20;
        let id = id_text(header.seed, 7);
        assert_eq!(header.given_id(&id).unwrap(), StoredId::Numbered(7));
        assert_eq!(header.text_of(&StoredId::Numbered(7)), id);
        for other in [id.replace("-7", "-07"), id.to_uppercase() + "x", id.replace("-7", "-+7"), "é-7".into()]
        {
            assert_eq!(header.given_id(&other).unwrap(), StoredId::Given(other.as_str().into()));
        }
        assert!(header.given_id(&id_text(header.seed, 20)).is_err(), "one that is still to come");
        assert_eq!(header.next_id(), StoredId::Numbered(20));
    }

    #[test]
    fn hashes_are_those_of_fnv_1a() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }
}
