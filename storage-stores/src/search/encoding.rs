//! Numbers and texts as the records of an index hold them: numbers of seven bits a byte, the lowest first; texts behind
//! their length.

use storage_core::{Error, Kind, Result};

/// Adds a number.
pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Adds bytes behind their length.
pub(super) fn put_bytes(bytes: &mut Vec<u8>, added: &[u8]) {
    put_number(bytes, added.len() as u64);
    bytes.extend_from_slice(added);
}

/// Adds numbers that rise, each as its distance from the one before.
pub(super) fn put_rising(bytes: &mut Vec<u8>, numbers: &[u32]) {
    put_number(bytes, numbers.len() as u64);
    let mut before = 0;
    for &number in numbers {
        put_number(bytes, u64::from(number - before));
        before = number;
    }
}

/// Takes from the front of stored bytes. Whatever is not there is `Corrupt`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(super) fn number(&mut self) -> Result<u64> {
        // Most are small, and a search takes hundreds of thousands.
        if let [small @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*small));
        }
        self.long_number()
    }

    fn long_number(&mut self) -> Result<u64> {
        let mut number = 0;
        for (index, &byte) in self.rest.iter().enumerate().take(9) {
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        Err(corrupt())
    }

    #[inline]
    pub(super) fn small(&mut self) -> Result<u32> {
        u32::try_from(self.number()?).map_err(|_| corrupt())
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8]> {
        let len = usize::try_from(self.number()?).map_err(|_| corrupt())?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(corrupt)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Takes numbers that rise, behind those that are in `numbers` already.
    #[inline]
    pub(super) fn rising(&mut self, numbers: &mut Vec<u32>) -> Result<()> {
        let mut before = 0_u32;
        for _ in 0..self.number()? {
            before = before.checked_add(self.small()?).ok_or_else(corrupt)?;
            numbers.push(before);
        }
        Ok(())
    }

    /// Passes numbers that rise.
    pub(super) fn pass_rising(&mut self) -> Result<()> {
        (0..self.number()?).try_for_each(|_| self.number().map(drop))
    }
}

pub(super) fn corrupt() -> Error {
    Error::new(Kind::Corrupt, "the record is none of a text index")
}
