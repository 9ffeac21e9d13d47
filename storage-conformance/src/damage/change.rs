//! What can happen to one file, and the places where it can.

use crate::crash::Image;

/// A page of the smallest kind, and one of a larger kind.
const PAGE_LENS: [usize; 2] = [512, 4096];
const SECTOR_LEN: usize = PAGE_LENS[0];

/// A manner of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// One bit is another.
    Flipped,
    /// The end is gone.
    Cut,
    /// A page holds zeros.
    Zeroed,
    /// Two pages have changed places.
    Swapped,
    /// A page holds what another one holds.
    Repeated,
    /// The file is gone.
    Removed,
}

/// One change of one file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The bit of the byte.
    Flip {
        byte: usize,
        bit: u8,
    },
    /// What is left.
    Cut {
        len: usize,
    },
    /// The page with this number.
    Zero {
        page: usize,
        len: usize,
    },
    /// The pages with these numbers.
    Swap {
        page: usize,
        with: usize,
        len: usize,
    },
    /// The first becomes what the second is.
    Repeat {
        page: usize,
        from: usize,
        len: usize,
    },
    Remove,
}

impl Manner {
    pub(super) const ALL: [Manner; 6] =
        [Manner::Flipped, Manner::Cut, Manner::Zeroed, Manner::Swapped, Manner::Repeated, Manner::Removed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Manner::Flipped => "a bit flipped",
            Manner::Cut => "cut",
            Manner::Zeroed => "a page zeroed",
            Manner::Swapped => "two pages swapped",
            Manner::Repeated => "a page repeated",
            Manner::Removed => "removed",
        }
    }

    /// The places where it can happen to a file with these bytes.
    pub(super) fn places(self, bytes: &[u8]) -> Places {
        let parts = match self {
            Manner::Flipped => sectors(bytes, 8),
            Manner::Cut => sectors(bytes, 1),
            Manner::Zeroed | Manner::Swapped | Manner::Repeated => {
                PAGE_LENS.iter().flat_map(|len| pages(bytes, *len)).collect()
            }
            Manner::Removed => vec![Part { at: 0, len: bytes.len(), places: 1 }],
        };
        let mut ends = Vec::with_capacity(parts.len());
        let mut all = 0;
        for part in &parts {
            all += part.places;
            ends.push(all);
        }
        Places { manner: self, parts, ends }
    }
}

/// A part of a file that has so many places.
struct Part {
    at: usize,
    len: usize,
    places: u64,
}

/// Every byte of the sectors that hold anything, with so many places each; of an empty sector one place is enough.
fn sectors(bytes: &[u8], places: u64) -> Vec<Part> {
    let sectors = bytes.chunks(SECTOR_LEN).enumerate();
    sectors
        .map(|(number, sector)| {
            let places = if is_empty(sector) { 1 } else { sector.len() as u64 * places };
            Part { at: number * SECTOR_LEN, len: sector.len(), places }
        })
        .collect()
}

/// The whole pages that hold anything.
fn pages(bytes: &[u8], len: usize) -> impl Iterator<Item = Part> {
    let pages = bytes.chunks_exact(len).enumerate();
    pages.filter(|(_, page)| !is_empty(page)).map(move |(number, _)| Part {
        at: number * len,
        len,
        places: 1,
    })
}

fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The places of one manner in one file, by number.
pub(super) struct Places {
    manner: Manner,
    parts: Vec<Part>,
    /// How many places there are up to the end of each part.
    ends: Vec<u64>,
}

impl Places {
    pub(super) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The change at a place, which is below the number of places.
    pub(super) fn change(&self, place: u64) -> Change {
        let number = self.ends.partition_point(|end| *end <= place);
        let part = &self.parts[number];
        let within = place - (self.ends[number] - part.places);
        let page = part.at / part.len.max(1);
        match self.manner {
            // Another one in each of the empty sectors.
            Manner::Flipped if part.places == 1 => {
                Change::Flip { byte: part.at + number * 37 % part.len, bit: (number % 8) as u8 }
            }
            Manner::Flipped => {
                Change::Flip { byte: part.at + (within / 8) as usize, bit: (within % 8) as u8 }
            }
            Manner::Cut => Change::Cut { len: part.at + within as usize },
            Manner::Zeroed => Change::Zero { page, len: part.len },
            Manner::Swapped => Change::Swap { page, with: self.other(number), len: part.len },
            Manner::Repeated => Change::Repeat { page, from: self.other(number), len: part.len },
            Manner::Removed => Change::Remove,
        }
    }

    /// The number of another page of the same length: the next one, and so in turn one farther away.
    fn other(&self, number: usize) -> usize {
        let len = self.parts[number].len;
        let same: Vec<usize> = (0..self.parts.len()).filter(|part| self.parts[*part].len == len).collect();
        let here = same.partition_point(|part| *part < number);
        let other = same[(here + 1 + here % 3) % same.len()];
        self.parts[other].at / len
    }
}

impl Change {
    /// The files with the change; `None` where it changes nothing.
    pub(super) fn apply(self, image: &Image, name: &str) -> Option<Image> {
        let mut image = image.clone();
        if let Change::Remove = self {
            return image.remove(name).map(|_| image);
        }
        let bytes = image.get_mut(name)?;
        let before = bytes.clone();
        match self {
            Change::Flip { byte, bit } => bytes[byte] ^= 1 << bit,
            Change::Cut { len } => bytes.truncate(len),
            Change::Zero { page, len } => bytes[page * len..][..len].fill(0),
            Change::Swap { page, with, len } => {
                bytes[page * len..][..len].copy_from_slice(&before[with * len..][..len]);
                bytes[with * len..][..len].copy_from_slice(&before[page * len..][..len]);
            }
            Change::Repeat { page, from, len } => {
                bytes[page * len..][..len].copy_from_slice(&before[from * len..][..len]);
            }
            Change::Remove => {}
        }
        (*bytes != before).then_some(image)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bit_that_holds_anything_is_flipped_and_every_length_is_tried() {
        let mut bytes = vec![0; 3 * SECTOR_LEN + 7];
        bytes[SECTOR_LEN + 3] = 1;
        bytes[3 * SECTOR_LEN] = 1;
        let image = Image::from([("file".to_owned(), bytes.clone())]);
        let changed = |manner: Manner| {
            let places = manner.places(&bytes);
            let all = (0..places.len()).filter_map(|place| places.change(place).apply(&image, "file"));
            all.map(|mut image| image.remove("file").unwrap()).collect::<BTreeSet<_>>()
        };
        assert_eq!(changed(Manner::Flipped).len(), (SECTOR_LEN + 7) * 8 + 2);
        let lengths: BTreeSet<usize> = changed(Manner::Cut).iter().map(Vec::len).collect();
        assert!((SECTOR_LEN..2 * SECTOR_LEN).all(|len| lengths.contains(&len)));
        assert!(lengths.contains(&0) && lengths.contains(&(2 * SECTOR_LEN)));
        assert_eq!(changed(Manner::Zeroed).len(), 1, "what is no whole page is none");
    }
}
