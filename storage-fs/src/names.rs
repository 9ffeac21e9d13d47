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

fn tuple(key: &[u8], into: &mut String) -> bool {
    let mut from = Decoder::new(key);
    let mut is_first = true;
    while !from.is_at_end() {
        if !is_first {
            into.push(',');
        }
        is_first = false;
        if let Ok(string) = from.take_str() {
            escape(string.as_bytes(), into);
        } else if let Ok(number) = from.take_i128() {
            into.push_str(&format!("#{number}"));
        } else if let Ok(id) = from.take_uuid() {
            into.push_str(&format!("@{id}"));
        } else if let Ok(truth) = from.take_bool() {
            into.push_str(if truth { "#t" } else { "#f" });
        } else if let Ok(bytes) = from.take_bytes() {
            into.push('~');
            escape(&bytes, into);
        } else if from.take_null() {
            into.push_str("#n");
        } else {
            return false;
        }
    }
    !is_first
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

    proptest! {
        #[test]
        fn every_key_comes_back(bytes in prop::collection::vec(any::<u8>(), 1..40)) {
            let text = text(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\\"<>:|?*".contains(&byte)));
            prop_assert_eq!(text.to_ascii_lowercase(), text.clone());
            prop_assert_eq!(key(&text), Some(Key::from(bytes)));
        }

        #[test]
        fn any_text_is_one_keys_or_none(text in "[-a-z0-9+%=,~@#.]{0,12}") {
            if let Some(key) = key(&text) {
                prop_assert_eq!(super::text(&key), text);
            }
        }
    }
}
