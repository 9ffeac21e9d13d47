//! What is attached to a message.

use serde::{Deserialize, Serialize};

use super::json::{self, JsonMap, is_default, or_default};

/// Something attached to a message: its bytes, or where they are.
///
/// What is empty is not there. Stores keep any, [valid](Attachment::is_valid) or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AttachmentKind,
    /// Its bytes, of any length: those past a few kilobytes stand in records of their own.
    #[serde(default, with = "json::base64", skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<u8>,
    /// The file that holds it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub file_path: String,
    /// Where it can be had.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// What it is called.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its media type.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub mime_type: String,
    /// How many bytes it has, as the caller says.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub size: u64,
    /// Anything else.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
}

/// What an attachment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A picture.
    Image,
    /// A file of any kind.
    #[default]
    File,
    /// Plain text.
    Text,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

impl Attachment {
    /// A file with a name, without content.
    pub fn file(id: impl Into<String>, name: impl Into<String>) -> Self {
        Attachment { id: id.into(), name: name.into(), ..Attachment::default() }
    }

    /// Whether it has an id, and content or a place where that is.
    pub fn is_valid(&self) -> bool {
        let has_place = !self.file_path.is_empty() || !self.url.is_empty();
        !self.id.is_empty() && (has_place || !self.content.is_empty())
    }

    /// What to call it: the name, else the path, else the URL, else the id.
    pub fn display_name(&self) -> &str {
        let names = [&self.name, &self.file_path, &self.url];
        names.into_iter().find(|name| !name.is_empty()).unwrap_or(&self.id)
    }
}
