//! JSON, through serde_json, without blanks.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Kind, Result};
use crate::key::Form;

/// How a number that the commit knows stands in the bytes.
pub(super) const FORM: Form = Form::Decimal;

pub(super) fn encode<V: Serialize + ?Sized>(value: &V, out: &mut impl io::Write) -> Result<()> {
    serde_json::to_writer(out, value)
        .map_err(|error| Error::invalid("value has no JSON form").caused_by(error))
}

pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8]) -> Result<V> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::new(Kind::Corrupt, "value is not of its type in JSON").caused_by(error))
}
