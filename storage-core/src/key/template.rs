//! Templates: keys and values with holes that the commit fills.
//!
//! A hole says where a number goes and in which form, so that the commit needs neither the type nor the
//! codec.

use smallvec::SmallVec;

use crate::key::Key;
use crate::key::tuple::{Encoder, PackedInteger, ToTuple};

/// What fills a hole: something that only the commit knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// The number of this ticket, counted from zero in the transaction.
    Number(u32),
    /// The time of the commit, in nanoseconds since 1970 began.
    CommitTime,
}

/// How a number stands in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// An integer of the tuple layer, in the fewest bytes. The template has nothing in its place.
    TupleInteger,
    /// Eight bytes, the lowest first. The template has eight zeros in their place.
    FixedLittleEndian8,
    /// Decimal digits. The template has the digit `0` in their place.
    Decimal,
}

/// The longest decimal number of 64 bits.
const DECIMAL_LEN_MAX: usize = 20;

impl Form {
    /// What a template has in place of the number.
    pub(crate) fn placeholder(self) -> &'static [u8] {
        match self {
            Form::TupleInteger => &[],
            Form::FixedLittleEndian8 => &[0; 8],
            Form::Decimal => b"0",
        }
    }

    fn len_max(self) -> usize {
        match self {
            Form::TupleInteger => PackedInteger::LEN_MAX,
            Form::FixedLittleEndian8 => 8,
            Form::Decimal => DECIMAL_LEN_MAX,
        }
    }

    fn write(self, number: u64, write: &mut impl FnMut(&[u8])) {
        match self {
            Form::TupleInteger => write(PackedInteger::positive(number).as_slice()),
            Form::FixedLittleEndian8 => write(&number.to_le_bytes()),
            Form::Decimal => write_decimal(number, write),
        }
    }
}

fn write_decimal(mut number: u64, write: &mut impl FnMut(&[u8])) {
    let mut digits = [b'0'; DECIMAL_LEN_MAX];
    let mut start = DECIMAL_LEN_MAX - 1;
    loop {
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return write(&digits[start..]);
        }
        start -= 1;
    }
}

/// A place in a template where the commit writes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hole {
    /// Where it starts in the template.
    pub offset: usize,
    /// What fills it.
    pub slot: Slot,
    /// How the number stands there.
    pub form: Form,
}

/// The holes of a template, in the order of their offsets. Two can share one: neither takes room there yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes(SmallVec<[Hole; 1]>);

impl Holes {
    /// No holes.
    #[inline]
    pub fn new() -> Self {
        Holes(SmallVec::new())
    }

    /// Whether there is none: the bytes are final.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The holes, first to last.
    #[inline]
    pub fn as_slice(&self) -> &[Hole] {
        &self.0
    }

    #[inline]
    pub(crate) fn push(&mut self, offset: usize, slot: Slot, form: Form) {
        self.0.push(Hole { offset, slot, form });
    }
}

impl From<Vec<u8>> for Template<Vec<u8>> {
    /// A value without holes.
    fn from(value: Vec<u8>) -> Self {
        Template { bytes: value, holes: Holes::new() }
    }
}

/// A key (`Template<Key>`) or a value (`Template<Vec<u8>>`) that may wait for its commit.
///
/// ```
/// use storage_core::Number;
/// use storage_core::key::Template;
///
/// let template = Template::of(&(Number::Drawn(0), "x"));
/// assert_eq!(template.longest_len(), 12);
/// assert_eq!(template.fill(|_| 7).unpack::<(u64, String)>()?, (7, "x".to_owned()));
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<B> {
    bytes: B,
    holes: Holes,
}

impl<B: AsRef<[u8]>> Template<B> {
    pub(crate) fn new(bytes: B, holes: Holes) -> Self {
        Template { bytes, holes }
    }

    /// Whether it has no holes: its bytes are final.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.holes.is_empty()
    }

    /// Its bytes, with a placeholder or nothing where the holes are.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Its holes.
    #[inline]
    pub fn holes(&self) -> &Holes {
        &self.holes
    }

    /// Its bytes and its holes.
    #[inline]
    pub fn into_parts(self) -> (B, Holes) {
        (self.bytes, self.holes)
    }

    /// The length in bytes once the largest numbers have filled it, against which limits are checked.
    pub fn longest_len(&self) -> usize {
        let grown =
            self.holes.as_slice().iter().map(|hole| hole.form.len_max() - hole.form.placeholder().len());
        self.bytes().len() + grown.sum::<usize>()
    }

    fn fill_into(&self, mut resolve: impl FnMut(Slot) -> u64, mut write: impl FnMut(&[u8])) {
        let bytes = self.bytes();
        let mut copied = 0;
        for hole in self.holes.as_slice() {
            write(&bytes[copied..hole.offset]);
            hole.form.write(resolve(hole.slot), &mut write);
            copied = hole.offset + hole.form.placeholder().len();
        }
        write(&bytes[copied..]);
    }
}

impl Template<Key> {
    /// The template of the key that a tuple, or a single value, packs into.
    #[inline]
    pub fn of<T: ToTuple + ?Sized>(tuple: &T) -> Self {
        let mut template = Template { bytes: Key::new(), holes: Holes::new() };
        tuple.pack(&mut Encoder::new(&mut template.bytes, &mut template.holes));
        template
    }

    /// The key with its holes filled by what `resolve` says.
    pub fn fill(&self, resolve: impl FnMut(Slot) -> u64) -> Key {
        let mut key = Key::new();
        self.fill_into(resolve, |part| key.extend_from_slice(part));
        key
    }
}

impl Template<Vec<u8>> {
    /// The value with its holes filled by what `resolve` says.
    pub fn fill(&self, resolve: impl FnMut(Slot) -> u64) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.longest_len());
        self.fill_into(resolve, |part| value.extend_from_slice(part));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::key::{CommitTime, Nested, Number};

    fn resolve(slot: Slot) -> u64 {
        match slot {
            Slot::Number(ticket) => [0, 300, u64::MAX][ticket as usize],
            Slot::CommitTime => 1_700_000_000_000_000_000,
        }
    }

    #[test]
    fn a_filled_key_is_the_key_of_the_known_numbers() {
        let time = Timestamp::from_nanos(resolve(Slot::CommitTime));
        let drawn = (
            "log",
            Number::Drawn(0),
            Number::Drawn(1),
            Nested((Some(Number::Drawn(2)), None::<Number>, CommitTime::AtCommit)),
            CommitTime::AtCommit,
        );
        let known = (
            "log",
            Number::Known(0),
            Number::Known(300),
            Nested((Some(Number::Known(u64::MAX)), None::<Number>, CommitTime::Known(time))),
            CommitTime::Known(time),
        );
        let template = Template::of(&drawn);
        assert_eq!(template.holes().as_slice().len(), 5);
        assert!(Key::of(&drawn).is_err());
        assert_eq!(template.fill(resolve), Key::of(&known).unwrap());
        assert!(template.fill(|_| u64::MAX).len() == template.longest_len());
    }

    #[test]
    fn a_template_without_holes_is_its_bytes() {
        let template = Template::of(&("log", 5_u64));
        assert!(template.is_complete());
        assert_eq!(template.longest_len(), template.bytes().len());
        assert_eq!(template.fill(resolve).as_slice(), template.bytes());
    }

    #[test]
    fn decimals_are_those_of_the_standard_library() {
        for number in [0, 9, 10, 99, 100, 1_234_567_890, u64::MAX] {
            let mut digits = Vec::new();
            write_decimal(number, &mut |part| digits.extend_from_slice(part));
            assert_eq!(String::from_utf8(digits).unwrap(), number.to_string());
        }
    }
}
