//! How the types of sessions stand in JSON: times as RFC 3339, bytes as base64, and nothing for what is empty.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::{Result, SessionError};

/// A map from names to any JSON, [`JSON_DEPTH_MAX`] deep at most.
pub type JsonMap = serde_json::Map<String, Value>;

/// How many maps and lists stand in each other at most, the outermost map included. With those around it in an exported
/// session it is less than JSON readers take.
pub const JSON_DEPTH_MAX: usize = 100;

/// `InvalidArgument` for a map that is too deep to be read again.
pub(super) fn check_depth(map: &JsonMap) -> Result<()> {
    let mut ahead: Vec<(&Value, usize)> = map.values().map(|value| (value, 1)).collect();
    while let Some((value, around)) = ahead.pop() {
        let inside: Vec<&Value> = match value {
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => continue,
        };
        if around >= JSON_DEPTH_MAX {
            return Err(SessionError::invalid(format!("JSON is nested deeper than {JSON_DEPTH_MAX}")));
        }
        ahead.extend(inside.into_iter().map(|value| (value, around + 1)));
    }
    Ok(())
}

/// Whether a field is left out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A value that may be null, which stands for none.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Text that stands for none where it is empty.
pub(super) fn non_empty<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// Times as RFC 3339.
pub(super) mod time {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use storage_core::Timestamp;

    use crate::rfc3339::{format_time, parse_time};

    pub(in crate::sessions) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_time(*time))
    }

    pub(in crate::sessions) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        parse_time(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is not a time of RFC 3339")))
    }
}

/// Bytes as base64 with padding.
pub(super) mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::sessions) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::sessions) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}
