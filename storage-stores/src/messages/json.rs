//! JSON that is checked once and kept byte for byte.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{MessageError, Result};

/// The key of the metadata by which reads of a category can be filtered.
const CORRELATION: &str = "correlationStreamName";

/// A JSON value as text. What went in comes out, byte for byte: numbers of any length, the order of keys, blanks.
///
/// ```
/// use storage_stores::messages::Json;
///
/// let json: Json = r#"{"amount": 1.10, "id": 12345678901234567890123}"#.parse()?;
/// assert_eq!(json.as_str(), r#"{"amount": 1.10, "id": 12345678901234567890123}"#);
/// assert_eq!(Json::of(&[1, 2])?.as_str(), "[1,2]");
/// assert_eq!(Json::of(&[1, 2])?.to::<Vec<u8>>()?, [1, 2]);
/// assert!("{".parse::<Json>().is_err());
/// # Ok::<(), storage_stores::messages::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Json(String);

impl Json {
    /// The JSON of a value. `InvalidData` if it has none.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self> {
        serde_json::to_string(value).map(Json).map_err(|error| invalid(&error))
    }

    /// Text that is JSON. `InvalidData` if it is not.
    pub fn parse(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Ok(Json(text)),
            Err(error) => Err(invalid(&error)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value that it stands for. `InvalidData` if it is none of the type.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| invalid(&error))
    }

    /// What was stored, which was checked when it was put.
    pub(super) fn stored(text: String) -> Self {
        Json(text)
    }

    pub(super) fn is_null(&self) -> bool {
        self.0.trim() == "null"
    }

    pub(super) fn is_object(&self) -> bool {
        self.0.trim_start().starts_with('{')
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// The stream that metadata names as the one with which a message is correlated; `None` unless it is a string.
    pub(super) fn correlation_stream(&self) -> Option<String> {
        struct Metadata;

        impl<'de> Visitor<'de> for Metadata {
            type Value = Option<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                // Of several the last counts, as in Message DB.
                while let Some(key) = map.next_key::<String>()? {
                    match key == CORRELATION {
                        true => found = serde_json::from_str(map.next_value::<&RawValue>()?.get()).ok(),
                        false => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(found)
            }
        }

        let mut text = serde_json::Deserializer::from_str(&self.0);
        text.deserialize_map(Metadata).ok().flatten()
    }
}

impl FromStr for Json {
    type Err = MessageError;

    fn from_str(text: &str) -> Result<Self> {
        Json::parse(text)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn invalid(error: &serde_json::Error) -> MessageError {
    MessageError::InvalidData { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correlation(text: &str) -> Option<String> {
        Json::parse(text).unwrap().correlation_stream()
    }

    #[test]
    fn a_correlation_is_a_string_wherever_it_stands() {
        assert_eq!(correlation(r#"{"a":[{}],"correlationStreamName":"wf-1"}"#).as_deref(), Some("wf-1"));
        assert_eq!(correlation(r#"{"correlation\u0053treamName":"wf"}"#).as_deref(), Some("wf"));
        let twice = r#"{"correlationStreamName":"a","correlationStreamName":"b"}"#;
        assert_eq!(correlation(twice).as_deref(), Some("b"));
        for none in [r#"{"correlationStreamName":5}"#, r#"{"correlationStreamName":null}"#, "{}", "[]", "7"] {
            assert_eq!(correlation(none), None, "{none}");
        }
    }
}
