//! One line of a segment: a JSON object that says what became of a key.
//!
//! ```text
//! {"key":"alice","stamp":"…48 digits…","as":"json","len":14,"sum":"…8 digits…","value":{"name":"A"}}
//! ```
//!
//! | member | is |
//! |---|---|
//! | `key` | the key's text (`names.rs`) |
//! | `stamp` | the record's stamp in hexadecimal digits |
//! | `as` | what `value` is: `json` the value itself, `base64` the value in base64, `file` where it is, `gone` nothing |
//! | `len` | the length of `value` in bytes |
//! | `sum` | CRC-32 (IEEE) of the keyspace's name, the line up to here, and the value unless it is the record's own |
//! | `value` | the value, which its stamp guards |
//!
//! So a line is found whole and its key is known even where the value is damaged, and damage to anything else is told.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use storage_core::{Key, Keyspace, STAMP_LEN, Stamp};

use crate::disk::{FileKind, Identity};
use crate::files::Extension;
use crate::names;

/// How a line holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is: it is JSON without a line break.
    Json,
    /// In base64.
    Base64,
}

/// What a line says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The record has a value that stands in the line.
    Value(Form),
    /// The record has a value of `len` bytes that stands in a file of its own.
    File { extension: Extension, identity: Identity },
    /// There is no record.
    Gone,
}

/// A line that was read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) key: Key,
    pub(crate) stamp: Stamp,
    pub(crate) said: Said,
    /// Where the value begins in the line, and its length.
    pub(crate) value_at: usize,
    pub(crate) value_len: usize,
    /// The length of the line, its end included.
    pub(crate) len: usize,
}

/// Where a value stands that was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) form: Form,
    pub(crate) at: usize,
    pub(crate) len: usize,
}

/// Adds the line of a record that holds its value.
pub(crate) fn put(into: &mut Vec<u8>, keyspace: Keyspace, key: &[u8], stamp: Stamp, value: &[u8]) -> Written {
    let encoded;
    let (form, text) = match is_json_of_one_line(value) {
        true => (Form::Json, value),
        false => {
            encoded = format!("\"{}\"", BASE64.encode(value));
            (Form::Base64, encoded.as_bytes())
        }
    };
    let name = match form {
        Form::Json => "json",
        Form::Base64 => "base64",
    };
    begin(into, keyspace, key, &stamp, name, text.len(), b"");
    let at = into.len();
    into.extend_from_slice(text);
    into.extend_from_slice(END);
    Written { form, at, len: text.len() }
}

/// Adds the line of a record whose value is in a file of its own.
pub(crate) fn put_file(
    into: &mut Vec<u8>,
    keyspace: Keyspace,
    key: &[u8],
    stamp: Stamp,
    extension: Extension,
    identity: Identity,
) {
    let Identity { inode, len, changed_nanos, .. } = identity;
    let name = extension.name();
    let text = format!(r#"{{"extension":"{name}","len":{len},"inode":{inode},"changed":{changed_nanos}}}"#);
    begin(into, keyspace, key, &stamp, "file", text.len(), text.as_bytes());
    into.extend_from_slice(text.as_bytes());
    into.extend_from_slice(END);
}

/// Adds the line of a record that is no more.
pub(crate) fn gone(into: &mut Vec<u8>, keyspace: Keyspace, key: &[u8]) {
    const NOTHING: &[u8] = b"null";
    begin(into, keyspace, key, &Stamp::unverified(), "gone", NOTHING.len(), NOTHING);
    into.extend_from_slice(NOTHING);
    into.extend_from_slice(END);
}

const END: &[u8] = b"}\n";

fn begin(
    into: &mut Vec<u8>,
    keyspace: Keyspace,
    key: &[u8],
    stamp: &Stamp,
    form: &str,
    len: usize,
    guarded: &[u8],
) {
    let from = into.len();
    let mut head = String::with_capacity(key.len() + 160);
    head.push_str(r#"{"key":""#);
    head.push_str(&names::text(key));
    head.push_str(r#"","stamp":""#);
    push_hex(&mut head, stamp.as_bytes());
    write!(head, r#"","as":"{form}","len":{len},"sum":""#).expect("text can be added to");
    into.extend_from_slice(head.as_bytes());
    let sum = sum(keyspace, &into[from..], guarded);
    let mut tail = String::with_capacity(24);
    push_hex(&mut tail, &sum.to_be_bytes());
    tail.push_str(r#"","value":"#);
    into.extend_from_slice(tail.as_bytes());
}

fn sum(keyspace: Keyspace, head: &[u8], guarded: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(keyspace.name().as_bytes());
    hasher.update(head);
    hasher.update(guarded);
    hasher.finalize()
}

fn push_hex(into: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        into.push(char::from(DIGITS[usize::from(byte >> 4)]));
        into.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Whether bytes can stand in a line as they are.
fn is_json_of_one_line(value: &[u8]) -> bool {
    !value.contains(&b'\n')
        && !value.contains(&b'\r')
        && serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok()
}

/// Reads the line at the beginning of `bytes`, which may hold more behind it; `None` if it is damaged.
pub(crate) fn read(keyspace: Keyspace, bytes: &[u8]) -> Option<Line> {
    let mut rest = Rest { bytes, at: 0 };
    rest.skip(br#"{"key":""#)?;
    let key = names::key(std::str::from_utf8(rest.until(b'"')?).ok()?)?;
    rest.skip(br#","stamp":""#)?;
    let stamp = Stamp::from_bytes(hex::<STAMP_LEN>(rest.until(b'"')?)?);
    rest.skip(br#","as":""#)?;
    let form = rest.until(b'"')?;
    rest.skip(br#","len":"#)?;
    let value_len: usize = std::str::from_utf8(rest.until(b',')?).ok()?.parse().ok()?;
    rest.skip(br#""sum":""#)?;
    let head = &bytes[..rest.at];
    let stored = u32::from_be_bytes(hex(rest.until(b'"')?)?);
    rest.skip(br#","value":"#)?;
    let value_at = rest.at;
    let value = rest.take(value_len)?;
    rest.skip(END)?;
    let guarded = if matches!(form, b"json" | b"base64") { b"" } else { value };
    if sum(keyspace, head, guarded) != stored {
        return None;
    }
    let said = match form {
        b"json" => Said::Value(Form::Json),
        b"base64" => Said::Value(Form::Base64),
        b"gone" => Said::Gone,
        b"file" => file(value)?,
        _ => return None,
    };
    Some(Line { key, stamp, said, value_at, value_len, len: rest.at })
}

#[derive(serde::Deserialize)]
struct FileText {
    extension: String,
    len: u64,
    inode: u64,
    changed: i64,
}

fn file(text: &[u8]) -> Option<Said> {
    let FileText { extension, len, inode, changed } = serde_json::from_slice(text).ok()?;
    let identity = Identity { kind: FileKind::Regular, inode, len, changed_nanos: changed };
    Some(Said::File { extension: Extension::of_name(&extension)?, identity })
}

/// The value of a record, from what stands in its line. `None` if it is damaged.
pub(crate) fn value(form: Form, text: Vec<u8>) -> Option<Vec<u8>> {
    match form {
        Form::Json => Some(text),
        Form::Base64 => {
            let inner = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
            BASE64.decode(inner).ok()
        }
    }
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn skip(&mut self, expected: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(expected).then(|| self.at += expected.len())
    }

    /// What stands before the next `end`, which is skipped.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| *byte == end)?;
        self.at += len + 1;
        Some(&rest[..len])
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes[self.at..].get(..len)?;
        self.at += len;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes() -> Keyspace {
        Keyspace::new("notes").unwrap()
    }

    fn key() -> Key {
        Key::of(&("alice", 7_u64)).unwrap()
    }

    #[test]
    fn a_line_reads_as_it_was_written() {
        let stamp = Stamp::from_bytes([7; STAMP_LEN]);
        for (bytes, form) in [
            (b"{\"name\":\"A\"}".as_slice(), Form::Json),
            (b"12", Form::Json),
            (b"{\n}", Form::Base64),
            (b"text", Form::Base64),
            (b"", Form::Base64),
            (&[0xff, b'\n'], Form::Base64),
        ] {
            let mut text = b"before\n".to_vec();
            let written = put(&mut text, notes(), &key(), stamp, bytes);
            text.extend_from_slice(b"{behind");
            let line = read(notes(), &text[7..]).unwrap();
            assert_eq!((line.key, line.stamp, line.said), (key(), stamp, Said::Value(form)));
            assert_eq!((line.value_at + 7, line.value_len), (written.at, written.len));
            assert_eq!(line.len + 7, text.len() - 7);
            let stored = text[written.at..written.at + written.len].to_vec();
            assert_eq!(value(written.form, stored).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn lines_are_json_that_says_what_it_is() {
        let mut text = Vec::new();
        put(&mut text, notes(), &key(), Stamp::unverified(), b"[1]");
        gone(&mut text, notes(), &key());
        let objects: Vec<serde_json::Value> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!((&objects[0]["key"], &objects[0]["value"][0]), (&"alice,#7".into(), &1.into()));
        assert_eq!(objects[1]["as"], "gone");
    }

    #[test]
    fn a_flipped_bit_is_found_or_in_the_value() {
        let identity = Identity { kind: FileKind::Regular, inode: 3, len: 9, changed_nanos: 5 };
        let mut lines = [Vec::new(), Vec::new(), Vec::new()];
        let written = put(&mut lines[0], notes(), &key(), Stamp::unverified(), b"{\"a\":1}");
        put_file(&mut lines[1], notes(), &key(), Stamp::unverified(), Extension::Json, identity);
        gone(&mut lines[2], notes(), &key());
        for (number, line) in lines.into_iter().enumerate() {
            assert!(read(notes(), &line).is_some());
            assert!(read(Keyspace::new("others").unwrap(), &line).is_none());
            for bit in 0..line.len() * 8 {
                let mut changed = line.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let is_value = number == 0 && (written.at..written.at + written.len).contains(&(bit / 8));
                assert_eq!(read(notes(), &changed).is_some(), is_value, "line {number}, bit {bit}");
            }
        }
    }
}
