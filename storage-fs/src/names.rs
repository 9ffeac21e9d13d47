//! Keys as text, in the names of files and in lines: readable where they are ordinary, safe for whatever they hold.
//!
//! | a key is | its text is |
//! |---|---|
//! | a tuple | its elements between commas |
//! | any other bytes | `=` and the bytes |
//!
//! | an element is | its text is |
//! |---|---|
//! | a string | the string; `@`, `~` and `#` at its beginning cannot be, since they are written as `%40`, `%7e`, `%23` |
//! | bytes | `~` and the bytes |
//! | an integer | `#` and its digits |
//! | a UUID | `@` and its usual form |
//! | true, false, null | `#t`, `#f`, `#n` |
//!
//! Lower-case letters, digits, `-`, `_` and `.` stand for themselves, a capital letter is `+` and the small one, so that a
//! disk that ignores case keeps names apart, and any other byte is `%` and two hexadecimal digits. A tuple that holds
//! anything else is written as bytes. What a system reserves, such as `con`, and a `.` in front begin with `%`.

use sha2::{Digest, Sha256};
use storage_core::Key;
use storage_core::key::{Decoder, Encoder, Holes};
use uuid::Uuid;

/// A file system takes names of 255 bytes; what is around a name in a temporary one and its extension needs some.
const NAME_LEN_MAX: usize = 200;
/// So much of a longer text begins its name.
const NAME_LEN_KEPT: usize = 120;

/// The first bytes of elements, as the FoundationDB tuple layer has them.
mod code {
    pub(super) const NULL: u8 = 0x00;
    pub(super) const BYTES: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const INTEGER_MIN: u8 = 0x0b;
    pub(super) const INTEGER_MAX: u8 = 0x1d;
    pub(super) const FALSE: u8 = 0x26;
    pub(super) const TRUE: u8 = 0x27;
    pub(super) const UUID: u8 = 0x30;
}

/// Names that some system gives to devices, also with an extension.
const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
const RESERVED_NUMBERED: [&str; 2] = ["com", "lpt"];

/// The text of a key.
pub(crate) fn text(key: &[u8]) -> String {
    let mut text = String::with_capacity(key.len() + 8);
    if !tuple(key, &mut text) {
        text.clear();
        text.push('=');
        escape(key, &mut text);
    }
    if is_reserved(&text) {
        let first = text.remove(0);
        text.insert_str(0, &format!("%{:02x}", u32::from(first)));
    }
    text
}

/// The key of a text; `None` if it is no key's.
pub(crate) fn key(from: &str) -> Option<Key> {
    let key = match from.strip_prefix('=') {
        Some(bytes) => Key::from(unescape(bytes)?),
        None => packed(from)?,
    };
    // What is written otherwise than it would be is another name of the same key.
    (!key.is_empty() && text(&key) == from).then_some(key)
}

/// The name of the file of a key, without its extension. That of a long one cannot be read back.
pub(crate) fn file_name(key: &[u8]) -> String {
    let mut name = text(key);
    if name.len() > NAME_LEN_MAX {
        name.truncate(NAME_LEN_KEPT);
        // No text holds two of these in a row.
        name.push_str("%%");
        for byte in &Sha256::digest(key)[..16] {
            name.push_str(&format!("{byte:02x}"));
        }
    }
    name
}

/// Adds the text of a tuple; `false`, with some of it added, if the key is none or holds what has no text.
fn tuple(key: &[u8], into: &mut String) -> bool {
    let mut from = Decoder::new(key);
    while let Some(code) = from.rest().first() {
        if from.rest().len() < key.len() {
            into.push(',');
        }
        // What fails may have taken something, so nothing else is tried in its place.
        let is_taken = match *code {
            code::STRING => from.take_str().map(|string| escape(string.as_bytes(), into)).is_ok(),
            code::BYTES => {
                into.push('~');
                from.take_bytes().map(|bytes| escape(&bytes, into)).is_ok()
            }
            code::UUID => from.take_uuid().map(|id| into.push_str(&format!("@{id}"))).is_ok(),
            code::FALSE | code::TRUE => {
                from.take_bool().map(|truth| into.push_str(if truth { "#t" } else { "#f" })).is_ok()
            }
            code::NULL => {
                into.push_str("#n");
                from.take_null()
            }
            code::INTEGER_MIN..=code::INTEGER_MAX => {
                from.take_i128().map(|number| into.push_str(&format!("#{number}"))).is_ok()
            }
            _ => false,
        };
        if !is_taken {
            return false;
        }
    }
    !key.is_empty()
}

fn packed(text: &str) -> Option<Key> {
    let (mut key, mut holes) = (Key::new(), Holes::new());
    let mut to = Encoder::new(&mut key, &mut holes);
    for element in text.split(',') {
        match (element.as_bytes().first(), element.get(1..)) {
            (Some(b'#'), Some("t")) => to.put_bool(true),
            (Some(b'#'), Some("f")) => to.put_bool(false),
            (Some(b'#'), Some("n")) => to.put_null(),
            (Some(b'#'), Some(digits)) => to.put_i128(digits.parse().ok()?),
            (Some(b'@'), Some(id)) => to.put_uuid(Uuid::try_parse(id).ok()?),
            (Some(b'~'), Some(bytes)) => to.put_bytes(&unescape(bytes)?),
            _ => to.put_str(&String::from_utf8(unescape(element)?).ok()?),
        }
    }
    Some(key)
}

fn escape(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => into.push(char::from(*byte)),
            b'A'..=b'Z' => {
                into.push('+');
                into.push(char::from(byte.to_ascii_lowercase()));
            }
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                into.push('%');
                into.push(char::from(DIGITS[usize::from(byte >> 4)]));
                into.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match first {
            b'+' => {
                let (letter, behind) = behind.split_first()?;
                (letter.is_ascii_lowercase().then(|| letter.to_ascii_uppercase())?, behind)
            }
            b'%' => {
                let (digits, behind) = behind.split_at_checked(2)?;
                (u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?, behind)
            }
            byte => (*byte, behind),
        };
        bytes.push(byte);
        rest = behind;
    }
    Some(bytes)
}

fn is_reserved(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or_default();
    let is_numbered = |name: &str| {
        stem.strip_prefix(name).is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    text.starts_with('.') || RESERVED.contains(&stem) || RESERVED_NUMBERED.into_iter().any(is_numbered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_keys_read_as_they_are() {
        let id = Uuid::from_u128(7);
        for (key, expected) in [
            (Key::of("alice").unwrap(), "alice"),
            (Key::of("Alice Müller").unwrap(), "+alice%20+m%c3%bcller"),
            (Key::of(&("acme", 42_u64, -7_i64)).unwrap(), "acme,#42,#-7"),
            (Key::of(&(id, true)).unwrap(), "@00000000-0000-0000-0000-000000000007,#t"),
            (Key::of("#42").unwrap(), "%2342"),
            (Key::of("").unwrap(), ""),
            (Key::of("con").unwrap(), "%63on"),
            (Key::of("nul.txt").unwrap(), "%6eul.txt"),
            (Key::of("com1").unwrap(), "%63om1"),
            (Key::of("..").unwrap(), "%2e."),
            (Key::of("a/b\\c").unwrap(), "a%2fb%5cc"),
            (Key::from(b"raw".as_slice()), "=raw"),
            (Key::from([0xff, 0].as_slice()), "=%ff%00"),
            // It begins as a string that is no UTF-8, and goes on as numbers.
            (Key::from([2, 0xa2, 0, 0x15, 7].as_slice()), "=%02%a2%00%15%07"),
        ] {
            assert_eq!(text(&key), expected);
            assert_eq!(super::key(expected), Some(key));
        }
    }

    #[test]
    fn what_is_no_keys_text_is_refused() {
        for text in [
            "=", "a%2", "a%zz", "+", "+A", "%61", "#", "#x", "#007", "@1", "=%41", "con", ".a", "a b",
            "a%%00",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn long_keys_have_short_names_of_their_own() {
        let one = Key::of("x".repeat(500).as_str()).unwrap();
        let other = Key::of(format!("{}y", "x".repeat(499)).as_str()).unwrap();
        assert!(file_name(&one).len() <= NAME_LEN_MAX);
        assert_ne!(file_name(&one), file_name(&other));
        assert_eq!(key(&file_name(&one)), None);
    }

    /// Codes of elements, and bytes that are none or no UTF-8.
    const LOOKS: &[u8] = &[
        0, 1, 2, 5, 0x0b, 0x0c, 0x13, 0x14, 0x15, 0x16, 0x1c, 0x1d, 0x26, 0x27, 0x30, b'a', b'A', 0xa2, 0xff,
    ];

    proptest! {
        #[test]
        fn every_key_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..40)) {
            let text = text(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\\"<>:|?*".contains(&byte)));
            prop_assert_eq!(text.to_ascii_lowercase(), text.clone());
            prop_assert_eq!(key(&text), Some(Key::from(bytes)));
        }

        /// The codes of elements stand everywhere, so that what begins as a tuple often ends as none.
        #[test]
        fn every_key_that_looks_like_a_tuple_comes_back(
            bytes in prop::collection::vec(prop::sample::select(LOOKS), 1..12)
        ) {
            prop_assert_eq!(key(&text(&bytes)), Some(Key::from(bytes)));
        }

        #[test]
        fn any_text_is_one_keys_or_none(text in "[-a-z0-9+%=,~@#.]{0,12}") {
            if let Some(key) = key(&text) {
                prop_assert_eq!(super::text(&key), text);
            }
        }
    }
}
