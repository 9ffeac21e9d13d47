//! Messages: as they are written, and as they are read.

use storage_core::Timestamp;
use uuid::Uuid;

use super::error::{MessageError, Result};
use super::json::Json;

/// The longest name of a stream in bytes.
pub const STREAM_NAME_LEN_MAX: usize = 1024;

/// The longest type of a message in bytes: together with the longest name of a stream it fits into a key.
pub const MESSAGE_TYPE_LEN_MAX: usize = 1000;

/// The most bytes of type, data and metadata that one message has, unless set lower: 16 MiB, less what is kept beside.
pub const MESSAGE_LEN_MAX: usize = storage_core::limits::VALUE_LEN_MAX - 4096;

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Its id, unique in the namespace.
    pub id: Uuid,
    /// The stream in which it stands.
    pub stream: String,
    /// Its type, usually like the name of a class.
    pub message_type: String,
    /// Its ordinal in the stream, from 0.
    pub position: u64,
    /// Its ordinal in the namespace, from 1, in the order of the commits.
    pub global_position: u64,
    /// What it says; `None` where nothing was given.
    pub data: Option<Json>,
    /// What is said about it; `None` where nothing was given.
    pub metadata: Option<Json>,
    /// When it was written. It does not step back from one global position to the next, except where imported.
    pub time: Timestamp,
}

impl Message {
    /// A message with everything that the store decides otherwise, to be imported.
    pub fn recorded(
        id: Uuid,
        stream: impl Into<String>,
        message_type: impl Into<String>,
        position: u64,
        global_position: u64,
        time: Timestamp,
    ) -> Self {
        let (stream, message_type) = (stream.into(), message_type.into());
        Message { id, stream, message_type, position, global_position, data: None, metadata: None, time }
    }

    /// The same with data. `null` is none.
    #[must_use]
    pub fn with_data(mut self, data: Option<Json>) -> Self {
        self.data = data.filter(|data| !data.is_null());
        self
    }

    /// The same with metadata. `null` is none.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Option<Json>) -> Self {
        self.metadata = metadata.filter(|metadata| !metadata.is_null());
        self
    }
}

/// A message about to be written.
///
/// ```
/// use storage_stores::messages::{Json, NewMessage};
///
/// let message = NewMessage::new("Deposited")
///     .data(Json::of(&serde_json::json!({ "amount": 100 }))?)
///     .metadata(r#"{"correlationStreamName": "transfer-7"}"#.parse()?);
/// # Ok::<(), storage_stores::messages::MessageError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub(super) id: Option<Uuid>,
    pub(super) message_type: String,
    pub(super) data: Option<Json>,
    pub(super) metadata: Option<Json>,
}

impl NewMessage {
    /// A message of a type, without data or metadata. The store makes its id.
    pub fn new(message_type: impl Into<String>) -> Self {
        NewMessage { id: None, message_type: message_type.into(), data: None, metadata: None }
    }

    /// Gives it an id. Written again under the same id, it is not written twice.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// Gives it data: any JSON. `null` is none.
    #[must_use]
    pub fn data(mut self, data: Json) -> Self {
        self.data = Some(data).filter(|data| !data.is_null());
        self
    }

    /// Gives it metadata: a JSON object, or `null`, which is none.
    ///
    /// Where it has a string `correlationStreamName`, reads of a category can be filtered by the category of that.
    #[must_use]
    pub fn metadata(mut self, metadata: Json) -> Self {
        self.metadata = Some(metadata).filter(|metadata| !metadata.is_null());
        self
    }

    /// Checks everything but the id.
    pub(super) fn check(&self, len_max: usize) -> Result<()> {
        check_message(&self.message_type, self.data.as_ref(), self.metadata.as_ref(), len_max)
    }
}

/// Reads an id in any case, with or without dashes or braces. `InvalidId` for anything else.
///
/// ```
/// use storage_stores::messages::parse_id;
///
/// let id = parse_id("{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}")?;
/// assert_eq!(id.to_string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
/// assert!(parse_id("urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").is_err());
/// # Ok::<(), storage_stores::messages::MessageError>(())
/// ```
pub fn parse_id(text: &str) -> Result<Uuid> {
    let parsed = match text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        true => None,
        false => Uuid::parse_str(text).ok(),
    };
    parsed.ok_or_else(|| MessageError::InvalidId { text: text.to_owned() })
}

/// Checks what a message is made of.
pub(super) fn check_message(
    message_type: &str,
    data: Option<&Json>,
    metadata: Option<&Json>,
    len_max: usize,
) -> Result<()> {
    let invalid = |reason| Err(MessageError::InvalidType { name: message_type.to_owned(), reason });
    if message_type.is_empty() {
        return invalid("is empty");
    }
    if message_type.contains('\0') {
        return invalid("holds a NUL");
    }
    check_len("message type", message_type.len(), MESSAGE_TYPE_LEN_MAX)?;
    if metadata.is_some_and(|metadata| !metadata.is_object()) {
        return Err(MessageError::InvalidData { reason: "metadata is no object".into() });
    }
    let len_of = |json: Option<&Json>| json.map_or(0, |json| json.as_str().len());
    check_len("message", message_type.len() + len_of(data) + len_of(metadata), len_max)
}

/// Checks the name of a stream that is to be written.
pub(super) fn check_stream_name(name: &str) -> Result<()> {
    let invalid = |reason| Err(MessageError::InvalidStreamName { name: name.to_owned(), reason });
    if name.is_empty() {
        return invalid("is empty");
    }
    if name.contains('\0') {
        return invalid("holds a NUL");
    }
    check_len("stream name", name.len(), STREAM_NAME_LEN_MAX)
}

pub(super) fn check_len(what: &'static str, len: usize, limit: usize) -> Result<()> {
    match len <= limit {
        true => Ok(()),
        false => Err(MessageError::TooLarge { what, len, limit }),
    }
}
