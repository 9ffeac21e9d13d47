//! Codecs: how a typed value becomes the bytes of a record.
//!
//! A record's stamp names its codec by a stable id, so that a table can change codec and still read what it
//! has.

mod bincode;
pub(crate) mod compress;
mod json;
pub(crate) mod recorder;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};
use crate::key::Template;

/// How the values of a table are stored.
///
/// ```
/// use storage_core::Codec;
///
/// let mut bytes = Vec::new();
/// Codec::Json.encode(&("pi", 3), &mut bytes)?;
/// assert_eq!(bytes, br#"["pi",3]"#);
/// assert_eq!(Codec::Json.decode::<(String, u8)>(&bytes)?, ("pi".to_owned(), 3));
/// # Ok::<(), storage_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Compact and fast: bincode, in its legacy configuration of fixed widths. Fields have no names, so that
    /// a type whose fields change is another schema, and serde attributes that skip, flatten or tag do not
    /// work.
    #[default]
    Bincode,
    /// Readable by people and other programs: JSON without blanks. Floats that are not finite become `null`.
    Json,
}

impl Codec {
    /// The codec of a stored id. `Corrupt` if there is none.
    pub fn from_id(id: u8) -> Result<Self> {
        match id {
            1 => Ok(Codec::Bincode),
            2 => Ok(Codec::Json),
            _ => Err(Error::new(Kind::Corrupt, format!("codec {id} does not exist"))),
        }
    }

    /// Its stable id, never zero.
    pub const fn id(self) -> u8 {
        match self {
            Codec::Bincode => 1,
            Codec::Json => 2,
        }
    }

    /// Adds the encoded value at the end of `out`.
    ///
    /// `Invalid`, with `out` as it was, if the codec has no form for the value, or if the value waits for a
    /// number or a time that only the commit knows.
    pub fn encode<V: Serialize + ?Sized>(self, value: &V, out: &mut Vec<u8>) -> Result<()> {
        let len = out.len();
        let encoded = match self {
            Codec::Bincode => bincode::encode(value, out),
            Codec::Json => json::encode(value, out),
        };
        encoded.inspect_err(|_| out.truncate(len))
    }

    /// Encodes a value that may wait for a number or a time which only the commit knows.
    ///
    /// `Invalid` if the codec has no form for the value, or if such a number stands where it cannot be filled
    /// in: inside a value that the value's own serialisation encodes separately.
    ///
    /// ```
    /// use storage_core::{Codec, Number};
    ///
    /// let template = Codec::Json.encode_template(&("order", Number::Drawn(0)))?;
    /// assert_eq!(template.fill(|_| 42), br#"["order",42]"#);
    /// # Ok::<(), storage_core::Error>(())
    /// ```
    pub fn encode_template<V: Serialize + ?Sized>(self, value: &V) -> Result<Template<Vec<u8>>> {
        match self {
            Codec::Bincode => recorder::record(bincode::FORM, |writer| bincode::encode(value, writer)),
            Codec::Json => recorder::record(json::FORM, |writer| json::encode(value, writer)),
        }
    }

    /// Decodes a value from all of `bytes`. `Corrupt` if they are not exactly one such value.
    pub fn decode<V: DeserializeOwned>(self, bytes: &[u8]) -> Result<V> {
        match self {
            Codec::Bincode => bincode::decode(bytes),
            Codec::Json => json::decode(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    const CODECS: [Codec; 2] = [Codec::Bincode, Codec::Json];

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        title: String,
        size: u64,
        tags: Vec<String>,
        parent: Option<Box<Note>>,
        counts: BTreeMap<String, i64>,
        state: State,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum State {
        Draft,
        Shared { with: Vec<u32> },
        Moved(String),
    }

    fn notes() -> impl Strategy<Value = Note> {
        let state = prop_oneof![
            Just(State::Draft),
            any::<Vec<u32>>().prop_map(|with| State::Shared { with }),
            any::<String>().prop_map(State::Moved),
        ];
        let flat =
            (any::<String>(), any::<u64>(), any::<Vec<String>>(), any::<BTreeMap<String, i64>>(), state);
        let flat = flat.prop_map(|(title, size, tags, counts, state)| Note {
            title,
            size,
            tags,
            parent: None,
            counts,
            state,
        });
        (flat.clone(), proptest::option::of(flat))
            .prop_map(|(note, parent)| Note { parent: parent.map(Box::new), ..note })
    }

    fn encoded<V: Serialize>(codec: Codec, value: &V) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec.encode(value, &mut bytes).unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn values_come_back_and_no_prefix_or_longer_form_does(note in notes()) {
            for codec in CODECS {
                let mut bytes = encoded(codec, &note);
                prop_assert_eq!(&codec.decode::<Note>(&bytes).unwrap(), &note);
                let cut = codec.decode::<Note>(&bytes[..bytes.len() - 1]).unwrap_err();
                prop_assert_eq!(cut.kind(), Kind::Corrupt);
                bytes.push(b'x');
                prop_assert_eq!(codec.decode::<Note>(&bytes).unwrap_err().kind(), Kind::Corrupt);
            }
        }

        #[test]
        fn random_bytes_are_decoded_or_refused(bytes in any::<Vec<u8>>()) {
            for codec in CODECS {
                if let Err(error) = codec.decode::<Note>(&bytes) {
                    prop_assert_eq!(error.kind(), Kind::Corrupt);
                }
            }
        }
    }

    #[test]
    fn ids_are_stable() {
        for (codec, id) in [(Codec::Bincode, 1), (Codec::Json, 2)] {
            assert_eq!((codec.id(), Codec::from_id(id).unwrap()), (id, codec));
        }
        assert_eq!(Codec::from_id(0).unwrap_err().kind(), Kind::Corrupt);
    }

    #[test]
    fn a_failed_encoding_leaves_the_buffer() {
        let unordered = HashMap::from([((1, 2), 3)]);
        let mut bytes = b"before".to_vec();
        let error = Codec::Json.encode(&("start", unordered), &mut bytes).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(bytes, b"before");
    }
}
