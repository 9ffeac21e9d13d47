//! How an input becomes another one.

use crate::history::Random;

/// The longest input.
const LEN_MAX: usize = 64 << 10;

/// Numbers at which lengths and counts go wrong.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    (64 << 20) + 1,
    u64::MAX / 2,
    u64::MAX - 7,
    u64::MAX,
];

/// Makes one change.
pub(super) fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() as u64 + 1) as usize;
    let len = (random.below(32) as usize + 1).min(input.len() - at);
    match random.below(11) {
        0 | 1 if at < input.len() => input[at] ^= 1 << random.below(8),
        2 if at < input.len() => input[at] = random.below(256) as u8,
        3 | 4 => put_number(input, at, random),
        5 => drop(input.drain(at..at + len)),
        6 => input.truncate(at),
        7 => {
            let repeated = input[at..at + len].to_vec();
            insert(input, at, &repeated);
        }
        8 => {
            let other = random.below(seeds.len().max(1) as u64) as usize;
            let other: &[u8] = seeds.get(other).map_or(&[], Vec::as_slice);
            let from = random.below(other.len() as u64 + 1) as usize;
            let to = (from + random.below(64) as usize).min(other.len());
            insert(input, at, &other[from..to]);
        }
        9 if at + len < input.len() => input[at..].rotate_left(len),
        _ => {
            let bytes: Vec<u8> = (0..=random.below(8)).map(|_| random.below(256) as u8).collect();
            insert(input, at, &bytes);
        }
    }
    input.truncate(LEN_MAX);
}

/// Writes a number over what is there, in one of the widths and orders in which lengths stand.
fn put_number(input: &mut [u8], at: usize, random: &mut Random) {
    let number = NUMBERS[random.place(NUMBERS.len())];
    let mut bytes = number.to_le_bytes();
    let width = [1, 2, 4, 8][random.place(4)];
    let bytes = &mut bytes[..width];
    if random.one_in(3) {
        bytes.reverse();
    }
    let len = width.min(input.len() - at);
    input[at..at + len].copy_from_slice(&bytes[..len]);
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
