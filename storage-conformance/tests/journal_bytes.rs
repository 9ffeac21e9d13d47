//! A journal whose bytes somebody changed, with checksums that fit: it is refused or read, and never a panic.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::ops::Range;
use std::panic::catch_unwind;
use std::sync::Arc;

use storage_conformance::crash::{
    Acknowledged, CrashSubject, Image, ImageEngine, ImageLie, Manner, SimDisk, empty, leavings, random,
    random_script, run,
};
use storage_core::journal::{
    Checkpoints, Header, Journal, JournalOptions, NAMES, RECORDS_AT, SLOT_LEN, Slot, frame,
};
use storage_core::{Kind, Result};

struct Journalled;

impl CrashSubject for Journalled {
    type Engine = Journal<ImageEngine>;

    fn open(&self, disk: &SimDisk) -> Result<Journal<ImageEngine>> {
        let engine = ImageEngine::open(Arc::new(disk.clone()), ImageLie::None)?;
        let options =
            JournalOptions::default().with_file_len(8 << 10).with_checkpoints(Checkpoints::InCommits);
        Journal::open(engine, Arc::new(disk.clone()), options)
    }

    fn checkpoint(&self, engine: &Journal<ImageEngine>) -> Result<()> {
        engine.checkpoint()
    }
}

/// What is written over some bytes.
const EXTREMES: [u64; 10] =
    [0, 1, 2, 255, 256, 4096, u16::MAX as u64, u32::MAX as u64, u64::MAX - 1, u64::MAX];

/// Where a change begins among the bytes of a header that mean something.
const HEADER_FIELDS: Range<u64> = 8..72;

/// What a crash leaves after a random script.
fn crashed(seed: u64) -> Image {
    let (image, allowed) = empty();
    let disk = SimDisk::new(image);
    let ran = run(&Journalled, &disk, &allowed, &random_script(seed, 12), seed, Acknowledged::Afterwards);
    let ran = ran.unwrap_or_else(|broken| panic!("{broken}"));
    leavings(&ran.disk.start(), &ran.disk.calls(), Manner::Kept, &mut random(seed))
}

fn header(file: &[u8]) -> Option<Header> {
    match Header::from_slot(file.first_chunk().unwrap()) {
        Slot::Holds(header) => Some(header),
        _ => None,
    }
}

/// Where the records of the epoch stand.
fn records(file: &[u8], header: &Header) -> Vec<Range<usize>> {
    let (mut chain, mut at, mut records) =
        (frame::Chain::begin(header.salt), RECORDS_AT as usize, Vec::new());
    while let Some(head) = file.get(at..).and_then(<[u8]>::first_chunk) {
        let end = at + frame::len(head) as usize;
        let Some(next) = file.get(at..end).and_then(|record| chain.verify(record)) else { break };
        records.push(at..end);
        (chain, at) = (next, end);
    }
    records
}

fn change_header(file: &mut [u8], value: u64, draw: &mut impl FnMut(u64) -> u64) {
    let at = (HEADER_FIELDS.start + draw(HEADER_FIELDS.end - HEADER_FIELDS.start)) as usize;
    file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    let sum = crc32fast::hash(&file[..SLOT_LEN - 4]);
    file[SLOT_LEN - 4..SLOT_LEN].copy_from_slice(&sum.to_le_bytes());
}

fn change_record(file: &mut [u8], header: &Header, value: u64, draw: &mut impl FnMut(u64) -> u64) {
    let records = records(file, header);
    if records.is_empty() {
        return;
    }
    let changed = records[draw(records.len() as u64) as usize].clone();
    // Behind the checksum, which is made anew.
    let at = changed.start + 4 + draw(changed.len() as u64 - 4) as usize;
    let len = (1 << draw(4)).min(changed.end - at);
    file[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
    records.into_iter().fold(frame::Chain::begin(header.salt), |chain, record| chain.seal(&mut file[record]));
}

#[test]
fn changed_bytes_with_checksums_that_fit_are_refused_or_read() {
    let (mut opened, mut refused) = (0, 0);
    for seed in 1..300 {
        let mut image = crashed(seed);
        let mut draw = random(seed);
        for _ in 0..=draw(5) {
            let file = image.get_mut(NAMES[draw(2) as usize]).unwrap();
            let Some(header) = header(file) else { break };
            let value = EXTREMES[draw(EXTREMES.len() as u64) as usize];
            match draw(3) {
                0 => change_header(file, value, &mut draw),
                _ => change_record(file, &header, value, &mut draw),
            }
        }
        let done = catch_unwind(|| Journalled.open(&SimDisk::new(image)).map(drop));
        match done.unwrap_or_else(|_| panic!("seed {seed}: a panic")) {
            Ok(()) => opened += 1,
            Err(error) => {
                assert!(matches!(error.kind(), Kind::Corrupt | Kind::Invalid), "seed {seed}: {error:?}");
                refused += 1;
            }
        }
    }
    assert!(opened > 20 && refused > 20, "{opened} opened, {refused} refused");
}
