//! Bincode, in its legacy configuration: fixed widths, the lowest byte first.
//!
//! Only this file knows the crate. It accepts trailing bytes and believes length prefixes; both are checked
//! here. What cannot be: a sequence whose elements take no bytes, such as `Vec<()>`, is as long as its prefix
//! says.

use std::io;

use bincode::config::{self, Config};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};
use crate::key::Form;

/// The most that decoding may claim from its input. A claim reserves memory before the bytes are looked at.
/// Four times the longest value, because a `char` claims four bytes and may take one.
const DECODE_LEN_MAX: usize = 64 << 20;

/// How a number that the commit knows stands in the bytes.
pub(super) const FORM: Form = Form::FixedLittleEndian8;

pub(super) fn encode<V: Serialize + ?Sized>(value: &V, out: &mut impl io::Write) -> Result<()> {
    match bincode::serde::encode_into_std_write(value, out, configuration()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid("value has no bincode form").caused_by(error)),
    }
}

pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, configuration())
        .map_err(|error| Error::new(Kind::Corrupt, "value is not of its type in bincode").caused_by(error))?;
    if read != bytes.len() {
        let message = format!("value in bincode ends after {read} of {} bytes", bytes.len());
        return Err(Error::new(Kind::Corrupt, message));
    }
    Ok(value)
}

fn configuration() -> impl Config {
    config::legacy().with_limit::<DECODE_LEN_MAX>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn refused<V: DeserializeOwned>(bytes: &[u8]) {
        let refused = decode::<V>(bytes).map(|_| ());
        assert_eq!(refused.unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn hostile_lengths_are_refused() {
        for len in [u64::MAX, u64::MAX / 2, 1 << 40, DECODE_LEN_MAX as u64 + 1, 1 << 20, 9] {
            let mut bytes = len.to_le_bytes().to_vec();
            bytes.extend_from_slice(&[1; 8]);
            refused::<String>(&bytes);
            refused::<Vec<u8>>(&bytes);
            refused::<Vec<u64>>(&bytes);
            refused::<Vec<String>>(&bytes);
            refused::<Vec<[u64; 32]>>(&bytes);
            refused::<BTreeMap<u8, u8>>(&bytes);
            refused::<Vec<Vec<Vec<u8>>>>(&bytes);
            refused::<Box<str>>(&bytes);
        }
    }

    #[test]
    fn the_longest_value_of_characters_is_within_the_limit() {
        let characters = vec!['a'; crate::limits::VALUE_LEN_MAX - 8];
        let mut bytes = Vec::new();
        encode(&characters, &mut bytes).unwrap();
        assert_eq!(bytes.len(), crate::limits::VALUE_LEN_MAX);
        assert!(decode::<Vec<char>>(&bytes).is_ok_and(|decoded| decoded.len() == characters.len()));
    }
}
