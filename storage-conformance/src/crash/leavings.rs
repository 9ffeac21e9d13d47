//! What a power cut leaves of a disk.
//!
//! What was synced is there. Of the rest, a disk may have written anything: nothing, all, the first calls only, some
//! sectors of 512 bytes and not others, or something else in sectors that held nothing before. A sector itself is
//! written whole or not at all, except that the last one may be cut where it only replaces zeros.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Random;

use super::disk::{Call, Image, directory_of, write_into};

/// The bytes that a disk writes as one.
const SECTOR_LEN: usize = 512;

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It is gone.
    Dropped,
    /// It is there, as after the end of a process.
    Kept,
    /// The first calls are there, and of the next one a part.
    Cut,
    /// Of each call, some sectors are there.
    Torn,
    /// Some calls are there whole, whatever their order.
    Reordered,
    /// As torn, and where nothing was before, sectors that are not there hold anything.
    Garbage,
}

impl Manner {
    /// Every manner, each once.
    pub const ALL: [Manner; 6] =
        [Manner::Dropped, Manner::Kept, Manner::Cut, Manner::Torn, Manner::Reordered, Manner::Garbage];
}

/// What is on the disk after a power cut behind `calls`, which began with `start` on it.
pub fn leavings(start: &Image, calls: &[Call], manner: Manner, random: &mut impl FnMut(u64) -> u64) -> Image {
    let mut disk = Durable::new(start);
    calls.iter().for_each(|call| disk.take(call));
    disk.leave(manner, random)
}

/// Numbers under a limit, from a seed.
pub fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = Random::new(seed);
    move |limit| random.below(limit)
}

/// What is durable, and what waits for a sync.
struct Durable {
    names: BTreeMap<String, usize>,
    files: BTreeMap<usize, Vec<u8>>,
    waiting: Vec<Waiting>,
    waiting_names: Vec<Call>,
}

/// A change of a file that was not synced.
struct Waiting {
    file: usize,
    change: Change,
    /// Whether a sync can still make it durable.
    doomed: Doomed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doomed {
    No,
    Yes,
}

enum Change {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => write_into(content, bytes, *at),
            Change::SetLen(len) => content.resize(usize::try_from(*len).expect("files are short"), 0),
        }
    }

    /// Takes on what a later write put where this one writes.
    fn overlay(&mut self, later: &Change) {
        let (Change::Write { at, bytes }, Change::Write { at: from, bytes: put }) = (self, later) else {
            return;
        };
        let (begin, end) = (*from.max(at), (*from + put.len() as u64).min(*at + bytes.len() as u64));
        if begin < end {
            let taken = &put[(begin - *from) as usize..(end - *from) as usize];
            write_into(bytes, taken, begin - *at);
        }
    }
}

impl Durable {
    fn new(start: &Image) -> Self {
        // As a disk that begins with the image numbers its files.
        let names = start.keys().cloned().zip(0..).collect();
        let files = (0..).zip(start.values().cloned()).collect();
        Durable { names, files, waiting: Vec::new(), waiting_names: Vec::new() }
    }

    fn take(&mut self, call: &Call) {
        match call {
            Call::Create { file, .. } => {
                self.files.insert(*file, Vec::new());
                self.waiting_names.push(call.clone());
            }
            Call::Rename { .. } | Call::Link { .. } | Call::Remove { .. } => {
                self.waiting_names.push(call.clone());
            }
            Call::Write { file, at, bytes } => {
                self.wait(*file, Change::Write { at: *at, bytes: bytes.clone() });
            }
            Call::SetLen { file, len } => self.wait(*file, Change::SetLen(*len)),
            Call::Sync { file } => self.sync(*file),
            Call::FailedSync { file } => {
                let of_it = self.waiting.iter_mut().filter(|waiting| waiting.file == *file);
                of_it.for_each(|waiting| waiting.doomed = Doomed::Yes);
            }
            Call::SyncDirectory => {
                let calls = std::mem::take(&mut self.waiting_names);
                calls.iter().for_each(|call| self.name(call));
            }
            Call::SyncNames { directory } => self.sync_names(directory),
        }
    }

    /// Makes the names in a directory durable, and in others what they depend on.
    fn sync_names(&mut self, directory: &str) {
        let mut directories = BTreeSet::from([directory.to_owned()]);
        let (mut synced, mut rest) = (Vec::new(), Vec::new());
        for call in std::mem::take(&mut self.waiting_names).into_iter().rev() {
            let within = directories_of(&call);
            if within.iter().any(|directory| directories.contains(*directory)) {
                directories.extend(within.into_iter().map(str::to_owned));
                synced.push(call);
            } else {
                rest.push(call);
            }
        }
        synced.iter().rev().for_each(|call| self.name(call));
        rest.reverse();
        self.waiting_names = rest;
    }

    fn wait(&mut self, file: usize, change: Change) {
        self.waiting.push(Waiting { file, change, doomed: Doomed::No });
    }

    fn sync(&mut self, file: usize) {
        let content = self.files.entry(file).or_default();
        let of_it = |waiting: &Waiting| waiting.file == file && waiting.doomed == Doomed::No;
        let (synced, mut rest): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(of_it);
        for Waiting { change, .. } in synced {
            change.apply(content);
            // What failed before cannot come back over what was written since.
            let before = rest.iter_mut().filter(|waiting| waiting.file == file);
            before.for_each(|waiting| waiting.change.overlay(&change));
        }
        self.waiting = rest;
    }

    fn name(&mut self, call: &Call) {
        match call {
            Call::Create { name, file } => drop(self.names.insert(name.clone(), *file)),
            Call::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Call::Link { file, to } => drop(self.names.insert(to.clone(), *file)),
            Call::Remove { name } => drop(self.names.remove(name)),
            _ => {}
        }
    }

    fn leave(mut self, manner: Manner, random: &mut impl FnMut(u64) -> u64) -> Image {
        // A file system keeps the order of its names, so the first changes of them are there.
        let calls = std::mem::take(&mut self.waiting_names);
        let kept = match manner {
            Manner::Dropped => 0,
            Manner::Kept => calls.len(),
            _ => random(calls.len() as u64 + 1) as usize,
        };
        calls[..kept].iter().for_each(|call| self.name(call));
        let waiting = std::mem::take(&mut self.waiting);
        let cut = random(waiting.len() as u64 + 1) as usize;
        for (number, waiting) in waiting.iter().enumerate() {
            let content = self.files.entry(waiting.file).or_default();
            match manner {
                Manner::Dropped => {}
                Manner::Kept => waiting.change.apply(content),
                Manner::Cut if number < cut => waiting.change.apply(content),
                Manner::Cut if number == cut => cut_off(content, &waiting.change, random),
                Manner::Cut => {}
                Manner::Reordered if random(2) == 0 => waiting.change.apply(content),
                Manner::Reordered => {}
                Manner::Torn => tear(content, &waiting.change, None, random),
                Manner::Garbage => tear(content, &waiting.change, Some(random(256) as u8), random),
            }
        }
        let content = |file: &usize| self.files.get(file).cloned().unwrap_or_default();
        self.names.iter().map(|(name, file)| (name.clone(), content(file))).collect()
    }
}

/// The directories in which a call changed names.
fn directories_of(call: &Call) -> Vec<&str> {
    match call {
        Call::Create { name, .. } | Call::Remove { name } => vec![directory_of(name)],
        Call::Link { to, .. } => vec![directory_of(to)],
        Call::Rename { from, to } => vec![directory_of(from), directory_of(to)],
        _ => Vec::new(),
    }
}

/// Writes the first bytes: whole sectors where something was before, any number where nothing was.
fn cut_off(content: &mut Vec<u8>, change: &Change, random: &mut impl FnMut(u64) -> u64) {
    let Change::Write { at, bytes } = change else { return };
    let mut len = random(bytes.len() as u64 + 1) as usize;
    let end = *at as usize + len;
    let sector = end / SECTOR_LEN * SECTOR_LEN;
    if !is_empty(content, sector) {
        len = sector.saturating_sub(*at as usize).min(len);
    }
    write_into(content, &bytes[..len], *at);
}

/// Writes some of the sectors.
fn tear(content: &mut Vec<u8>, change: &Change, garbage: Option<u8>, random: &mut impl FnMut(u64) -> u64) {
    let (at, bytes) = match change {
        Change::Write { at, bytes } => (*at as usize, bytes),
        Change::SetLen(_) if random(2) == 0 => return change.apply(content),
        Change::SetLen(_) => return,
    };
    let mut from = 0;
    while from < bytes.len() {
        let sector = (at + from) / SECTOR_LEN * SECTOR_LEN;
        let to = (sector + SECTOR_LEN - at).min(bytes.len());
        if random(2) == 0 {
            write_into(content, &bytes[from..to], (at + from) as u64);
        } else if let Some(byte) = garbage.filter(|_| is_empty(content, sector)) {
            // From where it writes on: what was synced before it in the sector may be zeros too.
            let end = (sector + SECTOR_LEN).min(content.len().max(at + to));
            let noise: Vec<u8> = (at + from..end).map(|_| byte.wrapping_mul(random(256) as u8 | 1)).collect();
            write_into(content, &noise, (at + from) as u64);
        }
        from = to;
    }
}

/// Whether a sector holds nothing but zeros, or is behind the end.
fn is_empty(content: &[u8], sector: usize) -> bool {
    let end = content.len().min(sector + SECTOR_LEN);
    content.get(sector..end).is_none_or(|bytes| bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use storage_core::journal::{Disk, DiskFile};

    use super::super::disk::SimDisk;
    use super::*;

    fn left(disk: &SimDisk, manner: Manner) -> Image {
        leavings(&disk.start(), &disk.calls(), manner, &mut random(1))
    }

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let disk = SimDisk::new(Image::from([("a".to_owned(), b"old".to_vec())]));
        let file = disk.file("a").unwrap();
        file.write_at(b"new", 0).unwrap();
        file.sync_data().unwrap();
        file.write_at(b"!", 3).unwrap();
        assert_eq!(left(&disk, Manner::Dropped)["a"], b"new");
        assert_eq!(left(&disk, Manner::Kept)["a"], b"new!");
    }

    #[test]
    fn names_wait_for_their_directory() {
        let disk = SimDisk::new(Image::new());
        let file = disk.create("a").unwrap();
        file.write_at(b"new", 0).unwrap();
        file.sync_data().unwrap();
        assert!(left(&disk, Manner::Dropped).is_empty());
        disk.sync_directory().unwrap();
        disk.rename("a", "b").unwrap();
        assert_eq!(left(&disk, Manner::Dropped)["a"], b"new");
        assert_eq!(left(&disk, Manner::Kept)["b"], b"new");
    }

    #[test]
    fn one_directory_is_synced_without_the_others() {
        let disk = SimDisk::new(Image::from([("a/old".to_owned(), b"1".to_vec())]));
        disk.create("b/new").unwrap();
        disk.link("a/old", "b/linked").unwrap();
        disk.create("a/new").unwrap();
        disk.rename("a/old", "c/kept").unwrap();
        disk.sync_names("b").unwrap();
        let names = |image: Image| image.into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(names(left(&disk, Manner::Dropped)), "a/old b/linked b/new");
        disk.sync_names("c").unwrap();
        assert_eq!(names(left(&disk, Manner::Dropped)), "a/new b/linked b/new c/kept");
    }

    #[test]
    fn failed_sync_is_not_made_good_by_a_later_one() {
        let disk = SimDisk::new(Image::from([("a".to_owned(), b"old".to_vec())]));
        let fault = super::super::disk::Fault {
            call: 2,
            kind: std::io::ErrorKind::Other,
            lasts: super::super::disk::Lasts::Once,
        };
        let disk = disk.failing(fault);
        let file = disk.file("a").unwrap();
        file.write_at(b"new", 0).unwrap();
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        assert_eq!(left(&disk, Manner::Dropped)["a"], b"old");
    }

    #[test]
    fn sectors_are_torn_one_by_one() {
        let disk = SimDisk::new(Image::from([("a".to_owned(), vec![1; 4 * SECTOR_LEN])]));
        disk.file("a").unwrap().write_at(&[2; 4 * SECTOR_LEN], 0).unwrap();
        let mut random = random(7);
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let image = leavings(&disk.start(), &disk.calls(), Manner::Garbage, &mut random);
            let sectors: Vec<u8> = image["a"]
                .chunks(SECTOR_LEN)
                .map(|sector| {
                    assert!(sector.iter().all(|byte| *byte == sector[0]));
                    sector[0]
                })
                .collect();
            seen.insert(sectors);
        }
        assert_eq!(seen.len(), 16);
    }
}
