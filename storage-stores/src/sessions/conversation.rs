//! What was said: messages in order, and how the model is asked.

use serde::{Deserialize, Serialize};
use storage_core::Timestamp;

use super::attachment::Attachment;
use super::json::{self, JsonMap, or_default};

/// The temperature of a conversation that sets none.
const TEMPERATURE_DEFAULT: f64 = 0.7;

/// Messages in order, and how the model is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Its id: that of the session for which it was made.
    #[serde(default)]
    pub id: String,
    /// What was said, in order.
    #[serde(default, deserialize_with = "or_default")]
    pub messages: Vec<ChatMessage>,
    /// The model that answers.
    #[serde(default, deserialize_with = "or_default")]
    pub model: String,
    /// Who runs it.
    #[serde(default, deserialize_with = "or_default")]
    pub provider: String,
    /// How freely it answers: 0.7 unless set.
    #[serde(default = "temperature")]
    pub temperature: f64,
    /// How long its answers may become; 0 leaves that to the model.
    #[serde(default, deserialize_with = "or_default")]
    pub max_tokens: u64,
    /// What it is told before everything else.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub system_prompt: String,
    /// When it began. Zero stands for the time of the first save.
    #[serde(default, with = "json::time")]
    pub created: Timestamp,
    /// When something was last said. Zero stands for the time of the save.
    #[serde(default, with = "json::time")]
    pub updated: Timestamp,
    /// Anything else.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
}

fn temperature() -> f64 {
    TEMPERATURE_DEFAULT
}

impl Default for Conversation {
    /// An empty one, with a temperature of 0.7.
    fn default() -> Self {
        Conversation {
            id: String::new(),
            messages: Vec::new(),
            model: String::new(),
            provider: String::new(),
            temperature: TEMPERATURE_DEFAULT,
            max_tokens: 0,
            system_prompt: String::new(),
            created: Timestamp::default(),
            updated: Timestamp::default(),
            metadata: JsonMap::new(),
        }
    }
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Its id, unique within its session. An empty one is given out by the store when the message is written.
    #[serde(default)]
    pub id: String,
    /// Who said it.
    pub role: Role,
    /// The words.
    #[serde(default, deserialize_with = "or_default")]
    pub content: String,
    /// When it was said. Zero stands for the time of the write.
    #[serde(default, with = "json::time")]
    pub timestamp: Timestamp,
    /// What came with it.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Anything else.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "JsonMap::is_empty")]
    pub metadata: JsonMap,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one who asks.
    User,
    /// The one who answers.
    Assistant,
    /// The one who sets the rules.
    System,
}

impl Role {
    /// The word for it, as a heading has it: `User`, `Assistant`, `System`.
    pub fn title(self) -> &'static str {
        match self {
            Role::User => "User",
            Role::Assistant => "Assistant",
            Role::System => "System",
        }
    }
}

impl ChatMessage {
    /// A message that gets its id and its time when it is written.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        ChatMessage {
            id: String::new(),
            role,
            content: content.into(),
            timestamp: Timestamp::default(),
            attachments: Vec::new(),
            metadata: JsonMap::new(),
        }
    }

    /// One that the user said.
    pub fn user(content: impl Into<String>) -> Self {
        ChatMessage::new(Role::User, content)
    }

    /// One that the assistant said.
    pub fn assistant(content: impl Into<String>) -> Self {
        ChatMessage::new(Role::Assistant, content)
    }

    /// The same with an id that the caller chose.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// The same with one more attachment.
    #[must_use]
    pub fn with_attachment(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// Whether it has an id, and words or an attachment. Stores keep others too.
    pub fn is_valid(&self) -> bool {
        !self.id.is_empty() && (!self.content.is_empty() || !self.attachments.is_empty())
    }
}
