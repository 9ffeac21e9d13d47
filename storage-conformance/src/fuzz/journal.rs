//! Journal files beside a store that knows them: one is replaced by an input.

use std::sync::Arc;

use storage_core::journal::frame::{self, Chain, FRAME_LEN};
use storage_core::journal::{
    Checkpoints, Header, Journal, JournalOptions, NAMES, RECORDS_AT, SLOT_LEN, Slot,
};
use storage_core::{Kind, Result};

use crate::crash::{
    Acknowledged, Content, CrashSubject, Image, ImageEngine, ImageLie, SimDisk, Step, content, empty, run,
};

use super::Target;

/// How long each file is.
const FILE_LEN: usize = 12 << 10;
/// Both slots; what is between them and the records is left out of an input.
const SLOTS_LEN: usize = 2 * SLOT_LEN;

/// The smallest engine with a journal.
struct Store;

impl CrashSubject for Store {
    type Engine = Journal<ImageEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<ImageEngine>> {
        let engine = ImageEngine::open(Arc::new(disk.clone()), ImageLie::None)?;
        let options = JournalOptions::default()
            .with_file_len(FILE_LEN as u64)
            .with_unsaved_bytes_max(1 << 20)
            .with_checkpoints(Checkpoints::InCommits);
        Journal::open(engine, Arc::new(disk.clone()), options)
    }

    fn checkpoint(&self, engine: &Journal<ImageEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

const SCRIPT: [Step; 5] = [commit(1), commit(3), commit(10), commit(1), commit(3)];

const fn commit(records: u64) -> Step {
    Step::Commit { records, value_len: 30, durability: storage_core::Durability::Sync }
}

/// A store that ended with five commits in its journal, and the states that it had.
fn made() -> (Image, Vec<Content>) {
    let (image, allowed) = empty();
    let disk = SimDisk::new(image);
    let ran = run(&Store, &disk, &allowed, &SCRIPT, 1, Acknowledged::Afterwards);
    let ran = ran.unwrap_or_else(|broken| panic!("a store that is fuzzed is right at first: {broken}"));
    (disk.content(), ran.reached.into_iter().map(|reached| reached.content).collect())
}

/// Files with any bytes: what is read is a state that the store had.
pub fn journal_files() -> Target {
    let (image, states) = made();
    let seeds = seeds(&image);
    Target::new("journal_files", seeds, move |input| match opened(&image, input)? {
        Opened::Refused(kind) => Ok(format!("{kind:?}")),
        Opened::Holds(found) => match states.iter().position(|state| *state == found) {
            Some(state) => Ok(format!("state {state}")),
            None => Err(format!("{} records that the store never held together", found.len())),
        },
    })
}

/// Files whose checksums are right, whatever they hold: opening ends, in a store or in words.
pub fn resealed_journal_files() -> Target {
    let (image, _) = made();
    let seeds = seeds(&image);
    let target = Target::new("resealed_journal_files", seeds, move |input| match opened(&image, input)? {
        Opened::Refused(kind) => Ok(format!("{kind:?}")),
        Opened::Holds(found) => Ok(format!("{} records", found.len())),
    });
    target.mended(reseal)
}

/// Which of the files it is, and what stands in it, without the zeros.
fn seeds(image: &Image) -> Vec<Vec<u8>> {
    let file = |index: u8| {
        let bytes = &image[NAMES[usize::from(index)]];
        let records = &bytes[RECORDS_AT as usize..];
        let used = records.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        [&[index], &bytes[..SLOTS_LEN], &records[..used]].concat()
    };
    [file(0), file(1)].into()
}

enum Opened {
    Refused(Kind),
    Holds(Content),
}

fn opened(image: &Image, input: &[u8]) -> Result<Opened, String> {
    let Some((index, bytes)) = input.split_first() else { return Ok(Opened::Refused(Kind::Invalid)) };
    let (slots, records) = bytes.split_at(SLOTS_LEN.min(bytes.len()));
    let mut file = slots.to_vec();
    file.resize(RECORDS_AT as usize, 0);
    file.extend_from_slice(records);
    file.resize(file.len().max(FILE_LEN), 0);
    let mut image = image.clone();
    image.insert(NAMES[usize::from(index % 2)].to_owned(), file);
    let disk = SimDisk::new(image);
    match Store.open(&disk).and_then(|engine| content(&engine)) {
        Ok(found) => Ok(Opened::Holds(found)),
        Err(error) if [Kind::Corrupt, Kind::Invalid, Kind::Unavailable].contains(&error.kind()) => {
            Ok(Opened::Refused(error.kind()))
        }
        Err(error) => Err(format!("it is refused with {error:?}")),
    }
}

/// Makes the checksums of both slots and of every record right.
fn reseal(input: &mut [u8]) {
    let Some(bytes) = input.get_mut(1..) else { return };
    let (slots, mut records) = bytes.split_at_mut(SLOTS_LEN.min(bytes.len()));
    let mut salt = [0; 16];
    for slot in slots.chunks_exact_mut(SLOT_LEN) {
        let sum = crc32fast::hash(&slot[..SLOT_LEN - 4]);
        slot[SLOT_LEN - 4..].copy_from_slice(&sum.to_le_bytes());
        if let Some(Slot::Holds(Header { salt: held, .. })) = slot.first_chunk().map(Header::from_slot) {
            salt = held;
        }
    }
    let mut chain = Chain::begin(salt);
    while let Some(head) = records.first_chunk::<FRAME_LEN>() {
        let len = usize::try_from(frame::len(head)).unwrap_or(usize::MAX);
        let Some((record, rest)) = records.split_at_mut_checked(len) else { return };
        chain = chain.seal(record);
        records = rest;
    }
}
